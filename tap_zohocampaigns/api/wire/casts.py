"""Casts values of an answer to the types of a schema.

A cast raises one of `MISFITS` for a value that is not of its type.
"""

from __future__ import annotations

import math
import typing as t
from decimal import Decimal

from tap_zohocampaigns.api.wire import numbers
from tap_zohocampaigns.api.wire.types import NOTHING, Json

Cast: t.TypeAlias = "t.Callable[[Json], Json]"

MISFITS = (KeyError, OverflowError, TypeError, ValueError)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def as_text(value: Json) -> str:
    """Return a text, number or flag as text."""
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
        text = as_text(value)
    except TypeError:
        return None
    return None if text in NOTHING else text


def _integer(value: Json) -> int:
    if isinstance(value, str):
        if value.isdecimal() and value.isascii():
            return int(value)
        return numbers.parse_integer(value.strip(" "))
    if isinstance(value, int | float | Decimal):
        return numbers.to_integer(value)
    raise TypeError


def _number(value: Json) -> numbers.Number:
    if isinstance(value, str):
        return numbers.parse(value.strip("% "))
    if isinstance(value, Decimal):
        return value
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number if number == value else t.cast("int", value)


def _boolean(value: Json) -> bool:
    return _BOOLEANS[str(value).casefold()]


def _unchanged(value: Json) -> Json:
    return value


CASTS: t.Final[dict[str, Cast]] = {
    "string": as_text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _unchanged,
    "object": _unchanged,
}
"""JSON Schema type -> its cast."""
