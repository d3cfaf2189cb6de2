"""A read: the records of the tap, and the states and statuses of each stream."""

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
from tests.support.scripted_account import ZONE, ScriptedAccount
from tests.support.source import MEMORY, Messages, read_all, source
from tests.support.taps import NOW
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply
    from tests.support.taps import Output

    Json: t.TypeAlias = dict[str, t.Any]
    Configure: t.TypeAlias = Callable[..., Json]

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


@pytest.fixture(
    scope="module", params=["json", pytest.param("xml", marks=pytest.mark.slow)]
)
def source_and_tap(
    request: pytest.FixtureRequest,
    account: LivingAccount,
    configure: Configure,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Messages, Output]:
    """Read the whole account with the source and with the tap, in each format.

    Tests share the result and must not change it.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        Service(account, quota_calls=100_000) as service,
    ):
        patch.setattr(TapZohoCampaigns, "now", lambda _: NOW)
        config = service.config | MEMORY | {"response_format": request.param}
        singer = read_all(config)
        folder = tmp_path_factory.mktemp("read")
        return source(folder, "read", config, configure()), singer


def test_records_equal_those_of_the_tap_in_the_same_order(
    source_and_tap: tuple[Messages, Output],
) -> None:
    messages, singer = source_and_tap
    assert messages.status == 0
    assert messages.records == singer.records
    assert messages.records.keys() == {stream.name for stream in STREAMS}


def test_each_stream_has_a_status_at_its_start_and_its_end(
    source_and_tap: tuple[Messages, Output],
) -> None:
    messages, singer = source_and_tap
    assert messages.statuses.keys() == singer.records.keys()
    for statuses in messages.statuses.values():
        assert statuses == ["STARTED", "RUNNING", "COMPLETE"]
    assert not messages.errors


def test_records_come_between_the_statuses_of_their_stream(
    source_and_tap: tuple[Messages, Output],
) -> None:
    messages, _ = source_and_tap
    status: dict[str, str] = {}
    pending: dict[str, int] = {}
    for message in messages.all:
        if message["type"] == "RECORD":
            name = message["record"]["stream"]
            assert status[name] == "RUNNING"
            assert message["record"]["emitted_at"] > 1.7e12
            pending[name] = pending.get(name, 0) + 1
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            assert status[name] in {"STARTED", "RUNNING"}
            assert message["state"]["sourceStats"]["recordCount"] == pending.get(
                name, 0
            )
            pending[name] = 0
        elif message["type"] == "TRACE" and "stream_status" in message["trace"]:
            stream_status = message["trace"]["stream_status"]
            name = stream_status["stream_descriptor"]["name"]
            # Destinations count by states, so a state must follow the last record.
            assert stream_status["status"] != "COMPLETE" or pending.get(name) == 0
            status[name] = stream_status["status"]


def test_states_equal_the_bookmarks_of_the_tap(
    source_and_tap: tuple[Messages, Output],
) -> None:
    messages, singer = source_and_tap
    last_states = {
        state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"]
        for state in messages.last_states()
    }
    assert last_states.keys() == singer.records.keys()
    for stream in STREAMS:
        if issubclass(stream, StatefulStream):
            assert last_states[stream.name] == singer.state["bookmarks"][stream.name]


def test_streams_with_a_known_row_count_send_an_estimate(
    source_and_tap: tuple[Messages, Output],
) -> None:
    messages, singer = source_and_tap
    estimates = {
        trace["estimate"]["name"]: trace["estimate"]["row_estimate"]
        for trace in messages.traces("ESTIMATE")
    }
    assert estimates == {
        stream.name: len(singer.records[stream.name])
        for stream in STREAMS
        if not issubclass(stream, StatefulStream | Snapshots)
        # These are paginated, and no total is known before the last page.
        and stream.name not in {"topics", "products", "workflows"}
    }


def test_addresses_are_only_in_records_and_secrets_nowhere(
    service: Service, tmp_path: Path, configure: Configure, monkeypatch: t.Any
) -> None:
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    config = service.config | MEMORY | {"actions": ["spamcontacts"]}
    written = source(tmp_path, "read", config, configure())
    lines_without_records = [
        line
        for line, message in zip(written.text.splitlines(), written.all, strict=True)
        if message["type"] != "RECORD"
    ]
    other_lines = "\n".join(lines_without_records)
    assert '"DEBUG"' in other_lines
    assert not ADDRESS.search(other_lines)
    for secret in ("client_secret", "refresh_token"):
        assert service.config[secret] not in written.text
    assert not re.search(r"1000\.[0-9a-f]{8,}", written.text)


@pytest.fixture(scope="module")
def scripted_account() -> ScriptedAccount:
    """Return an account whose segments and campaigns have several pages."""
    scripted_account = ScriptedAccount()
    for members in (range(13), range(20), range(3, 8)):
        scripted_account.add_segment(members)
    for audience in (range(13), range(4), range(25)):
        key = scripted_account.send(audience)
        for number in [*audience][::2]:
            scripted_account.open(key, number)
    return scripted_account


@pytest.fixture
def read(
    scripted_account: ScriptedAccount,
    configure: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Messages]]:
    """Return a function that reads the account, and may intercept its calls."""
    monkeypatch.setattr(TapZohoCampaigns, "now", lambda _: scripted_account.now)

    def run(
        state: t.Any = None,
        intercept: Callable[[Call], Reply | None] | None = None,
        catalog: Json | None = None,
        **settings: t.Any,
    ) -> Messages:
        # The sandbox allows ten tokens in ten minutes.
        scripted_account.now += timedelta(minutes=1)
        service.intercept = intercept
        service.calls.clear()
        config = service.config | MEMORY | {"page_size": PAGE, "timezone": ZONE.key}
        config |= {"retry_max_seconds": 0, "concurrency": 1} | settings
        configured = catalog or configure(*SAMPLED)
        return source(tmp_path, "read", config, configured, deepcopy(state))

    def clock() -> float:
        return scripted_account.now.timestamp()

    with Service(scripted_account, quota_calls=10**9, monotonic=clock) as service:
        yield run


def load(
    warehouse: Warehouse, messages: list[Json], keys: dict[str, list[str]]
) -> None:
    """Load messages like a destination that upserts."""
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


@pytest.mark.slow
def test_run_can_resume_from_any_emitted_state(
    scripted_account: ScriptedAccount, read: Callable[..., Messages], discovered: Json
) -> None:
    keys = {
        stream["name"]: [key for (key,) in stream["source_defined_primary_key"]]
        for stream in discovered["streams"]
    }
    full_run = read()
    assert len(full_run.states) > 20
    positions = [
        number
        for number, message in enumerate(full_run.all, 1)
        if message["type"] == "STATE"
    ]
    for position in positions[::2]:
        before = Messages("")
        before.all = full_run.all[:position]
        warehouse = Warehouse()
        load(warehouse, before.all, keys)
        after = read(before.last_states())
        load(warehouse, after.all, keys)
        assert after.status == 0
        assert_whole(scripted_account, warehouse, f"stopped after message {position}")


def test_cleared_state_of_snapshots_sends_them_again(
    read: Callable[..., Messages],
) -> None:
    first = read()
    states = [
        state
        for state in first.last_states()
        if state["stream"]["stream_descriptor"]["name"] != Snapshots.name
    ]
    second = read(states)
    parts = [
        {row["snapshot_id"] for row in messages.records[Snapshots.name]}
        for messages in (first, second)
    ]
    assert parts[0] == parts[1]
    assert not read(second.last_states()).records["campaign_recipients"]


def test_full_refresh_keeps_the_time_of_the_last_run() -> None:
    state = {"run": "2026-03-20T15:04:05.000Z", "parts": {}, "closed": {}}
    for sync in (None, [2, 2]):
        resumed = ConfiguredStream(cursor=True, full=True, sync=sync).resume(state)
        assert resumed.bookmark == {"run": state["run"]}


def test_run_resumes_after_a_failed_run(
    scripted_account: ScriptedAccount, read: Callable[..., Messages], discovered: Json
) -> None:
    keys = {
        stream["name"]: [key for (key,) in stream["source_defined_primary_key"]]
        for stream in discovered["streams"]
    }
    for last in range(3, 40, 6):
        calls = 0

        def fail(_: Call, last: int = last) -> Reply | None:
            nonlocal calls
            calls += 1
            return CUT if calls > last else None

        before = read(intercept=fail)
        assert before.status == 1
        assert {error["failure_type"] for error in before.errors} == {"transient_error"}
        assert all("COMPLETE" not in statuses for statuses in before.statuses.values())
        warehouse = Warehouse()
        load(warehouse, before.all, keys)
        load(warehouse, read(before.last_states()).all, keys)
        assert_whole(scripted_account, warehouse, f"failed after call {last}")


def rows(messages: Messages) -> dict[str, int]:
    return {name: len(records) for name, records in messages.records.items()}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "mode", ["append", "overwrite", "append_dedup", "overwrite_dedup"]
)
def test_full_refresh_ignores_saved_state(
    read: Callable[..., Messages], configure: Configure, mode: str
) -> None:
    first = read()
    incremental = read(first.last_states())
    assert "campaign_recipients" not in incremental.records
    assert "segment_contacts" not in {
        name for name in incremental.records if name != "snapshots"
    } or len(incremental.records["segment_contacts"]) < len(
        first.records["segment_contacts"]
    )
    catalog = configure(*SAMPLED, mode="full_refresh", destination_sync_mode=mode)
    full = read(first.last_states(), catalog=catalog)
    assert rows(full) == rows(first)
    # Without a sync ID, each full refresh is a new sync.
    assert rows(read(full.last_states(), catalog=catalog)) == rows(first)
    # An incremental run can still use the state.
    assert "campaign_recipients" not in read(full.last_states()).records


def test_full_refresh_resumes_an_earlier_attempt_of_the_same_sync(
    read: Callable[..., Messages], configure: Configure
) -> None:
    def catalog(sync_id: int) -> Json:
        return configure(
            *SAMPLED,
            mode="full_refresh",
            sync_id=sync_id,
            generation_id=3,
            minimum_generation_id=3,
        )

    full_run = read(catalog=catalog(7))
    calls = 0

    def fail(call: Call) -> Reply | None:
        nonlocal calls
        calls += call.endpoint == "getsegmentcontacts"
        return CUT if calls > 14 else None

    first = read(intercept=fail, catalog=catalog(7))
    assert first.statuses["campaign_recipients"][-1] == "COMPLETE"
    assert first.statuses["segment_contacts"][-1] == "INCOMPLETE"
    second = read(first.last_states(), catalog=catalog(7))
    assert "campaign_recipients" not in second.records
    assert {statuses[-1] for statuses in second.statuses.values()} == {"COMPLETE"}
    keys = {
        r["contact_email"] + r["cvid"] for r in full_run.records["segment_contacts"]
    }
    rows_of_both = (
        first.records["segment_contacts"] + second.records["segment_contacts"]
    )
    assert {row["contact_email"] + row["cvid"] for row in rows_of_both} == keys
    assert len(second.records["segment_contacts"]) < len(keys)
    # The next sync starts from the beginning.
    assert rows(read(second.last_states(), catalog=catalog(8))) == rows(full_run)


def test_stream_without_a_cursor_is_read_in_full_in_incremental_mode(
    read: Callable[..., Messages], configure: Configure
) -> None:
    catalog = configure("campaigns", mode="incremental")
    first = read(catalog=catalog)
    assert rows(read(first.last_states(), catalog=catalog)) == rows(first)


def test_snapshots_without_other_streams_have_no_records(
    read: Callable[..., Messages], configure: Configure
) -> None:
    written = read(catalog=configure("snapshots"))
    assert written.statuses == {"snapshots": ["STARTED", "COMPLETE"]}
    assert len(written.states) == 1
    assert not written.records
