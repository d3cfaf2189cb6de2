"""The contacts of a living account: seats whose occupants change."""

from __future__ import annotations

import typing as t
from bisect import bisect
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

from tap_zohocampaigns.sandbox.world.account import Contact
from tap_zohocampaigns.sandbox.world.randomness import draws, pick

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zohocampaigns.sandbox.world.identity import Identity

HOUR: t.Final = 3_600
DAY: t.Final = 86_400

_BUSY_SEATS = 60
_BUSY_FROM = 600
_BUSY_PERCENT = 3
_STAY = 730 * DAY
_HAS_PHONE = 0.5
_IN_TWO_LISTS = 0.3

_FIRST_NAMES = (
    ("Anna", "anna"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Олена", "olena"),
    ("明", "ming"),
    ("محمد", "mohamed"),
    ("अनिता", "anita"),
    ("D'Arcy", "darcy"),
    ("José María", "jose.maria"),
    ('Bob "Bobby"', "bob"),
    ("Grace", "grace"),
    ("Søren", "soren"),
    ("Tim & Tina", "tim.tina"),
    ("", "info"),
    ("John", "john"),
    ("Mary", "mary"),
)
_LAST_NAMES = (
    ("Smith", "smith"),
    ("O'Brien", "obrien"),
    ("Müller", "muller"),
    ("Nguyễn", "nguyen"),
    ("Smith-Jones", "smith-jones"),
    ("van der Berg", "vanderberg"),
    ("King, Jr.", "king"),
    ("Ковальчук", "kovalchuk"),
    ("田中", "tanaka"),
    ("", "x"),
    ("Garcia", "garcia"),
    ("Patel", "patel"),
    ("Null", "null"),
)
_COMPANIES = (
    "Acme",
    "Brown & Sons",
    "If a < b Ltd.",
    'The "Quiet" Company',
    "Møller, Lund & Co., Inc.",
    "Joe's Garage",
    "株式会社サンプル",
    "Фірма «Зразок»",
    "",
    "",
    "",
)
_COLOURS = ("blue", "grün", "red & white", "off-white, matt", "青", "yellow")
_STATUS_SHARES = ((0.88, "active"), (0.94, "unsub"), (0.98, "bounce"), (1.0, "spam"))


@dataclass(frozen=True, slots=True)
class Person:
    """An occupant of a seat.

    `statuses` is list number -> status. `pace` (days) and `phase` (a fraction of it)
    say when the person enters and leaves segments.
    """

    contact: Contact
    added: datetime
    statuses: Mapping[int, str]
    pace: float
    phase: float


class People:
    """The occupants of a fixed number of seats at any time.

    Most seats change hands every two years or so. A few, the busy ones, change
    hands every hour, evenly spaced, so that something always happens.
    """

    def __init__(self, identity: Identity, seats: int, lists: int) -> None:
        """Make the seats; their occupants depend on the time."""
        self._seed = identity.seed
        self._org = identity.org
        self._seats = seats
        self._shares = list(accumulate(1 / (1 + 0.25 * one) for one in range(lists)))
        busy = _BUSY_SEATS if seats >= _BUSY_FROM else seats * _BUSY_PERCENT // 100
        self._terms = [(HOUR, seat * HOUR // busy) for seat in range(busy)]
        self._terms += [self._term(seat) for seat in range(busy, seats)]
        self._person = lru_cache(maxsize=4 * seats + 10_000)(self._meet)
        self.at = lru_cache(maxsize=8)(self._at)

    def _term(self, seat: int) -> tuple[int, int]:
        length, phase, *_ = draws(self._seed, "seat", seat)
        period = int(_STAY * (0.75 + length / 2))
        return period, int(phase * period)

    def _at(self, second: int) -> tuple[Person, ...]:
        """Return all contacts at a time (epoch seconds), in the order of the seats."""
        return tuple(
            self._person(seat, (second + phase) // period)
            for seat, (period, phase) in enumerate(self._terms)
        )

    def _meet(self, seat: int, turn: int) -> Person:
        period, phase = self._terms[seat]
        added = datetime.fromtimestamp(turn * period - phase, UTC)
        habits = draws(self._seed, "habits", seat, turn)
        return Person(
            contact=self._contact(turn * self._seats + seat, added),
            added=added,
            statuses=self._statuses(habits),
            pace=4 + 6 * habits[6],
            phase=habits[7],
        )

    def _contact(self, serial: int, added: datetime) -> Contact:
        luck = draws(self._seed, "contact", serial)
        first, first_ascii = pick(_FIRST_NAMES, luck[0])
        last, last_ascii = pick(_LAST_NAMES, luck[1])
        # The serial after the last separator is what makes addresses unique,
        # whatever their case.
        address = pick(
            (
                f"{first_ascii}.{last_ascii}.{serial}@example.com",
                f"{first_ascii}+{serial}@example.org",
                f"{first_ascii.title()}.{last_ascii.title()}-{serial}@Example.net",
                f"{last_ascii}_{serial}@example.net",
            ),
            luck[2],
        )
        seen = added - timedelta(days=int(luck[3] * 90))
        custom = {
            "last seen yymmdd": f"{seen:%y%m%d}",
            "favourite colour": pick(_COLOURS, luck[4]),
        }
        return Contact(
            email=address,
            contact_id=f"129{self._org}{serial:012d}",
            first_name=first,
            last_name=last,
            company=pick(_COMPANIES, luck[5]),
            phone=f"+1 555 01{int(luck[6] * 200):02d}" if luck[6] < _HAS_PHONE else "",
            custom=pick(
                (custom, custom, {"favourite colour": custom["favourite colour"]}, {}),
                luck[7],
            ),
        )

    def _statuses(self, habits: list[float]) -> dict[int, str]:
        if not self._shares:
            return {}
        lists = len(self._shares)
        first = bisect(self._shares, habits[0] * self._shares[-1])
        both = [first]
        if lists > 1 and habits[1] < _IN_TWO_LISTS:
            both.append((first + 1 + int(habits[2] * (lists - 1))) % lists)
        return {
            one: next(status for share, status in _STATUS_SHARES if habit < share)
            for one, habit in zip(both, habits[3:5], strict=False)
        }
