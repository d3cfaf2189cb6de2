"""Cursors, table versions and states that loaders rely on."""

from __future__ import annotations

import json
import typing as t
from copy import deepcopy

import pytest
from airbyte_protocol_dataclasses.models import SyncMode

from tap_zohocampaigns.airbyte.catalog import make_catalog
from tap_zohocampaigns.airbyte.tap import AirbyteTap
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.scenarios import (
    MEMBERS,
    RECIPIENTS,
    Scenario,
)
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from tests.support.scripted_account import Message


class Deduplicated(Warehouse):
    """Keeps the row with the greatest cursor of each key, as Airbyte's loaders do."""

    def __init__(self, cursors: dict[str, str]) -> None:
        super().__init__()
        self.cursors = cursors

    def load(self, messages: t.Iterable[Message]) -> None:
        previous_tables = deepcopy(self.tables)
        super().load(messages)
        for stream, rows in previous_tables.items():
            cursor = self.cursors[stream]
            for key, row in rows.items():
                if row[cursor] > self.tables[stream][key][cursor]:
                    self.tables[stream][key] = row


def test_rewritten_rows_survive_a_loader_that_keeps_the_greatest_cursor(
    scenario: Scenario,
) -> None:
    account = scenario.account
    account.add_segment(range(9))
    key = account.send(range(9))
    account.open(key, 1)
    tap = AirbyteTap(config={"data_center": "sandbox"})
    catalog = make_catalog(tap)
    scenario.warehouse = Deduplicated(
        {
            stream.name: stream.default_cursor_field[0]
            for stream in catalog.streams
            if stream.default_cursor_field
        }
    )
    # In this zone, the first run's times are later than those of the second.
    scenario.run(*MEMBERS, "campaign_recipients", timezone="Pacific/Honolulu")
    account.leave(next(iter(account.members_by_segment)), 3)
    account.open(key, 2)
    scenario.run(*MEMBERS, "campaign_recipients")
    assert not scenario.errors()
    assert not scenario.errors(key)


def test_snapshot_streams_use_snapshot_time_as_their_cursor() -> None:
    tap = AirbyteTap(config={"data_center": "sandbox"})
    streams = {entry.name: entry for entry in make_catalog(tap).streams}
    for stream in tap.zoho_streams:
        entry = streams[stream.name]
        if stream.has_snapshots:
            assert entry.default_cursor_field == ["snapshot_time"]
            assert SyncMode.incremental in entry.supported_sync_modes
    counts = streams["list_subscriber_counts"]
    assert counts.default_cursor_field == ["counted_on"]
    assert SyncMode.incremental in counts.supported_sync_modes


@pytest.mark.parametrize(
    "stream", ["snapshots", "list_subscriber_counts", "campaign_reports"]
)
def test_a_new_table_version_does_not_drop_history(
    scenario: Scenario, stream: str
) -> None:
    scenario.account.send(range(4))
    scenario.account.add_segment(range(3))
    scenario.run(
        stream,
        *MEMBERS,
        "segments",
        catalog=full_table_catalog(),
        emit_activate_version_messages=True,
    )
    versions = {
        message["stream"]
        for message in scenario.messages
        if message["type"] == "ACTIVATE_VERSION"
    }
    assert "segments" in versions
    assert stream not in versions


def full_table_catalog() -> dict[str, t.Any]:
    """Return a catalog that asks for a full refresh of every stream."""
    catalog = TapZohoCampaigns(config={"data_center": "sandbox"}).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["forced-replication-method"] = "FULL_TABLE"
    return catalog


def test_state_size_grows_linearly_with_the_records(scenario: Scenario) -> None:
    def sizes_of_run(campaigns: int) -> tuple[int, int]:
        scenario.account.reset()
        scenario.state = None
        for _ in range(campaigns):
            scenario.account.send(range(9))
        scenario.run(*RECIPIENTS)
        sizes = {"STATE": 0, "RECORD": 0, "SCHEMA": 0}
        for message in scenario.messages:
            sizes[message["type"]] += len(json.dumps(message))
        return sizes["STATE"], sizes["RECORD"]

    small_state, small_records = sizes_of_run(10)
    large_state, large_records = sizes_of_run(40)
    assert small_state < small_records
    assert large_state < large_records / 2
