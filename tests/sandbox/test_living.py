"""The living account: its sizes, its life, and that nothing of it is left to luck."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta

import pytest

from tap_zohocampaigns.sandbox import LivingAccount
from tap_zohocampaigns.sandbox.bodies import places
from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    EVENTS,
    FEED_STATUSES,
    STATUSES,
    tally,
)
from tests.sandbox.conftest import NOON

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_zohocampaigns.sandbox.world.account import Campaign, Contact
    from tests.support.sandbox_client import Client

CLOSED = timedelta(days=41)


class Calendar:
    """A clock that stands at a time."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def members(account: LivingAccount) -> dict[str, dict[str, datetime]]:
    """Return who is in each segment, and since when in the account."""
    return {
        segment.cvid: {
            one.contact.email: one.added for one in account.members(segment.cvid)
        }
        for one_list in account.lists()
        for segment in account.segments(one_list.key)
    }


def events(
    account: LivingAccount, key: str
) -> dict[tuple[str, str], Sequence[datetime]]:
    """Return when the recipients of a campaign opened and clicked."""
    return {
        (action, row.contact.email): account.events(key, action, row.contact)
        for action in EVENTS
        for row in account.recipients(key, action)
    }


def everything(account: LivingAccount) -> object:
    """Return all that an account has."""
    lists = account.lists()
    keys = [
        key
        for campaign in account.campaigns()
        for key in (campaign.key, *campaign.children)
    ]
    return (
        lists,
        [account.segments(one.key) for one in lists],
        members(account),
        [
            [account.subscribers(one.key, status) for status in STATUSES]
            for one in lists
        ],
        [account.contacts(one.key, word) for one in lists for word in FEED_STATUSES],
        [account.fields(), account.tags(), account.topics()],
        [account.products(), account.workflows()],
        [events(account, key) for key in keys],
        [account.campaign(key) for key in keys],
        [account.report(key) for key in keys],
        [[account.recipients(key, action) for action in ACTIONS] for key in keys],
    )


def sent(account: LivingAccount) -> list[Campaign]:
    return [one for one in account.campaigns() if one.sent is not None]


def openers(account: LivingAccount, key: str) -> set[str]:
    return {one.contact.email for one in account.recipients(key, "openedcontacts")}


def test_equal_seeds_are_equal_accounts(living_account: LivingAccount) -> None:
    assert everything(LivingAccount(clock=lambda: NOON)) == everything(living_account)


def test_another_seed_is_another_account(living_account: LivingAccount) -> None:
    other = LivingAccount(seed=1, clock=lambda: NOON)
    assert not {one.key for one in other.lists()} & {
        one.key for one in living_account.lists()
    }
    assert not {one.key for one in other.campaigns()} & {
        one.key for one in living_account.campaigns()
    }
    assert members(other) != members(living_account)


def test_what_was_seen_before_does_not_matter(living_account: LivingAccount) -> None:
    calendar = Calendar(NOON - timedelta(days=100))
    account = LivingAccount(clock=calendar)
    everything(account)
    calendar.now = NOON
    assert everything(account) == everything(living_account)


def test_pages_of_the_same_second_are_the_same_rows(
    living_account: LivingAccount,
) -> None:
    key = sent(living_account)[0].key
    for action in ACTIONS:
        assert living_account.recipients(key, action) is living_account.recipients(
            key, action
        )
    for cvid in members(living_account):
        assert living_account.members(cvid) is living_account.members(cvid)


@pytest.mark.parametrize("days", range(0, 60, 7))
def test_default_sizes(days: int) -> None:
    now = NOON + timedelta(days=days, hours=days)
    account = LivingAccount(clock=lambda: now)
    lists, campaigns = account.lists(), account.campaigns()
    segments = [len(account.segments(one.key)) for one in lists]
    assert len(lists) == 5
    assert sum(segments) == 4
    assert max(segments) == 2
    assert min(segments) == 0
    assert len(campaigns) == 30
    assert sum(one.sent is None for one in campaigns) == 2
    assert [one.kind for one in sent(account)].count("abtesting") == 2
    assert max(map(len, members(account).values())) > 200
    contacts = sum(
        account.subscribers(one.key, status) for one in lists for status in STATUSES
    )
    assert 2300 < contacts < 2900


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 17, 30, 61])
def test_other_sizes(count: int) -> None:
    for days in range(0, 90, 10):
        now = NOON + timedelta(days=days)
        account = LivingAccount(
            clock=Calendar(now), campaigns=count, contacts=40, lists=2
        )
        campaigns = account.campaigns()
        assert len(campaigns) == count
        assert sum(one.sent is None for one in campaigns) == min(count, 2)
        if count >= 10:
            assert "abtesting" in {one.kind for one in campaigns}
        assert len(account.lists()) == 2


def test_an_empty_account() -> None:
    account = LivingAccount(
        clock=lambda: NOON, lists=0, segments=0, campaigns=0, contacts=0
    )
    assert account.lists() == ()
    assert account.campaigns() == ()


