"""Wire text -> the names and types that a schema declares.

A schema is the only place where a field's names are written. Beside each field stand:

* `x-wire-names`: its names on the wire, in either format; the first that holds
  something gives the value. Without it, the field's own name.
* `x-wire-seconds`: the name of an epoch that lends its seconds to a time whose text
  shows minutes only.

and at the root `x-wire-redundant`: names that tell again, or wrongly, what a field has.
"""

from __future__ import annotations

import logging
import math
import typing as t
from contextlib import suppress
from decimal import Decimal
from functools import partial
from operator import itemgetter

from tap_zohocampaigns.api.wire import numbers, times
from tap_zohocampaigns.api.wire.envelope import NOTHING, as_list

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.api.wire.envelope import Json, Row

logger = logging.getLogger("tap-zohocampaigns.values")

CUSTOM = "custom_fields"

_MOST_TIMES = 65_536
# Rows of a page have the same names, or a few sets of them; a plan takes 2 KiB.
_MOST_PLANS = 256
# What a cast raises when it is given something else.
_MISFITS = (KeyError, OverflowError, TypeError, ValueError)

_Cast: t.TypeAlias = "Callable[[t.Any], t.Any]"


class _Plan(t.NamedTuple):
    """What to do with rows that have one set of names."""

    values: Callable[[Row], tuple[t.Any, ...]]
    """Takes the values that the schema knows out of a row, in the order of `fields`."""
    names: list[str]
    """Their names on the wire; of two names of a field the better one first."""
    fields: list[str]
    casts: list[tuple[str, _Cast]]
    """The fields that are more than text."""
    seconds: list[tuple[str, str]]
    """Times, and the names of the epochs that lend them seconds."""
    unknown: list[str]
    """Names that the schema does not know."""


class Converter:
    """Turns the rows of one stream into records."""

    def __init__(
        self, name: str, schema: Mapping[str, t.Any], zone: Callable[[], ZoneInfo]
    ) -> None:
        """Read the annotations of a schema.

        Args:
            name: Name of the stream, for messages.
            schema: The stream's JSON Schema.
            zone: Gives the account's zone; asked only when a text needs it.
        """
        self._name = name
        self._zone = zone
        self._fields: dict[str, tuple[int, str]] = {}
        self._casts: dict[str, _Cast] = {}
        self._seconds: dict[str, str] = {}
        self._redundant = frozenset(schema.get("x-wire-redundant", ()))
        for field, about in schema["properties"].items():
            if field == CUSTOM:
                continue
            self._casts[field] = self._cast(about)
            for rank, wire in enumerate(about.get("x-wire-names", [field])):
                self._fields[wire] = (rank, field)
            if wire := about.get("x-wire-seconds"):
                self._seconds[field] = wire
        self.fields = frozenset(field for _, field in self._fields.values())
        """The fields that a row can give a value."""
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._times: dict[str, str] = {}
        self._warned: set[str] = set()

    def records(self, rows: list[Row]) -> list[Row]:
        """Return the records of rows, such as those of a page.

        Nearly all pages are texts, one for a field, all well-formed, with the same
        names in each row. So they are converted name by name.
        """
        if len({*map(tuple, rows)}) == 1:
            with suppress(*_MISFITS):
                return self._records_of_texts(rows)
        return [self.record(row) for row in rows]

    def record(self, row: Row) -> Row:
        """Return the record of a row: the fields that it carries, nothing of it lost.

        What the schema does not know is kept in `custom_fields`; so is a value that is
        not of the declared type, under its name on the wire, and told once.
        """
        plan = self._plan(row)
        return _with_unknown(plan, row, self._record_of_any(plan, row))

    def _records_of_texts(self, rows: list[Row]) -> list[Row]:
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
        records = [
            dict(zip(plan.fields, values))  # noqa: B905 (`strict` costs a fifth)
            for values in zip(*columns.values(), strict=True)
        ]
        if plan.unknown:
            return [*map(partial(_with_unknown, plan), rows, records)]
        return records

    def _record_of_any(self, plan: _Plan, row: Row) -> Row:
        record: Row = dict.fromkeys(plan.fields)
        kept: Row = {}
        for wire, field in zip(plan.names, plan.fields, strict=True):
            if record[field] is not None or _is_nothing(row[wire]):
                continue
            try:
                record[field] = self._casts[field](row[wire])
            except _MISFITS:
                self._tell(field, wire)
                kept[wire] = row[wire]
        for field, wire in self._seconds.items():
            if _is_nothing(row.get(wire)):
                continue
            try:
                record[field] = _with_seconds(record[field], row[wire])
            except _MISFITS:
                # The epoch alone is hours off: no time, but not lost either.
                kept[wire] = row[wire]
        if kept:
            record[CUSTOM] = kept
        return record

    def _plan(self, row: Row) -> _Plan:
        """Return what to do with a row; rows of the same names share it."""
        names = tuple(row)
        return self._plans.get(names) or self._make_plan(names)

    def _make_plan(self, names: tuple[str, ...]) -> _Plan:
        known = sorted(
            (wire for wire in names if wire in self._fields),
            key=lambda wire: self._fields[wire][0],
        )
        fields = [self._fields[wire][1] for wire in known]
        lent = {wire for wire in self._seconds.values() if wire in names}
        passed_over = {*known, *lent, *self._redundant}
        # Where fields come and go, there are as many sets of names as rows.
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        one_for_each = len(known) > 1 and len(fields) == len({*fields})
        plan = self._plans[names] = _Plan(
            itemgetter(*known) if one_for_each else _no_texts,
            known,
            fields,
            [
                (field, self._casts[field])
                for field in fields
                if self._casts[field] is not _text
            ],
            [(field, wire) for field, wire in self._seconds.items() if wire in lent],
            [wire for wire in names if wire not in passed_over],
        )
        return plan

    def _tell(self, field: str, wire: str) -> None:
        if field not in self._warned:
            self._warned.add(field)
            logger.warning(
                "%s: `%s` holds a value that is not of the type of `%s`; it is kept in "
                "`custom_fields`",
                self._name,
                wire,
                field,
            )

    def _cast(self, about: Mapping[str, t.Any]) -> _Cast:
        kinds = [kind for kind in as_list(about.get("type")) if kind != "null"]
        if about.get("format") == "date-time":
            return self.time
        return _CASTS[kinds[0]]

    def time(self, value: Json) -> str:
        """Return a time in UTC: of an epoch, or of a text in the account's zone.

        Raises:
            ValueError: It can't be read without guessing.
        """
        text = str(value)
        if text in self._times:
            return self._times[text]
        if text.isdecimal():
            instant = times.from_epoch(text)
        else:
            instant = times.from_text(text, self._zone())
        # Many contacts share a minute; many more would fill the memory.
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times[text] = instant
        return instant


