"""Converts rows of an answer to records with the names and types of a schema.

A schema is the only place where a field's names are written. These annotations stand
beside each field:

* `x-wire-names`: its names in answers of either format. The first one that has a value
  counts. Without the annotation it is the field's own name.
* `x-wire-seconds`: the name of an epoch. Its seconds complete a time whose text shows
  only minutes.

At the root, `x-wire-redundant` lists names that repeat a field, or repeat it wrongly.
"""

from __future__ import annotations

import logging
import typing as t
from contextlib import suppress
from functools import partial
from itertools import repeat
from operator import itemgetter

from tap_zohocampaigns.api.wire import times
from tap_zohocampaigns.api.wire.casts import CASTS, MISFITS, as_text
from tap_zohocampaigns.api.wire.shapes import as_list
from tap_zohocampaigns.api.wire.types import NOTHING, is_nothing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.api.wire.casts import Cast
    from tap_zohocampaigns.api.wire.types import Json, Row

logger = logging.getLogger("tap-zohocampaigns.converter")

CUSTOM = "custom_fields"

_MOST_TIMES = 65_536
# Rows of a page have the same names, or a few sets of names. A plan takes 2 KiB.
_MOST_PLANS = 256
_TWO_DIGITS = [f"{number:02}" for number in range(60)]


class _Plan(t.NamedTuple):
    """How to convert rows that have one set of names."""

    values: Callable[[Row], tuple[Json, ...]]
    """Returns the values of a row that the schema knows, in the order of `fields`."""
    names: list[str]
    """Their names in the answer; of two names of a field, the preferred one first."""
    fields: list[str]
    casts: list[tuple[str, Cast]]
    """The fields that are not text, with their casts."""
    seconds: list[tuple[str, str]]
    """Times without seconds, and the names of the epochs that have them."""
    unknown: list[str]
    """Names that the schema does not know."""


