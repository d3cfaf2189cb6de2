"""What is read: the rows of the tap, with states and statuses of each stream."""

from __future__ import annotations

import re
import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.airbyte.catalog import ConfiguredStream
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.streams.snapshots import Snapshots
from tap_zohocampaigns.sync.incremental import StatefulStream
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.pipelines.test_kill import CUT, PAGE, SAMPLED, assert_whole
from tests.support.source import MEMORY, Messages, read_all, source
from tests.support.taps import NOW
from tests.support.town import ZONE, Town
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply
    from tests.support.taps import Output

    Json: t.TypeAlias = dict[str, t.Any]
    Configure: t.TypeAlias = Callable[..., Json]

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


@pytest.fixture(scope="module", params=["json", "xml"])
def both(
    request: pytest.FixtureRequest,
    account: LivingAccount,
    configure: Configure,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Messages, Output]:
    """Read the whole account in each format, by both faces; not to be changed."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Service(account, quota_calls=100_000) as service,
    ):
        patch.setattr(TapZohoCampaigns, "now", lambda _: NOW)
        config = service.config | MEMORY | {"response_format": request.param}
        singer = read_all(config)
        folder = tmp_path_factory.mktemp("read")
        return source(folder, "read", config, configure()), singer


def test_the_records_are_those_of_the_tap_in_the_same_order(
    both: tuple[Messages, Output],
) -> None:
    messages, singer = both
    assert messages.status == 0
    assert messages.records == singer.records
    assert messages.records.keys() == {stream.name for stream in STREAMS}


def test_each_stream_tells_how_it_goes(both: tuple[Messages, Output]) -> None:
    messages, singer = both
    assert messages.statuses.keys() == singer.records.keys()
    for told in messages.statuses.values():
        assert told == ["STARTED", "RUNNING", "COMPLETE"]
    assert not messages.errors


def test_records_stand_between_the_statuses_of_their_stream(
    both: tuple[Messages, Output],
) -> None:
    messages, _ = both
    status: dict[str, str] = {}
    stated: dict[str, int] = {}
    for message in messages.all:
        if message["type"] == "RECORD":
            name = message["record"]["stream"]
            assert status[name] == "RUNNING"
            assert message["record"]["emitted_at"] > 1.7e12
            stated[name] = stated.get(name, 0) + 1
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            assert status[name] in {"STARTED", "RUNNING"}
            assert message["state"]["sourceStats"]["recordCount"] == stated.get(name, 0)
            stated[name] = 0
        elif message["type"] == "TRACE" and "stream_status" in message["trace"]:
            told = message["trace"]["stream_status"]
            name = told["stream_descriptor"]["name"]
            # Every record is followed by a state, which destinations count by.
            assert told["status"] != "COMPLETE" or stated.get(name) == 0
            status[name] = told["status"]


def test_states_are_the_bookmarks_of_the_tap(both: tuple[Messages, Output]) -> None:
    messages, singer = both
    last = {
        state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"]
        for state in messages.last_states()
    }
    assert last.keys() == singer.records.keys()
    for stream in STREAMS:
        if issubclass(stream, StatefulStream):
            assert last[stream.name] == singer.state["bookmarks"][stream.name]


def test_rows_that_are_known_before_are_estimated(
    both: tuple[Messages, Output],
) -> None:
    messages, singer = both
    told = {
        trace["estimate"]["name"]: trace["estimate"]["row_estimate"]
        for trace in messages.traces("ESTIMATE")
    }
    assert told == {
        stream.name: len(singer.records[stream.name])
        for stream in STREAMS
        if not issubclass(stream, StatefulStream | Snapshots)
        # These come in pages, and nothing tells how many there are.
        and stream.name not in {"topics", "products", "workflows"}
    }


def test_addresses_and_secrets_are_in_records_only(
    service: Service, tmp_path: Path, configure: Configure, monkeypatch: t.Any
) -> None:
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    config = service.config | MEMORY | {"actions": ["spamcontacts"]}
    written = source(tmp_path, "read", config, configure())
    others = [
        line
        for line, message in zip(written.text.splitlines(), written.all, strict=True)
        if message["type"] != "RECORD"
    ]
    told = "\n".join(others)
    assert '"DEBUG"' in told
    assert not ADDRESS.search(told)
    for secret in ("client_secret", "refresh_token"):
        assert service.config[secret] not in written.text
    assert not re.search(r"1000\.[0-9a-f]{8,}", written.text)


@pytest.fixture(scope="module")
def town() -> Town:
    """An account with parts of several pages."""
    town = Town()
    for members in (range(13), range(20), range(3, 8)):
        town.add_segment(members)
    for audience in (range(13), range(4), range(25)):
        key = town.send(audience)
        for number in [*audience][::2]:
            town.open(key, number)
    return town


@pytest.fixture
def read(
    town: Town, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Messages]]:
    """Return what reads the town, with what intercepts the calls if anything does."""
    monkeypatch.setattr(TapZohoCampaigns, "now", lambda _: town.now)

    def run(
        state: t.Any = None,
        intercept: Callable[[Call], Reply | None] | None = None,
        catalog: Json | None = None,
        **settings: t.Any,
    ) -> Messages:
        # The sandbox makes ten tokens in ten minutes.
        town.now += timedelta(minutes=1)
        service.intercept = intercept
        service.calls.clear()
        config = service.config | MEMORY | {"page_size": PAGE, "timezone": ZONE.key}
        config |= {"retry_max_seconds": 0, "concurrency": 1} | settings
        asked = catalog or configure(*SAMPLED)
        return source(tmp_path, "read", config, asked, deepcopy(state))

    def clock() -> float:
        return town.now.timestamp()

    with Service(town, quota_calls=10**9, monotonic=clock) as service:
        yield run


def load(
    warehouse: Warehouse, messages: list[Json], keys: dict[str, list[str]]
) -> None:
    """Load messages as a destination that upserts does."""
    warehouse.load(
        {"type": "SCHEMA", "stream": name, "key_properties": key}
        for name, key in keys.items()
    )
    warehouse.load(
        {
            "type": "RECORD",
            "stream": m["record"]["stream"],
            "record": m["record"]["data"],
        }
        for m in messages
        if m["type"] == "RECORD"
    )


def test_a_run_goes_on_from_any_state_that_was_emitted(
    town: Town, read: Callable[..., Messages], discovered: Json
) -> None:
    keys = {
        stream["name"]: [key for (key,) in stream["source_defined_primary_key"]]
        for stream in discovered["streams"]
    }
    whole = read()
    assert len(whole.states) > 20
    positions = [n for n, m in enumerate(whole.all, 1) if m["type"] == "STATE"]
    for position in positions[::2]:
        before = Messages("")
        before.all = whole.all[:position]
        warehouse = Warehouse()
        load(warehouse, before.all, keys)
        after = read(before.last_states())
        load(warehouse, after.all, keys)
        assert after.status == 0
        assert_whole(town, warehouse, f"stopped behind message {position}")


def test_who_clears_the_snapshots_alone_gets_them_again(
    read: Callable[..., Messages],
) -> None:
    whole = read()
    states = [
        state
        for state in whole.last_states()
        if state["stream"]["stream_descriptor"]["name"] != Snapshots.name
    ]
    again = read(states)
    parts = [
        {row["snapshot_id"] for row in messages.records[Snapshots.name]}
        for messages in (whole, again)
    ]
    assert parts[0] == parts[1]
    assert not read(again.last_states()).records["campaign_recipients"]


def test_a_full_refresh_is_not_earlier_than_the_last_run() -> None:
    blob = {"run": "2026-03-20T15:04:05.000Z", "parts": {}, "closed": {}}
    for sync in (None, [2, 2]):
        resumed = ConfiguredStream(cursor=True, full=True, sync=sync).resume(blob)
        assert resumed.bookmark == {"run": blob["run"]}


def test_a_run_that_fails_goes_on_where_it_was(
    town: Town, read: Callable[..., Messages], discovered: Json
) -> None:
    keys = {
        stream["name"]: [key for (key,) in stream["source_defined_primary_key"]]
        for stream in discovered["streams"]
    }
    for last in range(3, 40, 6):
        asked = 0

        def fail(_: Call, last: int = last) -> Reply | None:
            nonlocal asked
            asked += 1
            return CUT if asked > last else None

        before = read(intercept=fail)
        assert before.status == 1
        assert {error["failure_type"] for error in before.errors} == {"transient_error"}
        assert all("COMPLETE" not in told for told in before.statuses.values())
        warehouse = Warehouse()
        load(warehouse, before.all, keys)
        load(warehouse, read(before.last_states()).all, keys)
        assert_whole(town, warehouse, f"failed behind call {last}")


def rows(messages: Messages) -> dict[str, int]:
    return {name: len(records) for name, records in messages.records.items()}


@pytest.mark.parametrize(
    "mode", ["append", "overwrite", "append_dedup", "overwrite_dedup"]
)
def test_a_full_refresh_reads_all_whatever_the_state(
    read: Callable[..., Messages], configure: Configure, mode: str
) -> None:
    first = read()
    again = read(first.last_states())
    assert "campaign_recipients" not in again.records
    assert "segment_contacts" not in {
        name for name in again.records if name != "snapshots"
    } or len(again.records["segment_contacts"]) < len(first.records["segment_contacts"])
    catalog = configure(*SAMPLED, mode="full_refresh", destination_sync_mode=mode)
    full = read(first.last_states(), catalog=catalog)
    assert rows(full) == rows(first)
    # Without a sync that the platform has numbered, each is a new one.
    assert rows(read(full.last_states(), catalog=catalog)) == rows(first)
    # The state serves an incremental run all the same.
    assert "campaign_recipients" not in read(full.last_states()).records


def test_a_full_refresh_goes_on_where_an_earlier_attempt_of_the_same_sync_stopped(
    read: Callable[..., Messages], configure: Configure
) -> None:
    def catalog(sync: int) -> Json:
        return configure(
            *SAMPLED,
            mode="full_refresh",
            sync_id=sync,
            generation_id=3,
            minimum_generation_id=3,
        )

    whole = read(catalog=catalog(7))
    asked = 0

    def fail(call: Call) -> Reply | None:
        nonlocal asked
        asked += call.endpoint == "getsegmentcontacts"
        return CUT if asked > 14 else None

    first = read(intercept=fail, catalog=catalog(7))
    assert first.statuses["campaign_recipients"][-1] == "COMPLETE"
    assert first.statuses["segment_contacts"][-1] == "INCOMPLETE"
    second = read(first.last_states(), catalog=catalog(7))
    assert "campaign_recipients" not in second.records
    assert {told[-1] for told in second.statuses.values()} == {"COMPLETE"}
    keys = {r["contact_email"] + r["cvid"] for r in whole.records["segment_contacts"]}
    got = first.records["segment_contacts"] + second.records["segment_contacts"]
    assert {row["contact_email"] + row["cvid"] for row in got} == keys
    assert len(second.records["segment_contacts"]) < len(keys)
    # The next sync begins again.
    assert rows(read(second.last_states(), catalog=catalog(8))) == rows(whole)


def test_a_stream_without_a_cursor_is_read_whole_in_incremental_mode_too(
    read: Callable[..., Messages], configure: Configure
) -> None:
    catalog = configure("campaigns", mode="incremental")
    first = read(catalog=catalog)
    assert rows(read(first.last_states(), catalog=catalog)) == rows(first)


def test_snapshots_alone_are_none(
    read: Callable[..., Messages], configure: Configure
) -> None:
    written = read(catalog=configure("snapshots"))
    assert written.statuses == {"snapshots": ["STARTED", "COMPLETE"]}
    assert len(written.states) == 1
    assert not written.records
