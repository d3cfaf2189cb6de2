"""An account of the sandbox that changes only when a test changes it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    Campaign,
    Contact,
    MailingList,
    Member,
    Recipient,
    Segment,
    tally,
)

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    Record: t.TypeAlias = dict[str, t.Any]
    Message: t.TypeAlias = dict[str, t.Any]
    # Part of the warehouse -> address -> row.
    Parts: t.TypeAlias = dict[str, dict[str, Record]]

Item = t.TypeVar("Item")

# In ZONE, clocks go back on 2 November 2025 and forward on 8 March 2026.
BEGIN = datetime(2025, 10, 20, 12, 0, 7, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
ACTIONS_READ = (
    "sentcontacts",
    "openedcontacts",
    "clickedcontacts",
    "unopenedcontacts",
    "optoutcontacts",
)
"""The actions that have rows in this account."""

_LIST = MailingList(
    key="3z" + "a" * 64,
    name="All",
    description="",
    created=BEGIN - timedelta(days=900),
    updated=BEGIN,
    number="1234567890123456",
    owner="Owner",
    zuid="1",
)


def contact(number: int, name: int = 0) -> Contact:
    return Contact(
        email=f"p{number}@example.com",
        contact_id=str(10**18 + number),
        first_name=f"Name {name}",
        last_name="" if number % 3 else f"Of {number}",
        company="Acme" if number % 2 else "",
    )


class CounterError(t.NamedTuple):
    """How a counter of a report is wrong."""

    kind: str
    """`zero`: it is 0; `still`: it no longer changes; `lag`: it is late by some runs;
    `off`: it is too high or too low."""
    number: int = 0
    """For `still` the value, for `lag` the number of runs, for `off` the difference."""


@dataclass
class Mailing:
    """One sending: a campaign, or a test send of an A/B campaign."""

    campaign: Campaign
    sent: dict[int, datetime] = field(default_factory=dict)
    opened: set[int] = field(default_factory=set)
    clicked: set[int] = field(default_factory=set)
    opted_out: dict[int, datetime] = field(default_factory=dict)

    def numbers(self, action: str) -> Collection[int]:
        """Return the contacts of an action, in no order."""
        match action:
            case "sentcontacts":
                return self.sent.keys()
            case "openedcontacts":
                return self.opened
            case "clickedcontacts":
                return self.clicked
            case "unopenedcontacts":
                return self.sent.keys() - self.opened
            case "optoutcontacts":
                return self.opted_out.keys()
        return ()

    def counts(self) -> dict[str, int]:
        return {action: len(self.numbers(action)) for action in ACTIONS}


class Feed(t.NamedTuple):
    """How feeds of contacts differ from the account."""

    hidden: int = 0
    """How many of the first rows are missing, although counters include them."""
    doubled: int = 0
    """How many of the first rows come twice: again after the following row."""

    def shown(self, rows: Sequence[Item]) -> list[Item]:
        """Return the rows as the feed shows them."""
        shown = [*rows[self.hidden :]]
        for position in range(min(self.doubled, len(shown))):
            shown.insert(2 * position + 2, shown[2 * position])
        return shown


class ScriptedAccount:
    """An `Account` of the sandbox that changes only when a test changes it.

    Attributes:
        now: The time; only a test changes it.
        newest_first: Whether feeds of segments begin with the newest member.
        feed: How feeds of contacts differ from the account.
        unlisted: Keys of segments and campaigns that exist but are not listed now.
        unlisted_tests: Keys of test sends that their A/B campaign does not name yet.
        wrong_counters: (key of a sending, counter) -> how this counter is wrong.
        read_as: The zone in which the tap reads times that Zoho sends as text.
        members_by_segment: Key of a segment -> number of a contact -> when added.
        names: Number of a contact -> how often it was renamed.
        mailings: Key of a sending -> the sending.
    """

    zone: t.Final = ZONE

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Make the account empty."""
        self.now = BEGIN
        self.newest_first = False
        self.feed = Feed()
        self.unlisted: set[str] = set()
        self.unlisted_tests: set[str] = set()
        self.wrong_counters: dict[tuple[str, str], CounterError] = {}
        self.read_as = ZONE
        self.members_by_segment: dict[str, dict[int, datetime]] = {}
        self.names: dict[int, int] = {}
        self.mailings: dict[str, Mailing] = {}
        self._numbers = count(1)
        self._reports: list[dict[str, dict[str, int]]] = []

    # Changes that a test makes.

    def add_segment(self, members: Iterable[int] = ()) -> str:
        cvid = f"{10**14 + next(self._numbers)}"
        self.members_by_segment[cvid] = {}
        for number in members:
            self.join(cvid, number, timedelta(days=number))
        return cvid

    def join(self, cvid: str, number: int, age: timedelta = timedelta()) -> None:
        """Add a contact to a segment; `age` is how long ago it joined the list."""
        self.members_by_segment[cvid].setdefault(number, self.now - age)

    def leave(self, cvid: str, number: int) -> None:
        self.members_by_segment[cvid].pop(number, None)

    def rename(self, number: int) -> None:
        self.names[number] = self.names.get(number, 0) + 1

    def send(
        self,
        numbers: Iterable[int],
        *,
        status: str = "Sent",
        kind: str = "normal",
        lead: timedelta = timedelta(),
    ) -> str:
        """Send a campaign now; return its key.

        Args:
            numbers: The contacts that it is sent to.
            status: `In Progress` if more will be sent later.
            kind: `normal` or `abtesting`.
            lead: How long before the first e-mail the campaign was sent officially.
        """
        key = self._key()
        campaign = Campaign(
            key=key,
            campaign_id=str(10**17 + next(self._numbers)),
            name=f"Campaign {key[-3:]}",
            subject="Hello",
            sender="news@example.com",
            reply_to="reply@example.com",
            status=status,
            kind=kind,
            created=self.now - timedelta(days=1),
            updated=self.now,
            sent=self.now - lead,
            list_key=_LIST.key,
        )
        self.mailings[key] = Mailing(campaign)
        self.deliver(key, numbers)
        return key

    def test(
        self, halves: tuple[Iterable[int], Iterable[int]], *, named: bool = True
    ) -> str:
        """Begin an A/B campaign: send only its two tests; return its key.

        Args:
            halves: The contacts of the first and of the second test.
            named: Whether the campaign already lists the key of its second test.
        """
        children = tuple(self.send(half) for half in halves)
        if not named:
            self.unlisted_tests.add(children[1])
        key = self.send((), status="In Testing", kind="abtesting")
        self.change(key, sent=None, children=children)
        for child in children:
            self.change(child, parent_key=key)
        return key

    def conclude(self, key: str, numbers: Iterable[int]) -> None:
        """Send an A/B campaign to the remaining contacts."""
        self.change(key, status="Sent", sent=self.now)
        self.deliver(key, numbers)

    def deliver(self, key: str, numbers: Iterable[int]) -> None:
        """Send a campaign to more contacts, each a second before the previous one."""
        mailing = self.mailings[key]
        for position, number in enumerate(numbers):
            mailing.sent.setdefault(number, self.now - timedelta(seconds=position))

    def finish(self, key: str) -> None:
        """Mark a campaign as sent completely."""
        self.change(key, status="Sent")

    def open(self, key: str, number: int) -> None:
        if number in self.mailings[key].sent:
            self.mailings[key].opened.add(number)

    def click(self, key: str, number: int) -> None:
        if number in self.mailings[key].sent:
            self.mailings[key].opened.add(number)
            self.mailings[key].clicked.add(number)

    def opt_out(self, key: str, number: int) -> None:
        if number in self.mailings[key].sent:
            self.mailings[key].opted_out.setdefault(number, self.now)

    def make_counter_wrong(
        self, key: str, counter: str, counter_error: CounterError | None
    ) -> None:
        """Make a counter of a sending wrong; None makes it right again."""
        if counter_error is None:
            self.wrong_counters.pop((key, counter), None)
            return
        if counter_error.kind == "still":
            counter_error = CounterError("still", self.report(key)[counter])
        self.wrong_counters[key, counter] = counter_error

    def set_zone(self, name: str) -> None:
        """Note that the tap has another zone in its settings."""
        self.read_as = ZoneInfo(name)

    def note_run(self) -> None:
        """Remember the current counters, for counters that lag."""
        self._reports.append(
            {key: tally(mailing.counts()) for key, mailing in self.mailings.items()}
        )

    def has_right_counters(self, key: str) -> bool:
        """Return whether all counters of a sending are right."""
        return self.report(key) == tally(self.mailings[key].counts())

    def delete(self, key: str) -> None:
        """Delete a segment, or a campaign with its tests."""
        self.unlisted.discard(key)
        if key in self.members_by_segment:
            del self.members_by_segment[key]
        else:
            for sending in (key, *self.mailings[key].campaign.children):
                self.mailings.pop(sending, None)

    def _key(self) -> str:
        return f"3z{next(self._numbers):064x}"

    def change(self, key: str, **fields: t.Any) -> None:
        mailing = self.mailings[key]
        mailing.campaign = replace(mailing.campaign, **fields)

    # What the sandbox reads.

    def lists(self) -> tuple[MailingList, ...]:
        return (_LIST,)

    def segments(self, list_key: str) -> tuple[Segment, ...]:
        del list_key
        return tuple(
            Segment(cvid, _LIST.key, "Segment")
            for cvid in self.members_by_segment
            if cvid not in self.unlisted
        )

    def segment(self, cvid: str) -> Segment | None:
        return (
            Segment(cvid, _LIST.key, "Segment")
            if cvid in self.members_by_segment
            else None
        )

    def members(self, cvid: str) -> list[Member]:
        return self.feed.shown(self._members(cvid))

    def _members(self, cvid: str) -> list[Member]:
        members = [
            Member(contact(number, self.names.get(number, 0)), added)
            for number, added in self.members_by_segment.get(cvid, {}).items()
        ]
        members.sort(key=lambda one: (one.added, one.contact.email))
        return members[::-1] if self.newest_first else members

    def subscribers(self, list_key: str, status: str) -> int:
        del list_key, status
        return 0

    def campaigns(self) -> list[Campaign]:
        listed = [one for one in self.all_campaigns() if one.key not in self.unlisted]
        return sorted(listed, key=lambda one: one.sent or self.now, reverse=True)

    def all_campaigns(self) -> list[Campaign]:
        """Return all campaigns, also those that are not listed now."""
        return [
            self._with_named_tests(mailing.campaign)
            for mailing in self.mailings.values()
            if mailing.campaign.parent_key is None
        ]

    def campaign(self, key: str) -> Campaign | None:
        return (
            self._with_named_tests(self.mailings[key].campaign)
            if key in self.mailings
            else None
        )

    def _with_named_tests(self, campaign: Campaign) -> Campaign:
        named = tuple(
            key for key in campaign.children if key not in self.unlisted_tests
        )
        return replace(campaign, children=named)

    def recipients(self, campaign_key: str, action: str) -> Sequence[Recipient]:
        return self.feed.shown(self._recipients(campaign_key, action))

    def _recipients(self, campaign_key: str, action: str) -> list[Recipient]:
        if campaign_key not in self.mailings:
            return []
        mailing = self.mailings[campaign_key]
        numbers = mailing.numbers(action)
        # In the order of sending, so a contact that opens now is not the last row.
        return [
            Recipient(
                contact(number),
                sent,
                contact_status="unsub" if action == "optoutcontacts" else "active",
                opted_out=mailing.opted_out[number]
                if action == "optoutcontacts"
                else None,
            )
            for number, sent in mailing.sent.items()
            if number in numbers
        ]

    def report(self, campaign_key: str) -> dict[str, int]:
        mailing = self.mailings.get(campaign_key)
        report = tally(mailing.counts() if mailing else {})
        for (key, counter), counter_error in self.wrong_counters.items():
            if key == campaign_key:
                report[counter] = self._wrong_value(
                    report[counter], key, counter, counter_error
                )
        return report

    def _wrong_value(
        self, true: int, key: str, counter: str, counter_error: CounterError
    ) -> int:
        match counter_error.kind:
            case "zero":
                return 0
            case "still":
                return counter_error.number
            case "lag" if self._reports:
                # The counter of a sending that is newer than that run is still 0.
                report = self._reports[-counter_error.number - 1 :][0]
                return report.get(key, {}).get(counter, 0)
            case "off":
                return max(true + counter_error.number, 0)
        return true

    # What the warehouse should have.

    def segment_parts(self, start: datetime | None = None) -> Parts:
        """Return the parts of all segments: their rows by address."""
        return {
            f"segment_contacts/{cvid}": {
                one.contact.email: {
                    "cvid": cvid,
                    "added_time": self._as_read(one.added),
                    **_fields(one.contact),
                }
                for one in self.feed.shown(self._members(cvid))
                if start is None or self._as_read(one.added) >= rfc3339(start)
            }
            for cvid in self.members_by_segment
        }

    def campaign_parts(self, key: str) -> Parts:
        """Return the parts of a campaign and of its tests: their rows by address."""
        return {
            f"campaign_recipients/{sending}/{action}": {
                row.contact.email: without_nothing(
                    {
                        "campaign_key": sending,
                        "parent_campaign_key": None if sending == key else key,
                        "action": action,
                        "contact_id": row.contact.contact_id,
                        "contact_status": row.contact_status,
                        "sent_time": self._as_read(row.sent, row.sent.second),
                        "opted_out_time": row.opted_out
                        and self._as_read(row.opted_out),
                        **_fields(row.contact),
                    }
                )
                for row in self.recipients(sending, action)
            }
            for sending in self.sendings(key)
            for action in ACTIONS_READ
        }

    def sendings(self, key: str) -> tuple[str, ...]:
        """Return the keys of a campaign and of the tests whose keys it lists."""
        children = self._with_named_tests(self.mailings[key].campaign).children
        return (key, *(child for child in children if child in self.mailings))

    def last_sent(self, key: str) -> str:
        """Return when the last e-mail of a campaign or of its tests was sent."""
        mailing = self.mailings[key]
        assert mailing.campaign.sent
        times = [self._as_read(sent, sent.second) for sent in mailing.sent.values()]
        times += map(self.last_sent, self.sendings(key)[1:])
        return max([rfc3339(mailing.campaign.sent), *times])

    def _as_read(self, instant: datetime, seconds: int = 0) -> str:
        """Return an instant as the tap reads it from a text without seconds.

        In the hour that clocks repeat in autumn, the tap assumes the first time.
        """
        local = instant.astimezone(ZONE).replace(second=seconds, microsecond=0, fold=0)
        return rfc3339(local.replace(tzinfo=self.read_as))


def _fields(one: Contact) -> Record:
    return without_nothing(
        {
            "contact_email": one.email,
            "first_name": one.first_name,
            "last_name": one.last_name,
            "company_name": one.company,
        }
    )


def without_nothing(record: Record) -> Record:
    """Return a record without its null and empty fields."""
    return {name: value for name, value in record.items() if value not in (None, "")}
