"""The schedule of an account: which campaigns are sent, and when."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from functools import lru_cache

from tap_zohocampaigns.sandbox.world.account import Campaign
from tap_zohocampaigns.sandbox.world.contacts import DAY, HOUR
from tap_zohocampaigns.sandbox.world.deliveries import BOUNCE_SECONDS, moment
from tap_zohocampaigns.sandbox.world.randomness import draws, key, pick

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.sandbox.world.account import Topic
    from tap_zohocampaigns.sandbox.world.identity import Identity

_SLOT = 13 * DAY // 2
_DRAFTS = 2
_FEWEST_FOR_AB = 8
_TEST_LEAD = 4 * HOUR
_TO_SEGMENTS = 0.4

_THEMES = (
    ("Spring & summer", "New in: spring & summer"),
    ("Newsletter", "What's new this week"),
    ('The "big" sale', '"Big" means prices < 10'),
    ("Новини", "Новини: що нового"),
    ("Webinar, part", "You're invited, again"),
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the calendar of sendings; times are epoch seconds.

    The test sends of an A/B campaign come first in `parts`, the final send last.
    """

    draft: Campaign
    parts: tuple[Campaign, ...]
    list_number: int
    spread: int


@dataclass(frozen=True, slots=True)
class Board:
    """The campaigns that the account shows between two slots."""

    campaigns: tuple[Campaign, ...]
    by_key: Mapping[str, Campaign]
    places: Mapping[str, tuple[int, int]]


class Schedule:
    """A campaign every six and a half days; only the newest are shown."""

    def __init__(
        self,
        identity: Identity,
        lists: int,
        campaigns: int,
        segments: Sequence[tuple[str, str]],
        topics: Sequence[Topic],
    ) -> None:
        """Keep the identity, and the numbers of lists and campaigns.

        Segments are pairs of the key of their list and their cvid.
        """
        self._identity = identity
        self._segments = segments
        self._topics = topics
        self._lists = lists
        self._campaigns = campaigns
        self.slot = lru_cache(maxsize=2 * campaigns + 8)(self._slot)
        self._boards = lru_cache(maxsize=4)(self._board)

    def board(self, second: int) -> Board:
        """Return the campaigns at a time (epoch seconds)."""
        return self._boards(second // _SLOT)

    def _board(self, current: int) -> Board:
        drafts = min(_DRAFTS, self._campaigns)
        oldest = current - (self._campaigns - drafts)
        shown = [
            self.slot(number).draft for number in range(current + drafts, current, -1)
        ]
        by_key = {campaign.key: campaign for campaign in shown}
        places = {}
        for number in range(current, oldest, -1):
            parts = self.slot(number).parts
            shown.append(parts[-1])
            for part, campaign in enumerate(parts):
                by_key[campaign.key] = campaign
                places[campaign.key] = (number, part)
        return Board(tuple(shown), by_key, places)

    def _is_ab(self, slot_number: int) -> bool:
        sent = self._campaigns - _DRAFTS
        return sent >= _FEWEST_FOR_AB and slot_number % (sent // 2) == 0

    def _slot(self, number: int) -> Slot:
        seed, org = self._identity.seed, self._identity.org
        luck = draws(seed, "campaign", number)
        theme, subject = pick(_THEMES, luck[0])
        list_number = int(luck[1] * self._lists)
        spread = 120 + int(luck[2] * 780)
        # A campaign appears when its last e-mail was sent.
        due = number * _SLOT
        start = due - BOUNCE_SECONDS - spread - int(luck[3] * 3 * HOUR)
        created = due - (_DRAFTS * _SLOT + DAY // 2) - luck[4] * DAY
        list_key = self._identity.list_key(list_number) if self._lists else None
        cvids = tuple(cvid for owner, cvid in self._segments if owner == list_key)
        draft = Campaign(
            key=key(seed, "campaign", number),
            campaign_id=f"129{org}{number:012d}",
            name=f"{theme} {number % 1000}",
            subject=subject,
            sender="news@example.com",
            reply_to="reply@example.com",
            status="Draft",
            kind="normal",
            created=moment(created),
            updated=moment(created + luck[5] * 10 * HOUR),
            sent=None,
            zuid=self._identity.zuid,
            list_key=list_key,
            cvids=cvids if luck[6] < _TO_SEGMENTS else (),
            topic=pick(self._topics, luck[7]) if self._topics else None,
        )
        ready = moment(start + spread + BOUNCE_SECONDS)
        final = replace(draft, status="Sent", sent=moment(start), updated=ready)
        if not self._is_ab(number):
            return Slot(draft, (final,), list_number, spread)
        tests = tuple(
            replace(
                final,
                key=key(seed, "campaign", number, letter),
                campaign_id=f"129{org}{place}{number:011d}",
                name=f"{final.name} ({letter})",
                subject=f"{subject} ({letter})",
                sent=moment(start - _TEST_LEAD),
                parent_key=final.key,
            )
            for place, letter in enumerate("AB", start=1)
        )
        parent = replace(
            final, kind="abtesting", children=tuple(test.key for test in tests)
        )
        return Slot(draft, (*tests, parent), list_number, spread)
