"""Edits of an account: what calls of the API changed, and when."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tap_zohocampaigns.sandbox.world.account import Contact
from tap_zohocampaigns.sandbox.world.contacts import Person
from tap_zohocampaigns.sandbox.world.randomness import draws

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_zohocampaigns.sandbox.world.account import Field
    from tap_zohocampaigns.sandbox.world.identity import Identity

DO_NOT_MAIL: t.Final = "donotmail"
"""The status in all lists of contacts that must not get mail."""

_NAMED = {
    "First Name": "first_name",
    "Last Name": "last_name",
    "Company Name": "company",
    "Phone": "phone",
}
_LONGEST = 100
# Far above the serials of other contacts.
_FIRST_SERIAL = 900_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One change; without a list it is for all lists."""

    second: int
    email: str
    list_number: int | None
    status: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Book:
    """Keeps changes. Those made until a time can be applied."""

    def __init__(self, identity: Identity, fields: Iterable[Field]) -> None:
        """Start empty."""
        self._identity = identity
        self._lengths = {one.name.lower(): one.length for one in fields}
        self._entries: list[Entry] = []
        self._guard = threading.Lock()

    @property
    def length(self) -> int:
        """How many changes there are."""
        return len(self._entries)

    def enter(self, entry: Entry) -> None:
        """Enter a change."""
        with self._guard:
            self._entries.append(entry)

    def apply(self, people: tuple[Person, ...], second: int) -> tuple[Person, ...]:
        """Return the contacts with all changes until a time (epoch seconds)."""
        made = [one for one in self._entries if one.second <= second]
        if not made:
            return people
        changed = {one.email.lower() for one in made}
        known = {
            one.contact.email.lower(): one
            for one in people
            if one.contact.email.lower() in changed
        }
        joined: dict[str, Person] = {}
        for entry in made:
            name = entry.email.lower()
            if name in known:
                known[name] = self._changed(known[name], entry)
            else:
                serial = _FIRST_SERIAL + len(joined)
                person = joined.get(name) or self._new(entry, serial)
                joined[name] = self._changed(person, entry)
        return (
            *(known.get(one.contact.email.lower(), one) for one in people),
            *joined.values(),
        )

    def _new(self, entry: Entry, serial: int) -> Person:
        luck = draws(self._identity.seed, "written", entry.email.lower())
        return Person(
            contact=Contact(entry.email, f"129{self._identity.org}{serial:012d}"),
            added=datetime.fromtimestamp(entry.second, UTC),
            statuses={},
            pace=4 + 6 * luck[0],
            phase=luck[1],
        )

    def _changed(self, person: Person, entry: Entry) -> Person:
        number = entry.list_number
        whom = ([*person.statuses] or [-1]) if number is None else [number]
        statuses = {**person.statuses, **dict.fromkeys(whom, entry.status)}
        changes: dict[str, t.Any] = {
            known: entry.fields[name]
            for name, known in _NAMED.items()
            if name in entry.fields and len(entry.fields[name]) <= _LONGEST
        }
        contact = replace(person.contact, **changes)
        contact = replace(
            contact, custom={**contact.custom, **self._custom(entry.fields)}
        )
        return replace(person, contact=contact, statuses=statuses)

    def _custom(self, fields: Mapping[str, str]) -> dict[str, str]:
        # Unknown fields and values that are too long are dropped silently: https://www.zoho.com.cn/campaigns/help/api/
        return {
            name.lower(): value
            for name, value in fields.items()
            if len(value) <= self._lengths.get(name.lower(), -1)
        }
