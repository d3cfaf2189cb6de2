"""Accounts that are not polite: counters, lists and clocks that can't be relied on."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import timedelta

import pytest
from airbyte_protocol_dataclasses.models import SyncMode

from tap_zohocampaigns.airbyte.catalog import make_catalog
from tap_zohocampaigns.airbyte.source import AirbyteTap
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.living import READ, ZONE, Feed, Town, Warehouse, difference

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, Campaign
    from tests.support.living import Message, Parts

RECIPIENTS = ("campaign_recipients", "snapshots")
MEMBERS = ("segment_contacts", "snapshots")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NO_STATISTICS = Reply(200, b'{"status":"error","code":"6305","message":"No stats."}')
NOBODY = Reply(200, b'{"status":"error","code":"6303","message":"No contacts."}')


class Impolite(Town):
    """A town whose counters and lists need not be those of its people."""

    def reset(self) -> None:
        super().reset()
        self.counters: dict[str, dict[str, int]] = {}
        self.unlisted: set[str] = set()

    def report(self, campaign_key: str) -> dict[str, int]:
        return super().report(campaign_key) | self.counters.get(campaign_key, {})

    def campaigns(self) -> list[Campaign]:
        return [each for each in super().campaigns() if each.key not in self.unlisted]


class Story:
    """Runs of the tap against a town, each from the state of the one before."""

    def __init__(self, town: Impolite, service: Service) -> None:
        self.town = town
        self.service = service
        self.warehouse = Warehouse()
        self.state: t.Any = None
        self.behind = timedelta()
        self.messages: list[Message] = []
        self.ended = True

    def run(
        self,
        *streams: str,
        stop_after: int = 0,
        deselected: dict[str, str] | None = None,
        catalog: dict[str, t.Any] | None = None,
        **settings: t.Any,
    ) -> list[Call]:
        """Run the tap, a minute after the last time; return the calls that it made."""
        self.town.now += timedelta(minutes=1)
        town, behind = self.town, self.behind

        class Tap(TapZohoCampaigns):
            def now(self) -> t.Any:
                return town.now - behind

        config = self.service.config | {
            "page_size": 8,
            "actions": [*READ],
            "timezone": ZONE.key,
            "retry_max_seconds": 0,
            "rate_limit_ledger": "memory",
            "concurrency": 1,
        }
        state = deepcopy(self.state)
        tap = Tap(config=config | settings, state=state, catalog=catalog)
        for name, stream in tap.streams.items():
            stream.selected = name in streams
            for column in (deselected or {}).get(name, "").split():
                stream.mask["properties", column] = False
        if stop_after:
            stop_behind(tap, stop_after)
        self.service.calls.clear()
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.ended = True
        with redirect_stdout(written):
            try:
                tap.sync_all()
            except Stopped as stopped:
                stopped.save()
                self.ended = False
            finally:
                self._load(written)
        return self.service.calls

    def _load(self, written: io.TextIOWrapper) -> None:
        written.seek(0)
        self.messages = [*map(json.loads, written)]
        self.warehouse.load(self.messages)
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        self.state = states[-1] if states else self.state

    def records(self, stream: str) -> list[dict[str, t.Any]]:
        """Return what the last run wrote of a stream."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def wrong(self, *keys: str) -> list[str]:
        """Say what the warehouse has wrong about campaigns; about segments if none."""
        parts: Parts = {} if keys else self.town.segment_parts()
        for key in keys:
            parts |= self.town.campaign_parts(key)
        return difference(self.warehouse.current(), parts)


def stop_behind(tap: TapZohoCampaigns, calls: int) -> None:
    """Let a run end in good order instead of making one more call."""
    made = 0
    check = tap.shutdown.check

    def stop(wait: float = 0.0) -> None:
        nonlocal made
        made += 1
        if made > calls:
            tap.shutdown.stop("the time is over")
        check(wait)

    tap.shutdown.check = stop  # type: ignore[method-assign]