class Converter:
    """Turns the rows of one stream into records."""

    def __init__(
        self, name: str, schema: Mapping[str, Json], zone: Callable[[], ZoneInfo]
    ) -> None:
        """Read the annotations of a schema.

        Args:
            name: Name of the stream, for log lines.
            schema: The stream's JSON Schema, with its annotations.
            zone: Returns the account's time zone. It is called only if a text needs it.
        """
        self._name = name
        self._zone = zone
        self._fields: dict[str, tuple[int, str]] = {}
        self._casts: dict[str, Cast] = {}
        self._seconds: dict[str, str] = {}
        self._redundant = frozenset(schema.get("x-wire-redundant", ()))
        for field, field_schema in schema["properties"].items():
            if field == CUSTOM:
                continue
            self._casts[field] = self._cast(field_schema)
            for rank, wire in enumerate(field_schema.get("x-wire-names", [field])):
                self._fields[wire] = (rank, field)
            if wire := field_schema.get("x-wire-seconds"):
                self._seconds[field] = wire
        self.fields = frozenset(field for _, field in self._fields.values())
        """The fields that a row can have a value for."""
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._times: dict[str, str] = {}
        self._warned: set[str] = set()

    def records(self, rows: list[Row]) -> list[Row]:
        """Return the records of rows, such as those of a page.

        Nearly all pages have the same names in each row, and only well-formed texts.
        So pages are converted column by column where that is possible.
        """
        if len({*map(tuple, rows)}) == 1:
            with suppress(*MISFITS):
                return self._records_by_column(rows)
        return [self.record(row) for row in rows]

    def record(self, row: Row) -> Row:
        """Return the record of a row: the fields that it has, with nothing lost.

        Names that the schema does not know are kept in `custom_fields`. So is a value
        that is not of the declared type, under its name in the answer. A warning names
        each such field once.
        """
        plan = self._plan(row)
        return _with_unknown(plan, row, self._record_by_field(plan, row))

    def _records_by_column(self, rows: list[Row]) -> list[Row]:
        plan = self._plan(rows[0])
        columns = dict(
            zip(plan.fields, zip(*map(plan.values, rows), strict=True), strict=True)
        )
        for field, column in columns.items():
            "".join(column)  # raises unless all are text
            if not NOTHING.isdisjoint(column):
                columns[field] = tuple(
                    [None if value in NOTHING else value for value in column]
                )
        for field, cast in plan.casts:
            columns[field] = tuple(
                [None if value is None else cast(value) for value in columns[field]]
            )
        for field, wire in plan.seconds:
            epochs = [row[wire] for row in rows]
            columns[field] = tuple(map(_with_seconds, columns[field], epochs))
        values = zip(*columns.values(), strict=True)
        records: list[Row] = [*map(dict, map(zip, repeat(plan.fields), values))]
        if plan.unknown:
            return [*map(partial(_with_unknown, plan), rows, records)]
        return records

    def _record_by_field(self, plan: _Plan, row: Row) -> Row:
        record: Row = dict.fromkeys(plan.fields)
        custom: Row = {}
        for wire, field in zip(plan.names, plan.fields, strict=True):
            if record[field] is not None or is_nothing(row[wire]):
                continue
            try:
                record[field] = self._casts[field](row[wire])
            except MISFITS:
                self._warn(field, wire)
                custom[wire] = row[wire]
        for field, wire in self._seconds.items():
            if is_nothing(row.get(wire)):
                continue
            try:
                record[field] = _with_seconds(record[field], row[wire])
            except MISFITS:
                # The epoch alone is hours off: it is not a time, but it must be kept.
                custom[wire] = row[wire]
        if custom:
            record[CUSTOM] = custom
        return record

    def _plan(self, row: Row) -> _Plan:
        """Return the plan of a row; rows with the same names share it."""
        names = tuple(row)
        return self._plans.get(names) or self._make_plan(names)

    def _make_plan(self, names: tuple[str, ...]) -> _Plan:
        declared = sorted(
            (wire for wire in names if wire in self._fields),
            key=lambda wire: self._fields[wire][0],
        )
        fields = [self._fields[wire][1] for wire in declared]
        epochs = {wire for wire in self._seconds.values() if wire in names}
        used = {*declared, *epochs, *self._redundant}
        # If fields come and go, there may be as many sets of names as rows.
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        one_name_each = len(declared) > 1 and len(fields) == len({*fields})
        plan = self._plans[names] = _Plan(
            itemgetter(*declared) if one_name_each else _not_by_column,
            declared,
            fields,
            [
                (field, self._casts[field])
                for field in fields
                if self._casts[field] is not as_text
            ],
            [(field, wire) for field, wire in self._seconds.items() if wire in epochs],
            [wire for wire in names if wire not in used],
        )
        return plan

    def _warn(self, field: str, wire: str) -> None:
        if field not in self._warned:
            self._warned.add(field)
            logger.warning(
                "%s: `%s` holds a value that is not of the type of `%s`; it is kept in "
                "`custom_fields`",
                self._name,
                wire,
                field,
            )

    def _cast(self, field_schema: Mapping[str, Json]) -> Cast:
        types = [name for name in as_list(field_schema.get("type")) if name != "null"]
        if field_schema.get("format") == "date-time":
            return self.time
        return CASTS[types[0]]

    def time(self, value: Json) -> str:
        """Return a time in UTC from an epoch, or from a text in the account's zone.

        Raises:
            ValueError: The value has none of the known layouts.
        """
        text = str(value)
        if text in self._times:
            return self._times[text]
        if text.isdecimal():
            instant = times.from_epoch(text)
        else:
            instant = times.from_text(text, self._zone())
        # Many contacts share a minute. Too many times would fill the memory.
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times[text] = instant
        return instant


def _not_by_column(_: Row) -> tuple[Json, ...]:
    raise TypeError


def _with_unknown(plan: _Plan, row: Row, record: Row) -> Row:
    """Return a record with the values of its row that the schema does not know."""
    custom = {wire: row[wire] for wire in plan.unknown if not is_nothing(row[wire])}
    if custom:
        record[CUSTOM] = record.get(CUSTOM, {}) | custom
    return record


def _with_seconds(instant: str | None, epoch: Json) -> str | None:
    """Return an instant with the seconds of an epoch that may be hours off.

    Raises:
        TypeError: There is an epoch without an instant.
        ValueError: The epoch is not a number.
    """
    if instant is None:
        if is_nothing(epoch):
            return None
        raise TypeError
    return instant[:17] + _TWO_DIGITS[int(epoch) // 1000 % 60] + instant[19:]
