"""A run can be killed at any call: the next run sends all remaining changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.sandbox.server.routes import WRITES
from tests.support.target import (
    FORMATS,
    as_lines,
    list_without_form,
    record,
    run_target,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount
    from tests.support.target import Message

CUT = Reply(200, b'{"status":"success","code', cut=True)
TARGET = (
    "from tap_zohocampaigns.target.target import TargetZohoCampaigns;"
    "TargetZohoCampaigns.cli()"
)
# A contact with a name is not added in bulk.
NAME_FIELDS = {"first_name": "x"}
# Address -> its status after the whole input.
EXPECTED = {
    **{f"named.{number}@example.com": "active" for number in range(4)},
    **{f"bare.{number}@example.com": "active" for number in range(14)},
    "gone@example.com": "unsub",
    "late@example.com": "active",
    "blocked@example.com": "donotmail",
}


def make_messages(list_key: str) -> list[Message]:
    """Return an input whose order matters, with a state after every second record."""
    named = [
        record("subscribe", email, **NAME_FIELDS)
        for email in EXPECTED
        if "named" in email
    ]
    bare = [record("subscribe", email) for email in EXPECTED if "bare" in email]
    records = [
        record("subscribe", "gone@example.com", **NAME_FIELDS),
        *named[:2],
        *bare[:7],
        record("subscribe", "blocked@example.com"),
        record("unsubscribe", "late@example.com"),
        record("subscribe", "gone@example.com", topic_id="12"),
        *bare[7:],
        record("unsubscribe", "gone@example.com", topic_id="12"),
        record("do_not_mail", "blocked@example.com"),
        record("subscribe", "late@example.com", **NAME_FIELDS),
        record("subscribe", "admin@example.com", **NAME_FIELDS),
        *named[2:],
    ]
    for message in records:
        message["record"]["list_key"] = list_key
    return [
        message
        for number, row in enumerate(records)
        for message in ([row, state(number)] if number % 2 else [row])
    ] + [state("end")]


def remaining(messages: list[Message], states: list[t.Any]) -> list[Message]:
    """Return the messages after the last state, which the source sends again."""
    if not states:
        return messages
    values = [message.get("value") for message in messages]
    return messages[values.index(states[-1]) + 1 :]


def assert_applied(account: LivingAccount, list_key: str, killed_at: object) -> None:
    statuses = {email: account.status(email, list_key) for email in EXPECTED}
    assert statuses == EXPECTED, killed_at


def cut_after(answered_calls: int) -> Callable[[Call], Reply | None]:
    """Let the service answer some calls, and cut the connection of all later ones."""
    calls = 0

    def answer(_: Call) -> Reply | None:
        nonlocal calls
        calls += 1
        return CUT if calls > answered_calls else None

    return answer


@pytest.mark.parametrize("form", FORMATS)
def test_after_a_kill_at_any_call_the_next_run_sends_the_rest(
    form: str, tmp_path: Path
) -> None:
    account = small_account()
    list_key = list_without_form(account)
    messages = make_messages(list_key)
    settings = {"response_format": form, "reject_file": str(tmp_path / "rejects")}
    with Service(account) as service:
        result = run_target(service, messages, **settings)
        calls = len(service.calls)
    assert (result.error, result.states[-1]) == (None, {"number": "end"})
    assert_applied(account, list_key, "not killed")
    assert calls > 10
    for position in range(calls):
        account = small_account()
        # The connection is cut before the change is applied.
        with Service(account) as service:
            service.intercept = cut_after(position)
            result = run_target(service, messages, **settings)
            assert result.error
            service.intercept = None
            rest = remaining(messages, result.states)
            (tmp_path / "rejects").unlink(missing_ok=True)
            result = run_target(service, rest, **settings)
        assert result.error is None
        assert result.states[-1] == {"number": "end"}
        assert_applied(account, list_key, position)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_call_whose_answer_is_lost_is_retried(form: str) -> None:
    messages = make_messages(list_without_form(small_account()))
    for position in range(0, 12, 3):
        account = small_account()
        with Service(account) as service:
            lose_answer = LoseAnswer(service, position)
            service.intercept = lose_answer
            result = run_target(
                service, messages, response_format=form, retry_max_seconds=60
            )
        assert lose_answer.lost
        assert result.error is None
        assert_applied(account, list_without_form(account), position)


class LoseAnswer:
    """Applies the call at a position, and cuts its answer."""

    def __init__(self, service: Service, position: int) -> None:
        self.lost = False
        self._service = service
        self._position = position
        self._calls = 0

    def __call__(self, call: Call) -> Reply | None:
        self._calls += 1
        if self._calls <= self._position or self.lost:
            return None
        self.lost = True
        uri = f"/api/v1.1/{call.endpoint}"
        WRITES[call.endpoint].reply(self._service._endpoints, uri, call.params)  # noqa: SLF001
        return CUT


@pytest.mark.slow
@pytest.mark.parametrize("position", [1, 3, 6, 9])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_loses_no_change(
    tmp_path: Path, position: int, number: signal.Signals
) -> None:
    account = small_account()
    list_key = list_without_form(account)
    messages = make_messages(list_key)
    config, out, log = (tmp_path / name for name in ("config", "out", "log"))
    calls = 0
    process: subprocess.Popen[bytes] | None = None

    def kill(_: Call) -> Reply | None:
        nonlocal calls
        calls += 1
        if calls == position and process:
            process.send_signal(number)
            process.wait()
        return None

    with Service(account) as service:
        config.write_text(json.dumps(service.config | {"dry_run": False}))
        service.intercept = kill
        environment = {k: v for k, v in os.environ.items() if "ZOHO" not in k}
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", TARGET, "--config", str(config)],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                env=environment,
            )
            process.communicate(as_lines(messages).encode(), 60)
        expected_status = -signal.SIGKILL if number is signal.SIGKILL else 128 + number
        assert process.returncode == expected_status
        written = out.read_text()
        assert not written or written.endswith("\n")
        states = [*map(json.loads, written.splitlines())]
        assert "example.com" not in log.read_text()
        if number is signal.SIGTERM:
            assert "Stopped, as SIGTERM came" in log.read_text()
            assert "Summary:" in log.read_text()
        process = None
        result = run_target(service, remaining(messages, states))
    assert result.error is None
    assert_applied(account, list_key, position)


@pytest.mark.parametrize("method", ["listen", "end"])
def test_a_signal_during_the_end_still_logs_one_summary(method: str) -> None:
    program = (
        "import signal\n"
        "from tap_zohocampaigns.target.target import TargetZohoCampaigns as Target\n"
        "class Slow(Target):\n"
        "    signalled = False\n"
        f"    def {method}(self, *args):\n"
        "        if not self.signalled:\n"
        "            self.signalled = True\n"
        "            signal.raise_signal(signal.SIGTERM)\n"
        f"        super().{method}(*args)\n"
        "Slow.cli()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--config", "ENV"],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"TARGET_ZOHOCAMPAIGNS_DATA_CENTER": "sandbox"},
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.count("Summary:") == 1
    assert "Stopped, as SIGTERM came" in done.stderr


def test_a_closed_reader_of_stdout_is_an_error(tmp_path: Path) -> None:
    account = small_account()
    config = tmp_path / "config"
    with Service(account) as service:
        config.write_text(json.dumps(service.config | {"dry_run": False}))
        process = subprocess.Popen(
            [sys.executable, "-c", TARGET, "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        text = as_lines(make_messages(list_without_form(account)))
        _, log = process.communicate(text.encode(), 60)
    assert process.returncode
    assert b"The state can't be written to stdout (BrokenPipeError)." in log


def test_a_process_with_rejected_records_exits_with_1(tmp_path: Path) -> None:
    account = small_account()
    config = tmp_path / "config"
    with Service(account) as service:
        settings = {"dry_run": False, "list_key": list_without_form(account)}
        config.write_text(json.dumps(service.config | settings))
        for email, status in {"a@example.com": 0, "admin@example.com": 1}.items():
            done = subprocess.run(
                [sys.executable, "-c", TARGET, "--config", str(config)],
                input=as_lines([record("subscribe", email, **NAME_FIELDS), state(1)]),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == status, done.stderr
            assert json.loads(done.stdout) == {"number": 1}
            assert "example.com" not in done.stderr
