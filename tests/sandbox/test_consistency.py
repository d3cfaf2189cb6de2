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
from tests.support.fixed_account import (
    MAILING_LIST,
    ODD_CONTACT,
    FixedAccount,
)
from tests.support.sandbox_client import Client
from tests.support.service import code

if t.TYPE_CHECKING:
    from collections.abc import Callable

# Endpoint -> its code for no rows.
NO_ROWS = {
    "getlistsubscribers": {"2501"},
    "tag/getalltags": {"992"},
    "topics": {"4016"},
    "workflow": {"9001"},
}


def empty_account() -> Account:
    return LivingAccount(lists=0, segments=0, campaigns=0, contacts=0)


class MinimalAccount:
    """An `Account` with lists, segments and campaigns, but no reference data."""

    def __init__(self) -> None:
        fixed = FixedAccount()
        self.zone = fixed.zone
        self.lists = fixed.lists
        self.segments = fixed.segments
        self.segment = fixed.segment
        self.members = fixed.members
        self.subscribers = fixed.subscribers
        self.campaigns = fixed.campaigns
        self.campaign = fixed.campaign
        self.recipients = fixed.recipients
        self.report = fixed.report


@pytest.mark.parametrize("account", [empty_account, MinimalAccount])
def test_an_account_without_reference_data_is_served(
    account: Callable[[], Account],
) -> None:
    with Service(account()) as service, Client(service) as client:
        client.sign()
        for endpoint, codes in NO_ROWS.items():
            body = client.json(endpoint, listkey=MAILING_LIST.key)
            assert {code(body)} <= codes | {"2502"}
        assert client.json("tag/getalltags")["message"] == "No tags found to display"
        assert client.json("topics/products")["products"] == []
        body = client.get("contact/allfields", type="json").json["response"]
        assert body["fieldnames"]["fieldname"]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_contain_every_contact_once(
    living_account: LivingAccount, size: int, sort: str
) -> None:
    mailing_list = living_account.lists()[-1]
    expected = [
        member.contact.email
        for member in living_account.contacts(mailing_list.key, "unsub")
    ]
    emails: list[str] = []
    params = {"listkey": mailing_list.key, "status": "unsub", "sort": sort}
    with Service(living_account) as service, Client(service) as client:
        client.sign()
        while True:
            page = client.json(
                "getlistsubscribers", fromindex=len(emails) + 1, range=size, **params
            )
            if page["status"] == "error":
                assert page["code"] == "2502"
                break
            emails += [row["contact_email"] for row in page["list_of_details"]]
    assert len(emails) > 7
    assert emails == (expected if sort == "asc" else expected[::-1])


def test_lists_have_as_many_contacts_as_their_counts(
    living_account: LivingAccount,
) -> None:
    for mailing_list in living_account.lists():
        for status in set(STATUSES) & set(FEED_STATUSES):
            rows = living_account.contacts(mailing_list.key, status)
            assert len(rows) == living_account.subscribers(mailing_list.key, status)
            assert len({row.contact.email for row in rows}) == len(rows)
        active = living_account.contacts(mailing_list.key, "active")
        recent = living_account.contacts(mailing_list.key, "recent")
        newest = living_account.contacts(mailing_list.key, "mostrecent")
        assert set(newest) < set(recent) < set(active)
        assert max(row.added for row in active) <= NOON
    assert living_account.contacts("3z", "active") == ()


def test_members_of_a_segment_are_active_in_its_list(
    living_account: LivingAccount,
) -> None:
    for mailing_list in living_account.lists():
        active = set(living_account.contacts(mailing_list.key, "active"))
        for segment in living_account.segments(mailing_list.key):
            assert set(living_account.members(segment.cvid)) <= active


@pytest.mark.parametrize("action", EVENTS)
def test_only_recipients_of_an_action_have_its_events(
    living_account: LivingAccount, action: str
) -> None:
    event_counts = set()
    for campaign in living_account.campaigns():
        for row in living_account.recipients(campaign.key, action):
            times = living_account.events(campaign.key, action, row.contact)
            event_counts.add(len(times))
            assert row.sent < times[0] <= times[-1] <= NOON
            minutes = [f"{time:%Y%m%d%H%M}" for time in times]
            assert minutes == sorted(set(minutes))
        for row in living_account.recipients(campaign.key, "unopenedcontacts"):
            assert living_account.events(campaign.key, action, row.contact) == ()
    assert event_counts > {1, 2, 3}
    assert living_account.events("3z", action, ODD_CONTACT) == ()


def test_the_first_click_is_after_the_first_open(living_account: LivingAccount) -> None:
    for campaign in living_account.campaigns():
        for row in living_account.recipients(campaign.key, "clickedcontacts"):
            opened, clicked = (
                living_account.events(campaign.key, action, row.contact)[0]
                for action in ("openedcontacts", "clickedcontacts")
            )
            assert opened < clicked


def test_some_campaigns_are_sent_to_segments_of_their_list(
    living_account: LivingAccount,
) -> None:
    segmented = [campaign for campaign in living_account.campaigns() if campaign.cvids]
    assert 0 < len(segmented) < len(living_account.campaigns())
    topics = living_account.topics()
    for campaign in living_account.campaigns():
        assert campaign.topic in topics
        for cvid in campaign.cvids:
            segment = living_account.segment(cvid)
            assert segment is not None
            assert segment.list_key == campaign.list_key


def test_the_account_has_reference_data_of_each_kind(
    living_account: LivingAccount,
) -> None:
    assert len(living_account.fields()) == 2
    assert len({tag.tag_id for tag in living_account.tags()}) == 4
    created = [tag.created for tag in living_account.tags()]
    assert created == sorted(created, reverse=True)
    assert len({topic.topic_id for topic in living_account.topics()}) == 3
    assert {len(topic.primary_list) for topic in living_account.topics()} == {19}
    assert len({product.product_id for product in living_account.products()}) == 2
    assert len({workflow.key for workflow in living_account.workflows()}) == 3
