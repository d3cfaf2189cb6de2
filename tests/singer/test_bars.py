"""Progress bars: where they take the place of the log, and how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import typing as t
from contextlib import contextmanager

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.incremental import RECIPIENTS
from tests.support.tap_command import TAP
from tests.support.taps import NOW, Output
from tests.support.terminal import HIDE_CURSOR, PATIENCE, Terminal, screen

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

LOG_SETTINGS = ("CI", "LOGLEVEL", "SINGER_SDK_LOG_CONFIG")
ELSEWHERE = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_")
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')
TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?")
LINE = re.compile(r"campaign_recipients +━+ +\d+ of \d+ parts +\d+ rows? +\d+ calls?")


@pytest.fixture(scope="module")
def account() -> LivingAccount:
    return LivingAccount(
        clock=lambda: NOW, lists=1, segments=1, campaigns=4, contacts=6
    )


class Gate:
    """Holds up a call until it is opened; tells when it came."""

    def __init__(self, reply: Reply | None = None, endpoint: str = RECIPIENTS) -> None:
        self.reply = reply
        self._endpoint = endpoint
        self._reached = threading.Event()
        self._opened = threading.Event()

    def intercept(self, call: Call) -> Reply | None:
        if call.endpoint != self._endpoint:
            return None
        self._reached.set()
        assert self._opened.wait(PATIENCE)
        return self.reply

    def wait(self) -> None:
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        self._opened.set()


class Run:
    """The tap with its stderr on a terminal and its stdout in a file."""

    def __init__(
        self,
        folder: Path,
        terminal: Terminal,
        config: dict[str, t.Any],
        **environment: str,
    ) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(config | {"rate_limit_ledger": "memory"}))
        self.terminal = terminal
        self.out = folder / "out.jsonl"
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [TAP, "--config", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=terminal.slave,
                env=plain_environment() | environment,
            )
        terminal.hand_over()

    def end(self, status: int = 0) -> list[str]:
        """Wait for the end; return what the terminal shows then."""
        written = self.terminal.rest()
        assert self.process.wait(PATIENCE) == status, written
        assert HIDE_CURSOR not in written
        assert "Traceback" not in written
        return [line.split(" | ", 3)[-1] for line in screen(written)]


def plain_environment() -> dict[str, str]:
    """Return the environment of a user at a terminal."""
    # Python without a buffer has nothing left to write at the end.
    left_out = ("TAP_", "PYTHONUNBUFFERED", *LOG_SETTINGS, *ELSEWHERE)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return kept | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}


@contextmanager
def begun(
    folder: Path, account: LivingAccount, gate: Gate, **settings: t.Any
) -> Iterator[Run]:
    """Run the tap on a terminal, with the first call at the gate."""
    with (
        Service(account, intercept=gate.intercept) as service,
        Terminal() as terminal,
    ):
        run = Run(folder, terminal, service.config | settings)
        try:
            gate.wait()
            yield run
        finally:
            gate.open()
            run.process.kill()
            run.process.wait()


def without_times(path: Path) -> list[dict[str, t.Any]]:
    """Return the messages, without states, of which there are more or fewer."""
    output = Output(TIME.sub("", path.read_text()))
    return [m for m in output.messages if m["type"] != "STATE"]


def test_a_stream_has_a_line_while_it_is_read_and_at_the_end_the_last_line_stays(
    tmp_path: Path, account: LivingAccount
) -> None:
    gate = Gate()
    with begun(tmp_path, account, gate) as run:
        run.terminal.wait_for("campaign_recipients ")
        gate.open()
        (last,) = run.end()
    assert LINE.search(re.sub(r"\x1b\[[\d;]*m|╸|╺", "", run.terminal.written))
    assert run.terminal.written.count("| INFO") == 1
    assert re.fullmatch(r"Read \d+ rows in \d+ calls; [\d.]+ s\.", last)
    assert "of 19 streams, " in run.terminal.written


@pytest.mark.slow
def test_stdout_has_the_same_messages_as_with_a_log(
    tmp_path: Path, account: LivingAccount
) -> None:
    outputs = []
    with Service(account) as service:
        for environment in ({}, {"LOGLEVEL": "INFO"}):
            with Terminal() as terminal:
                run = Run(tmp_path, terminal, service.config, **environment)
                shown = run.end()
            assert ("campaign_recipients: ended" in str(shown)) == bool(environment)
            outputs.append(without_times(run.out))
    assert outputs[0] == outputs[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_clears_the_bars(
    tmp_path: Path, account: LivingAccount, number: signal.Signals
) -> None:
    with begun(tmp_path, account, Gate()) as run:
        run.terminal.wait_for("campaign_recipients ")
        run.process.send_signal(number)
        lines = run.end(128 + number)
    assert lines[0].startswith("Left to read: ")
    assert (
        lines[1] == f"Stopped, as {number.name} came; the next run goes on from here."
    )
    assert len(lines) == 2


@pytest.mark.slow
def test_a_warning_stands_above_the_bars_and_a_wait_in_them(
    tmp_path: Path, account: LivingAccount
) -> None:
    gate = Gate(LOCKED)
    with begun(tmp_path, account, gate) as run:
        run.terminal.wait_for("campaign_recipients ")
        gate.open()
        run.terminal.wait_for(f" for {RECIPIENTS}, which Zoho has locked")
        run.process.terminate()
        lines = run.end(128 + signal.SIGTERM)
    assert lines[0].endswith("the endpoint rests")
    assert re.search(r"waits \d+ min \d+ s for ", run.terminal.written)
    assert lines[-1].startswith("Stopped, as SIGTERM came")


@pytest.mark.slow
def test_a_wait_for_the_quota_is_shown(tmp_path: Path, account: LivingAccount) -> None:
    gate = Gate()
    with begun(tmp_path, account, gate, rate_limit_calls=2) as run:
        gate.open()
        run.terminal.wait_for(f" s for the quota of {RECIPIENTS}")
        run.process.terminate()
        run.end(128 + signal.SIGTERM)


def test_an_error_ends_with_one_sentence(
    tmp_path: Path, account: LivingAccount
) -> None:
    body = {"status": "error", "code": "9999", "message": "Something is odd."}
    gate = Gate(Reply(200, json.dumps(body).encode()))
    with begun(tmp_path, account, gate) as run:
        run.terminal.wait_for("campaign_recipients ")
        gate.open()
        (line,) = run.end(1)
    assert "9999" in line


@pytest.mark.slow
def test_a_wrong_setting_ends_with_one_sentence(tmp_path: Path) -> None:
    with Terminal() as terminal:
        config = {"data_center": "sandbox", "page_size": 0, "nonsense": 1}
        warning, line = Run(tmp_path, terminal, config).end(1)
    assert "nonsense" in warning
    assert "`page_size`" in line


@pytest.mark.slow
def test_the_run_goes_on_when_the_terminal_goes_away(
    tmp_path: Path, account: LivingAccount
) -> None:
    gate = Gate()
    with begun(tmp_path, account, gate) as run:
        run.terminal.wait_for("campaign_recipients ")
        run.terminal.go_away()
        gate.open()
        assert run.process.wait(PATIENCE) == 0
    assert Output(run.out.read_text()).records["campaign_recipients"]


@pytest.mark.slow
def test_the_run_goes_on_when_nobody_reads_the_log(
    tmp_path: Path, account: LivingAccount
) -> None:
    path, gate = tmp_path / "config.json", Gate()
    with Service(account, intercept=gate.intercept) as service:
        path.write_text(json.dumps(service.config))
        with (tmp_path / "out.jsonl").open("w+") as out:
            process = subprocess.Popen(
                [TAP, "--config", str(path)],
                stdout=out,
                stderr=subprocess.PIPE,
                env=plain_environment(),
            )
            gate.wait()
            assert process.stderr
            process.stderr.close()
            gate.open()
            assert process.wait(PATIENCE) == 0
            out.seek(0)
            assert Output(out.read()).records["campaign_recipients"]


@pytest.mark.slow
def test_a_loader_behind_the_tap_has_the_terminal_for_its_own_lines(
    tmp_path: Path, account: LivingAccount
) -> None:
    path = tmp_path / "config.json"
    with Service(account) as service, Terminal() as terminal:
        path.write_text(json.dumps(service.config))
        done = subprocess.run(
            [TAP, "--config", str(path)],
            stdout=subprocess.PIPE,
            stderr=terminal.slave,
            env=plain_environment(),
            check=True,
        )
        lines = terminal.rest()
    assert done.stdout
    assert "campaign_recipients: ended" in lines
    assert "\x1b" not in lines
