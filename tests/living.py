"""An account that a test moves by hand, and a warehouse that a tap's messages fill."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from tap_zohocampaigns.api.times import rfc3339
from tap_zohocampaigns.sandbox import (
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

# Clocks go back on 2 November 2025, and forward on 8 March 2026.
BEGIN = datetime(2025, 10, 20, 12, 0, 7, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
READ = (
    "sentcontacts",
    "openedcontacts",
    "clickedcontacts",
    "unopenedcontacts",
    "optoutcontacts",
)
"""The actions that people of this account do; an account has no row of others."""

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


@dataclass
class Mailing:
    """One sending: a campaign, or the child of an A/B test."""

    campaign: Campaign
    sent: dict[int, datetime] = field(default_factory=dict)
    opened: set[int] = field(default_factory=set)
    clicked: set[int] = field(default_factory=set)
    left: dict[int, datetime] = field(default_factory=dict)

    def numbers(self, action: str) -> Collection[int]:
        """Return whom an action has, in no order."""
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
                return self.left.keys()
        return ()

    def counts(self) -> dict[str, int]:
        return {action: len(self.numbers(action)) for action in ACTIONS}


class Town:
    """An `Account` of the sandbox that changes only when a test says so.

    Attributes:
        now: The time, which only a test moves.
        newest_first: Order of the members of segments.
        hidden: How many rows each action shows too few, while its counter is right.
    """

    zone: t.Final = ZONE

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again, with nothing and nobody."""
        self.now = BEGIN
        self.newest_first = False
        self.hidden = 0
        self.people: dict[str, dict[int, datetime]] = {}
        self.names: dict[int, int] = {}
        self.mailings: dict[str, Mailing] = {}
        self._numbers = count(1)

    # What a test does to it.

    def add_segment(self, members: Iterable[int] = ()) -> str:
        cvid = f"{10**14 + next(self._numbers)}"
        self.people[cvid] = {}
        for number in members:
            self.join(cvid, number, timedelta(days=number))
        return cvid

    def join(self, cvid: str, number: int, age: timedelta = timedelta()) -> None:
        """Put somebody in, who was added to the list so long ago."""
        self.people[cvid].setdefault(number, self.now - age)

    def leave(self, cvid: str, number: int) -> None:
        self.people[cvid].pop(number, None)

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
        """Send now; an A/B test sends its halves and nothing else, until `conclude`."""
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

    def test(self, halves: tuple[Iterable[int], Iterable[int]]) -> str:
        """Begin an A/B campaign: its tests are sent, itself not yet."""
        children = tuple(self.send(half) for half in halves)
        key = self.send((), status="In Testing", kind="abtesting")
        self.change(key, sent=None, children=children)
        for child in children:
            self.change(child, parent_key=key)
        return key

    def conclude(self, key: str, numbers: Iterable[int]) -> None:
        """Send an A/B campaign to all others."""
        self.change(key, status="Sent", sent=self.now)
        self.deliver(key, numbers)

    def deliver(self, key: str, numbers: Iterable[int]) -> None:
        """Send to more people, some seconds after each other."""
        mailing = self.mailings[key]
        for position, number in enumerate(numbers):
            mailing.sent.setdefault(number, self.now - timedelta(seconds=position))

    def finish(self, key: str) -> None:
        """Nothing more will be sent."""
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
            self.mailings[key].left.setdefault(number, self.now)

    def delete(self, key: str) -> None:
        """Delete a campaign with its tests, or a segment."""
        if key in self.people:
            del self.people[key]
        else:
            for gone in (key, *self.mailings[key].campaign.children):
                del self.mailings[gone]

    def _key(self) -> str:
        return f"3z{next(self._numbers):064x}"

    def change(self, key: str, **fields: t.Any) -> None:
        mailing = self.mailings[key]
        mailing.campaign = replace(mailing.campaign, **fields)

    # What the sandbox asks.

    def lists(self) -> tuple[MailingList, ...]:
        return (_LIST,)

    def segments(self, list_key: str) -> tuple[Segment, ...]:
        del list_key
        return tuple(Segment(cvid, _LIST.key, "Segment") for cvid in self.people)

    def segment(self, cvid: str) -> Segment | None:
        return Segment(cvid, _LIST.key, "Segment") if cvid in self.people else None

    def members(self, cvid: str) -> list[Member]:
        found = [
            Member(contact(number, self.names.get(number, 0)), added)
            for number, added in self.people.get(cvid, {}).items()
        ]
        found.sort(key=lambda one: (one.added, one.contact.email))
        return found[::-1] if self.newest_first else found

    def subscribers(self, list_key: str, status: str) -> int:
        del list_key, status
        return 0

    def campaigns(self) -> list[Campaign]:
        found = [
            mailing.campaign
            for mailing in self.mailings.values()
            if mailing.campaign.parent_key is None
        ]
        return sorted(found, key=lambda one: one.sent or self.now, reverse=True)

    def campaign(self, key: str) -> Campaign | None:
        return self.mailings[key].campaign if key in self.mailings else None

    def recipients(self, campaign_key: str, action: str) -> Sequence[Recipient]:
        if campaign_key not in self.mailings:
            return ()
        mailing = self.mailings[campaign_key]
        among = mailing.numbers(action)
        # In the order of sending: who opens now stands between others.
        rows = [
            Recipient(
                contact(number),
                sent,
                contact_status="unsub" if action == "optoutcontacts" else "active",
                opted_out=mailing.left[number] if action == "optoutcontacts" else None,
            )
            for number, sent in mailing.sent.items()
            if number in among
        ]
        return rows[self.hidden :]

    def report(self, campaign_key: str) -> dict[str, int]:
        found = self.mailings.get(campaign_key)
        return tally(found.counts() if found else {})

    # What a warehouse should hold of it.

    def segment_parts(self, start: datetime | None = None) -> Parts:
        """Return the parts of segments, with the rows of each by address."""
        return {
            f"segment_contacts/{cvid}": {
                one.contact.email: {
                    "cvid": cvid,
                    "added_time": shown(one.added),
                    **_fields(one.contact),
                }
                for one in self.members(cvid)
                if start is None or shown(one.added) >= rfc3339(start)
            }
            for cvid in self.people
        }

    def campaign_parts(self, key: str) -> Parts:
        """Return the parts of a campaign and its tests, rows by address."""
        return {
            f"campaign_recipients/{sending}/{action}": {
                row.contact.email: _without_nothing(
                    {
                        "campaign_key": sending,
                        "parent_campaign_key": None if sending == key else key,
                        "action": action,
                        "contact_id": row.contact.contact_id,
                        "contact_status": row.contact_status,
                        "sent_time": shown(row.sent, row.sent.second),
                        "opted_out_time": row.opted_out and shown(row.opted_out),
                        **_fields(row.contact),
                    }
                )
                for row in self.recipients(sending, action)
            }
            for sending in (key, *self.mailings[key].campaign.children)
            for action in READ
        }

    def last_sent(self, key: str) -> str:
        """Return when the last e-mail of a sent campaign was sent, tests included."""
        mailing = self.mailings[key]
        assert mailing.campaign.sent
        times = [shown(sent, sent.second) for sent in mailing.sent.values()]
        times += map(self.last_sent, mailing.campaign.children)
        return max([rfc3339(mailing.campaign.sent), *times])


