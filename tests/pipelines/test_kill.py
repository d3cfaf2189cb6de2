"""A run can be killed at any call and at any message, and the next run loses no row."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import typing as t
from collections import Counter
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.scripted_account import ZONE, ScriptedAccount
from tests.support.warehouse import Warehouse, errors_of_parts

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call
    from tests.support.scripted_account import Message

pytestmark = pytest.mark.slow

RECIPIENTS = "getcampaignrecipientsdata"
PAGE = 6
SAMPLED = ("segment_contacts", "campaign_recipients", "snapshots")
CUT = Reply(200, b'{"status":"success","code', cut=True)
TAP = "from tap_zohocampaigns.tap import TapZohoCampaigns; TapZohoCampaigns.cli()"


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


@pytest.fixture(scope="module")
def service(scripted_account: ScriptedAccount) -> Iterator[Service]:
    def clock() -> float:
        return scripted_account.now.timestamp()

    with Service(scripted_account, quota_calls=10**9, monotonic=clock) as service:
        yield service


def run(
    scripted_account: ScriptedAccount,
    service: Service,
    state: t.Any = None,
    intercept: Callable[[Call], Reply | None] | None = None,
    concurrency: int = 1,
) -> list[Message]:
    """Run the tap to its end or its failure; return what it wrote."""
    # The sandbox allows ten tokens in ten minutes.
    scripted_account.now += timedelta(minutes=1)

    class Tap(TapZohoCampaigns):
        def now(self) -> t.Any:
            return scripted_account.now

    service.intercept = intercept
    service.calls.clear()
    config = service.config | {
        "page_size": PAGE,
        "timezone": ZONE.key,
        "retry_max_seconds": 0,
        "rate_limit_ledger": "memory",
        "concurrency": concurrency,
    }
    # A new process would get a copy, because it reads the state from a file.
    tap = Tap(config=config, state=deepcopy(state))
    for name, stream in tap.streams.items():
        stream.selected = name in SAMPLED
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        try:
            tap.sync_all()
        except ZohoError:
            assert intercept, "a run without an intercept must not fail"
    written.seek(0)
    return [*map(json.loads, written)]


def last_state(messages: list[Message]) -> t.Any:
    states = [m["value"] for m in messages if m["type"] == "STATE"]
    return states[-1] if states else None


def assert_whole(
    scripted_account: ScriptedAccount, warehouse: Warehouse, where: str
) -> None:
    current = warehouse.current()
    parts = dict(scripted_account.segment_parts())
    for campaign in scripted_account.campaigns():
        parts |= scripted_account.campaign_parts(campaign.key)
    assert not errors_of_parts(current, parts), where


def repeated_calls(state: t.Any, calls: list[Call]) -> Counter[str]:
    """Count the calls for recipients that the state had already noted as read."""
    repeated: Counter[str] = Counter()
    bookmark = (state or {}).get("bookmarks", {}).get("campaign_recipients", {})
    for call in calls:
        if call.endpoint != RECIPIENTS:
            continue
        for campaign in bookmark.get("open", {}).values():
            seen = campaign["seen"].get(call.params["campaignkey"], {})
            noted = seen.get(call.params["action"])
            if not noted:
                continue
            cursor = noted.get("begun")
            if cursor is None or int(call.params["fromindex"]) < cursor["start"] - PAGE:
                repeated[call.params["action"]] += 1
    return repeated


@pytest.mark.parametrize("concurrency", [1, 4])
def test_next_run_completes_a_run_killed_at_any_message(
    scripted_account: ScriptedAccount, service: Service, concurrency: int
) -> None:
    full_run = run(scripted_account, service, concurrency=concurrency)
    assert len(full_run) > 100
    for position in range(0, len(full_run), concurrency):
        before = full_run[:position]
        state = last_state(before)
        warehouse = Warehouse()
        warehouse.load(before)
        warehouse.load(run(scripted_account, service, state, concurrency=concurrency))
        assert_whole(scripted_account, warehouse, f"killed before message {position}")
        assert not repeated_calls(state, service.calls), position


@pytest.mark.parametrize("concurrency", [1, 4])
def test_next_run_completes_a_run_killed_at_any_call(
    scripted_account: ScriptedAccount, service: Service, concurrency: int
) -> None:
    run(scripted_account, service, concurrency=concurrency)
    for position in range(0, len(service.calls), concurrency):
        calls = 0

        def fail(_: Call, position: int = position) -> Reply | None:
            nonlocal calls
            calls += 1
            return CUT if calls > position else None

        before = run(scripted_account, service, intercept=fail, concurrency=concurrency)
        assert calls > position
        state = last_state(before)
        warehouse = Warehouse()
        warehouse.load(before)
        warehouse.load(run(scripted_account, service, state, concurrency=concurrency))
        assert_whole(scripted_account, warehouse, f"killed at call {position}")
        assert not repeated_calls(state, service.calls), position


def test_messages_do_not_depend_on_concurrency(
    scripted_account: ScriptedAccount, service: Service
) -> None:
    sequential, *others = (
        run(scripted_account, service, concurrency=concurrency)
        for concurrency in (1, 2, 4, 16)
    )
    for other in others:
        assert without_times(other) == without_times(sequential)


def without_times(messages: list[Message]) -> list[Message]:
    """Return the messages without their times."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "", json.dumps(messages))
    return t.cast("list[Message]", json.loads(text))


@pytest.mark.parametrize("position", [1, 5, 9, 14, 20, 26])
def test_killed_process_loses_no_row(
    tmp_path: Path, scripted_account: ScriptedAccount, service: Service, position: int
) -> None:
    config, output = tmp_path / "config.json", tmp_path / "out.jsonl"
    config.write_text(
        json.dumps(service.config | {"page_size": PAGE, "timezone": ZONE.key})
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAP_")}
    calls = 0
    process: subprocess.Popen[bytes] | None = None

    def kill(_: Call) -> Reply | None:
        nonlocal calls
        calls += 1
        if calls == position and process:
            process.send_signal(signal.SIGKILL)
            process.wait()
        return None

    scripted_account.now += timedelta(hours=1)
    service.intercept = kill
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", TAP, "--config", str(config)],
            stdout=file,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    assert process.wait(60) == -signal.SIGKILL
    # The last line may be cut off, and a loader would skip it.
    lines = output.read_text().split("\n")[:-1]
    before = [*map(json.loads, lines)]
    warehouse = Warehouse()
    warehouse.load(before)
    warehouse.load(run(scripted_account, service, last_state(before)))
    assert_whole(scripted_account, warehouse, f"killed at call {position}")
