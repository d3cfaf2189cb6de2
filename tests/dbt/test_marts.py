"""Figures of the marts are those of the account."""

from __future__ import annotations

import math
import typing as t
from collections import Counter
from datetime import timedelta

import pytest

from tap_zohocampaigns.sandbox.world.account import ACTIONS
from tests.dbt.conftest import DAYS
from tests.support.dbt import MARTS, as_texts, utc

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import LivingAccount
    from tap_zohocampaigns.sandbox.world.account import Campaign
    from tests.dbt.conftest import Built
    from tests.support.dbt import Rows

pytestmark = pytest.mark.slow

COUNTS = {
    "sent": "sentcontacts",
    "unique_opens": "openedcontacts",
    "unique_clicks": "clickedcontacts",
    "unsubscribes": "optoutcontacts",
    "complaints": "spamcontacts",
    "hard_bounces": "senthardbounce",
    "soft_bounces": "sentsoftbounce",
    "unsent": "unsentcontacts",
}
FLAGS = {
    "is_opened": "openedcontacts",
    "is_clicked": "clickedcontacts",
    "is_unopened": "unopenedcontacts",
    "is_unsubscribed": "optoutcontacts",
    "is_complaint": "spamcontacts",
    "is_hard_bounce": "senthardbounce",
    "is_soft_bounce": "sentsoftbounce",
    "is_unsent": "unsentcontacts",
}


@pytest.fixture
def marts(built: Built) -> dict[str, Rows]:
    built.world.now = DAYS[1]
    return built.duckdb


@pytest.fixture
def account(built: Built) -> LivingAccount:
    return built.world.account


def sent_campaigns(account: LivingAccount) -> list[Campaign]:
    return [campaign for campaign in account.campaigns() if campaign.sent]


def sends(account: LivingAccount) -> list[str]:
    """Return the keys of all sendings, those of test sends too."""
    campaigns = sent_campaigns(account)
    return [key for one in campaigns for key in (*one.children, one.key)]


def emails(account: LivingAccount, key: str, action: str) -> set[str]:
    return {row.contact.email.lower() for row in account.recipients(key, action)}


