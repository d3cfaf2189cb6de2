"""Small accounts with odd data, whose figures can be counted by hand."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    Campaign,
    Contact,
    Member,
    Recipient,
    tally,
)
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.capture import captured
from tests.support.fixed_account import (
    AB_CAMPAIGN,
    CHILDREN,
    DRAFT,
    MAILING_LIST,
    SEGMENT,
    SENT,
    FixedAccount,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.account import MailingList

    Mails: t.TypeAlias = dict[tuple[str, str], tuple[Recipient, ...]]

NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
# In half of the world's zones, that is another day than in UTC.
NIGHT = datetime(2026, 3, 17, 23, 30, tzinfo=UTC)
NEWS = replace(SENT, key="3z" + "1" * 64, created=NIGHT, updated=NIGHT, sent=NIGHT)
WEEK_BEFORE = NIGHT - timedelta(days=7)
OLD = replace(
    NEWS,
    key="3z" + "2" * 64,
    created=WEEK_BEFORE,
    updated=WEEK_BEFORE,
    sent=WEEK_BEFORE,
)
TEST_SENT = NIGHT - timedelta(days=2)
AB = replace(AB_CAMPAIGN, created=TEST_SENT, updated=NIGHT, sent=NIGHT)
TESTS = tuple(replace(test, sent=TEST_SENT, updated=NIGHT) for test in CHILDREN)


def contact(name: str) -> Contact:
    """Return a contact whose address is that of its name."""
    email = f"{name.lower()}@example.com"
    return Contact(email, f"1{len(name)}{ord(name[0])}", name, "Smith")


ANN, BEA, CY, DOT, EVE, FLO = map(contact, ("Ann", "Bea", "Cy", "Dot", "Eve", "Flo"))
# The name that Ann had first is greater in any order of texts, and so is its company.
ANN_BEFORE = replace(ANN, first_name="Zoe", last_name="Zander", company="Zoo")


def mails(campaign: Campaign, **people: tuple[Contact, ...]) -> Mails:
    """Return the rows of a sending; the names of arguments are those of actions."""
    assert campaign.sent
    return {
        (campaign.key, action): tuple(Recipient(one, campaign.sent) for one in those)
        for action, those in people.items()
    }


ALL_MAILS: t.Final = {
    **mails(
        NEWS,
        sentcontacts=(ANN, BEA, CY, DOT, FLO),
        openedcontacts=(ANN, BEA, FLO),
        clickedcontacts=(ANN,),
        unopenedcontacts=(CY,),
        optoutcontacts=(FLO,),
        senthardbounce=(DOT,),
        unsentcontacts=(EVE,),
    ),
    **mails(
        OLD,
        sentcontacts=(ANN_BEFORE, BEA),
        openedcontacts=(ANN_BEFORE,),
        unopenedcontacts=(BEA,),
    ),
    **mails(
        AB,
        sentcontacts=(CY,),
        unopenedcontacts=(CY,),
    ),
    **mails(
        TESTS[0],
        sentcontacts=(ANN, BEA),
        openedcontacts=(ANN,),
        unopenedcontacts=(BEA,),
    ),
    **mails(
        TESTS[1],
        sentcontacts=(FLO, DOT),
        openedcontacts=(FLO,),
        unopenedcontacts=(DOT,),
    ),
}


@dataclass
class MailedAccount(FixedAccount):
    """An account whose mails and members are given.

    One mail of the campaign `NEWS` bounced, one was not sent, and one contact opted
    out.
    The A/B campaign's tests reached two contacts each, of whom one opened.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    shown: tuple[Campaign, ...] = (DRAFT, NEWS, AB, OLD)
    mails: Mails = field(default_factory=lambda: ALL_MAILS)
    active: tuple[Contact, ...] = (ANN, BEA, CY)
    left: tuple[Contact, ...] = (FLO,)

    def lists(self) -> tuple[MailingList, ...]:
        return (MAILING_LIST,)

    def members(self, cvid: str) -> tuple[Member, ...]:
        assert cvid == SEGMENT.cvid
        return tuple(Member(one, WEEK_BEFORE) for one in self.active)

    def subscribers(self, list_key: str, status: str) -> int:
        return len(self.contacts(list_key, status))

    def contacts(self, list_key: str, status: str) -> tuple[Member, ...]:
        assert list_key == MAILING_LIST.key
        people = {"active": self.active, "unsub": self.left}.get(status, ())
        return tuple(Member(one, WEEK_BEFORE) for one in people)

    def campaigns(self) -> tuple[Campaign, ...]:
        return self.shown

    def campaign(self, key: str) -> Campaign | None:
        known = (*self.shown, *(TESTS if AB in self.shown else ()))
        return next((one for one in known if one.key == key), None)

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        return self.mails.get((campaign_key, action), ())

    def events(
        self, campaign_key: str, action: str, contact: Contact
    ) -> tuple[datetime, ...]:
        campaign = self.campaign(campaign_key)
        rows = self.recipients(campaign_key, action)
        if campaign and campaign.sent and contact in {row.contact for row in rows}:
            return (campaign.sent + timedelta(hours=6),)
        return ()

    def report(self, campaign_key: str) -> dict[str, int]:
        return tally({one: len(self.recipients(campaign_key, one)) for one in ACTIONS})


@dataclass
class OddRun:
    """An account, and how the tap reads it.

    Attributes:
        account: The account of the first run.
        later: The account as it is in each later run, a day after the run before.
        settings: More settings of the tap.
        left_out: Streams that are not selected.
        version: Version of the API.
    """

    account: MailedAccount = field(default_factory=MailedAccount)
    later: tuple[MailedAccount, ...] = ()
    settings: dict[str, t.Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    version: t.Literal["1", "1.1"] = "1.1"

    def messages(self, account_id: str) -> str:
        """Return the messages of all runs; the tap calls the account by this name."""
        texts: list[str] = []
        state = None
        for number, account in enumerate((self.account, *self.later)):
            now = NOW + timedelta(days=number)
            texts.append(self._run(account, now, state, account_id))
            state = [
                message["value"]
                for message in map(json.loads, texts[-1].splitlines())
                if message["type"] == "STATE"
            ][-1]
        return "".join(texts)

    def _run(
        self, account: MailedAccount, now: datetime, state: t.Any, account_id: str
    ) -> str:
        class Tap(TapZohoCampaigns):
            def now(self) -> datetime:
                return now

        limits = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
        with Service(account, quota_calls=100_000) as service:
            own = service.config if self.version == "1.1" else service.config_v1
            config = {**own, **limits, **self.settings, "account_id": account_id}
            tap = Tap(config=config, state=state)
            for name, stream in tap.streams.items():
                stream.selected = name not in self.left_out
            return captured(tap.sync_all)
