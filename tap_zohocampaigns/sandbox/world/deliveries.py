"""The e-mails of a sending, and the actions of their recipients."""

from __future__ import annotations

import typing as t
from bisect import bisect
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from math import log1p

from tap_zohocampaigns.sandbox.world.account import ACTIONS, Recipient
from tap_zohocampaigns.sandbox.world.contacts import DAY, HOUR
from tap_zohocampaigns.sandbox.world.randomness import draws

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_zohocampaigns.sandbox.world.account import Contact
    from tap_zohocampaigns.sandbox.world.contacts import Person

_NEVER = 1 << 62
_SMALL = 20
_LATE = 0.1

BOUNCE_SECONDS: t.Final = 90
"""A bounce comes at most so many seconds after its e-mail."""

_LONGEST_DELAY = 40 * DAY
_ALWAYS = 0
_MOST_REPEATS = 5
_STATUS = {
    "optoutcontacts": "unsub",
    "spamcontacts": "spam",
    "senthardbounce": "bounce",
}


@dataclass(frozen=True, slots=True)
class Column:
    """The rows of an action: each is there from a time on, or until it."""

    rows: list[Recipient] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    leaving: bool = False

    def at(self, second: int) -> tuple[Recipient, ...]:
        """Return the rows at a time (epoch seconds), always in the same order."""
        return tuple(
            row
            for row, mark in zip(self.rows, self.marks, strict=True)
            if (mark <= second) != self.leaving
        )


class Mailing:
    """All e-mails of one sending, by action."""

    def __init__(self, emails: Iterable[_Email], *names: object) -> None:
        """Sort the e-mails into actions; `names` seed the random numbers."""
        self._names = names
        self._columns = {
            action: Column(leaving=action == "unopenedcontacts") for action in ACTIONS
        }
        for email in sorted(emails, key=lambda one: (one.sent, one.contact.email)):
            for action, mark in email.marks.items():
                column = self._columns[action]
                column.rows.append(email.row(action))
                column.marks.append(mark)
        self._moments = {
            action: sorted(column.marks) for action, column in self._columns.items()
        }
        self._first: dict[str, dict[str, int]] = {}

    def count(self, action: str, second: int) -> int:
        """Return the number of rows that `at` returns."""
        column = self._columns[action]
        passed = bisect(self._moments[action], second)
        return len(column.rows) - passed if column.leaving else passed

    def last(self, action: str, second: int) -> int:
        """Return when the rows of an action changed last."""
        moments = self._moments[action]
        passed = bisect(moments, second)
        return moments[passed - 1] if passed else _ALWAYS

    def at(self, action: str, second: int) -> tuple[Recipient, ...]:
        """Return the rows of an action at a time (epoch seconds)."""
        return self._columns[action].at(second)

    def events(
        self, action: str, second: int, contact: Contact
    ) -> tuple[datetime, ...]:
        """Return when a recipient opened or clicked, up to a time (epoch seconds).

        Times are more than a minute apart, as Zoho shows them to the minute.
        """
        first = self._firsts(action).get(contact.contact_id)
        if first is None:
            return ()
        luck = draws(*self._names, "again", action, contact.contact_id)
        repeats = int(luck[0] ** 3 * (_MOST_REPEATS + 1))
        gaps = (61 + int(-log1p(-one) * 5 * HOUR) for one in luck[1 : 1 + repeats])
        times = accumulate(gaps, initial=first)
        return tuple(moment(time) for time in times if time <= second)

    def _firsts(self, action: str) -> Mapping[str, int]:
        if action not in self._first:
            column = self._columns[action]
            self._first[action] = {
                row.contact.contact_id: mark
                for row, mark in zip(column.rows, column.marks, strict=True)
            }
        return self._first[action]


@dataclass(frozen=True, slots=True)
class _Email:
    contact: Contact
    sent: int
    marks: dict[str, int]
    bounced: int | None = None

    def row(self, action: str) -> Recipient:
        return Recipient(
            contact=self.contact,
            sent=moment(self.sent),
            contact_status=_STATUS.get(action, "active"),
            bounced=None if self.bounced is None else moment(self.bounced),
            opted_out=(
                moment(self.marks[action]) if action == "optoutcontacts" else None
            ),
        )


def moment(second: float) -> datetime:
    """Return epoch seconds as a time in UTC."""
    return datetime.fromtimestamp(int(second), UTC)


def shuffled(
    people: Sequence[Person], *names: object
) -> list[tuple[list[float], Person]]:
    """Return contacts in a random order, each with eight random numbers."""
    return sorted(
        ((draws(*names, one.contact.contact_id), one) for one in people),
        key=lambda pair: pair[0],
    )


def deliver(
    audience: Sequence[Person], start: int, spread: int, *names: object
) -> Mailing:
    """Send to an audience from `start` on, over `spread` seconds.

    Actions are dealt by rank, so that every action has a recipient if the audience is
    not tiny.
    """
    ranked = shuffled(audience, *names, "fate")
    unsent, hard, soft = (_some(len(ranked), part) for part in (0.01, 0.015, 0.015))
    lost = unsent + hard + soft
    delivered = len(ranked) - lost
    readers = round(delivered * 0.4)
    spam, optout, clicks = (_some(readers, part) for part in (0.015, 0.03, 0.35))
    emails = []
    for rank, (luck, person) in enumerate(ranked):
        sent = start + int(luck[1] * spread)
        if rank < lost:
            action = (
                "unsentcontacts"
                if rank < unsent
                else "senthardbounce"
                if rank < unsent + hard
                else "sentsoftbounce"
            )
            marks, bounced = {action: _ALWAYS}, None
            if rank >= unsent:
                marks["sentcontacts"] = _ALWAYS
                bounced = sent + int(luck[2] * BOUNCE_SECONDS)
            emails.append(_Email(person.contact, sent, marks, bounced))
            continue
        marks = {"sentcontacts": _ALWAYS}
        reader = rank - lost
        if reader >= readers:
            marks["unopenedcontacts"] = _NEVER
        else:
            opened = sent + _delay(luck)
            marks |= {"openedcontacts": opened, "unopenedcontacts": opened}
            if reader < spam:
                marks["spamcontacts"] = opened + 60 + int(luck[5] * DAY)
            elif reader < spam + optout:
                marks["optoutcontacts"] = opened + 60 + int(luck[5] * 2 * DAY)
            elif reader >= readers - clicks:
                wait = int(-log1p(-luck[4]) * 6 * HOUR)
                marks["clickedcontacts"] = opened + 30 + wait
        emails.append(_Email(person.contact, sent, marks))
    return Mailing(emails, *names)


def _some(whole: int, part: float) -> int:
    """Return a share of a number, at least one."""
    return max(round(whole * part), whole >= _SMALL)


def _delay(luck: list[float]) -> int:
    """Seconds from an e-mail to its opening: two days on average, with a long tail."""
    mean = 9 * DAY if luck[2] < _LATE else 1.2 * DAY
    return min(20 + int(-log1p(-luck[3]) * mean), _LONGEST_DELAY)
