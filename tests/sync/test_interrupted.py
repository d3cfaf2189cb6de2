"""Runs that are ended by a signal, a lock or a time, and the next run."""

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
from tests.support.taps import Output, StillTap, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call
TAP = "from tap_zohocampaigns.tap import TapZohoCampaigns; TapZohoCampaigns.cli()"
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')


class Run:
    """The tap as a process of its own, writing into files."""

    def __init__(self, folder: Path, service: Service, **settings: t.Any) -> None:
        config = folder / "config.json"
        # One by one, so that what is asked for is what is written next.
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
        """Wait for the end; return what was written."""
        assert self.process.wait(60) == status, self.err.read_text()
        return Output(self.out.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", ["in a call", "in a wait"])
def test_a_signal_ends_the_run_with_its_state_saved(
    tmp_path: Path, account: LivingAccount, number: signal.Signals, where: str
) -> None:
    asked: list[Call] = []
    reached, over = threading.Event(), threading.Event()

    def stall(call: Call) -> Reply | None:
        asked.extend([call] if call.endpoint == RECIPIENTS else [])
        if len(asked) < 12:
            return None
        reached.set()
        if where == "in a wait":
            return LOCKED
        over.wait(120)
        return None

    with Service(account, intercept=stall) as service:
        run = Run(tmp_path, service)
        assert reached.wait(60)
        run.process.send_signal(number)
        run.process.send_signal(number)
        output = run.end(128 + number)
    stderr = run.err.read_text()
    line = output.state["bookmarks"]["campaign_recipients"]
    assert sum(len(s) for each in line["open"].values() for s in each["seen"].values())
    assert "Left to read: campaign_recipients (" in stderr
    assert "Traceback" not in stderr
    assert "An unhandled error" not in stderr
    over.set()


def test_a_signal_ends_the_run_though_nobody_reads_what_it_writes(
    tmp_path: Path, account: LivingAccount
) -> None:
    config = tmp_path / "config.json"
    reached = threading.Event()

    def watch(_: Call) -> None:
        # Two parts are more than a pipe holds, so no other is asked for.
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


def test_a_lock_can_stop_the_run_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process of its own has the clock of this machine.
    now = datetime.now(UTC)
    account = LivingAccount(clock=lambda: now)
    monkeypatch.setattr(StillTap, "now", lambda _: now)
    with Service(account, quota_calls=40) as service:
        run = Run(tmp_path, service, rate_limit_on_lock="stop")
        first = run.end(0)
    assert "Left to read: campaign_recipients (" in run.err.read_text()
    with Service(account, quota_calls=10_000) as service:
        second = run_tap(service, "campaign_recipients", state=first.state)
        whole = run_tap(service, "campaign_recipients")

    def keys(*outputs: Output) -> set[tuple[str, ...]]:
        names = ("campaign_key", "action", "contact_email")
        return {
            tuple(r[n] for n in names)
            for output in outputs
            for r in output.records["campaign_recipients"]
        }

    assert keys(first, second) == keys(whole)
    # What was read is not read again.
    assert not keys(first) & keys(second)


def test_the_time_a_run_may_take_ends_it_in_good_order(
    tmp_path: Path, account: LivingAccount
) -> None:
    with Service(account, quota_calls=5) as service:
        # The lock lasts longer than the run may, so it ends at once.
        run = Run(tmp_path, service, max_duration_minutes=20)
        assert run.end(0).state
    assert "`max_duration_minutes`" in run.err.read_text()
