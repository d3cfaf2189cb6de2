"""The living account: sizes, changes over time, and equal accounts for equal seeds."""

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

# A campaign that is older gets no more opens or clicks.
CLOSED = timedelta(days=41)


class Clock:
    """A clock that only a test moves."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def members(account: LivingAccount) -> dict[str, dict[str, datetime]]:
    """Return the members of each segment, and when they were added."""
    return {
        segment.cvid: {
            member.contact.email: member.added
            for member in account.members(segment.cvid)
        }
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
    }


def events(
    account: LivingAccount, key: str
) -> dict[tuple[str, str], Sequence[datetime]]:
    """Return the times at which each recipient of a campaign opened and clicked."""
    return {
        (action, row.contact.email): account.events(key, action, row.contact)
        for action in EVENTS
        for row in account.recipients(key, action)
    }


def everything(account: LivingAccount) -> object:
    """Return all rows of an account."""
    lists = account.lists()
    keys = [
        key
        for campaign in account.campaigns()
        for key in (campaign.key, *campaign.children)
    ]
    return (
        lists,
        [account.segments(mailing_list.key) for mailing_list in lists],
        members(account),
        [
            [account.subscribers(mailing_list.key, status) for status in STATUSES]
            for mailing_list in lists
        ],
        [
            account.contacts(mailing_list.key, status)
            for mailing_list in lists
            for status in FEED_STATUSES
        ],
        [account.fields(), account.tags(), account.topics()],
        [account.products(), account.workflows()],
        [events(account, key) for key in keys],
        [account.campaign(key) for key in keys],
        [account.report(key) for key in keys],
        [[account.recipients(key, action) for action in ACTIONS] for key in keys],
    )


def sent_campaigns(account: LivingAccount) -> list[Campaign]:
    return [campaign for campaign in account.campaigns() if campaign.sent is not None]


def openers(account: LivingAccount, key: str) -> set[str]:
    return {row.contact.email for row in account.recipients(key, "openedcontacts")}


def test_equal_seeds_give_equal_accounts(living_account: LivingAccount) -> None:
    assert everything(LivingAccount(clock=lambda: NOON)) == everything(living_account)


def test_another_seed_gives_another_account(living_account: LivingAccount) -> None:
    other = LivingAccount(seed=1, clock=lambda: NOON)
    for rows, other_rows in (
        (living_account.lists(), other.lists()),
        (living_account.campaigns(), other.campaigns()),
    ):
        assert not {row.key for row in rows} & {row.key for row in other_rows}
    assert members(other) != members(living_account)


def test_earlier_reads_do_not_change_the_account(living_account: LivingAccount) -> None:
    clock = Clock(NOON - timedelta(days=100))
    account = LivingAccount(clock=clock)
    everything(account)
    clock.now = NOON
    assert everything(account) == everything(living_account)


def test_reads_at_the_same_time_return_the_same_rows(
    living_account: LivingAccount,
) -> None:
    key = sent_campaigns(living_account)[0].key
    for action in ACTIONS:
        assert living_account.recipients(key, action) is living_account.recipients(
            key, action
        )
    for cvid in members(living_account):
        assert living_account.members(cvid) is living_account.members(cvid)


@pytest.mark.parametrize("days", range(0, 60, 7))
def test_the_default_sizes_are_the_same_at_any_time(days: int) -> None:
    now = NOON + timedelta(days=days, hours=days)
    account = LivingAccount(clock=lambda: now)
    lists, campaigns = account.lists(), account.campaigns()
    segments = [len(account.segments(mailing_list.key)) for mailing_list in lists]
    assert len(lists) == 5
    assert sum(segments) == 4
    assert max(segments) == 2
    assert min(segments) == 0
    assert len(campaigns) == 30
    assert sum(campaign.sent is None for campaign in campaigns) == 2
    assert [campaign.kind for campaign in sent_campaigns(account)].count(
        "abtesting"
    ) == 2
    assert max(map(len, members(account).values())) > 200
    contacts = sum(
        account.subscribers(mailing_list.key, status)
        for mailing_list in lists
        for status in STATUSES
    )
    assert 2300 < contacts < 2900


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 17, 30, 61])
def test_other_sizes_are_kept_over_time(count: int) -> None:
    for days in range(0, 90, 10):
        now = NOON + timedelta(days=days)
        account = LivingAccount(clock=Clock(now), campaigns=count, contacts=40, lists=2)
        campaigns = account.campaigns()
        assert len(campaigns) == count
        assert sum(campaign.sent is None for campaign in campaigns) == min(count, 2)
        if count >= 10:
            assert "abtesting" in {campaign.kind for campaign in campaigns}
        assert len(account.lists()) == 2


def test_an_account_can_be_empty() -> None:
    account = LivingAccount(
        clock=lambda: NOON, lists=0, segments=0, campaigns=0, contacts=0
    )
    assert account.lists() == ()
    assert account.campaigns() == ()


def test_unknown_keys_and_drafts_have_no_rows(living_account: LivingAccount) -> None:
    assert living_account.campaign("3z") is None
    assert living_account.segment("1") is None
    assert living_account.members("1") == ()
    assert living_account.recipients("3z", "sentcontacts") == ()
    assert living_account.subscribers("3z", "active") == 0
    draft = living_account.campaigns()[0]
    assert living_account.recipients(draft.key, "sentcontacts") == ()
    assert set(living_account.report(draft.key).values()) == {0}


def test_lists_and_campaigns_are_newest_first(living_account: LivingAccount) -> None:
    for rows in (living_account.lists(), living_account.campaigns()):
        created = [row.created for row in rows]
        assert created == sorted(created, reverse=True)


def test_keys_have_the_form_of_zohos_keys(living_account: LivingAccount) -> None:
    keys = [mailing_list.key for mailing_list in living_account.lists()]
    keys += [campaign.key for campaign in living_account.campaigns()]
    assert all(re.fullmatch("3z[0-9a-f]{64}", key) for key in keys)
    assert {len(campaign.campaign_id) for campaign in living_account.campaigns()} == {
        19
    }
    assert {len(mailing_list.number) for mailing_list in living_account.lists()} == {16}
    assert {len(cvid) for cvid in members(living_account)} == {18}


def test_nothing_is_in_the_future(living_account: LivingAccount) -> None:
    for campaign in living_account.campaigns():
        assert campaign.created <= campaign.updated <= NOON
        for action in ACTIONS:
            for row in living_account.recipients(campaign.key, action):
                times = (row.sent, row.bounced or row.sent, row.opted_out or row.sent)
                assert max(times) <= NOON
                assert min(times) == row.sent


def all_recipients(account: LivingAccount) -> dict[str, Contact]:
    return {
        row.contact.contact_id: row.contact
        for campaign in account.campaigns()
        for row in account.recipients(campaign.key, "sentcontacts")
    }


def test_contacts_are_varied(living_account: LivingAccount) -> None:
    contacts = all_recipients(living_account).values()
    addresses = {contact.email.lower() for contact in contacts}
    assert len(addresses) == len(contacts) > 1000
    hosts = {address.partition("@")[2] for address in addresses}
    assert hosts == {"example.com", "example.org", "example.net"}
    assert any("+" in contact.email for contact in contacts)
    assert any(contact.email != contact.email.lower() for contact in contacts)
    texts = "".join(
        contact.first_name + contact.last_name + contact.company for contact in contacts
    )
    assert set("&<\"',明") <= set(texts)
    for name in ("first_name", "last_name", "company", "phone"):
        assert {bool(getattr(contact, name)) for contact in contacts} == {True, False}
    assert {len(contact.custom) for contact in contacts} == {0, 1, 2}


def test_an_ab_campaign_sends_to_three_separate_groups(
    living_account: LivingAccount,
) -> None:
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
        all_emails = set.union(*groups)
        assert sum(map(len, groups)) == len(all_emails)
        assert len(groups[1]) == len(groups[2]) == len(all_emails) // 10


def test_reports_count_the_recipients_of_each_action(
    living_account: LivingAccount,
) -> None:
    for campaign in living_account.campaigns():
        numbers = {
            action: len(living_account.recipients(campaign.key, action))
            for action in ACTIONS
        }
        assert living_account.report(campaign.key) == tally(numbers)


def test_the_recipients_of_the_actions_are_consistent(
    living_account: LivingAccount,
) -> None:
    for campaign in sent_campaigns(living_account):
        rows = {
            action: [
                row.contact.email
                for row in living_account.recipients(campaign.key, action)
            ]
            for action in ACTIONS
        }
        emails_of = {action: set(emails) for action, emails in rows.items()}
        assert all(len(emails_of[action]) == len(rows[action]) for action in ACTIONS)
        bounced = emails_of["senthardbounce"] | emails_of["sentsoftbounce"]
        assert bounced <= emails_of["sentcontacts"]
        reached = emails_of["sentcontacts"] - bounced
        assert emails_of["openedcontacts"] | emails_of["unopenedcontacts"] == reached
        assert not emails_of["openedcontacts"] & emails_of["unopenedcontacts"]
        for action in ("clickedcontacts", "optoutcontacts", "spamcontacts"):
            assert emails_of[action] <= emails_of["openedcontacts"]
        assert not emails_of["senthardbounce"] & emails_of["sentsoftbounce"]
        assert not emails_of["unsentcontacts"] & emails_of["sentcontacts"]


def test_an_old_campaign_has_recipients_of_each_action(
    living_account: LivingAccount,
) -> None:
    for campaign in sent_campaigns(living_account):
        if campaign.sent and campaign.sent < NOON - CLOSED:
            assert all(
                living_account.recipients(campaign.key, action) for action in ACTIONS
            )


def test_recipients_are_sorted_by_time_and_address(
    living_account: LivingAccount,
) -> None:
    for campaign in sent_campaigns(living_account):
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


def test_contacts_join_and_leave_while_the_total_stays() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock, lists=1)
    counts = [
        account.subscribers(account.lists()[0].key, status) for status in STATUSES
    ]
    assert sum(counts) == 2000
    before = members(account)
    newest = max(added for emails in before.values() for added in emails.values())
    assert newest > NOON - timedelta(minutes=15)
    clock.now += timedelta(minutes=30)
    for cvid, after in members(account).items():
        joined = after.keys() - before[cvid].keys()
        if cvid == min(before):
            assert any(after[email] > NOON for email in joined)
    counts = [
        account.subscribers(account.lists()[0].key, status) for status in STATUSES
    ]
    assert sum(counts) == 2000


def test_old_contacts_enter_segments_and_leave_them() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    before = members(account)
    clock.now += timedelta(hours=12)
    after = members(account)
    biggest = max(before, key=lambda cvid: len(before[cvid]))
    long_ago = NOON - timedelta(days=30)
    entered = after[biggest].keys() - before[biggest].keys()
    departed = before[biggest].keys() - after[biggest].keys()
    assert any(after[biggest][email] < long_ago for email in entered)
    assert any(before[biggest][email] < long_ago for email in departed)


def test_one_segment_is_sometimes_empty() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    empty: dict[str, set[bool]] = {}
    for _ in range(12):
        clock.now += timedelta(hours=3)
        for cvid, emails in members(account).items():
            empty.setdefault(cvid, set()).add(not emails)
    assert sorted(map(len, empty.values())) == [1, 1, 1, 2]


def test_old_campaigns_get_late_opens() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    old = [
        campaign.key
        for campaign in sent_campaigns(account)
        if campaign.sent and campaign.sent < NOON - CLOSED / 2
    ]
    before = {key: openers(account, key) for key in old}
    clock.now += timedelta(days=7)
    after = {key: openers(account, key) for key in old if account.campaign(key)}
    assert all(before[key] <= emails for key, emails in after.items())
    assert any(before[key] < emails for key, emails in after.items())


def test_a_campaign_gets_no_opens_after_forty_days() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    old = [
        campaign.key
        for campaign in sent_campaigns(account)
        if campaign.sent and campaign.sent < NOON - CLOSED
    ]
    before = {key: openers(account, key) for key in old}
    clock.now += timedelta(days=6)
    after = {key: openers(account, key) for key in old if account.campaign(key)}
    assert after.items() <= before.items()


def test_a_new_campaign_gets_opens_every_day() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    newest = sent_campaigns(account)[0].key
    opened, unopened = [], []
    recipients = account.recipients(newest, "sentcontacts")
    for _ in range(4):
        clock.now += timedelta(days=1)
        opened.append(len(account.recipients(newest, "openedcontacts")))
        unopened.append(len(account.recipients(newest, "unopenedcontacts")))
        assert account.recipients(newest, "sentcontacts") == recipients
    assert opened == sorted(set(opened))
    assert unopened == sorted(set(unopened), reverse=True)


def test_events_are_added_and_never_change() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    newest = sent_campaigns(account)[0].key
    before = events(account, newest)
    clock.now += timedelta(days=2)
    after = events(account, newest)
    assert before.keys() < after.keys()
    assert all(after[key][: len(times)] == times for key, times in before.items())
    assert any(len(after[key]) > len(times) for key, times in before.items())


def test_counts_of_places_only_grow() -> None:
    for count_places in (places.countries, places.local):
        before: dict[str, int] = {}
        for total in range(200):
            after = count_places(total)
            assert sum(after.values()) == total
            assert all(after[place] >= count for place, count in before.items())
            before = after


def test_drafts_are_sent_later() -> None:
    clock = Clock()
    account = LivingAccount(clock=clock)
    draft = account.campaigns()[1]
    assert draft.status == "Draft"
    oldest = account.campaigns()[-1].key
    clock.now += timedelta(days=6.5)
    campaign = account.campaign(draft.key)
    assert campaign is not None
    assert campaign.sent is not None
    assert NOON < campaign.sent < clock.now
    assert account.campaign(oldest) is None
    assert account.recipients(draft.key, "sentcontacts")


def test_the_service_serves_the_rows_of_the_account(
    living_client: Client, living_account: LivingAccount
) -> None:
    campaign = sent_campaigns(living_account)[3]
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
    emails = [row.contact.email for row in expected]
    assert [row["contactemailaddress"] for row in rows] == emails
    assert [
        contact.findtext("fl[@val='contact_email']") for contact in contacts
    ] == emails


def test_the_default_clock_is_the_current_time() -> None:
    newest = sent_campaigns(LivingAccount(contacts=50))[0].sent
    assert newest is not None
    assert timedelta(0) < datetime.now(UTC) - newest < timedelta(days=7)
