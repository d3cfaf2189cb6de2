"""Counters that lag, lead, do not move or stay 0 hide no recipient."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest

from tap_zohocampaigns.sandbox import Reply
from tests.support.scenarios import (
    DAY,
    HOUR,
    RECIPIENTS,
    Scenario,
)
from tests.support.scripted_account import ACTIONS_READ, Feed

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
NO_CONTACTS = Reply(200, b'{"status":"error","code":"6303","message":"No contacts."}')


def test_recipients_are_read_although_a_counter_does_not_move(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(10), status="In Progress")
    account.open(key, 0)
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)
    account.open(key, 1)
    account.deliver(key, [10])
    assert len(account.recipients(key, "unopenedcontacts")) == 9
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


@pytest.mark.parametrize("lookback_days", [30, 1])
def test_rows_that_appear_after_their_counter_are_read(
    scenario: Scenario, lookback_days: int
) -> None:
    account = scenario.account
    key = account.send(range(12))
    for number in range(6):
        account.open(key, number)
    # With one day, the window ends between the first run and the second.
    for _ in range(3):
        account.feed = Feed(hidden=2)
        scenario.run(*RECIPIENTS, lookback_days=lookback_days)
        account.now += DAY
    account.feed = Feed()
    scenario.run(*RECIPIENTS, lookback_days=lookback_days)
    if lookback_days > 1:
        assert not scenario.errors(key)
    account.now += 40 * DAY
    scenario.run(*RECIPIENTS, lookback_days=lookback_days)
    if lookback_days > 1:
        assert not scenario.errors(key)


def test_rows_that_appear_two_runs_later_are_read_after_the_window(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(12))
    scenario.run(*RECIPIENTS)
    for number in range(6):
        account.open(key, number)
    account.now += 40 * DAY
    account.feed = Feed(hidden=2)
    scenario.run(*RECIPIENTS)
    scenario.run(*RECIPIENTS)
    account.feed = Feed()
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)
    assert not scenario.run(*RECIPIENTS)[1:]


@pytest.mark.parametrize("counter", ["opens_count", "unsub_count", "unopened"])
def test_an_action_whose_counter_stays_0_is_read_after_the_window(
    scenario: Scenario, counter: str
) -> None:
    account = scenario.account
    key = account.send(range(12))
    account.open(key, 3)
    account.opt_out(key, 4)
    account.counters[key] = {counter: 0}
    scenario.run(*RECIPIENTS)
    account.now += 40 * DAY
    calls = scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)
    recipient_calls = [
        call for call in calls if call.endpoint == "getcampaignrecipientsdata"
    ]
    assert {call.params["action"] for call in recipient_calls} == {*ACTIONS_READ}


def test_a_counter_that_falls_to_0_removes_no_recipient(scenario: Scenario) -> None:
    account = scenario.account
    key = account.send(range(12))
    account.open(key, 3)
    scenario.run(*RECIPIENTS)
    account.counters[key] = {"opens_count": 0}
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closing"])
def test_an_unexpected_empty_answer_is_checked_in_the_next_run(
    scenario: Scenario, days: int
) -> None:
    account = scenario.account
    key = account.send(range(12))
    account.open(key, 3)
    scenario.run(*RECIPIENTS)
    account.open(key, 5)
    account.now += days * DAY

    def hide(call: Call) -> Reply | None:
        return NO_CONTACTS if call.params.get("action") == "openedcontacts" else None

    scenario.service.intercept = hide
    scenario.run(*RECIPIENTS)
    part = f"campaign_recipients/{key}/openedcontacts"
    # The first run's recipient stays current.
    assert len(scenario.warehouse.current()[part]) == 1
    scenario.service.intercept = None
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


def test_the_closing_look_does_not_rely_on_counters(scenario: Scenario) -> None:
    account = scenario.account
    key = account.send(range(12))
    account.open(key, 3)
    scenario.run(*RECIPIENTS)
    account.counters[key] = account.report(key)
    for number in (5, 6, 7):
        account.open(key, number)
    scenario.run(*RECIPIENTS)
    assert scenario.errors(key)
    account.now += 40 * DAY
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)
    scenario.run(*RECIPIENTS)
    scenario.run(*RECIPIENTS)
    # The campaign is closed, so it costs no more calls.
    assert len(scenario.run(*RECIPIENTS)) == 1


@pytest.mark.parametrize("stream", ["campaign_recipients", "campaign_reports"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_campaign_first_listed_after_its_window_is_read_once(
    scenario: Scenario, stream: str, concurrency: int
) -> None:
    account = scenario.account
    known, late = account.send(range(5)), account.send(range(7))
    account.unlisted.add(late)
    scenario.run(stream, "snapshots")
    account.now += 40 * DAY
    scenario.run(stream, "snapshots")
    account.unlisted.clear()
    scenario.run(stream, "snapshots", concurrency=concurrency)
    assert {row["campaign_key"] for row in scenario.records(stream)} == {late}
    calls = scenario.run(stream, "snapshots")
    assert [call.endpoint for call in calls] == ["recentcampaigns"]
    assert known


def test_details_of_a_campaign_that_is_listed_late_are_read(scenario: Scenario) -> None:
    account = scenario.account
    account.send(range(5))
    late = account.send(range(7))
    account.unlisted.add(late)
    scenario.run("campaign_details")
    account.now += 40 * DAY
    account.send(range(3))
    scenario.run("campaign_details")
    account.unlisted.clear()
    scenario.run("campaign_details")
    assert late in {row["campaign_key"] for row in scenario.records("campaign_details")}


def test_a_test_send_listed_later_than_the_other_is_read(scenario: Scenario) -> None:
    account = scenario.account
    key = account.test((range(4), range(4, 9)))
    account.conclude(key, range(9, 11))
    first, second = account.mailings[key].campaign.children
    account.change(key, children=(first,))
    scenario.run(*RECIPIENTS)
    account.change(key, children=(first, second))
    scenario.run(*RECIPIENTS)
    campaign_keys = {
        row["campaign_key"] for row in scenario.records("campaign_recipients")
    }
    assert second in campaign_keys


def test_a_campaign_sent_during_a_run_is_read_in_the_next(
    scenario: Scenario,
) -> None:
    account = scenario.account
    account.send(range(5))
    account.now += HOUR
    sent: list[str] = []

    def send(call: Call) -> None:
        if call.endpoint == "recentcampaigns" and not sent:
            account.now += timedelta(seconds=1)
            sent.append(account.send(range(4)))
            account.now += timedelta(seconds=1)

    scenario.service.intercept = send
    scenario.run(*RECIPIENTS, lookback_days=0)
    scenario.service.intercept = None
    account.open(sent[0], 1)
    scenario.run(*RECIPIENTS, lookback_days=0)
    assert not scenario.errors(*sent)


def test_details_and_variants_are_read_again_after_the_window(
    scenario: Scenario,
) -> None:
    streams = ("campaign_details", "campaign_ab_variants", "campaign_reports")
    account = scenario.account
    key = account.test((range(6), range(6, 12)))
    account.conclude(key, range(12, 13))
    first = account.mailings[key].campaign.children[0]
    account.open(first, 1)
    scenario.run(*streams)
    account.open(first, 2)
    account.now += 40 * DAY
    scenario.run(*streams)
    variants = scenario.warehouse.tables["campaign_ab_variants"]
    assert {row["child_campaign_key"]: row["open_count"] for row in variants.values()}[
        first
    ] == 2
    assert [call.endpoint for call in scenario.run(*streams)] == ["recentcampaigns"]
