"""States that one run leaves to the next, in rare cases that could lose rows."""

from __future__ import annotations

import json
import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply
from tests.support.stories import DAY, MEMBERS, RECIPIENTS, Story
from tests.sync.test_counters import NO_CONTACTS
from tests.sync.test_cursors import full_table_catalog
from tests.sync.test_snapshots import NO_STATISTICS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call


GONE = {
    "getcampaignrecipientsdata": Reply(200, b'{"status":"error","code":"6503"}'),
    "getcampaigndetails": Reply(200, b'{"status":"error","code":"6503"}'),
}


# Selected columns and segments


@pytest.mark.parametrize("stream", ["campaign_recipients", "segment_contacts"])
def test_a_new_column_is_complete_after_a_run_that_was_killed_anywhere(
    story: Story, stream: str
) -> None:
    town = story.town
    town.add_segment(range(9))
    keys = [town.send(range(4)), town.send(range(3))]
    deselected = {stream: "first_name"}
    story.run(stream, "snapshots", deselected=deselected)
    town.now += 40 * DAY
    story.run(stream, "snapshots", deselected=deselected)
    warehouse = deepcopy(story.warehouse)
    story.run(stream, "snapshots")
    written = story.messages
    for number, message in enumerate(written):
        if message["type"] != "STATE":
            continue
        story.state, story.warehouse = message["value"], deepcopy(warehouse)
        story.warehouse.load(written[:number])
        story.run(stream, "snapshots")
        assert not story.wrong(*(keys if stream in RECIPIENTS else ()))


@pytest.mark.parametrize("narrowed", [False, True], ids=["missing", "narrowed"])
def test_a_new_column_is_written_for_segments_that_one_run_missed(
    story: Story, *, narrowed: bool
) -> None:
    town = story.town
    missing, present = town.add_segment(range(9)), town.add_segment(range(4))
    story.run(*MEMBERS, deselected={"segment_contacts": "first_name"})
    if narrowed:
        story.run(*MEMBERS, cvids=[present])
    else:
        people = town.people.pop(missing)
        story.run(*MEMBERS)
        town.people[missing] = people
    story.run(*MEMBERS)
    assert not story.wrong()


def test_leavers_after_a_killed_run_are_not_current_in_a_missed_segment(
    story: Story,
) -> None:
    town = story.town
    missing = town.add_segment(range(9))
    present = town.add_segment(range(9))
    story.run(*MEMBERS)
    town.join(missing, 30)
    story.run(*MEMBERS)
    # All rows were loaded, but only the first state was saved.
    story.state = next(
        message["value"]
        for message in story.messages
        if message["type"] == "STATE"
        and "underway" in message["value"]["bookmarks"]["segment_contacts"]
    )
    town.leave(missing, 30)
    story.run(*MEMBERS, cvids=[present])
    story.run(*MEMBERS)
    assert not story.wrong()


# Test sends


def test_a_test_send_missing_in_the_closing_look_is_requested_again(
    story: Story,
) -> None:
    town = story.town
    key = town.test((range(4), range(4, 9)))
    town.conclude(key, range(9, 12))
    first = town.mailings[key].campaign.children[0]
    story.run(*RECIPIENTS)
    town.open(first, 1)
    town.now += 40 * DAY

    def hide(call: Call) -> Reply | None:
        is_first = call.params.get("campaignkey") == first
        return GONE.get(call.endpoint) if is_first else None

    story.service.intercept = hide
    story.run(*RECIPIENTS)
    story.service.intercept = None
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


def test_a_test_send_whose_report_is_missing_once_is_not_closed(
    story: Story,
) -> None:
    town = story.town
    key = town.test((range(4), range(4, 9)))
    town.conclude(key, range(9, 12))
    first = town.mailings[key].campaign.children[0]
    story.run("campaign_reports")
    town.open(first, 1)
    town.now += 40 * DAY

    def hide(call: Call) -> Reply | None:
        is_first = call.params.get("campaignkey") == first
        return NO_STATISTICS if is_first else None

    story.service.intercept = hide
    story.run("campaign_reports")
    story.service.intercept = None
    story.run("campaign_reports")
    open_counts = {
        row["campaign_key"]: row["open_count"]
        for row in story.records("campaign_reports")
    }
    assert open_counts.get(first) == 1
    assert [call.endpoint for call in story.run("campaign_reports")] == [
        "recentcampaigns"
    ]


# Details


