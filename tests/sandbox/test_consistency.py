"""The numbers of an account agree with its rows."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.world.account import (
    EVENTS,
    FEED_STATUSES,
    STATUSES,
    Account,
)
from tests.sandbox.conftest import NOON
from tests.support.sandbox_client import Client
from tests.support.service import code
from tests.support.still_account import (
    ODD,
    STREAMS,
    StillAccount,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

NONE = {
    "getlistsubscribers": {"2501"},
    "tag/getalltags": {"992"},
    "topics": {"4016"},
    "workflow": {"9001"},
}


def empty() -> Account:
    return LivingAccount(lists=0, segments=0, campaigns=0, contacts=0)


class Plain:
    """An `Account` that has lists, segments and campaigns, and nothing else."""

    def __init__(self) -> None:
        still = StillAccount()
        self.zone = still.zone
        self.lists = still.lists
        self.segments = still.segments
        self.segment = still.segment
        self.members = still.members
        self.subscribers = still.subscribers
        self.campaigns = still.campaigns
        self.campaign = still.campaign
        self.recipients = still.recipients
        self.report = still.report


@pytest.mark.parametrize("account", [empty, Plain])
def test_an_account_without_more(account: Callable[[], Account]) -> None:
    with Service(account()) as service, Client(service) as client:
        client.sign()
        for endpoint, codes in NONE.items():
            sent = client.json(endpoint, listkey=STREAMS.key)
            assert {code(sent)} <= codes | {"2502"}
        assert client.json("tag/getalltags")["message"] == "No tags found to display"
        assert client.json("topics/products")["products"] == []
        sent = client.get("contact/allfields", type="json").json["response"]
        assert sent["fieldnames"]["fieldname"]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_give_every_contact_once(
    living: LivingAccount, size: int, sort: str
) -> None:
    mailing_list = living.lists()[-1]
    expected = [one.contact.email for one in living.contacts(mailing_list.key, "unsub")]
    seen: list[str] = []
    asked = {"listkey": mailing_list.key, "status": "unsub", "sort": sort}
    with Service(living) as service, Client(service) as client:
        client.sign()
        while True:
            page = client.json(
                "getlistsubscribers", fromindex=len(seen) + 1, range=size, **asked
            )
            if page["status"] == "error":
                assert page["code"] == "2502"
                break
            seen += [row["contact_email"] for row in page["list_of_details"]]
    assert len(seen) > 7
    assert seen == (expected if sort == "asc" else expected[::-1])


def test_lists_hold_as_many_as_are_counted(living: LivingAccount) -> None:
    for one in living.lists():
        for status in set(STATUSES) & set(FEED_STATUSES):
            rows = living.contacts(one.key, status)
            assert len(rows) == living.subscribers(one.key, status)
            assert len({row.contact.email for row in rows}) == len(rows)
        active = living.contacts(one.key, "active")
        recent = living.contacts(one.key, "recent")
        newest = living.contacts(one.key, "mostrecent")
        assert set(newest) < set(recent) < set(active)
        assert max(row.added for row in active) <= NOON
    assert living.contacts("3z", "active") == ()


def test_members_of_segments_are_active_in_the_list(living: LivingAccount) -> None:
    for one in living.lists():
        active = set(living.contacts(one.key, "active"))
        for segment in living.segments(one.key):
            assert set(living.members(segment.cvid)) <= active


@pytest.mark.parametrize("action", EVENTS)
def test_every_row_has_events_and_nobody_else(
    living: LivingAccount, action: str
) -> None:
    numbers = set()
    for campaign in living.campaigns():
        for row in living.recipients(campaign.key, action):
            times = living.events(campaign.key, action, row.contact)
            numbers.add(len(times))
            assert row.sent < times[0] <= times[-1] <= NOON
            minutes = [f"{one:%Y%m%d%H%M}" for one in times]
            assert minutes == sorted(set(minutes))
        for row in living.recipients(campaign.key, "unopenedcontacts"):
            assert living.events(campaign.key, action, row.contact) == ()
    assert numbers > {1, 2, 3}
    assert living.events("3z", action, ODD) == ()


def test_clicks_come_after_opens(living: LivingAccount) -> None:
    for campaign in living.campaigns():
        for row in living.recipients(campaign.key, "clickedcontacts"):
            opened, clicked = (
                living.events(campaign.key, action, row.contact)[0]
                for action in ("openedcontacts", "clickedcontacts")
            )
            assert opened < clicked


def test_some_campaigns_go_to_segments_of_their_list_too(living: LivingAccount) -> None:
    targets = [one for one in living.campaigns() if one.cvids]
    assert 0 < len(targets) < len(living.campaigns())
    topics = living.topics()
    for campaign in living.campaigns():
        assert campaign.topic in topics
        for cvid in campaign.cvids:
            segment = living.segment(cvid)
            assert segment is not None
            assert segment.list_key == campaign.list_key


def test_the_office_has_a_bit_of_everything(living: LivingAccount) -> None:
    assert len(living.fields()) == 2
    assert len({one.tag_id for one in living.tags()}) == 4
    created = [one.created for one in living.tags()]
    assert created == sorted(created, reverse=True)
    assert len({one.topic_id for one in living.topics()}) == 3
    assert {len(one.primary_list) for one in living.topics()} == {19}
    assert len({one.product_id for one in living.products()}) == 2
    assert len({one.key for one in living.workflows()}) == 3