@pytest.fixture
def story() -> Iterator[Story]:
    town = Impolite()

    def clock() -> float:
        return town.now.timestamp()

    with Service(town, quota_calls=10**9, monotonic=clock) as service:
        yield Story(town, service)


# Counters


def test_a_counter_that_stands_still_hides_nobody(story: Story) -> None:
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
def test_rows_that_follow_their_counter_are_read_however_late(
    story: Story, lookback_days: int
) -> None:
    town = story.town
    key = town.send(range(12))
    for number in range(6):
        town.open(key, number)
    # With one day, the window ends between the first look and the second.
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


def test_a_feed_that_follows_two_runs_later_is_read_after_the_window(
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
def test_a_counter_that_stays_0_is_no_proof_of_an_empty_feed(
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
    asked = [call for call in calls if call.endpoint == "getcampaignrecipientsdata"]
    assert {call.params["action"] for call in asked} == {*READ}


def test_a_counter_that_falls_to_0_takes_nobody_away(story: Story) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    story.run(*RECIPIENTS)
    town.counters[key] = {"opens_count": 0}
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closing"])
def test_an_empty_answer_where_there_was_a_full_one_is_asked_again(
    story: Story, days: int
) -> None:
    town = story.town
    key = town.send(range(12))
    town.open(key, 3)
    story.run(*RECIPIENTS)
    town.open(key, 5)
    town.now += days * DAY

    def hide(call: Call) -> Reply | None:
        return NOBODY if call.params.get("action") == "openedcontacts" else None

    story.service.intercept = hide
    story.run(*RECIPIENTS)
    part = f"campaign_recipients/{key}/openedcontacts"
    # Nobody is told to have gone.
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
    # It is closed now.
    assert len(story.run(*RECIPIENTS)) == 1


# What is seen late


@pytest.mark.parametrize("stream", ["campaign_recipients", "campaign_reports"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_campaign_that_is_listed_after_its_window_is_looked_at_once(
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


def test_a_test_that_is_named_after_the_other_is_read(story: Story) -> None:
    town = story.town
    key = town.test((range(4), range(4, 9)))
    town.conclude(key, range(9, 11))
    first, second = town.mailings[key].campaign.children
    town.change(key, children=(first,))
    story.run(*RECIPIENTS)
    town.change(key, children=(first, second))
    story.run(*RECIPIENTS)
    found = {row["campaign_key"] for row in story.records("campaign_recipients")}
    assert second in found


def test_a_campaign_that_is_sent_during_a_run_is_read_by_the_next(
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


def test_details_and_variants_are_looked_at_after_the_window(story: Story) -> None:
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


# Clocks


@pytest.mark.parametrize("behind", [timedelta(), HOUR, 3 * DAY])
def test_who_leaves_is_not_current_though_the_clock_steps_back(
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


def test_a_run_that_was_killed_leaves_no_later_time_behind(story: Story) -> None:
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


# Selections


def test_snapshots_that_are_selected_later_tell_of_all_parts(story: Story) -> None:
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


def test_a_column_that_is_selected_later_is_written_of_all(story: Story) -> None:
    town = story.town
    town.add_segment(range(9))
    key = town.send(range(4))
    hidden = {"segment_contacts": "first_name", "campaign_recipients": "first_name"}
    story.run(*MEMBERS, "campaign_recipients", deselected=hidden)
    town.now += 40 * DAY
    story.run(*MEMBERS, "campaign_recipients", deselected=hidden)
    assert not any("first_name" in row for row in story.records("segment_contacts"))
    story.run(*MEMBERS, "campaign_recipients")
    for name in hidden:
        rows = story.warehouse.tables[name].values()
        assert all(row["first_name"] for row in rows)
    assert not story.wrong()
    assert not story.wrong(key)


# What is deleted


def test_nobody_of_a_deleted_segment_is_current(story: Story) -> None:
    town = story.town
    deleted, kept = town.add_segment(range(9)), town.add_segment(range(4))
    story.run(*MEMBERS)
    town.delete(deleted)
    story.run(*MEMBERS)
    part = f"segment_contacts/{deleted}"
    # It may be back in the next run.
    assert len(story.warehouse.current()[part]) == 9
    story.run(*MEMBERS)
    assert story.warehouse.current()[part] == {}
    row = story.warehouse.snapshots[part]
    assert (row["deleted"], row["rows_read"]) == (True, 0)
    assert not story.warehouse.snapshots[f"segment_contacts/{kept}"]["deleted"]
    assert {row["cvid"] for row in story.records("segment_contacts")} == {kept}


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
def test_nobody_of_a_deleted_campaign_is_current(story: Story, days: int) -> None:
    town = story.town
    tested = town.test((range(4), range(4, 9)))
    town.conclude(tested, range(9, 12))
    kept = town.send(range(4))
    story.run(*RECIPIENTS)
    town.now += days * DAY
    story.run(*RECIPIENTS)
    sends = [tested, *town.mailings[tested].campaign.children]
    parts = {
        f"campaign_recipients/{send}/{action}" for send in sends for action in READ
    }
    town.delete(tested)
    story.run(*RECIPIENTS)
    assert any(story.warehouse.current()[part] for part in parts)
    story.run(*RECIPIENTS)
    for part in parts:
        assert not story.warehouse.current()[part]
        assert story.warehouse.snapshots[part]["deleted"]
    assert not story.wrong(kept)


@pytest.mark.parametrize("days", [0, 40], ids=["open", "closed"])
def test_a_campaign_that_leaves_the_list_and_returns_is_current(
    story: Story, days: int
) -> None:
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
    # Closed campaigns stay as they were.
    assert days or not story.wrong(key)
    assert not any(row["deleted"] for row in story.warehouse.snapshots.values())
    town.unlisted.add(key)
    story.run(*RECIPIENTS)
    story.run(*RECIPIENTS)
    town.unlisted.clear()
    story.run(*RECIPIENTS)
    assert not story.wrong(key)


# Fair turns


def test_short_runs_come_to_every_part_of_every_stream(story: Story) -> None:
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


# What replaces what


def test_a_list_that_was_exchanged_is_not_current(story: Story) -> None:
    town = story.town
    key = town.send(range(4))
    told: list[str] = ["3z" + "1" * 64]

    def details(call: Call) -> Reply | None:
        if call.endpoint != "getcampaigndetails":
            return None
        lists = [{"listkey": key, "listname": "L"} for key in told]
        body = {"code": "0", "status": "success", "campaign-details": [{}]}
        return Reply(
            200, json.dumps(body | {"associated_mailing_lists": lists}).encode()
        )

    story.service.intercept = details
    for told in (["3z" + "1" * 64], ["3z" + "2" * 64], []):
        story.run("campaign_lists", "snapshots")
        part = story.warehouse.snapshots[f"campaign_lists/{key}"]
        current = {
            row["source_id"]
            for row in story.warehouse.tables["campaign_lists"].values()
            if row["snapshot_time"] >= part["snapshot_time"]
        }
        assert current == {*told}


def test_a_country_that_vanishes_is_not_current(story: Story) -> None:
    key = story.town.send(range(4))
    told = {"India": 2, "Japan": 1}

    def report(call: Call) -> Reply | None:
        if call.endpoint != "campaignreports":
            return None
        body = {"code": "0", "status": "success", "campaign-reports": [{}]}
        return Reply(200, json.dumps(body | {"campaign-by-loaction": told}).encode())

    story.service.intercept = report
    story.run("campaign_locations", "snapshots")
    told = {"India": 3}
    story.run("campaign_locations", "snapshots")
    rows = story.warehouse.tables["campaign_locations"].values()
    [day] = {row["reported_on"] for row in rows}
    part = story.warehouse.snapshots[f"campaign_locations/{key}/{day}"]
    assert {
        row["country"]: row["reached"]
        for row in rows
        if row["snapshot_time"] >= part["snapshot_time"]
    } == told


# Reports


def test_no_statistics_do_not_close_a_campaign_that_had_some(story: Story) -> None:
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


def test_a_shared_answer_has_the_day_on_which_it_came(story: Story) -> None:
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


# Which row survives


class Deduplicated(Warehouse):
    """Keeps the row with the greatest cursor of each key, as Airbyte's loaders do."""

    def __init__(self, cursors: dict[str, str]) -> None:
        super().__init__()
        self.cursors = cursors

    def load(self, messages: t.Iterable[Message]) -> None:
        kept = deepcopy(self.tables)
        super().load(messages)
        for stream, rows in kept.items():
            cursor = self.cursors[stream]
            for key, row in rows.items():
                if row[cursor] > self.tables[stream][key][cursor]:
                    self.tables[stream][key] = row


def test_rewritten_rows_survive_a_loader_that_keeps_the_greatest_cursor(
    story: Story,
) -> None:
    town = story.town
    town.add_segment(range(9))
    key = town.send(range(9))
    town.open(key, 1)
    tap = AirbyteTap(config={"data_center": "sandbox"})
    catalog = make_catalog(tap)
    story.warehouse = Deduplicated(
        {
            stream.name: stream.default_cursor_field[0]
            for stream in catalog.streams
            if stream.default_cursor_field
        }
    )
    # Later in the day than it was, so all times of the second run are earlier.
    story.run(*MEMBERS, "campaign_recipients", timezone="Pacific/Honolulu")
    town.leave(next(iter(town.people)), 3)
    town.open(key, 2)
    story.run(*MEMBERS, "campaign_recipients")
    assert not story.wrong()
    assert not story.wrong(key)


def test_every_stream_that_tells_what_is_current_has_that_as_its_cursor() -> None:
    tap = AirbyteTap(config={"data_center": "sandbox"})
    streams = {each.name: each for each in make_catalog(tap).streams}
    for stream in tap.zoho_streams:
        described = streams[stream.name]
        if stream.has_snapshots:
            assert described.default_cursor_field == ["snapshot_time"]
            assert SyncMode.incremental in described.supported_sync_modes
    counts = streams["list_subscriber_counts"]
    assert counts.default_cursor_field == ["counted_on"]
    assert SyncMode.incremental in counts.supported_sync_modes


@pytest.mark.parametrize(
    "stream", ["snapshots", "list_subscriber_counts", "campaign_reports"]
)
def test_history_is_never_dropped_by_a_new_version(story: Story, stream: str) -> None:
    story.town.send(range(4))
    story.town.add_segment(range(3))
    story.run(
        stream,
        *MEMBERS,
        "segments",
        catalog=full_table(),
        emit_activate_version_messages=True,
    )
    versions = {
        message["stream"]
        for message in story.messages
        if message["type"] == "ACTIVATE_VERSION"
    }
    assert "segments" in versions
    assert stream not in versions


def full_table() -> dict[str, t.Any]:
    """Return a catalog that asks for a full refresh of every stream."""
    catalog = TapZohoCampaigns(config={"data_center": "sandbox"}).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["forced-replication-method"] = "FULL_TABLE"
    return catalog


# The size of states


def test_states_grow_with_the_records_and_not_with_their_square(story: Story) -> None:
    def written(campaigns: int) -> tuple[int, int]:
        story.town.reset()
        story.state = None
        for _ in range(campaigns):
            story.town.send(range(9))
        story.run(*RECIPIENTS)
        sizes = {"STATE": 0, "RECORD": 0, "SCHEMA": 0}
        for message in story.messages:
            sizes[message["type"]] += len(json.dumps(message))
        return sizes["STATE"], sizes["RECORD"]

    few, rows = written(10)
    many, more_rows = written(40)
    assert few < rows
    assert many < more_rows / 2
