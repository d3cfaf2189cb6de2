"""Snapshots show which rows are current, and which parts are deleted."""

from __future__ import annotations

import json
import typing as t
from datetime import timedelta

import pytest

from tap_zohocampaigns.sandbox import Reply
from tests.support.scenarios import (
    DAY,
    HOUR,
    MEMBERS,
    RECIPIENTS,
    Scenario,
)
from tests.support.scripted_account import ACTIONS_READ

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
NO_STATISTICS = Reply(200, b'{"status":"error","code":"6305","message":"No stats."}')


@pytest.mark.parametrize("clock_lag", [timedelta(), HOUR, 3 * DAY])
def test_leavers_are_not_current_even_if_the_clock_steps_back(
    scenario: Scenario, clock_lag: timedelta
) -> None:
    account = scenario.account
    cvid = account.add_segment(range(9))
    key = account.send(range(9))
    account.open(key, 0)
    scenario.run(*MEMBERS, "campaign_recipients")
    account.leave(cvid, 3)
    account.open(key, 3)
    before = scenario.warehouse.snapshots
    scenario.clock_lag = clock_lag
    scenario.run(*MEMBERS, "campaign_recipients")
    assert not scenario.errors()
    assert not scenario.errors(key)
    for name, row in scenario.warehouse.snapshots.items():
        assert row["snapshot_time"] >= before[name]["snapshot_time"]


def test_snapshots_are_right_after_a_stopped_run_and_a_clock_step(
    scenario: Scenario,
) -> None:
    account = scenario.account
    cvid = account.add_segment(range(20))
    scenario.run(*MEMBERS)
    account.leave(cvid, 1)
    account.join(cvid, 30)
    scenario.run(*MEMBERS, stop_after=4)
    assert not scenario.completed
    account.leave(cvid, 30)
    scenario.clock_lag = HOUR
    scenario.run(*MEMBERS)
    assert not scenario.errors()


def test_snapshots_selected_later_cover_all_parts(scenario: Scenario) -> None:
    account = scenario.account
    account.add_segment(range(9))
    keys = [account.send(range(4)), account.send(range(5))]
    scenario.run("segment_contacts", "campaign_recipients")
    account.now += 40 * DAY
    scenario.run("segment_contacts", "campaign_recipients")
    scenario.run("segment_contacts", "campaign_recipients")
    scenario.run(*MEMBERS, "campaign_recipients")
    assert not scenario.errors()
    assert not scenario.errors(*keys)
    assert len(scenario.run(*MEMBERS, "campaign_recipients")) < 6


def test_a_column_selected_later_is_written_for_all_rows(scenario: Scenario) -> None:
    account = scenario.account
    account.add_segment(range(9))
    key = account.send(range(4))
    deselected = {"segment_contacts": "first_name", "campaign_recipients": "first_name"}
    scenario.run(*MEMBERS, "campaign_recipients", deselected=deselected)
    account.now += 40 * DAY
    scenario.run(*MEMBERS, "campaign_recipients", deselected=deselected)
    assert not any("first_name" in row for row in scenario.records("segment_contacts"))
    scenario.run(*MEMBERS, "campaign_recipients")
    for name in deselected:
        rows = scenario.warehouse.tables[name].values()
        assert all(row["first_name"] for row in rows)
    assert not scenario.errors()
    assert not scenario.errors(key)


def test_members_of_a_deleted_segment_are_not_current(scenario: Scenario) -> None:
    account = scenario.account
    deleted, other = account.add_segment(range(9)), account.add_segment(range(4))
    scenario.run(*MEMBERS)
    account.delete(deleted)
    scenario.run(*MEMBERS)
    part = f"segment_contacts/{deleted}"
    # A segment that is missing in only one run is not deleted.
    assert len(scenario.warehouse.current()[part]) == 9
    scenario.run(*MEMBERS)
    assert scenario.warehouse.current()[part] == {}
    row = scenario.warehouse.snapshots[part]
    assert (row["deleted"], row["rows_read"]) == (True, 0)
    assert not scenario.warehouse.snapshots[f"segment_contacts/{other}"]["deleted"]
    assert {row["cvid"] for row in scenario.records("segment_contacts")} == {other}


