"""Runs that a signal, a lock or a time limit ends, and the next run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import typing as t
from datetime import UTC, datetime

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.incremental import RECIPIENTS
from tests.support.taps import FixedClockTap, Output, account_at, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call
TAP = "from tap_zohocampaigns.tap import TapZohoCampaigns; TapZohoCampaigns.cli()"
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')


class Run:
    """The tap in its own process, with its output in files."""

    def __init__(self, folder: Path, service: Service, **settings: t.Any) -> None:
        config = folder / "config.json"
        # Without concurrency, each page is written before the next call.
        settings = {"concurrency": 1} | settings
        config.write_text(json.dumps(service.config | settings))
        self.out, self.err = folder / "out.jsonl", folder / "err.txt"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", TAP, "--config", str(config)],
                stdout=out,
                stderr=err,
                env={k: v for k, v in os.environ.items() if not k.startswith("TAP_")},
            )

    def end(self, status: int) -> Output:
        """Wait until the process exits; return its output."""
        assert self.process.wait(60) == status, self.err.read_text()
        return Output(self.out.read_text())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", ["in a call", "in a wait"])
def test_a_signal_ends_the_run_and_saves_its_state(
    tmp_path: Path, large_account: LivingAccount, number: signal.Signals, where: str
) -> None:
    calls: list[Call] = []
    reached, released = threading.Event(), threading.Event()

    def stall(call: Call) -> Reply | None:
        calls.extend([call] if call.endpoint == RECIPIENTS else [])
        if len(calls) < 12:
            return None
        reached.set()
        if where == "in a wait":
            return LOCKED
        released.wait(120)
        return None

    with Service(large_account, intercept=stall) as service:
        run = Run(tmp_path, service)
        assert reached.wait(60)
        run.process.send_signal(number)
        run.process.send_signal(number)
        output = run.end(128 + number)
    stderr = run.err.read_text()
    bookmark = output.state["bookmarks"]["campaign_recipients"]
    assert sum(
        len(seen)
        for campaign in bookmark["open"].values()
        for seen in campaign["seen"].values()
    )
    assert "Left to read: campaign_recipients (" in stderr
    assert "Traceback" not in stderr
    assert "An unhandled error" not in stderr
    released.set()


def test_a_signal_ends_the_run_even_if_its_output_is_not_read(
    tmp_path: Path, account: LivingAccount
) -> None:
    config = tmp_path / "config.json"
    reached = threading.Event()

    def watch(_: Call) -> None:
        # The pipe is full after two parts, so the tap requests no other part.
        if len(service.calls) > 2:
            reached.set()

    with Service(account, intercept=watch) as service:
        config.write_text(json.dumps(service.config))
        with subprocess.Popen(
            [sys.executable, "-c", TAP, "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert reached.wait(60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 128 + signal.SIGTERM


@pytest.mark.slow
def test_a_run_stopped_by_a_lock_is_continued_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tap's own process uses the clock of this machine.
    now = datetime.now(UTC)
    account = account_at(now)
    monkeypatch.setattr(FixedClockTap, "now", lambda _: now)
    with Service(account, quota_calls=40) as service:
        run = Run(tmp_path, service, rate_limit_on_lock="stop")
        first = run.end(0)
    assert "Left to read: campaign_recipients (" in run.err.read_text()
    with Service(account, quota_calls=10_000) as service:
        second = run_tap(service, "campaign_recipients", state=first.state)
        complete = run_tap(service, "campaign_recipients")

    def keys(*outputs: Output) -> set[tuple[str, ...]]:
        names = ("campaign_key", "action", "contact_email")
        return {
            tuple(row[name] for name in names)
            for output in outputs
            for row in output.records["campaign_recipients"]
        }

    assert keys(first, second) == keys(complete)
    # The second run does not read the same rows again.
    assert not keys(first) & keys(second)


def test_max_duration_minutes_ends_the_run_and_saves_its_state(
    tmp_path: Path, account: LivingAccount
) -> None:
    with Service(account, quota_calls=5) as service:
        # The lock lasts longer than the time limit, so the run ends at once.
        run = Run(tmp_path, service, max_duration_minutes=20)
        assert run.end(0).state
    assert "`max_duration_minutes`" in run.err.read_text()
