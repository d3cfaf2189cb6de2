"""An account that lives: a pure function of a seed, its sizes and the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypedDict
from zoneinfo import ZoneInfo

from tap_zohocampaigns.sandbox.account import (
    ACTIONS,
    Campaign,
    Criterion,
    MailingList,
    Member,
    Segment,
    tally,
)
from tap_zohocampaigns.sandbox.chance import digits, draws, key, pick
from tap_zohocampaigns.sandbox.mailing import BOUNCE_SECONDS, deliver, shuffled
from tap_zohocampaigns.sandbox.people import DAY, HOUR, People

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from tap_zohocampaigns.sandbox.account import Recipient
    from tap_zohocampaigns.sandbox.mailing import Mailing

_SLOT = 13 * DAY // 2
_DRAFTS = 2
_FEWEST_FOR_AB = 8
_TEST_LEAD = 4 * HOUR
_FIRST_LIST = datetime(2016, 3, 1, tzinfo=UTC)
_LISTS_SPAN = timedelta(days=5 * 365)
_LIST_CHANGE = 9 * DAY
_PUBLIC = 0.3
_PAUSE_HOURS = 6
_PAUSE_EVERY = 5

_LISTS = (
    ("Customers", "Everybody who bought"),
    ("News & offers", ""),
    ("Партнери «Північ»", "Partners, north of 60°"),
    ("Webinar, autumn", "Sign-ups < 2 years old & active"),
    ('The "Insiders"', ""),
)
_SEGMENTS = (
    ("Readers", Criterion("Contact Email", "contains", "example"), 0.6),
    ("Blue & yellow", Criterion("Favourite colour", "is", "blue"), 0.25),
    ("Recently seen", Criterion("Last seen yymmdd", "greater than", "240101"), 0.45),
    ("Flash sale", Criterion("Company Name", "is not", "Brown & Sons"), 0.3),
)
_SECOND_CRITERION = Criterion("First Name", "is not empty", "", "or")
_THEMES = (
    ("Spring & summer", "New in: spring & summer"),
    ("Newsletter", "What's new this week"),
    ('The "big" sale', '"Big" means prices < 10'),
    ("Новини", "Новини: що нового"),
    ("Webinar, part", "You're invited, again"),
)


class Sizes(TypedDict, total=False):
    """How many of each; what is left out is as in the default account."""

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


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in the calendar of sendings; times are seconds since 1970.

    The test sends of an A/B campaign come first in `parts`, the final send last.
    """

    draft: Campaign
    parts: tuple[Campaign, ...]
    list_number: int
    spread: int


@dataclass(frozen=True, slots=True)
class _Board:
    """What the account shows between two slots, and where each sending is."""

    campaigns: tuple[Campaign, ...]
    by_key: Mapping[str, Campaign]
    places: Mapping[str, tuple[int, int]]


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)