def test_a_segment_that_is_missing_once_is_not_deleted(scenario: Scenario) -> None:
    account = scenario.account
    cvid = account.add_segment(range(9))
    for _ in range(2):
        scenario.run(*MEMBERS)
        people = account.members_by_segment.pop(cvid)
        scenario.run(*MEMBERS)
        account.members_by_segment[cvid] = people
    scenario.run(*MEMBERS)
    assert not scenario.errors()
    assert not scenario.warehouse.snapshots[f"segment_contacts/{cvid}"]["deleted"]


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_recipients_of_a_deleted_campaign_are_not_current(
    scenario: Scenario, days: int
) -> None:
    account = scenario.account
    ab_key = account.test((range(4), range(4, 9)))
    account.conclude(ab_key, range(9, 12))
    other_key = account.send(range(4))
    scenario.run(*RECIPIENTS)
    account.now += days * DAY
    scenario.run(*RECIPIENTS)
    sends = [ab_key, *account.mailings[ab_key].campaign.children]
    parts = {
        f"campaign_recipients/{send}/{action}"
        for send in sends
        for action in ACTIONS_READ
    }
    account.delete(ab_key)
    scenario.run(*RECIPIENTS)
    assert any(scenario.warehouse.current()[part] for part in parts)
    scenario.run(*RECIPIENTS)
    for part in parts:
        assert not scenario.warehouse.current()[part]
        assert scenario.warehouse.snapshots[part]["deleted"]
    assert not scenario.errors(other_key)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_a_campaign_that_is_listed_again_is_current(
    scenario: Scenario, days: int
) -> None:
    account = scenario.account
    key = account.send(range(9))
    scenario.run(*RECIPIENTS)
    account.now += days * DAY
    scenario.run(*RECIPIENTS)
    account.unlisted.add(key)
    scenario.run(*RECIPIENTS)
    account.unlisted.clear()
    account.open(key, 1)
    scenario.run(*RECIPIENTS)
    # A closed campaign is not read again, so it lacks the new open.
    assert days or not scenario.errors(key)
    assert not any(row["deleted"] for row in scenario.warehouse.snapshots.values())
    account.unlisted.add(key)
    scenario.run(*RECIPIENTS)
    scenario.run(*RECIPIENTS)
    account.unlisted.clear()
    scenario.run(*RECIPIENTS)
    assert not scenario.errors(key)


@pytest.mark.slow
def test_short_runs_reach_every_part_of_every_stream(scenario: Scenario) -> None:
    account = scenario.account
    for _ in range(6):
        account.add_segment(range(5))
    keys = [account.send(range(4)) for _ in range(5)]
    streams = (
        *(*MEMBERS, "campaign_recipients", "list_subscriber_counts"),
        *("segments", "list_details", "campaign_details", "recipient_events"),
    )
    for _ in range(60):
        scenario.run(*streams, stop_after=5)
        assert not scenario.completed
    assert not scenario.errors()
    assert not scenario.errors(*keys)
    tables = scenario.warehouse.tables
    assert len(tables["segments"]) == 6
    assert len(tables["list_subscriber_counts"]) >= 4
    assert len(tables["campaign_details"]) == 5


def test_a_replaced_list_is_not_current(scenario: Scenario) -> None:
    account = scenario.account
    key = account.send(range(4))
    list_keys: list[str] = ["3z" + "1" * 64]

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        lists = [{"listkey": key, "listname": "L"} for key in list_keys]
        body = {"code": "0", "status": "success", "campaign-details": [{}]}
        return Reply(
            200, json.dumps(body | {"associated_mailing_lists": lists}).encode()
        )

    scenario.service.intercept = details
    for list_keys in (["3z" + "1" * 64], ["3z" + "2" * 64], []):
        scenario.run("campaign_lists", "snapshots")
        part = scenario.warehouse.snapshots[f"campaign_lists/{key}"]
        current = {
            row["source_id"]
            for row in scenario.warehouse.tables["campaign_lists"].values()
            if row["snapshot_time"] >= part["snapshot_time"]
        }
        assert current == {*list_keys}


def test_a_country_that_vanishes_is_not_current(scenario: Scenario) -> None:
    key = scenario.account.send(range(4))
    countries = {"India": 2, "Japan": 1}

    def report(call: Call) -> Reply | None:
        if call.endpoint != "campaignreports":
            return None
        body = {"code": "0", "status": "success", "campaign-reports": [{}]}
        return Reply(
            200, json.dumps(body | {"campaign-by-loaction": countries}).encode()
        )

    scenario.service.intercept = report
    scenario.run("campaign_locations", "snapshots")
    countries = {"India": 3}
    scenario.run("campaign_locations", "snapshots")
    rows = scenario.warehouse.tables["campaign_locations"].values()
    [day] = {row["reported_on"] for row in rows}
    part = scenario.warehouse.snapshots[f"campaign_locations/{key}/{day}"]
    assert {
        row["country"]: row["reached"]
        for row in rows
        if row["snapshot_time"] >= part["snapshot_time"]
    } == countries


def test_missing_statistics_do_not_close_a_campaign(scenario: Scenario) -> None:
    account = scenario.account
    key = account.send(range(9))
    account.open(key, 1)
    scenario.run("campaign_reports")
    account.open(key, 2)
    account.now += 40 * DAY
    scenario.service.intercept = lambda call: (
        NO_STATISTICS if call.endpoint == "campaignreports" else None
    )
    scenario.run("campaign_reports")
    scenario.service.intercept = None
    scenario.run("campaign_reports")
    assert [row["open_count"] for row in scenario.records("campaign_reports")] == [2]
    assert len(scenario.run("campaign_reports")) == 1


def test_streams_that_share_a_report_give_it_the_same_day(scenario: Scenario) -> None:
    account = scenario.account
    account.send(range(9))
    account.now = account.now.replace(hour=23, minute=58, second=30)

    def pass_midnight(call: Call) -> None:
        if call.endpoint == "campaignreports":
            account.now += timedelta(seconds=20)

    scenario.service.intercept = pass_midnight
    scenario.run("campaign_reports", "campaign_locations", "campaign_reach")
    days = {
        row["reported_on"]
        for name in ("campaign_reports", "campaign_locations", "campaign_reach")
        for row in scenario.records(name)
    }
    assert len(days) == 1
