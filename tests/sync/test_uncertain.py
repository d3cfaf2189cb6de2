"""States that one run leaves to the next, in rare cases that could lose rows."""

from __future__ import annotations

import json
import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply
from tests.support.scenarios import DAY, MEMBERS, RECIPIENTS, Scenario
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
    scenario: Scenario, stream: str
) -> None:
    account = scenario.account
    account.add_segment(range(9))
    keys = [account.send(range(4)), account.send(range(3))]
    deselected = {stream: "first_name"}
    scenario.run(stream, "snapshots", deselected=deselected)
    account.now += 40 * DAY
    scenario.run(stream, "snapshots", deselected=deselected)
    warehouse = deepcopy(scenario.warehouse)
    scenario.run(stream, "snapshots")
    written = scenario.messages
    for number, message in enumerate(written):
        if message["type"] != "STATE":
            continue
        scenario.state, scenario.warehouse = message["value"], deepcopy(warehouse)
        scenario.warehouse.load(written[:number])
        scenario.run(stream, "snapshots")
        assert not scenario.errors(*(keys if stream in RECIPIENTS else ()))


@pytest.mark.parametrize("narrowed", [False, True], ids=["missing", "narrowed"])
def test_a_new_column_is_written_for_segments_that_one_run_missed(
    scenario: Scenario, *, narrowed: bool
) -> None:
    account = scenario.account
    missing, present = account.add_segment(range(9)), account.add_segment(range(4))
    scenario.run(*MEMBERS, deselected={"segment_contacts": "first_name"})
    if narrowed:
        scenario.run(*MEMBERS, cvids=[present])
    else:
        people = account.members_by_segment.pop(missing)
        scenario.run(*MEMBERS)
        account.members_by_segment[missing] = people
    scenario.run(*MEMBERS)
    assert not scenario.errors()


def test_leavers_after_a_killed_run_are_not_current_in_a_missed_segment(
    scenario: Scenario,
) -> None:
    account = scenario.account
    missing = account.add_segment(range(9))
    present = account.add_segment(range(9))
    scenario.run(*MEMBERS)
    account.join(missing, 30)
    scenario.run(*MEMBERS)
    # All rows were loaded, but only the first state was saved.
    scenario.state = next(
        message["value"]
        for message in scenario.messages
        if message["type"] == "STATE"
        and "underway" in message["value"]["bookmarks"]["segment_contacts"]
    )
    account.leave(missing, 30)
    scenario.run(*MEMBERS, cvids=[present])
    scenario.run(*MEMBERS)
    assert not scenario.errors()


# Test sends


