"""Compares what a loader has stored with what the tap wrote, value by value."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.loading.feed import Feed, Row, Rows

SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """What a loader is known to lose of values.

    Attributes:
        fractions: Fractions of seconds.
        line_breaks: Line breaks in texts, which become a backslash and a letter.
    """

    fractions: bool = False
    line_breaks: bool = False

    @property
    def description(self) -> str:
        """What is lost, for the table."""
        if self.fractions:
            return "drops fractions of seconds"
        if self.line_breaks:
            return "writes line breaks in texts as `\\r` and `\\n`"
        return "nothing"

    def of(self, value: t.Any) -> t.Any:
        """Return what is left of a value."""
        if self.fractions and isinstance(value, datetime):
            return value.replace(microsecond=0)
        if self.line_breaks and isinstance(value, str):
            return value.replace("\r", "\\r").replace("\n", "\\n")
        return value


NOTHING = Loss()


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
    """Return what a field holds: one of the kinds of `_FORMS`."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    (kind,) = {*types} - {"null"}
    formats = {"date-time": "time", "date": "date"}
    return formats.get(schema.get("format", ""), str(kind))


def canonical(value: t.Any, kind: str) -> t.Any:
    """Return a value in the one form in which the values of all stores are compared.

    Raises:
        AssertionError: The value is no text although the field is one.
    """
    return value if value is None else _FORMS[kind](value)


def as_json(value: t.Any) -> str:
    """Return an object or array as JSON; a store may have a text of it."""
    value = json.loads(value) if isinstance(value, str) else value
    return json.dumps(value, sort_keys=True, default=float)


def as_time(value: str | datetime) -> datetime:
    """Return a time in UTC; a store may have left out the zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def as_date(value: str | date) -> date:
    """Return a date."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def as_number(value: t.Any) -> Decimal:
    """Return a number, without zeros at the end."""
    return Decimal(str(value)).normalize()


def as_boolean(value: t.Any) -> bool:
    """Return a Boolean; a store may have a text of it."""
    return {"true": True, "false": False}[str(value).lower()]


def as_text(value: t.Any) -> str:
    """Return a text, which nothing else may stand for."""
    assert isinstance(value, str), value
    return value


_FORMS: dict[str, Callable[[t.Any], t.Any]] = {
    "time": as_time,
    "date": as_date,
    "integer": as_number,
    "number": as_number,
    "boolean": as_boolean,
    "object": as_json,
    "array": as_json,
    "string": as_text,
}


def differences(feed: Feed, expected: Rows, stored: Rows, loss: Loss) -> list[str]:
    """List how stored rows differ from those that are expected.

    Args:
        feed: It has the schemas.
        expected: Rows as the tap wrote them.
        stored: Rows as the store has them; columns of the loader's own are ignored.
        loss: What the loader is known to lose.
    """
    found: list[str] = []
    for name, fields in feed.schemas.items():
        kinds = {column: kind_of(schema) for column, schema in fields.items()}
        wanted = counted(expected[name], kinds, loss)
        has = counted(stored.get(name, []), kinds, NOTHING)
        found += [f"{name} lacks {row}" for row in [*wanted - has][:SHOWN]]
        found += [f"{name} has besides {row}" for row in [*has - wanted][:SHOWN]]
    return found


def counted(
    rows: Iterable[Row], kinds: dict[str, str], loss: Loss
) -> Counter[tuple[t.Any, ...]]:
    """Return how often each row is there, by its values in canonical form."""
    return Counter(
        tuple(
            loss.of(value) if kind in {"string", "time"} else value
            for column, kind in kinds.items()
            for value in [canonical(row[column], kind)]
        )
        for row in rows
    )


def types_by_kind(feed: Feed, stored: Stored) -> dict[str, str]:
    """Return the types that the columns of each kind have in the store."""
    found: dict[str, set[str]] = {kind: set() for kind in _FORMS}
    for name, columns in stored.types.items():
        for column, schema in feed.schemas[name].items():
            kind = kind_of(schema)
            if kind in found and column in columns:
                found[kind].add(columns[column])
    return {kind: ", ".join(sorted(types)) for kind, types in found.items()}
