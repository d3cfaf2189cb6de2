"""Compares what a loader has stored with what the tap wrote, value by value."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.loading.feed import Feed, Row, Rows

KINDS = ("time", "date", "integer", "number", "boolean", "object", "array")
SHOWN = 3


@dataclass
class Stored:
    """What a loader has stored.

    Attributes:
        rows: The rows of each stream.
        types: Type of each column as the store names it, by stream and column.
    """

    rows: Rows
    types: dict[str, dict[str, str]] = field(default_factory=dict)


def kind_of(schema: Row) -> str:
    """Return what a field holds: one of `KINDS`, or a string."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(name for name in types if name != "null")
    formats = {"date-time": "time", "date": "date"}
    return formats.get(schema.get("format", ""), kind)


def canonical(value: t.Any, kind: str, *, seconds: bool = False) -> t.Any:
    """Return a value in the one form in which the values of all stores are compared.

    Raises:
        AssertionError: The value is no text although the field is one.
    """
    if value is None:
        return None
    if kind in {"object", "array"}:
        value = json.loads(value) if isinstance(value, str) else value
        return json.dumps(value, sort_keys=True, default=float)
    if kind == "time":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(**({"microsecond": 0} if seconds else {}))
    if kind == "date":
        return date.fromisoformat(value) if isinstance(value, str) else as_date(value)
    if kind in {"integer", "number"}:
        return Decimal(str(value)).normalize()
    if kind == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
    assert isinstance(value, str), value
    return value


def as_date(value: date) -> date:
    """Return a date; a store may have made midnight (UTC) of it."""
    if not isinstance(value, datetime):
        return value
    assert (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
    return value.date()


def differences(feed: Feed, expected: Rows, stored: Rows, *, seconds: bool) -> list[str]:
    """List how stored rows differ from those that are expected.

    Args:
        feed: It has the schemas.
        expected: Rows as the tap wrote them.
        stored: Rows as the store has them; columns of the loader's own are ignored.
        seconds: Whether fractions of seconds are ignored.
    """
    found: list[str] = []
    for name, fields in feed.schemas.items():
        kinds = {column: kind_of(schema) for column, schema in fields.items()}

        def key(
            rows: Iterable[Row], kinds: dict[str, str] = kinds
        ) -> Counter[tuple[t.Any, ...]]:
            return Counter(
                tuple(
                    canonical(row[column], kind, seconds=seconds)
                    for column, kind in kinds.items()
                )
                for row in rows
            )

        wanted, has = key(expected[name]), key(stored.get(name, []))
        lacking, surplus = wanted - has, has - wanted
        found += [f"{name} lacks {row}" for row in [*lacking][:SHOWN]]
        found += [f"{name} has besides {row}" for row in [*surplus][:SHOWN]]
    return found


def types_by_kind(feed: Feed, stored: Stored) -> dict[str, str]:
    """Return the types that the columns of each kind have in the store."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for name, columns in stored.types.items():
        for column, schema in feed.schemas[name].items():
            kind = kind_of(schema)
            if kind in found and column in columns:
                found[kind].add(columns[column])
    return {kind: ", ".join(sorted(types)) for kind, types in found.items()}