def test_unknown_keys(living_account: LivingAccount) -> None:
    assert living_account.campaign("3z") is None
    assert living_account.segment("1") is None
    assert living_account.members("1") == ()
    assert living_account.recipients("3z", "sentcontacts") == ()
    assert living_account.subscribers("3z", "active") == 0
    draft = living_account.campaigns()[0]
    assert living_account.recipients(draft.key, "sentcontacts") == ()
    assert set(living_account.report(draft.key).values()) == {0}


def test_newest_first(living_account: LivingAccount) -> None:
    for rows in (living_account.lists(), living_account.campaigns()):
        created = [row.created for row in rows]
        assert created == sorted(created, reverse=True)


def test_forms_of_keys(living_account: LivingAccount) -> None:
    keys = [one.key for one in living_account.lists()]
    keys += [one.key for one in living_account.campaigns()]
    assert all(re.fullmatch("3z[0-9a-f]{64}", key) for key in keys)
    assert {len(one.campaign_id) for one in living_account.campaigns()} == {19}
    assert {len(one.number) for one in living_account.lists()} == {16}
    assert {len(cvid) for cvid in members(living_account)} == {18}


def test_nothing_is_in_the_future(living_account: LivingAccount) -> None:
    for campaign in living_account.campaigns():
        assert campaign.created <= campaign.updated <= NOON
        for action in ACTIONS:
            for row in living_account.recipients(campaign.key, action):
                times = (row.sent, row.bounced or row.sent, row.opted_out or row.sent)
                assert max(times) <= NOON
                assert min(times) == row.sent


def everybody(account: LivingAccount) -> dict[str, Contact]:
    return {
        row.contact.contact_id: row.contact
        for campaign in account.campaigns()
        for row in account.recipients(campaign.key, "sentcontacts")
    }


def test_people_are_varied(living_account: LivingAccount) -> None:
    people = everybody(living_account).values()
    addresses = {one.email.lower() for one in people}
    assert len(addresses) == len(people) > 1000
    hosts = {address.partition("@")[2] for address in addresses}
    assert hosts == {"example.com", "example.org", "example.net"}
    assert any("+" in one.email for one in people)
    assert any(one.email != one.email.lower() for one in people)
    texts = "".join(one.first_name + one.last_name + one.company for one in people)
    assert set("&<\"',明") <= set(texts)
    for name in ("first_name", "last_name", "company", "phone"):
        assert {bool(getattr(one, name)) for one in people} == {True, False}
    assert {len(one.custom) for one in people} == {0, 1, 2}


def test_an_ab_campaign(living_account: LivingAccount) -> None:
    for parent in living_account.campaigns():
        if parent.kind != "abtesting":
            assert parent.children == ()
            continue
        parts = [parent, *filter(None, map(living_account.campaign, parent.children))]
        assert len(parts) == 3
        assert all(part.parent_key == parent.key for part in parts[1:])
        assert parent.sent is not None
        assert {part.sent for part in parts[1:]} == {parent.sent - timedelta(hours=4)}
        groups = [
            {
                row.contact.email
                for action in ("sentcontacts", *ACTIONS[-3:])
                for row in living_account.recipients(part.key, action)
            }
            for part in parts
        ]
        whole = set.union(*groups)
        assert sum(map(len, groups)) == len(whole)
        assert len(groups[1]) == len(groups[2]) == len(whole) // 10


def test_reports_count_the_recipients(living_account: LivingAccount) -> None:
    for campaign in living_account.campaigns():
        numbers = {
            action: len(living_account.recipients(campaign.key, action))
            for action in ACTIONS
        }
        assert living_account.report(campaign.key) == tally(numbers)


def test_actions_fit_together(living_account: LivingAccount) -> None:
    for campaign in sent(living_account):
        rows = {
            action: [
                row.contact.email
                for row in living_account.recipients(campaign.key, action)
            ]
            for action in ACTIONS
        }
        one = {action: set(emails) for action, emails in rows.items()}
        assert all(len(one[action]) == len(rows[action]) for action in ACTIONS)
        bounced = one["senthardbounce"] | one["sentsoftbounce"]
        assert bounced <= one["sentcontacts"]
        reached = one["sentcontacts"] - bounced
        assert one["openedcontacts"] | one["unopenedcontacts"] == reached
        assert not one["openedcontacts"] & one["unopenedcontacts"]
        for action in ("clickedcontacts", "optoutcontacts", "spamcontacts"):
            assert one[action] <= one["openedcontacts"]
        assert not one["senthardbounce"] & one["sentsoftbounce"]
        assert not one["unsentcontacts"] & one["sentcontacts"]


def test_an_old_campaign_has_somebody_everywhere(living_account: LivingAccount) -> None:
    for campaign in sent(living_account):
        if campaign.sent and campaign.sent < NOON - CLOSED:
            assert all(
                living_account.recipients(campaign.key, action) for action in ACTIONS
            )


def test_rows_are_in_a_stable_order(living_account: LivingAccount) -> None:
    for campaign in sent(living_account):
        for action in ACTIONS:
            order = [
                (row.sent, row.contact.email)
                for row in living_account.recipients(campaign.key, action)
            ]
            assert order == sorted(order)
        seconds = {
            row.sent.second
            for row in living_account.recipients(campaign.key, "sentcontacts")
        }
        assert len(seconds) > 30


