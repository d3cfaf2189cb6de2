"""The target, killed in this process or in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sandbox.server.routes import WRITES
from tests.proof.proof import check
from tests.support.sampled_account import CUT
from tests.support.target import (
    FORMATS,
    as_lines,
    list_without_form,
    run_target,
    small_account,
)
from tests.target.test_kill import TARGET, assert_applied, make_messages, remaining

if t.TYPE_CHECKING:
    import random
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, Reply
    from tests.support.target import Message

SECONDS = 120
# The whole input takes more calls than this.
_MOST_CALLS = 11


class Kill:
    """Ends a run at a call: no later call is carried out.

    Attributes:
        written: What the target had written until then.
    """

    def __init__(self, service: Service, call: int, *, carried_out: bool) -> None:
        self.written = ""
        self._service = service
        self._last = call
        self._carried_out = carried_out
        self._calls = 0

    def __call__(self, call: Call) -> Reply | None:
        self._calls += 1
        if self._calls < self._last:
            return None
        if self._calls == self._last:
            self.written = t.cast("t.Any", sys.stdout).getvalue()
            if self._carried_out:
                uri = f"/api/v1.1/{call.endpoint}"
                endpoints = self._service._endpoints  # noqa: SLF001
                WRITES[call.endpoint].reply(endpoints, uri, call.params)
        return CUT


def kill_target(
    folder: Path, randomness: random.Random, *, real: bool
) -> tuple[str, str]:
    """Kill the target, perhaps several times; return the kind and the trace."""
    account = small_account()
    list_key = list_without_form(account)
    rest, trace = make_messages(list_key), list[t.Any]()
    settings = {
        "response_format": randomness.choice(FORMATS),
        "reject_file": str(folder / "rejects"),
    }
    with Service(account) as service:
        for _ in range(1 if real else randomness.choice((1, 1, 2, 3))):
            call = randomness.randrange(1, _MOST_CALLS)
            if real:
                kind = "SIGKILL at a call"
                written = _kill_process(folder, service, rest, call)
            else:
                kind = randomness.choice(
                    ("before a call", "after a call", "inside a state")
                )
                kill = Kill(service, call, carried_out=kind != "before a call")
                service.intercept = kill
                run_target(service, rest, **settings)
                written = kill.written
                if kind == "inside a state":
                    written = written[: randomness.randrange(len(written) + 1)]
            states = [*map(json.loads, written.split("\n")[:-1])]
            trace.append((kind, call, states))
            rest = remaining(rest, states)
        service.intercept = None
        result = run_target(service, rest, **settings)
    check(result.error is None, f"the last run fails: {result.error}")
    check(result.states[-1] == {"number": "end"}, "the last state is passed on")
    assert_applied(account, list_key, kind)
    return kind, repr(trace)


def _kill_process(
    folder: Path, service: Service, messages: list[Message], last_call: int
) -> str:
    """Start a process and kill it at a call; return what it has written."""
    calls = 0
    process: subprocess.Popen[str] | None = None

    def kill(_: Call) -> None:
        nonlocal calls
        calls += 1
        if calls == last_call and process:
            process.kill()
            process.wait()

    service.intercept = kill
    config = folder / "config.json"
    config.write_text(json.dumps(service.config | {"dry_run": False}))
    environment = {k: v for k, v in os.environ.items() if "ZOHO" not in k}
    # Not a pipe for the input: a process that is gone would break it.
    with (folder / "input").open("w+") as stdin:
        stdin.write(as_lines(messages))
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-c", TARGET, "--config", str(config)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment | {"XDG_STATE_HOME": str(folder)},
        )
        assert process.stdout
        written = process.stdout.read()
        status = process.wait(SECONDS)
        process.stdout.close()
    check(status == -signal.SIGKILL, f"the process was killed: {status}")
    return written
