"""Snapshots show which rows are current, and which parts are deleted."""

from __future__ import annotations

import json
import typing as t
from datetime import timedelta

import pytest

from tap_zohocampaigns.sandbox import Reply
from tests.support.stories import (
    DAY,
    HOUR,
    MEMBERS,
    RECIPIENTS,
    Story,
)
from tests.support.town import READ

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
NO_STATISTICS = Reply(200, b'{"status":"error","code":"6305","message":"No stats."}')


@pytest.mark.parametrize("behind", [timedelta(), HOUR, 3 * DAY])
def test_leavers_are_not_current_even_if_the_clock_steps_back(
    story: Story, behind: timedelta
) -> None:
    town = story.town
    cvid = town.add_segment(range(9))
    key = town.send(range(9))
    town.open(key, 0)
    story.run(*MEMBERS, "campaign_recipients")
    town.leave(cvid, 3)
    town.open(key, 3)
    before = story.warehouse.snapshots
    story.behind = behind
    story.run(*MEMBERS, "campaign_recipients")
    assert not story.wrong()
    assert not story.wrong(key)
    for name, row in story.warehouse.snapshots.items():
        assert row["snapshot_time"] >= before[name]["snapshot_time"]


def test_snapshots_are_right_after_a_stopped_run_and_a_clock_step(story: Story) -> None:
    town = story.town
    cvid = town.add_segment(range(20))
    story.run(*MEMBERS)
    town.leave(cvid, 1)
    town.join(cvid, 30)
    story.run(*MEMBERS, stop_after=4)
    assert not story.ended
    town.leave(cvid, 30)
    story.behind = HOUR
    story.run(*MEMBERS)
    assert not story.wrong()


def test_snapshots_selected_later_cover_all_parts(story: Story) -> None:
    town = story.town
    town.add_segment(range(9))
    keys = [town.send(range(4)), town.send(range(5))]
    story.run("segment_contacts", "campaign_recipients")
    town.now += 40 * DAY
    story.run("segment_contacts", "campaign_recipients")
    story.run("segment_contacts", "campaign_recipients")
    story.run(*MEMBERS, "campaign_recipients")
    assert not story.wrong()
    assert not story.wrong(*keys)
    assert len(story.run(*MEMBERS, "campaign_recipients")) < 6


def test_a_column_selected_later_is_written_for_all_rows(story: Story) -> None:
    town = story.town
    town.add_segment(range(9))
    key = town.send(range(4))
    deselected = {"segment_contacts": "first_name", "campaign_recipients": "first_name"}
    story.run(*MEMBERS, "campaign_recipients", deselected=deselected)
    town.now += 40 * DAY
    story.run(*MEMBERS, "campaign_recipients", deselected=deselected)
    assert not any("first_name" in row for row in story.records("segment_contacts"))
    story.run(*MEMBERS, "campaign_recipients")
    for name in deselected:
        rows = story.warehouse.tables[name].values()
        assert all(row["first_name"] for row in rows)
    assert not story.wrong()
    assert not story.wrong(key)


def test_members_of_a_deleted_segment_are_not_current(story: Story) -> None:
    town = story.town
    deleted, other = town.add_segment(range(9)), town.add_segment(range(4))
    story.run(*MEMBERS)
    town.delete(deleted)
    story.run(*MEMBERS)
    part = f"segment_contacts/{deleted}"
    # A segment that is missing in only one run is not deleted.
    assert len(story.warehouse.current()[part]) == 9
    story.run(*MEMBERS)
    assert story.warehouse.current()[part] == {}
    row = story.warehouse.snapshots[part]
    assert (row["deleted"], row["rows_read"]) == (True, 0)
    assert not story.warehouse.snapshots[f"segment_contacts/{other}"]["deleted"]
    assert {row["cvid"] for row in story.records("segment_contacts")} == {other}