class LivingAccount:
    """An `Account` of constant size in which people come, go, open and click.

    Accounts with the same seed, sizes and time are equal, so that another process
    or a later run sees the same one. Nothing but caches is kept between calls.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: Callable[[], datetime] = utc_now,
        zone: str = "America/New_York",
        **sizes: Unpack[Sizes],
    ) -> None:
        """Take the seed, a clock of aware times, the account's zone and the sizes."""
        self.zone: Final = ZoneInfo(zone)
        self._seed = seed
        self._clock = clock
        counts = _Counts(**sizes)
        self._list_count = counts.lists
        self._segment_count = counts.segments if counts.lists else 0
        self._campaign_count = counts.campaigns
        self._people = People(seed, counts.contacts, counts.lists)
        self._zuid = digits(8, seed, "zuid")
        self._org = digits(4, seed, "org")
        self._slot = lru_cache(maxsize=2 * self._campaign_count + 8)(self._plan)
        self._board = lru_cache(maxsize=4)(self._post)
        self._mailing = lru_cache(maxsize=2 * self._campaign_count + 8)(self._send)
        self._rows = lru_cache(maxsize=16 * self._campaign_count + 64)(self._read)
        self._inside = lru_cache(maxsize=4 * self._segment_count + 4)(self._gather)
        self._census = lru_cache(maxsize=4)(self._count)
        self._segments = tuple(map(self._segment, range(self._segment_count)))

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def lists(self) -> tuple[MailingList, ...]:
        """All mailing lists, newest first."""
        now = self._now()
        return tuple(
            self._list(number, now) for number in reversed(range(self._list_count))
        )

    def _list_key(self, number: int) -> str:
        return key(self._seed, "list", number)

    def _list(self, number: int, now: int) -> MailingList:
        luck = draws(self._seed, "list", number)
        age = (number + luck[0]) / self._list_count
        name, description = _LISTS[number % len(_LISTS)]
        phase = int(luck[1] * _LIST_CHANGE)
        return MailingList(
            key=self._list_key(number),
            name=name if number < len(_LISTS) else f"{name} {number}",
            description=description,
            created=_moment((_FIRST_LIST + age * _LISTS_SPAN).timestamp()),
            updated=_moment((now + phase) // _LIST_CHANGE * _LIST_CHANGE - phase),
            number=digits(16, self._seed, "listunino", number),
            owner="Sandbox & Co.",
            zuid=self._zuid,
            public=luck[2] < _PUBLIC,
        )

    def segments(self, list_key: str) -> tuple[Segment, ...]:
        """The segments of a list: two of the first, none of the last."""
        return tuple(one for one in self._segments if one.list_key == list_key)

    def segment(self, cvid: str) -> Segment | None:
        """The segment with this id."""
        return next((one for one in self._segments if one.cvid == cvid), None)

    def _segment_list(self, number: int) -> int:
        return max(number - 1, 0) % max(self._list_count - 1, 1)

    def _segment(self, number: int) -> Segment:
        name, criterion, _ = _SEGMENTS[number % len(_SEGMENTS)]
        return Segment(
            cvid=f"129{self._org}{number:011d}",
            list_key=self._list_key(self._segment_list(number)),
            name=name if number < len(_SEGMENTS) else f"{name} {number}",
            criteria=(criterion, _SECOND_CRITERION) if number % 2 else (criterion,),
        )

    def members(self, cvid: str) -> tuple[Member, ...]:
        """Who is in a segment now, by the time of adding."""
        segment = self.segment(cvid)
        if segment is None:
            return ()
        return self._inside(self._segments.index(segment), self._now())

    def _gather(self, number: int, second: int) -> tuple[Member, ...]:
        rest = second // (_PAUSE_HOURS * HOUR) % _PAUSE_EVERY
        if number and number == self._segment_count - 1 and rest == 0:
            return ()
        share = _SEGMENTS[number % len(_SEGMENTS)][2]
        list_number = self._segment_list(number)
        days = second / DAY
        # The golden section keeps the rhythms of one person's segments apart.
        inside = (
            Member(person.contact, person.added)
            for person in self._people.at(second)
            if person.statuses.get(list_number) == "active"
            and (days / person.pace + person.phase + number * 0.618) % 1 < share
        )
        return tuple(sorted(inside, key=lambda one: (one.added, one.contact.email)))

    def subscribers(self, list_key: str, status: str) -> int:
        """How many contacts of a list have a status now."""
        return self._census(self._now())[list_key, status]

    def _count(self, second: int) -> Counter[tuple[str, str]]:
        numbers = Counter(
            pair
            for person in self._people.at(second)
            for pair in person.statuses.items()
        )
        return Counter(
            {
                (self._list_key(number), status): count
                for (number, status), count in numbers.items()
            }
        )

    def campaigns(self) -> tuple[Campaign, ...]:
        """Two drafts and the campaigns sent last, newest first."""
        return self._board(self._now() // _SLOT).campaigns

    def campaign(self, key: str) -> Campaign | None:
        """The campaign, or child of an A/B campaign, with this key."""
        return self._board(self._now() // _SLOT).by_key.get(key)

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        """The e-mails of a campaign that belong to an action now, as they were sent."""
        now = self._now()
        place = self._board(now // _SLOT).places.get(campaign_key)
        if place is None or action not in ACTIONS:
            return ()
        return self._rows(place, action, self._mailing(*place).last(action, now))

    def _read(
        self, place: tuple[int, int], action: str, second: int
    ) -> tuple[Recipient, ...]:
        return self._mailing(*place).at(action, second)

    def report(self, campaign_key: str) -> dict[str, int]:
        """The counts of campaignreports, in step with `recipients`."""
        now = self._now()
        place = self._board(now // _SLOT).places.get(campaign_key)
        if place is None:
            return tally({})
        mailing = self._mailing(*place)
        return tally({action: mailing.count(action, now) for action in ACTIONS})

    def _send(self, slot_number: int, part: int) -> Mailing:
        slot = self._slot(slot_number)
        first = slot.parts[0].sent or slot.draft.created
        audience = [
            person
            for person in self._people.at(int(first.timestamp()))
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

    def _post(self, current: int) -> _Board:
        drafts = min(_DRAFTS, self._campaign_count)
        oldest = current - (self._campaign_count - drafts)
        shown = [
            self._slot(number).draft for number in range(current + drafts, current, -1)
        ]
        by_key = {campaign.key: campaign for campaign in shown}
        places = {}
        for number in range(current, oldest, -1):
            parts = self._slot(number).parts
            shown.append(parts[-1])
            for part, campaign in enumerate(parts):
                by_key[campaign.key] = campaign
                places[campaign.key] = (number, part)
        return _Board(tuple(shown), by_key, places)

    def _is_ab(self, slot_number: int) -> bool:
        sent = self._campaign_count - _DRAFTS
        return sent >= _FEWEST_FOR_AB and slot_number % (sent // 2) == 0

    def _plan(self, number: int) -> _Slot:
        luck = draws(self._seed, "campaign", number)
        theme, subject = pick(_THEMES, luck[0])
        list_number = int(luck[1] * self._list_count)
        spread = 120 + int(luck[2] * 780)
        # A campaign appears on the grid, when its last e-mail is out.
        due = number * _SLOT
        start = due - BOUNCE_SECONDS - spread - int(luck[3] * 3 * HOUR)
        created = due - (_DRAFTS * _SLOT + DAY // 2) - luck[4] * DAY
        draft = Campaign(
            key=key(self._seed, "campaign", number),
            campaign_id=f"129{self._org}{number:012d}",
            name=f"{theme} {number % 1000}",
            subject=subject,
            sender="news@example.com",
            reply_to="reply@example.com",
            status="Draft",
            kind="normal",
            created=_moment(created),
            updated=_moment(created + luck[5] * 10 * HOUR),
            sent=None,
            zuid=self._zuid,
            list_key=self._list_key(list_number) if self._list_count else None,
        )
        ready = _moment(start + spread + BOUNCE_SECONDS)
        final = replace(draft, status="Sent", sent=_moment(start), updated=ready)
        if not self._is_ab(number):
            return _Slot(draft, (final,), list_number, spread)
        tests = tuple(
            replace(
                final,
                key=key(self._seed, "campaign", number, letter),
                campaign_id=f"129{self._org}{place}{number:011d}",
                name=f"{final.name} ({letter})",
                subject=f"{subject} ({letter})",
                sent=_moment(start - _TEST_LEAD),
                parent_key=final.key,
            )
            for place, letter in enumerate("AB", start=1)
        )
        parent = replace(
            final, kind="abtesting", children=tuple(test.key for test in tests)
        )
        return _Slot(draft, (*tests, parent), list_number, spread)
