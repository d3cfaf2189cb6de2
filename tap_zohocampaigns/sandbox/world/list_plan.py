"""The mailing lists and segments of an account, as a function of its seed."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

from tap_zohocampaigns.sandbox.world.account import Criterion, MailingList, Segment
from tap_zohocampaigns.sandbox.world.contacts import DAY
from tap_zohocampaigns.sandbox.world.deliveries import moment
from tap_zohocampaigns.sandbox.world.randomness import draws

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.identity import Identity

_FIRST_LIST = datetime(2016, 3, 1, tzinfo=UTC)
_LISTS_SPAN = timedelta(days=5 * 365)
_LIST_CHANGE = 9 * DAY
_PUBLIC = 0.3
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


class ListPlan(t.NamedTuple):
    """Makes lists and segments by their numbers."""

    identity: Identity
    seed: int
    list_count: int

    def mailing_list(self, number: int, now: int) -> MailingList:
        """Return a list as it is at a time (epoch seconds)."""
        luck = draws(self.seed, "list", number)
        age = (number + luck[0]) / self.list_count
        name, description = _LISTS[number % len(_LISTS)]
        phase = int(luck[1] * _LIST_CHANGE)
        return MailingList(
            key=self.identity.list_key(number),
            name=name if number < len(_LISTS) else f"{name} {number}",
            description=description,
            created=moment((_FIRST_LIST + age * _LISTS_SPAN).timestamp()),
            updated=moment((now + phase) // _LIST_CHANGE * _LIST_CHANGE - phase),
            number=self.identity.list_number(number),
            owner="Sandbox & Co.",
            zuid=self.identity.zuid,
            public=luck[2] < _PUBLIC,
        )

    def list_of_segment(self, number: int) -> int:
        """Return the number of the list that a segment is part of."""
        return max(number - 1, 0) % max(self.list_count - 1, 1)

    def segment(self, number: int) -> Segment:
        """Return a segment."""
        name, criterion, _ = _SEGMENTS[number % len(_SEGMENTS)]
        return Segment(
            cvid=f"129{self.identity.org}{number:011d}",
            list_key=self.identity.list_key(self.list_of_segment(number)),
            name=name if number < len(_SEGMENTS) else f"{name} {number}",
            criteria=(criterion, _SECOND_CRITERION) if number % 2 else (criterion,),
        )

    def share(self, number: int) -> float:
        """Return the share of the list's contacts that are in a segment."""
        return _SEGMENTS[number % len(_SEGMENTS)][2]