def shown(instant: datetime, seconds: int = 0) -> str:
    """Return what can be known of an instant that Zoho shows as text, to the minute.

    Of the hour that clocks repeat, the first pass is taken.
    """
    local = instant.astimezone(ZONE).replace(second=seconds, microsecond=0, fold=0)
    return rfc3339(local)


def _fields(one: Contact) -> Record:
    return _without_nothing(
        {
            "contact_email": one.email,
            "first_name": one.first_name,
            "last_name": one.last_name,
            "company_name": one.company,
        }
    )


def _without_nothing(record: Record) -> Record:
    return {name: value for name, value in record.items() if value not in (None, "")}


class Warehouse:
    """Loads messages as an upserting loader does."""

    def __init__(self) -> None:
        self._keys: dict[str, list[str]] = {}
        self.tables: dict[str, dict[tuple[t.Any, ...], Record]] = {}

    def load(self, messages: Iterable[Message]) -> None:
        for message in messages:
            stream = message.get("stream", "")
            if message["type"] == "SCHEMA":
                self._keys[stream] = message["key_properties"]
            elif message["type"] == "RECORD":
                record = message["record"]
                key = tuple(record[name] for name in self._keys[stream])
                self.tables.setdefault(stream, {})[key] = record

    @property
    def snapshots(self) -> dict[str, Record]:
        """The rows of the stream `snapshots` by their id."""
        rows = self.tables.get("snapshots", {}).values()
        return {row["snapshot_id"]: row for row in rows}

    def current(self) -> Parts:
        """Return the current rows of each part that has been read whole."""
        found: Parts = {part: {} for part in self.snapshots}
        for stream, names in (
            ("segment_contacts", ("cvid",)),
            ("campaign_recipients", ("campaign_key", "action")),
        ):
            for row in self.tables.get(stream, {}).values():
                part = "/".join([stream, *(row[name] for name in names)])
                since = self.snapshots.get(part, {}).get("snapshot_time")
                if since and row["snapshot_time"] >= since:
                    kept = row | {"snapshot_time": None}
                    found[part][row["contact_email"]] = _without_nothing(kept)
        return found


def difference(found: Parts, before: Parts, after: Parts | None = None) -> list[str]:
    """Say what is wrong with parts that were read while they turned into others.

    Who was there throughout has to be found, and nobody who was there at no time.
    """
    after = before if after is None else after
    said = []
    for part in before.keys() & after.keys():
        if part not in found:
            said.append(f"{part} has never been read whole")
            continue
        have, old, new = found[part], before[part], after[part]
        lost = (old.keys() & new.keys()) - have.keys()
        left = have.keys() - old.keys() - new.keys()
        said += [f"{part} lacks {address}" for address in lost]
        said += [f"{part} still has {address}" for address in left]
        said += [
            f"{part} is stale: {row}, not {new.get(address)}"
            for address, row in have.items()
            if address not in left and row not in (old.get(address), new.get(address))
        ]
    return sorted(said)
