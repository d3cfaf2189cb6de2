"""An account that lives: a pure function of a seed, its sizes and the clock."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    Campaign,
    MailingList,
    Member,
    Segment,
    tally,
)
from tap_zohocampaigns.sandbox.world.contacts import DAY, HOUR, People
from tap_zohocampaigns.sandbox.world.deliveries import deliver, moment, shuffled
from tap_zohocampaigns.sandbox.world.edits import DO_NOT_MAIL, Book, Entry
from tap_zohocampaigns.sandbox.world.identity import Identity
from tap_zohocampaigns.sandbox.world.list_plan import ListPlan
from tap_zohocampaigns.sandbox.world.reference import Office
from tap_zohocampaigns.sandbox.world.schedule import Schedule

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.sandbox.world.account import (
        Contact,
        Field,
        Product,
        Recipient,
        Tag,
        Topic,
        Workflow,
    )
    from tap_zohocampaigns.sandbox.world.contacts import Person
    from tap_zohocampaigns.sandbox.world.deliveries import Mailing

_PAUSE_HOURS = 6
_PAUSE_EVERY = 5
_RECENT_DAYS = {"recent": 30, "mostrecent": 7}


class Sizes(t.TypedDict, total=False):
    """How many of each; others are those of the default account."""

    lists: int
    segments: int
    campaigns: int
    contacts: int


@dataclass(frozen=True, slots=True)
class _Counts:
    lists: int = 5
    segments: int = 4
    campaigns: int = 30
    contacts: int = 2000


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class LivingAccount:
    """An `Account` of constant size in which people come, go, open and click.

    Accounts with the same seed, sizes and time are equal, so another process or a later
    run sees the same account. Only caches, and changes by calls of the API, are kept.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: Callable[[], datetime] = utc_now,
        zone: str = "America/New_York",
        **sizes: t.Unpack[Sizes],
    ) -> None:
        """Keep the seed, a clock of aware times, the account's zone and the sizes."""
        self.zone: t.Final = ZoneInfo(zone)
        self._seed = seed
        self._clock = clock
        counts = _Counts(**sizes)
        self._list_count = counts.lists
        self._segment_count = counts.segments if counts.lists else 0
        self._identity = Identity(seed)
        self._office = Office(self._identity, counts.lists, counts.contacts)
        self._people = People(self._identity, counts.contacts, counts.lists)
        self._book = Book(self._identity, self._office.fields)
        self._known = lru_cache(maxsize=8)(self._meet)
        self._plan = ListPlan(self._identity, seed, counts.lists)
        self._segments = tuple(map(self._plan.segment, range(self._segment_count)))
        self._schedule = Schedule(
            self._identity,
            counts.lists,
            counts.campaigns,
            [(one.list_key, one.cvid) for one in self._segments],
            self._office.topics,
        )
        self._mailing = lru_cache(maxsize=2 * counts.campaigns + 8)(self._send)
        self._rows = lru_cache(maxsize=16 * counts.campaigns + 64)(self._read)
        self._inside = lru_cache(maxsize=4 * self._segment_count + 4)(self._gather)
        self._enrolled = lru_cache(maxsize=4 * counts.lists + 4)(self._enrol)
        self._census = lru_cache(maxsize=4)(self._count)

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def _at(self, second: int) -> tuple[Person, ...]:
        return self._known(second, self._book.length)

    def _meet(self, second: int, _: int) -> tuple[Person, ...]:
        return self._book.apply(self._people.at(second), second)

    def status(self, email: str, list_key: str) -> str:
        """The status of a contact in a list now; empty if it is not in the list."""
        return self._statuses(email).get(self._number(list_key), "")

    def blocked(self, email: str) -> bool:
        """Whether a contact must get no mail at all."""
        return DO_NOT_MAIL in self._statuses(email).values()

    def enter(
        self, email: str, list_key: str | None, status: str, fields: Mapping[str, str]
    ) -> None:
        """Give a contact a status in a list, or in all, and fields by their names."""
        number = None if list_key is None else self._number(list_key)
        self._book.enter(Entry(self._now(), email, number, status, fields))

    def _statuses(self, email: str) -> Mapping[int, str]:
        for person in self._at(self._now()):
            if person.contact.email.lower() == email.lower():
                return person.statuses
        return {}

    def _number(self, list_key: str) -> int:
        keys = {self._identity.list_key(one): one for one in range(self._list_count)}
        return keys.get(list_key, -1)

    def lists(self) -> tuple[MailingList, ...]:
        """All mailing lists, newest first."""
        now = self._now()
        return tuple(
            self._plan.mailing_list(number, now)
            for number in reversed(range(self._list_count))
        )

    def segments(self, list_key: str) -> tuple[Segment, ...]:
        """The segments of a list: two of the first, none of the last."""
        return tuple(one for one in self._segments if one.list_key == list_key)

    def segment(self, cvid: str) -> Segment | None:
        """The segment with this id."""
        return next((one for one in self._segments if one.cvid == cvid), None)

    def members(self, cvid: str) -> tuple[Member, ...]:
        """Who is in a segment now, by the time of adding."""
        segment = self.segment(cvid)
        if segment is None:
            return ()
        number = self._segments.index(segment)
        return self._inside(number, self._now(), self._book.length)

    def _gather(self, number: int, second: int, _: int) -> tuple[Member, ...]:
        rest = second // (_PAUSE_HOURS * HOUR) % _PAUSE_EVERY
        if number and number == self._segment_count - 1 and rest == 0:
            return ()
        share = self._plan.share(number)
        list_number = self._plan.list_of_segment(number)
        days = second / DAY
        # The golden ratio keeps the segments of one person apart in time.
        inside = (
            Member(person.contact, person.added)
            for person in self._at(second)
            if person.statuses.get(list_number) == "active"
            and (days / person.pace + person.phase + number * 0.618) % 1 < share
        )
        return tuple(sorted(inside, key=lambda one: (one.added, one.contact.email)))

    def subscribers(self, list_key: str, status: str) -> int:
        """How many contacts of a list have a status now."""
        return self._census(self._now(), self._book.length)[list_key, status]

    def _count(self, second: int, _: int) -> Counter[tuple[str, str]]:
        numbers = Counter(
            pair for person in self._at(second) for pair in person.statuses.items()
        )
        return Counter(
            {
                (self._identity.list_key(number), status): count
                for (number, status), count in numbers.items()
            }
        )

    def contacts(self, list_key: str, status: str) -> tuple[Member, ...]:
        """The contacts of a list that have a status now, by the time of adding."""
        now, changes = self._now(), self._book.length
        days = _RECENT_DAYS.get(status)
        if days is None:
            return self._enrolled(list_key, status, now, changes)
        since = moment(now - days * DAY)
        active = self._enrolled(list_key, "active", now, changes)
        return tuple(one for one in active if one.added > since)

    def _enrol(
        self, list_key: str, status: str, second: int, _: int
    ) -> tuple[Member, ...]:
        number = self._number(list_key)
        inside = (
            Member(person.contact, person.added)
            for person in self._at(second)
            if person.statuses.get(number) == status
        )
        return tuple(sorted(inside, key=lambda one: (one.added, one.contact.email)))

    def fields(self) -> tuple[Field, ...]:
        """The custom fields of contacts."""
        return self._office.fields

    def tags(self) -> tuple[Tag, ...]:
        """All tags, newest first."""
        return self._office.tags

    def topics(self) -> tuple[Topic, ...]:
        """All topics."""
        return self._office.topics

    def products(self) -> tuple[Product, ...]:
        """All products."""
        return self._office.products

    def workflows(self) -> tuple[Workflow, ...]:
        """All open custom workflows, newest first."""
        return self._office.workflows

    def campaigns(self) -> tuple[Campaign, ...]:
        """Two drafts and the campaigns sent last, newest first."""
        return self._schedule.board(self._now()).campaigns

    def campaign(self, key: str) -> Campaign | None:
        """The campaign, or child of an A/B campaign, with this key."""
        return self._schedule.board(self._now()).by_key.get(key)

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        """The e-mails of a campaign that belong to an action now, as they were sent."""
        now = self._now()
        place = self._schedule.board(now).places.get(campaign_key)
        if place is None or action not in ACTIONS:
            return ()
        return self._rows(place, action, self._mailing(*place).last(action, now))

    def _read(
        self, place: tuple[int, int], action: str, second: int
    ) -> tuple[Recipient, ...]:
        return self._mailing(*place).at(action, second)

    def events(
        self, campaign_key: str, action: str, contact: Contact
    ) -> tuple[datetime, ...]:
        """When a recipient opened or clicked; its row is there from the first time."""
        now = self._now()
        place = self._schedule.board(now).places.get(campaign_key)
        return (
            () if place is None else self._mailing(*place).events(action, now, contact)
        )

    def report(self, campaign_key: str) -> dict[str, int]:
        """The counts of campaignreports, equal to the rows of `recipients`."""
        now = self._now()
        place = self._schedule.board(now).places.get(campaign_key)
        if place is None:
            return tally({})
        mailing = self._mailing(*place)
        return tally({action: mailing.count(action, now) for action in ACTIONS})

    def _send(self, slot_number: int, part: int) -> Mailing:
        slot = self._schedule.slot(slot_number)
        first = slot.parts[0].sent or slot.draft.created
        audience = [
            person
            for person in self._at(int(first.timestamp()))
            if person.statuses.get(slot.list_number) == "active"
        ]
        if len(slot.parts) > 1:
            names = (self._seed, "groups", slot_number)
            mixed = [person for _, person in shuffled(audience, *names)]
            tenth = len(mixed) // 10
            audience = (mixed[:tenth], mixed[tenth : 2 * tenth], mixed[2 * tenth :])[
                part
            ]
        campaign = slot.parts[part]
        start = int((campaign.sent or campaign.created).timestamp())
        return deliver(audience, start, slot.spread, self._seed, campaign.key)