def _no_texts(_: Row) -> tuple[t.Any, ...]:
    raise TypeError


def _is_nothing(value: Json) -> bool:
    return value is None or (isinstance(value, str) and value in NOTHING)


def _with_unknown(plan: _Plan, row: Row, record: Row) -> Row:
    """Return a record with what the schema does not know of its row."""
    custom = {wire: row[wire] for wire in plan.unknown if not _is_nothing(row[wire])}
    if custom:
        record[CUSTOM] = record.get(CUSTOM, {}) | custom
    return record


def _with_seconds(instant: str | None, epoch: Json) -> str | None:
    """Return the instant of a text, with the seconds of an epoch that is hours off.

    Raises:
        TypeError: There is an epoch alone.
        ValueError: The epoch is none.
    """
    if instant is None:
        if _is_nothing(epoch):
            return None
        raise TypeError
    return instant[:17] + _TWO_DIGITS[int(epoch) // 1000 % 60] + instant[19:]


_TWO_DIGITS = [f"{number:02}" for number in range(60)]


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | float):
        return str(value)
    raise TypeError


def as_key(value: Json) -> str | None:
    """Return a value as the text of a key; None if it can't be one."""
    try:
        text = _text(value)
    except TypeError:
        return None
    return None if text in NOTHING else text


def _integer(value: Json) -> int:
    if isinstance(value, str):
        if value.isdecimal() and value.isascii():
            return int(value)
        return numbers.read_integer(value.strip(" "))
    if isinstance(value, int | float | Decimal):
        return numbers.to_integer(value)
    raise TypeError


def _number(value: Json) -> numbers.Number:
    if isinstance(value, str):
        return numbers.read(value.strip("% "))
    if isinstance(value, Decimal):
        return value
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number if number == value else t.cast("int", value)


def _boolean(value: Json) -> bool:
    return _BOOLEANS[str(value).casefold()]


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def _as_is(value: Json) -> Json:
    return value


_CASTS: dict[str, _Cast] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _as_is,
    "object": _as_is,
}