def on_both_days(
    built: Built, look: Callable[[], t.Any]
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return what a function sees on the first and on the second day."""
    built.world.now = DAYS[0]
    before = look()
    built.world.now = DAYS[1]
    return before, look()


def test_duckdb_and_postgres_have_equal_marts(built: Built) -> None:
    for name in MARTS:
        on_duckdb, on_postgres = (
            sorted(sorted(as_texts(row).items()) for row in tables[name])
            for tables in (built.duckdb, built.postgres)
        )
        assert on_duckdb, name
        assert on_duckdb == on_postgres, name


def test_campaigns(marts: dict[str, Rows], account: LivingAccount) -> None:
    rows = {row["campaign_key"]: row for row in marts["campaigns"]}
    assert {one.key for one in account.campaigns()} <= rows.keys()
    for campaign in sent_campaigns(account):
        row, keys = rows[campaign.key], (campaign.key, *campaign.children)
        truth = {
            name: len(set().union(*(emails(account, key, action) for key in keys)))
            for name, action in COUNTS.items()
        }
        assert truth == {name: row[name] for name in truth}
        bounces = truth["hard_bounces"] + truth["soft_bounces"]
        assert row["delivered"] == truth["sent"] - bounces
        rate = truth["unique_opens"] / row["delivered"]
        assert row["open_rate"] == pytest.approx(rate, abs=1e-6)
        assert row["ab_variants"] == len(campaign.children)
    drafts = [one.key for one in account.campaigns() if not one.sent]
    assert drafts
    assert all(rows[key]["sent"] is None for key in drafts)


def test_days_to_opens(marts: dict[str, Rows], account: LivingAccount) -> None:
    rows = {row["campaign_key"]: row for row in marts["campaigns"]}
    for campaign in sent_campaigns(account):
        keys = (campaign.key, *campaign.children)
        times = sorted(
            min(account.events(key, "openedcontacts", row.contact))
            for key in keys
            for row in account.recipients(key, "openedcontacts")
        )
        start = min(
            row.sent for key in keys for row in account.recipients(key, "sentcontacts")
        )
        for share, name in ((0.5, "50"), (0.9, "90")):
            opened = times[math.ceil(share * len(times)) - 1]
            days = (opened.replace(second=0) - start) / timedelta(days=1)
            value = rows[campaign.key][f"days_to_{name}_percent_opens"]
            assert value == pytest.approx(days, abs=0.006)


def test_recipients(marts: dict[str, Rows], account: LivingAccount) -> None:
    rows = [row for row in marts["recipients"] if row["campaign_key"] in sends(account)]
    for key in sends(account):
        of_send = [row for row in rows if row["campaign_key"] == key]
        for flag, action in FLAGS.items():
            found = {row["contact_email"] for row in of_send if row[flag]}
            assert found == emails(account, key, action), (key, flag)
        assert {row["contact_email"] for row in of_send if row["is_sent"]} == emails(
            account, key, "sentcontacts"
        )


def test_first_opens(marts: dict[str, Rows], account: LivingAccount) -> None:
    times = {
        (row["campaign_key"], row["contact_email"]): row["first_open_time"]
        for row in marts["recipients"]
    }
    for key in sends(account):
        for row in account.recipients(key, "openedcontacts"):
            first = min(account.events(key, "openedcontacts", row.contact))
            known = utc(times[key, row.contact.email.lower()])
            assert known == first.replace(second=0)


def test_non_openers(marts: dict[str, Rows], account: LivingAccount) -> None:
    for column in ("is_in_zoho_list", "is_sent_and_not_opened"):
        for key in sends(account):
            found = {
                row["contact_email"]
                for row in marts["non_openers"]
                if row["campaign_key"] == key and row[column]
            }
            assert found == emails(account, key, "unopenedcontacts")


def test_campaign_daily(built: Built, marts: dict[str, Rows]) -> None:
    account = built.world.account
    before, after = on_both_days(
        built, lambda: {key: account.report(key) for key in sends(account)}
    )
    rows = {
        (row["campaign_key"], row["reported_on"]): row
        for row in marts["campaign_daily"]
    }
    grown = 0
    for (key, day), row in rows.items():
        truth = before if day == str(DAYS[0].date()) else after
        if key in truth:
            assert row["open_count"] == truth[key]["opens_count"]
        if day == str(DAYS[1].date()) and (key, str(DAYS[0].date())) in rows:
            growth = after[key]["opens_count"] - before[key]["opens_count"]
            assert row["new_open_count"] == growth
            grown += growth
    assert grown > 0


def test_segments_and_their_history(built: Built, marts: dict[str, Rows]) -> None:
    account = built.world.account
    cvids = [s.cvid for one in account.lists() for s in account.segments(one.key)]
    before, after = on_both_days(
        built,
        lambda: {
            cvid: {one.contact.email.lower() for one in account.members(cvid)}
            for cvid in cvids
        },
    )
    for cvid in cvids:
        current = [row for row in marts["segment_membership"] if row["cvid"] == cvid]
        assert {row["contact_email"] for row in current} == after[cvid]
        stays = [r for r in marts["segment_membership_history"] if r["cvid"] == cvid]
        entered = {
            row["contact_email"]: utc(row["entered_time"])
            for row in stays
            if row["is_current"]
        }
        left = {
            row["contact_email"]: utc(row["left_time"])
            for row in stays
            if not row["is_current"]
        }
        assert entered == {
            email: DAYS[email not in before[cvid]] for email in after[cvid]
        }
        assert left == dict.fromkeys(before[cvid] - after[cvid], DAYS[1])
    assert any(before[cvid] - after[cvid] for cvid in cvids)


def test_list_growth(built: Built, marts: dict[str, Rows]) -> None:
    account = built.world.account
    lists = [one.key for one in account.lists()]
    names = {"active": "active", "unsubscribed": "unsub", "bounced": "bounce"}
    both = on_both_days(
        built,
        lambda: {
            key: {n: account.subscribers(key, status) for n, status in names.items()}
            for key in lists
        },
    )
    rows = {(row["list_key"], row["counted_on"]): row for row in marts["list_growth"]}
    for key in lists:
        for day, truth in zip(DAYS, both, strict=True):
            row = rows[key, str(day.date())]
            assert {name: row[name] for name in names} == truth[key]
        row = rows[key, str(DAYS[1].date())]
        assert row["net"] == both[1][key]["active"] - both[0][key]["active"]
        assert row["joined"] - row["left_list"] == row["net"]


def mails_of(built: Built, *actions: str) -> list[str]:
    """Return the address of each mail, also of campaigns that are listed no more."""
    account = built.world.account
    before, after = on_both_days(
        built,
        lambda: {
            (key, action): emails(account, key, action)
            for key in sends(account)
            for action in actions
        },
    )
    assert before.keys() - after.keys(), "no campaign is listed no more"
    return [email for found in (before | after).values() for email in found]


def test_contacts(built: Built, marts: dict[str, Rows]) -> None:
    rows = {row["contact_email"]: row for row in marts["contacts"]}
    sent = Counter(mails_of(built, "sentcontacts"))
    opened = Counter(mails_of(built, "openedcontacts"))
    lists = Counter(
        member.contact.email.lower()
        for one in built.world.account.lists()
        for member in built.world.account.contacts(one.key, "active")
    )
    assert {*lists, *sent} <= rows.keys()
    for email, row in rows.items():
        assert (row["active_lists"] or 0) == lists[email]
        assert row["sent"] == sent[email]
        assert row["opened"] == opened[email]


def test_deliverability(built: Built, marts: dict[str, Rows]) -> None:
    def by_domain(*actions: str) -> Counter[str]:
        return Counter(email.split("@")[1] for email in mails_of(built, *actions))

    rows = {row["email_domain"]: row for row in marts["deliverability"]}
    sent = by_domain("sentcontacts")
    bounced = by_domain("senthardbounce", "sentsoftbounce")
    assert {domain: row["sent"] for domain, row in rows.items()} == {**sent}
    assert all(row["bounces"] == bounced[domain] for domain, row in rows.items())
    assert bounced


def test_reconciliation(marts: dict[str, Rows], account: LivingAccount) -> None:
    rows = {row["snapshot_id"]: row for row in marts["reconciliation"]}
    for key in sends(account):
        for action in ACTIONS:
            row = rows[f"campaign_recipients/{key}/{action}"]
            assert row["rows_loaded"] == len(account.recipients(key, action))
    assert not any(row["missing_in_warehouse"] for row in rows.values())
    assert not any(row["missing_in_read"] for row in rows.values())