def test_a_test_send_missing_in_the_closing_look_is_requested_again(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.test((range(4), range(4, 9)))
    account.conclude(key, range(9, 12))
    first = account.mailings[key].campaign.children[0]
    scenario.run(*RECIPIENTS)
    account.open(first, 1)
    account.now += 40 * DAY

    def hide(call: Call) -> Reply | None:
        is_first = call.params.get("campaignkey") == first
        return GONE.get(call.endpoint) if is_first else None

    scenario.service.intercept = hide
    scenario.run(*RECIPIENTS)
    scenario.service.intercept = None
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


def test_a_test_send_whose_report_is_missing_once_is_not_closed(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.test((range(4), range(4, 9)))
    account.conclude(key, range(9, 12))
    first = account.mailings[key].campaign.children[0]
    scenario.run("campaign_reports")
    account.open(first, 1)
    account.now += 40 * DAY

    def hide(call: Call) -> Reply | None:
        is_first = call.params.get("campaignkey") == first
        return NO_STATISTICS if is_first else None

    scenario.service.intercept = hide
    scenario.run("campaign_reports")
    scenario.service.intercept = None
    scenario.run("campaign_reports")
    open_counts = {
        row["campaign_key"]: row["open_count"]
        for row in scenario.records("campaign_reports")
    }
    assert open_counts.get(first) == 1
    assert [call.endpoint for call in scenario.run("campaign_reports")] == [
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


def current_lists(scenario: Scenario) -> set[str]:
    """Return the lists that the query of the README finds."""
    parts = scenario.warehouse.snapshots
    return {
        row["source_id"]
        for row in scenario.warehouse.tables["campaign_lists"].values()
        if row["snapshot_time"]
        >= parts[f"campaign_lists/{row['campaign_key']}"]["snapshot_time"]
    }


def test_a_draft_that_loses_its_only_list_has_no_current_list(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send((), status="Draft")
    account.change(key, sent=None)
    lists_by_campaign = {key: ["3z" + "1" * 64]}
    scenario.service.intercept = serve_lists(lists_by_campaign)
    scenario.run("campaign_lists", "snapshots")
    assert len(current_lists(scenario)) == 1
    lists_by_campaign[key] = []
    account.change(key, updated=account.now)
    for _ in range(3):
        scenario.run("campaign_lists", "snapshots")
    assert current_lists(scenario) == set()
    # Its details are not requested again.
    assert len(scenario.run("campaign_lists", "snapshots")) == 1


@pytest.mark.parametrize("status", ["Sent", "Draft"])
@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_the_lists_of_a_deleted_campaign_are_not_current(
    scenario: Scenario, status: str, days: int
) -> None:
    account = scenario.account
    key, other = account.send(range(4), status=status), account.send(range(3))
    lists_by_campaign = {key: ["3z" + "1" * 64], other: ["3z" + "2" * 64]}
    scenario.service.intercept = serve_lists(lists_by_campaign)
    scenario.run("campaign_lists", "snapshots")
    account.now += days * DAY
    scenario.run("campaign_lists", "snapshots")
    account.delete(key)
    scenario.run("campaign_lists", "snapshots")
    # A campaign that is missing in only one run is not deleted.
    assert current_lists(scenario) == {
        *lists_by_campaign[key],
        *lists_by_campaign[other],
    }
    scenario.run("campaign_lists", "snapshots")
    assert current_lists(scenario) == {*lists_by_campaign[other]}
    assert scenario.warehouse.snapshots[f"campaign_lists/{key}"]["deleted"]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("stream", ["campaign_details", "campaign_reports"])
def test_the_state_does_not_grow_with_the_age_of_an_account(
    scenario: Scenario, stream: str
) -> None:
    account = scenario.account
    draft = account.send((), status="Draft")
    account.change(draft, sent=None)
    sizes = []
    for _ in range(8):
        account.change(draft, updated=account.now)
        key = account.send(range(2))
        account.now += 40 * DAY
        scenario.run(stream)
        scenario.run(stream)
        account.delete(key)
        scenario.run(stream)
        scenario.run(stream)
        sizes.append(len(json.dumps(scenario.state)))
    assert sizes[-1] - sizes[2] < 10, sizes


def test_missing_details_are_not_requested_forever(scenario: Scenario) -> None:
    account = scenario.account
    account.send(range(4))
    account.now += 40 * DAY
    scenario.service.intercept = lambda call: GONE.get(call.endpoint)
    for _ in range(6):
        calls = scenario.run("campaign_details")
    assert [call.endpoint for call in calls] == ["recentcampaigns"]


def test_a_status_that_changes_without_a_new_time_is_read(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send((), status="Scheduled")
    account.change(key, sent=None)
    status = "Scheduled"

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        fields = {"campaign_name": "A", "campaign_key": key}
        body = {"code": "0", "status": "success", "campaign-details": [fields]}
        return Reply(200, json.dumps(body | {"campaign_status": status}).encode())

    scenario.service.intercept = details
    scenario.run("campaign_details")
    status = "Canceled"
    account.change(key, status=status)
    scenario.run("campaign_details")
    [row] = scenario.warehouse.tables["campaign_details"].values()
    assert row["campaign_status"] == status


# Counters and the closing look


def test_the_closing_look_is_repeated_if_the_window_reopens(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(6))
    account.open(key, 0)
    scenario.run(*RECIPIENTS)
    account.now += 20 * DAY
    account.deliver(key, [8])
    account.now += 11 * DAY
    # This would be the closing look, but a late recipient reopens the window.
    scenario.run(*RECIPIENTS)
    account.counters[key] = account.report(key)
    account.open(key, 3)
    account.now += 30 * DAY
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


def test_a_longer_window_removes_no_recipient_whose_counter_is_0(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(6))
    account.open(key, 0)
    account.counters[key] = {"opens_count": 0}
    account.now += 40 * DAY
    for _ in range(4):
        scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)
    assert len(scenario.run(*RECIPIENTS)) == 1
    scenario.run(*RECIPIENTS, lookback_days=60)
    assert not scenario.errors(key)


def test_a_new_column_removes_no_recipient_whose_counter_fell_to_0(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(6))
    account.open(key, 0)
    scenario.run(*RECIPIENTS, deselected={"campaign_recipients": "last_name"})
    account.counters[key] = {"opens_count": 0}
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


def test_a_full_table_run_has_all_recipients_although_a_counter_is_0(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(6))
    account.open(key, 0)
    account.counters[key] = {"opens_count": 0}
    scenario.run(*RECIPIENTS, catalog=full_table_catalog())
    assert not scenario.errors(key)


def test_events_stay_current_although_their_counter_falls_to_0(
    scenario: Scenario,
) -> None:
    account = scenario.account
    key = account.send(range(6))
    account.open(key, 0)

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

    scenario.service.intercept = timeline
    scenario.run("recipient_events", "snapshots")
    assert scenario.records("recipient_events")
    account.counters[key] = {"opens_count": 0}
    scenario.run("recipient_events", "snapshots")
    part = scenario.warehouse.snapshots[f"recipient_events/{key}/openedcontacts"]
    assert part["rows_read"] == 1


# Failing campaigns and wrong clocks


def test_a_failing_campaign_does_not_stop_the_others(
    scenario: Scenario,
) -> None:
    account = scenario.account
    good, bad, other = (account.send(range(4)) for _ in range(3))

    def fail(call: Call) -> Reply | None:
        if call.endpoint != "getcampaignrecipientsdata":
            return None
        broken = call.params["campaignkey"] == bad
        return Reply(200, b'{"status":"error","code":"9999"}') if broken else None

    scenario.service.intercept = fail
    for _ in range(4):
        with pytest.raises(FatalError, match="9999"):
            scenario.run(*RECIPIENTS)
    assert not scenario.errors(good, other)


def test_the_end_of_a_segment_is_requested_after_a_clock_was_far_ahead(
    scenario: Scenario,
) -> None:
    account = scenario.account
    account.add_segment(range(7))
    scenario.clock_lag = -400 * DAY
    scenario.run(*MEMBERS)
    scenario.clock_lag = timedelta()
    scenario.run(*MEMBERS)
    usual_calls = len(scenario.run(*MEMBERS))
    account.now += 2 * DAY
    assert len(scenario.run(*MEMBERS)) > usual_calls


@pytest.mark.parametrize("start", [None, "2025-10-18T00:00:00Z"])
def test_the_state_counts_all_members_even_with_a_start_date(
    scenario: Scenario, start: str | None
) -> None:
    cvid = scenario.account.add_segment(range(60))
    settings: dict[str, t.Any] = {"start_date": start} if start else {}
    scenario.run(*MEMBERS, **settings)
    saved_line = scenario.state["bookmarks"]["segment_contacts"]["parts"][cvid]
    assert saved_line["rows"] == 60
    rows_read = scenario.warehouse.snapshots[f"segment_contacts/{cvid}"]["rows_read"]
    assert rows_read == len(scenario.records("segment_contacts"))
    assert (rows_read < 60) is bool(start)
