"""Random numbers without state: the same names always give the same numbers."""

from __future__ import annotations

import struct
import typing as t
from hashlib import blake2b

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_EIGHT = struct.Struct(">8I")
_WHOLE = 2.0**32
_T = t.TypeVar("_T")


def _digest(names: tuple[object, ...]) -> bytes:
    return blake2b("|".join(map(str, names)).encode(), digest_size=32).digest()


def draws(*names: object) -> list[float]:
    """Eight independent numbers, each at least 0 and below 1."""
    return [word / _WHOLE for word in _EIGHT.unpack(_digest(names))]


def digits(length: int, *names: object) -> str:
    """Return a number with so many digits; the first is not zero."""
    low = 10 ** (length - 1)
    return str(low + int.from_bytes(_digest(names)) % (9 * low))


def key(*names: object) -> str:
    """Return a key as Zoho forms them now: `3z` and 64 lower-case hex digits."""
    return f"3z{_digest(names).hex()}"


def pick(choices: Sequence[_T], draw: float) -> _T:
    """Return the choice for a number from 0 to 1."""
    return choices[int(draw * len(choices))]
