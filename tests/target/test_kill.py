"""A run may be killed at any call: the next one applies what is left, and all of it."""

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
    lines,
    open_list,
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
NAMED = {"first_name": "x"}
# Contact -> what it has to be in the end.
ENDS = {
    **{f"named.{number}@example.com": "active" for number in range(4)},
    **{f"bare.{number}@example.com": "active" for number in range(14)},
    "gone@example.com": "unsub",
    "late@example.com": "active",
    "blocked@example.com": "donotmail",
}


def messages(list_key: str) -> list[Message]:
    """Return an input whose order matters, with a state behind every two records."""
    first = [record("subscribe", one, **NAMED) for one in ENDS if "named" in one]
    bare = [record("subscribe", one) for one in ENDS if "bare" in one]
    told = [
        record("subscribe", "gone@example.com", **NAMED),
        *first[:2],
        *bare[:7],
        record("subscribe", "blocked@example.com"),
        record("unsubscribe", "late@example.com"),
        record("subscribe", "gone@example.com", topic_id="12"),
        *bare[7:],
        record("unsubscribe", "gone@example.com", topic_id="12"),
        record("do_not_mail", "blocked@example.com"),
        record("subscribe", "late@example.com", **NAMED),
        record("subscribe", "admin@example.com", **NAMED),
        *first[2:],
    ]
    for one in told:
        one["record"]["list_key"] = list_key
    return [
        message
        for number, one in enumerate(told)
        for message in ([one, state(number)] if number % 2 else [one])
    ] + [state("end")]


def rest(whole: list[Message], states: list[t.Any]) -> list[Message]:
    """Return what a source sends again that was told the last of these states."""
    if not states:
        return whole
    values = [one.get("value") for one in whole]
    return whole[values.index(states[-1]) + 1 :]


def assert_applied(account: LivingAccount, list_key: str, where: object) -> None:
    found = {email: account.status(email, list_key) for email in ENDS}
    assert found == ENDS, where


def after(calls: int, *, answered: bool) -> Callable[[Call], Reply | None]:
    """Let the service answer so many calls, and then no more."""
    asked = 0

    def answer(_: Call) -> Reply | None:
        nonlocal asked
        asked += 1
        return CUT if asked > calls + answered else None

    return answer


@pytest.mark.parametrize("form", FORMATS)
def test_killed_at_any_call_the_next_run_applies_the_rest(
    form: str, tmp_path: Path
) -> None:
    account = small_account()
    list_key = open_list(account)
    whole = messages(list_key)
    settings = {"response_format": form, "reject_file": str(tmp_path / "rejects")}
    with Service(account) as service:
        result = run_target(service, whole, **settings)
        calls = len(service.calls)
    assert (result.error, result.states[-1]) == (None, {"number": "end"})
    assert_applied(account, list_key, "not killed")
    assert calls > 10
    for position in range(calls):
        account = small_account()
        # Before the service takes the call.
        with Service(account) as service:
            service.intercept = after(position, answered=False)
            result = run_target(service, whole, **settings)
            assert result.error
            service.intercept = None
            again = rest(whole, result.states)
            (tmp_path / "rejects").unlink(missing_ok=True)
            result = run_target(service, again, **settings)
        assert result.error is None
        assert result.states[-1] == {"number": "end"}
        assert_applied(account, list_key, position)


@pytest.mark.parametrize("form", FORMATS)
def test_an_answer_that_gets_lost_is_asked_for_again(form: str) -> None:
    whole = messages(open_list(small_account()))
    for position in range(0, 12, 3):
        account = small_account()
        with Service(account) as service:
            lost = Lost(service, position)
            service.intercept = lost
            result = run_target(
                service, whole, response_format=form, retry_max_seconds=60
            )
        assert lost.lost
        assert result.error is None
        assert_applied(account, open_list(account), position)


class Lost:
    """Applies a call, and loses its answer."""

    def __init__(self, service: Service, position: int) -> None:
        self.lost = False
        self._service = service
        self._position = position
        self._asked = 0

    def __call__(self, call: Call) -> Reply | None:
        self._asked += 1
        if self._asked <= self._position or self.lost:
            return None
        self.lost = True
        uri = f"/api/v1.1/{call.endpoint}"
        WRITES[call.endpoint].reply(self._service._endpoints, uri, call.params)  # noqa: SLF001
        return CUT


@pytest.mark.slow
@pytest.mark.parametrize("position", [1, 3, 6, 9])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_loses_nothing(
    tmp_path: Path, position: int, number: signal.Signals
) -> None:
    account = small_account()
    list_key = open_list(account)
    whole = messages(list_key)
    config, out, log = (tmp_path / name for name in ("config", "out", "log"))
    asked = 0
    process: subprocess.Popen[bytes] | None = None

    def kill(_: Call) -> Reply | None:
        nonlocal asked
        asked += 1
        if asked == position and process:
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
            process.communicate(lines(whole).encode(), 60)
        ended = -signal.SIGKILL if number is signal.SIGKILL else 128 + number
        assert process.returncode == ended
        written = out.read_text()
        assert not written or written.endswith("\n")
        states = [*map(json.loads, written.splitlines())]
        assert "example.com" not in log.read_text()
        if number is signal.SIGTERM:
            assert "Stopped, as SIGTERM came" in log.read_text()
            assert "Summary:" in log.read_text()
        process = None
        result = run_target(service, rest(whole, states))
    assert result.error is None
    assert_applied(account, list_key, position)


@pytest.mark.parametrize("place", ["listen", "end"])
def test_a_signal_while_the_end_is_told_ends_it_in_good_order(place: str) -> None:
    program = (
        "import signal\n"
        "from tap_zohocampaigns.target.target import TargetZohoCampaigns as Target\n"
        "class Slow(Target):\n"
        "    asked = False\n"
        f"    def {place}(self, *args):\n"
        "        if not self.asked:\n"
        "            self.asked = True\n"
        "            signal.raise_signal(signal.SIGTERM)\n"
        f"        super().{place}(*args)\n"
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


def test_a_reader_that_is_gone_is_told(tmp_path: Path) -> None:
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
        _, told = process.communicate(lines(messages(open_list(account))).encode(), 60)
    assert process.returncode
    assert b"The state can't be written to stdout (BrokenPipeError)." in told


def test_rejects_make_the_exit_status_of_a_process(tmp_path: Path) -> None:
    account = small_account()
    config = tmp_path / "config"
    with Service(account) as service:
        settings = {"dry_run": False, "list_key": open_list(account)}
        config.write_text(json.dumps(service.config | settings))
        for email, status in {"a@example.com": 0, "admin@example.com": 1}.items():
            done = subprocess.run(
                [sys.executable, "-c", TARGET, "--config", str(config)],
                input=lines([record("subscribe", email, **NAMED), state(1)]),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == status, done.stderr
            assert json.loads(done.stdout) == {"number": 1}
            assert "example.com" not in done.stderr