def serve_lists(
    lists_by_campaign: dict[str, list[str]],
) -> t.Callable[[Call], Reply | None]:
    """Return an interceptor that serves the lists of each campaign."""

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        lists = [
            {"listkey": key, "listname": "L"}
            for key in lists_by_campaign[call.params["campaignkey"]]
        ]
        body = {"code": "0", "status": "success", "campaign-details": [{}]}
        return Reply(
            200, json.dumps(body | {"associated_mailing_lists": lists}).encode()
        )

    return details


def current_lists(story: Story) -> set[str]:
    """Return the lists that the query of the README finds."""
    parts = story.warehouse.snapshots
    return {
        row["source_id"]
        for row in story.warehouse.tables["campaign_lists"].values()
        if row["snapshot_time"]
        >= parts[f"campaign_lists/{row['campaign_key']}"]["snapshot_time"]
    }


def test_a_draft_that_loses_its_only_list_has_no_current_list(story: Story) -> None:
    town = story.town
    key = town.send((), status="Draft")
    town.change(key, sent=None)
    lists_by_campaign = {key: ["3z" + "1" * 64]}
    story.service.intercept = serve_lists(lists_by_campaign)
    story.run("campaign_lists", "snapshots")
    assert len(current_lists(story)) == 1
    lists_by_campaign[key] = []
    town.change(key, updated=town.now)
    for _ in range(3):
        story.run("campaign_lists", "snapshots")
    assert current_lists(story) == set()
    # Its details are not requested again.
    assert len(story.run("campaign_lists", "snapshots")) == 1


@pytest.mark.parametrize("status", ["Sent", "Draft"])
@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_the_lists_of_a_deleted_campaign_are_not_current(
    story: Story, status: str, days: int
) -> None:
    town = story.town
    key, other = town.send(range(4), status=status), town.send(range(3))
    lists_by_campaign = {key: ["3z" + "1" * 64], other: ["3z" + "2" * 64]}
    story.service.intercept = serve_lists(lists_by_campaign)
    story.run("campaign_lists", "snapshots")
    town.now += days * DAY
    story.run("campaign_lists", "snapshots")
    town.delete(key)
    story.run("campaign_lists", "snapshots")
    # A campaign that is missing in only one run is not deleted.
    assert current_lists(story) == {*lists_by_campaign[key], *lists_by_campaign[other]}
    story.run("campaign_lists", "snapshots")
    assert current_lists(story) == {*lists_by_campaign[other]}
    assert story.warehouse.snapshots[f"campaign_lists/{key}"]["deleted"]


@pytest.mark.parametrize("stream", ["campaign_details", "campaign_reports"])
def test_the_state_does_not_grow_with_the_age_of_an_account(
    story: Story, stream: str
) -> None:
    town = story.town
    draft = town.send((), status="Draft")
    town.change(draft, sent=None)
    sizes = []
    for _ in range(8):
        town.change(draft, updated=town.now)
        key = town.send(range(2))
        town.now += 40 * DAY
        story.run(stream)
        story.run(stream)
        town.delete(key)
        story.run(stream)
        story.run(stream)
        sizes.append(len(json.dumps(story.state)))
    assert sizes[-1] - sizes[2] < 10, sizes


def test_missing_details_are_not_requested_forever(story: Story) -> None:
    town = story.town
    town.send(range(4))
    town.now += 40 * DAY
    story.service.intercept = lambda call: GONE.get(call.endpoint)
    for _ in range(6):
        calls = story.run("campaign_details")
    assert [call.endpoint for call in calls] == ["recentcampaigns"]


def test_a_status_that_changes_without_a_new_time_is_read(
    story: Story,
) -> None:
    town = story.town
    key = town.send((), status="Scheduled")
    town.change(key, sent=None)
    status = "Scheduled"

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        fields = {"campaign_name": "A", "campaign_key": key}
        body = {"code": "0", "status": "success", "campaign-details": [fields]}
        return Reply(200, json.dumps(body | {"campaign_status": status}).encode())

    story.service.intercept = details
    story.run("campaign_details")
    status = "Canceled"
    town.change(key, status=status)
    story.run("campaign_details")
    [row] = story.warehouse.tables["campaign_details"].values()
    assert row["campaign_status"] == status


# Counters and the closing look


