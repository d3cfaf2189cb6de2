"""Numbers as they are written -> values that keep each of their digits.

A float holds 15 digits for certain. So a number is a float only if the float is written
as the same number again; others are an `int`, or a `Decimal` if they have a fraction.
"""

from __future__ import annotations

import math
import re
import typing as t
from decimal import Decimal

import msgspec

Number: t.TypeAlias = int | float | Decimal

# `int` and `float` take more for a number: `1_000`, digits of other scripts, `nan`.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_is_plain = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?").fullmatch
_WHOLE = re.compile(r"[+-]?[0-9]+")
_SAFE_DIGITS = 15


def read(text: str) -> Number:
    """Return the number that a text is.

    Raises:
        ValueError: It is none, or none that a float comes near.
    """
    # As nearly all are.
    if len(text) <= _SAFE_DIGITS and _is_plain(text):
        return float(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return _exact(text)


def read_integer(text: str) -> int:
    """Return the whole number that a text is; `12.0` and `1e3` are whole.

    Raises:
        ValueError: It is none, or has more digits than Python takes.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    return to_integer(read(text))


def to_integer(number: Number) -> int:
    """Return a number that is whole as an integer.

    Raises:
        OverflowError: It is infinite.
        ValueError: It is not whole, or not a number.
    """
    if isinstance(number, float):
        # What a float is written as is meant, not the digits behind.
        number = Decimal(repr(number))
    whole = int(number)
    if whole != number:
        raise ValueError(number)
    return whole


def _exact(text: str) -> Number:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    if not number:
        if re.search("[1-9]", re.split("[eE]", text)[0]):
            raise ValueError(text)
        return number
    decimal = Decimal(text)
    whole = int(decimal)
    if whole == decimal and abs(whole) >= 10**_SAFE_DIGITS:
        return whole
    return number if Decimal(repr(number)) == decimal else decimal


def float_of_json(text: str) -> Number | str:
    """Return a number of JSON; as text if it is beyond all that loaders hold."""
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return float(text)
    try:
        return _exact(text)
    except ValueError:
        return text


def integer_of_json(text: str) -> int | str:
    """Return an integer of JSON; as text if it has more digits than Python takes."""
    try:
        return int(text)
    except ValueError:
        return text


decode: t.Callable[[bytes], t.Any] = msgspec.json.Decoder(
    float_hook=float_of_json
).decode
"""Reads JSON without a change to its numbers."""
encode: t.Callable[[t.Any], bytes] = msgspec.json.Encoder(
    decimal_format="number"
).encode
"""Writes JSON that `decode` reads as it was."""
