"""Parses numbers so that every digit is kept.

A float holds 15 digits for certain. So a number becomes a float only if the float is
written as the same number again. Others become an `int`, or a `Decimal` if they have a
fraction.
"""

from __future__ import annotations

import math
import re
import typing as t
from decimal import Decimal

import msgspec

Number: t.TypeAlias = int | float | Decimal

# `int` and `float` accept more: `1_000`, digits of other scripts, `nan`.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_is_plain = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?").fullmatch
_WHOLE = re.compile(r"[+-]?[0-9]+")
_SAFE_DIGITS = 15


def parse(text: str) -> Number:
    """Parse a number.

    Raises:
        ValueError: The text is not a number, or is beyond the range of a float.
    """
    # Nearly all numbers are short.
    if len(text) <= _SAFE_DIGITS and _is_plain(text):
        return float(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return _exact(text)


def parse_integer(text: str) -> int:
    """Parse a whole number; `12.0` and `1e3` are whole too.

    Raises:
        ValueError: The text is not a whole number, or has more digits than Python
            accepts.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    return to_integer(parse(text))


def to_integer(number: Number) -> int:
    """Return a whole number as an integer.

    Raises:
        OverflowError: The number is infinite.
        ValueError: The number is not whole, or is NaN.
    """
    if isinstance(number, float):
        # The digits that a float is written with count, not its binary value.
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
    """Parse a JSON number; it stays text if it is beyond the range of a float."""
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return float(text)
    try:
        return _exact(text)
    except ValueError:
        return text


def integer_of_json(text: str) -> int | str:
    """Parse a JSON integer; it stays text if Python can't hold its digits."""
    try:
        return int(text)
    except ValueError:
        return text


decode: t.Callable[[bytes], t.Any] = msgspec.json.Decoder(
    float_hook=float_of_json
).decode
"""Decodes JSON and keeps every digit of its numbers."""
encode: t.Callable[[t.Any], bytes] = msgspec.json.Encoder(
    decimal_format="number"
).encode
"""Encodes JSON that `decode` turns into equal values."""
