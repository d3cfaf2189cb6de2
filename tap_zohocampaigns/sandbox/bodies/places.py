"""Places of contacts, computed from their number, so that no place ever shrinks."""

from __future__ import annotations

import typing as t
from collections import Counter

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_COUNTRIES = {
    "United States": "us",
    "Germany": "de",
    "India": "in",
    "Ukraine": "ua",
    "Bosnia & Herzegovina": "ba",
}
_TURNS = (0, 0, 1, 0, 2, 0, 1, 3, 0, 1, 2, 4)
_LOCAL = ("UNITED STATES", "NEW YORK", "GERMANY", "BERLIN", "INDIA", "TAMIL NADU")


def countries(people: int, *, codes: bool = False) -> dict[str, int]:
    """Return how many people are in each country, by its name or its code."""
    names = tuple(_COUNTRIES.values() if codes else _COUNTRIES)
    return _shares(people, [names[turn] for turn in _TURNS])


def local(people: int) -> dict[str, int]:
    """Return how many are in each place: countries, states and cities in one object."""
    return _shares(people, _LOCAL)


def _shares(people: int, turns: Sequence[str]) -> dict[str, int]:
    rounds, rest = divmod(people, len(turns))
    numbers = Counter({name: rounds * many for name, many in Counter(turns).items()})
    numbers.update(turns[:rest])
    return {name: number for name, number in numbers.items() if number}