def test_a_segment_that_is_missing_once_is_not_deleted(story: Story) -> None:
    town = story.town
    cvid = town.add_segment(range(9))
    for _ in range(2):
        story.run(*MEMBERS)
        people = town.people.pop(cvid)
        story.run(*MEMBERS)
        town.people[cvid] = people
    story.run(*MEMBERS)
    assert not story.wrong()
    assert not story.warehouse.snapshots[f"segment_contacts/{cvid}"]["deleted"]


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_recipients_of_a_deleted_campaign_are_not_current(
    story: Story, days: int
) -> None:
    town = story.town
    ab_key = town.test((range(4), range(4, 9)))
    town.conclude(ab_key, range(9, 12))
    other_key = town.send(range(4))
    story.run(*RECIPIENTS)
    town.now += days * DAY
    story.run(*RECIPIENTS)
    sends = [ab_key, *town.mailings[ab_key].campaign.children]
    parts = {
        f"campaign_recipients/{send}/{action}" for send in sends for action in READ
    }
    town.delete(ab_key)
    story.run(*RECIPIENTS)
    assert any(story.warehouse.current()[part] for part in parts)
    story.run(*RECIPIENTS)
    for part in parts:
        assert not story.warehouse.current()[part]
        assert story.warehouse.snapshots[part]["deleted"]
    assert not story.wrong(other_key)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_a_campaign_that_is_listed_again_is_current(story: Story, days: int) -> None:
    town = story.town
    key = town.send(range(9))
    story.run(*RECIPIENTS)
    town.now += days * DAY
    story.run(*RECIPIENTS)
    town.unlisted.add(key)
    story.run(*RECIPIENTS)
    town.unlisted.clear()
    town.open(key, 1)
    story.run(*RECIPIENTS)
    # A closed campaign is not read again, so it lacks the new open.
    assert days or not story.wrong(key)
    assert not any(row["deleted"] for row in story.warehouse.snapshots.values())
    town.unlisted.add(key)
    story.run(*RECIPIENTS)
    story.run(*RECIPIENTS)
    town.unlisted.clear()
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


def test_short_runs_reach_every_part_of_every_stream(story: Story) -> None:
    town = story.town
    for _ in range(6):
        town.add_segment(range(5))
    keys = [town.send(range(4)) for _ in range(5)]
    streams = (
        *(*MEMBERS, "campaign_recipients", "list_subscriber_counts"),
        *("segments", "list_details", "campaign_details", "recipient_events"),
    )
    for _ in range(60):
        story.run(*streams, stop_after=5)
        assert not story.ended
    assert not story.wrong()
    assert not story.wrong(*keys)
    tables = story.warehouse.tables
    assert len(tables["segments"]) == 6
    assert len(tables["list_subscriber_counts"]) >= 4
    assert len(tables["campaign_details"]) == 5


def test_a_replaced_list_is_not_current(story: Story) -> None:
    town = story.town
    key = town.send(range(4))
    list_keys: list[str] = ["3z" + "1" * 64]

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        lists = [{"listkey": key, "listname": "L"} for key in list_keys]
        body = {"code": "0", "status": "success", "campaign-details": [{}]}
        return Reply(
            200, json.dumps(body | {"associated_mailing_lists": lists}).encode()
        )

    story.service.intercept = details
    for list_keys in (["3z" + "1" * 64], ["3z" + "2" * 64], []):
        story.run("campaign_lists", "snapshots")
        part = story.warehouse.snapshots[f"campaign_lists/{key}"]
        current = {
            row["source_id"]
            for row in story.warehouse.tables["campaign_lists"].values()
            if row["snapshot_time"] >= part["snapshot_time"]
        }
        assert current == {*list_keys}


def test_a_country_that_vanishes_is_not_current(story: Story) -> None:
    key = story.town.send(range(4))
    countries = {"India": 2, "Japan": 1}

    def report(call: Call) -> Reply | None:
        if call.endpoint != "campaignreports":
            return None
        body = {"code": "0", "status": "success", "campaign-reports": [{}]}
        return Reply(
            200, json.dumps(body | {"campaign-by-loaction": countries}).encode()
        )

    story.service.intercept = report
    story.run("campaign_locations", "snapshots")
    countries = {"India": 3}
    story.run("campaign_locations", "snapshots")
    rows = story.warehouse.tables["campaign_locations"].values()
    [day] = {row["reported_on"] for row in rows}
    part = story.warehouse.snapshots[f"campaign_locations/{key}/{day}"]
    assert {
        row["country"]: row["reached"]
        for row in rows
        if row["snapshot_time"] >= part["snapshot_time"]
    } == countries


def test_missing_statistics_do_not_close_a_campaign(story: Story) -> None:
    town = story.town
    key = town.send(range(9))
    town.open(key, 1)
    story.run("campaign_reports")
    town.open(key, 2)
    town.now += 40 * DAY
    story.service.intercept = lambda call: (
        NO_STATISTICS if call.endpoint == "campaignreports" else None
    )
    story.run("campaign_reports")
    story.service.intercept = None
    story.run("campaign_reports")
    assert [row["open_count"] for row in story.records("campaign_reports")] == [2]
    assert len(story.run("campaign_reports")) == 1


def test_streams_that_share_a_report_give_it_the_same_day(story: Story) -> None:
    town = story.town
    town.send(range(9))
    town.now = town.now.replace(hour=23, minute=58, second=30)

    def pass_midnight(call: Call) -> None:
        if call.endpoint == "campaignreports":
            town.now += timedelta(seconds=20)

    story.service.intercept = pass_midnight
    story.run("campaign_reports", "campaign_locations", "campaign_reach")
    days = {
        row["reported_on"]
        for name in ("campaign_reports", "campaign_locations", "campaign_reach")
        for row in story.records(name)
    }
    assert len(days) == 1
