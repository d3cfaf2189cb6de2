"""Counters that lag, lead, do not move or stay 0 hide no recipient."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest

from tap_zohocampaigns.sandbox import Reply
from tests.support.stories import (
    DAY,
    HOUR,
    RECIPIENTS,
    Story,
)
from tests.support.town import READ, Feed

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
NO_CONTACTS = Reply(200, b'{"status":"error","code":"6303","message":"No contacts."}')


def test_recipients_are_read_although_a_counter_does_not_move(story: Story) -> None:
    town = story.town
    key = town.send(range(10), status="In Progress")
    town.open(key, 0)
    story.run(*RECIPIENTS)
    assert not story.wrong(key)
    town.open(key, 1)
    town.deliver(key, [10])
    assert len(town.recipients(key, "unopenedcontacts")) == 9
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


@pytest.mark.parametrize("lookback_days", [30, 1])
def test_rows_that_appear_after_their_counter_are_read(
    story: Story, lookback_days: int
) -> None:
    town = story.town
    key = town.send(range(12))
    for number in range(6):
        town.open(key, number)
    # With one day, the window ends between the first run and the second.
    for _ in range(3):
        town.feed = Feed(hidden=2)
        story.run(*RECIPIENTS, lookback_days=lookback_days)
        town.now += DAY
    town.feed = Feed()
    story.run(*RECIPIENTS, lookback_days=lookback_days)
    if lookback_days > 1:
        assert not story.wrong(key)
    town.now += 40 * DAY
    story.run(*RECIPIENTS, lookback_days=lookback_days)
    if lookback_days > 1:
        assert not story.wrong(key)


def test_rows_that_appear_two_runs_later_are_read_after_the_window(
    story: Story,
) -> None:
    town = story.town
    key = town.send(range(12))
    story.run(*RECIPIENTS)
    for number in range(6):
        town.open(key, number)
    town.now += 40 * DAY
    town.feed = Feed(hidden=2)
    story.run(*RECIPIENTS)
    story.run(*RECIPIENTS)
    town.feed = Feed()
    story.run(*RECIPIENTS)
    assert not story.wrong(key)
    assert not story.run(*RECIPIENTS)[1:]


@pytest.mark.parametrize("counter", ["opens_count", "unsub_count", "unopened"])
def test_an_action_whose_counter_stays_0_is_read_after_the_window(
    story: Story, counter: str
) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    town.opt_out(key, 4)
    town.counters[key] = {counter: 0}
    story.run(*RECIPIENTS)
    town.now += 40 * DAY
    calls = story.run(*RECIPIENTS)
    assert not story.wrong(key)
    recipient_calls = [
        call for call in calls if call.endpoint == "getcampaignrecipientsdata"
    ]
    assert {call.params["action"] for call in recipient_calls} == {*READ}


def test_a_counter_that_falls_to_0_removes_no_recipient(story: Story) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    story.run(*RECIPIENTS)
    town.counters[key] = {"opens_count": 0}
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closing"])
def test_an_unexpected_empty_answer_is_checked_in_the_next_run(
    story: Story, days: int
) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    story.run(*RECIPIENTS)
    town.open(key, 5)
    town.now += days * DAY

    def hide(call: Call) -> Reply | None:
        return NO_CONTACTS if call.params.get("action") == "openedcontacts" else None

    story.service.intercept = hide
    story.run(*RECIPIENTS)
    part = f"campaign_recipients/{key}/openedcontacts"
    # The first run's recipient stays current.
    assert len(story.warehouse.current()[part]) == 1
    story.service.intercept = None
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


def test_the_closing_look_does_not_rely_on_counters(story: Story) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    story.run(*RECIPIENTS)
    town.counters[key] = town.report(key)
    for number in (5, 6, 7):
        town.open(key, number)
    story.run(*RECIPIENTS)
    assert story.wrong(key)
    town.now += 40 * DAY
    story.run(*RECIPIENTS)
    assert not story.wrong(key)
    story.run(*RECIPIENTS)
    story.run(*RECIPIENTS)
    # The campaign is closed, so it costs no more calls.
    assert len(story.run(*RECIPIENTS)) == 1


@pytest.mark.parametrize("stream", ["campaign_recipients", "campaign_reports"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_campaign_first_listed_after_its_window_is_read_once(
    story: Story, stream: str, concurrency: int
) -> None:
    town = story.town
    known, late = town.send(range(5)), town.send(range(7))
    town.unlisted.add(late)
    story.run(stream, "snapshots")
    town.now += 40 * DAY
    story.run(stream, "snapshots")
    town.unlisted.clear()
    story.run(stream, "snapshots", concurrency=concurrency)
    assert {row["campaign_key"] for row in story.records(stream)} == {late}
    calls = story.run(stream, "snapshots")
    assert [call.endpoint for call in calls] == ["recentcampaigns"]
    assert known


def test_details_of_a_campaign_that_is_listed_late_are_read(story: Story) -> None:
    town = story.town
    town.send(range(5))
    late = town.send(range(7))
    town.unlisted.add(late)
    story.run("campaign_details")
    town.now += 40 * DAY
    town.send(range(3))
    story.run("campaign_details")
    town.unlisted.clear()
    story.run("campaign_details")
    assert late in {row["campaign_key"] for row in story.records("campaign_details")}


def test_a_test_send_listed_later_than_the_other_is_read(story: Story) -> None:
    town = story.town
    key = town.test((range(4), range(4, 9)))
    town.conclude(key, range(9, 11))
    first, second = town.mailings[key].campaign.children
    town.change(key, children=(first,))
    story.run(*RECIPIENTS)
    town.change(key, children=(first, second))
    story.run(*RECIPIENTS)
    campaign_keys = {
        row["campaign_key"] for row in story.records("campaign_recipients")
    }
    assert second in campaign_keys


def test_a_campaign_sent_during_a_run_is_read_in_the_next(
    story: Story,
) -> None:
    town = story.town
    town.send(range(5))
    town.now += HOUR
    sent: list[str] = []

    def send(call: Call) -> None:
        if call.endpoint == "recentcampaigns" and not sent:
            town.now += timedelta(seconds=1)
            sent.append(town.send(range(4)))
            town.now += timedelta(seconds=1)

    story.service.intercept = send
    story.run(*RECIPIENTS, lookback_days=0)
    story.service.intercept = None
    town.open(sent[0], 1)
    story.run(*RECIPIENTS, lookback_days=0)
    assert not story.wrong(*sent)


def test_details_and_variants_are_read_again_after_the_window(story: Story) -> None:
    streams = ("campaign_details", "campaign_ab_variants", "campaign_reports")
    town = story.town
    key = town.test((range(6), range(6, 12)))
    town.conclude(key, range(12, 13))
    first = town.mailings[key].campaign.children[0]
    town.open(first, 1)
    story.run(*streams)
    town.open(first, 2)
    town.now += 40 * DAY
    story.run(*streams)
    variants = story.warehouse.tables["campaign_ab_variants"]
    assert {row["child_campaign_key"]: row["open_count"] for row in variants.values()}[
        first
    ] == 2
    assert [call.endpoint for call in story.run(*streams)] == ["recentcampaigns"]