def test_the_closing_look_is_repeated_if_the_window_reopens(
    story: Story,
) -> None:
    town = story.town
    key = town.send(range(6))
    town.open(key, 0)
    story.run(*RECIPIENTS)
    town.now += 20 * DAY
    town.deliver(key, [8])
    town.now += 11 * DAY
    # This would be the closing look, but a late recipient reopens the window.
    story.run(*RECIPIENTS)
    town.counters[key] = town.report(key)
    town.open(key, 3)
    town.now += 30 * DAY
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


def test_a_longer_window_removes_no_recipient_whose_counter_is_0(story: Story) -> None:
    town = story.town
    key = town.send(range(6))
    town.open(key, 0)
    town.counters[key] = {"opens_count": 0}
    town.now += 40 * DAY
    for _ in range(4):
        story.run(*RECIPIENTS)
    assert not story.wrong(key)
    assert len(story.run(*RECIPIENTS)) == 1
    story.run(*RECIPIENTS, lookback_days=60)
    assert not story.wrong(key)


def test_a_new_column_removes_no_recipient_whose_counter_fell_to_0(
    story: Story,
) -> None:
    town = story.town
    key = town.send(range(6))
    town.open(key, 0)
    story.run(*RECIPIENTS, deselected={"campaign_recipients": "last_name"})
    town.counters[key] = {"opens_count": 0}
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


def test_a_full_table_run_has_all_recipients_although_a_counter_is_0(
    story: Story,
) -> None:
    town = story.town
    key = town.send(range(6))
    town.open(key, 0)
    town.counters[key] = {"opens_count": 0}
    story.run(*RECIPIENTS, catalog=full_table_catalog())
    assert not story.wrong(key)


def test_events_stay_current_although_their_counter_falls_to_0(story: Story) -> None:
    town = story.town
    key = town.send(range(6))
    town.open(key, 0)

    def timeline(call: Call) -> Reply | None:
        if call.params.get("type") != "open_timeline":
            return None
        reports = [{"time": "Oct 20, 2025 12:07 PM"}]
        row = {"contactemailaddress": "p0@example.com", "reports": reports}
        body = {"code": "0", "status": "success", "list_of_details": [row]}
        request_details = {"fromindex": 1, "range": 8}
        first = call.params["fromindex"] == "1"
        return (
            Reply(200, json.dumps(body | {"requestdetails": request_details}).encode())
            if first
            else NO_CONTACTS
        )

    story.service.intercept = timeline
    story.run("recipient_events", "snapshots")
    assert story.records("recipient_events")
    town.counters[key] = {"opens_count": 0}
    story.run("recipient_events", "snapshots")
    part = story.warehouse.snapshots[f"recipient_events/{key}/openedcontacts"]
    assert part["rows_read"] == 1


# Failing campaigns and wrong clocks


def test_a_failing_campaign_does_not_stop_the_others(
    story: Story,
) -> None:
    town = story.town
    good, bad, other = (town.send(range(4)) for _ in range(3))

    def fail(call: Call) -> Reply | None:
        if call.endpoint != "getcampaignrecipientsdata":
            return None
        broken = call.params["campaignkey"] == bad
        return Reply(200, b'{"status":"error","code":"9999"}') if broken else None

    story.service.intercept = fail
    for _ in range(4):
        with pytest.raises(FatalError, match="9999"):
            story.run(*RECIPIENTS)
    assert not story.wrong(good, other)


def test_the_end_of_a_segment_is_requested_after_a_clock_was_far_ahead(
    story: Story,
) -> None:
    town = story.town
    town.add_segment(range(7))
    story.behind = -400 * DAY
    story.run(*MEMBERS)
    story.behind = timedelta()
    story.run(*MEMBERS)
    usual_calls = len(story.run(*MEMBERS))
    town.now += 2 * DAY
    assert len(story.run(*MEMBERS)) > usual_calls


@pytest.mark.parametrize("start", [None, "2025-10-18T00:00:00Z"])
def test_the_state_counts_all_members_even_with_a_start_date(
    story: Story, start: str | None
) -> None:
    cvid = story.town.add_segment(range(60))
    settings: dict[str, t.Any] = {"start_date": start} if start else {}
    story.run(*MEMBERS, **settings)
    saved_line = story.state["bookmarks"]["segment_contacts"]["parts"][cvid]
    assert saved_line["rows"] == 60
    rows_read = story.warehouse.snapshots[f"segment_contacts/{cvid}"]["rows_read"]
    assert rows_read == len(story.records("segment_contacts"))
    assert (rows_read < 60) is bool(start)