def test_every_minute_one_comes_and_one_goes() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar, lists=1)
    seen = [account.subscribers(account.lists()[0].key, status) for status in STATUSES]
    assert sum(seen) == 2000
    inside = members(account)
    newest = max(added for one in inside.values() for added in one.values())
    assert newest > NOON - timedelta(minutes=15)
    calendar.now += timedelta(minutes=30)
    for cvid, later in members(account).items():
        came = later.keys() - inside[cvid].keys()
        if cvid == min(inside):
            assert any(later[email] > NOON for email in came)
    again = [account.subscribers(account.lists()[0].key, status) for status in STATUSES]
    assert sum(again) == 2000


def test_old_contacts_enter_segments_and_leave_them() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    before = members(account)
    calendar.now += timedelta(hours=12)
    after = members(account)
    biggest = max(before, key=lambda cvid: len(before[cvid]))
    long_ago = NOON - timedelta(days=30)
    entered = after[biggest].keys() - before[biggest].keys()
    left = before[biggest].keys() - after[biggest].keys()
    assert any(after[biggest][email] < long_ago for email in entered)
    assert any(before[biggest][email] < long_ago for email in left)


def test_one_segment_is_empty_at_times() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    empty: dict[str, set[bool]] = {}
    for _ in range(12):
        calendar.now += timedelta(hours=3)
        for cvid, inside in members(account).items():
            empty.setdefault(cvid, set()).add(not inside)
    assert sorted(map(len, empty.values())) == [1, 1, 1, 2]


def test_opens_come_late() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    old = [
        one.key for one in sent(account) if one.sent and one.sent < NOON - CLOSED / 2
    ]
    before = {key: openers(account, key) for key in old}
    calendar.now += timedelta(days=7)
    late = {key: openers(account, key) for key in old if account.campaign(key)}
    assert all(before[key] <= now for key, now in late.items())
    assert any(before[key] < now for key, now in late.items())


def test_a_campaign_closes_after_forty_days() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    old = [one.key for one in sent(account) if one.sent and one.sent < NOON - CLOSED]
    before = {key: openers(account, key) for key in old}
    calendar.now += timedelta(days=6)
    assert {
        key: openers(account, key) for key in old if account.campaign(key)
    }.items() <= (before.items())


def test_opens_of_a_new_campaign() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    newest = sent(account)[0].key
    opened, closed = [], []
    everyone = account.recipients(newest, "sentcontacts")
    for _ in range(4):
        calendar.now += timedelta(days=1)
        opened.append(len(account.recipients(newest, "openedcontacts")))
        closed.append(len(account.recipients(newest, "unopenedcontacts")))
        assert account.recipients(newest, "sentcontacts") == everyone
    assert opened == sorted(set(opened))
    assert closed == sorted(set(closed), reverse=True)


def test_events_come_and_stay() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    newest = sent(account)[0].key
    before = events(account, newest)
    calendar.now += timedelta(days=2)
    after = events(account, newest)
    assert before.keys() < after.keys()
    again = [after[one][: len(times)] == times for one, times in before.items()]
    assert all(again)
    assert any(len(after[one]) > len(times) for one, times in before.items())


def test_no_place_gets_less() -> None:
    for known in (places.countries, places.local):
        before: dict[str, int] = {}
        for people in range(200):
            now = known(people)
            assert sum(now.values()) == people
            assert all(now[place] >= number for place, number in before.items())
            before = now


def test_drafts_get_sent() -> None:
    calendar = Calendar()
    account = LivingAccount(clock=calendar)
    coming = account.campaigns()[1]
    assert coming.status == "Draft"
    oldest = account.campaigns()[-1].key
    calendar.now += timedelta(days=6.5)
    campaign = account.campaign(coming.key)
    assert campaign is not None
    assert campaign.sent is not None
    assert NOON < campaign.sent < calendar.now
    assert account.campaign(oldest) is None
    assert account.recipients(coming.key, "sentcontacts")


def test_the_account_is_served(
    living_client: Client, living_account: LivingAccount
) -> None:
    campaign = sent(living_account)[3]
    rows = living_client.json(
        "getcampaignrecipientsdata",
        campaignkey=campaign.key,
        action="sentcontacts",
        range=1000,
    )["list_of_details"]
    contacts = living_client.xml(
        "getcampaignrecipientsdata",
        campaignkey=campaign.key,
        action="sentcontacts",
        range=1000,
    ).findall("contacts/contact")
    expected = living_account.recipients(campaign.key, "sentcontacts")[:500]
    emails = [one.contact.email for one in expected]
    assert [row["contactemailaddress"] for row in rows] == emails
    assert [one.findtext("fl[@val='contact_email']") for one in contacts] == emails


def test_the_default_clock_is_now() -> None:
    newest = sent(LivingAccount(contacts=50))[0].sent
    assert newest is not None
    assert timedelta(0) < datetime.now(UTC) - newest < timedelta(days=7)
