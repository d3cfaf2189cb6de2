"""The tap and the source, run in this process or in one that is killed."""

from __future__ import annotations

import abc
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import typing as t
from contextlib import redirect_stdout
from datetime import timedelta
from unittest import mock

from tap_zohocampaigns.airbyte.source import run as run_source
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.proof.proof import check
from tests.support.sampled_account import (
    SAMPLED,
    last_state,
    run_to_stdout,
    settings_for,
)
from tests.support.source import arguments, source

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, Reply, Service
    from tests.support.scripted_account import Message, ScriptedAccount
    from tests.support.warehouse import Warehouse

    Json: t.TypeAlias = dict[str, t.Any]

SECONDS = 120
# Of a pipe, so that a process is killed while it writes.
_PIPE = 4096
_MOST_CALLS = 40


class Reader(abc.ABC):
    """A program that reads an account; each run goes on from the last state loaded."""

    def __init__(
        self, folder: Path, account: ScriptedAccount, service: Service
    ) -> None:
        self.folder = folder
        self.account = account
        self.service = service

    @abc.abstractmethod
    def read(self, intercept: Callable[[Call], Reply | None]) -> None:
        """Run to the end, in this process."""

    @abc.abstractmethod
    def load(self, messages: list[Message], warehouse: Warehouse) -> None:
        """Load what a run wrote, and keep its last state."""

    @abc.abstractmethod
    def command(self) -> list[str]:
        """Write the files of a command; return it."""

    def run(self) -> tuple[bytes, list[int]]:
        """Return what a run writes, and how much of it each of its calls finds."""
        content, found = io.BytesIO(), list[int]()

        def note(_: Call) -> None:
            found.append(content.tell())

        with redirect_stdout(io.TextIOWrapper(content, encoding="utf-8")):
            self.read(note)
            sys.stdout.flush()
            return content.getvalue(), found


class TapReader(Reader):
    """The tap."""

    state: t.Any = None

    def read(self, intercept: Callable[[Call], Reply | None]) -> None:
        run_to_stdout(self.account, self.service, self.state, intercept)

    def load(self, messages: list[Message], warehouse: Warehouse) -> None:
        warehouse.load(messages)
        self.state = last_state(messages) or self.state

    def command(self) -> list[str]:
        config, state, catalog = (
            self.folder / f"{name}.json" for name in ("config", "state", "catalog")
        )
        settings = settings_for(self.service, rate_limit_ledger=None)
        config.write_text(json.dumps(settings))
        state.write_text(json.dumps(self.state or {}))
        tap = TapZohoCampaigns(config=settings)
        for name, stream in tap.streams.items():
            stream.selected = name in SAMPLED
        catalog.write_text(json.dumps(tap.catalog_dict))
        program = "from tap_zohocampaigns.cli import tap; tap()"
        files = ["--config", config, "--state", state, "--catalog", catalog]
        return [sys.executable, "-c", program, *map(str, files)]


class SourceReader(Reader):
    """The source for Airbyte."""

    def __init__(
        self, folder: Path, account: ScriptedAccount, service: Service
    ) -> None:
        super().__init__(folder, account, service)
        self._states: dict[str, Json] = {}
        self._settings = settings_for(service)
        self._streams = [
            stream
            for stream in source(folder, "discover", self._settings).catalog["streams"]
            if stream["name"] in SAMPLED
        ]

    def _arguments(self) -> list[str]:
        configured = [
            {
                "stream": stream,
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
            }
            for stream in self._streams
        ]
        catalog, states = {"streams": configured}, [*self._states.values()]
        return arguments(self.folder, "read", self._settings, catalog, states)

    def read(self, intercept: Callable[[Call], Reply | None]) -> None:
        self.account.now += timedelta(minutes=1)
        self.service.intercept = intercept
        now = self.account.now
        with mock.patch.object(TapZohoCampaigns, "now", return_value=now):
            status = run_source(self._arguments())
        check(status == 0, "the source succeeds")

    def load(self, messages: list[Message], warehouse: Warehouse) -> None:
        keys = {
            stream["name"]: [key for (key,) in stream["source_defined_primary_key"]]
            for stream in self._streams
        }
        warehouse.load(
            {"type": "SCHEMA", "stream": name, "key_properties": key}
            for name, key in keys.items()
        )
        for message in messages:
            if message["type"] == "RECORD":
                name, row = message["record"]["stream"], message["record"]["data"]
                warehouse.load([{"type": "RECORD", "stream": name, "record": row}])
            elif message["type"] == "STATE":
                name = message["state"]["stream"]["stream_descriptor"]["name"]
                self._states[name] = message["state"]

    def command(self) -> list[str]:
        program = "from tap_zohocampaigns.airbyte.cli import main; main()"
        return [sys.executable, "-c", program, *self._arguments()]


READERS: dict[str, type[Reader]] = {"tap": TapReader, "source": SourceReader}


def kill_process(reader: Reader, randomness: random.Random) -> tuple[str, bytes]:
    """Start a process and kill it; return where, and what it has written."""
    reader.account.now += timedelta(minutes=1)
    last_call = randomness.randrange(1, _MOST_CALLS) if randomness.random() < 0.5 else 0
    last_byte = randomness.randrange(1, 60_000)
    calls = 0
    process: subprocess.Popen[bytes] | None = None

    def kill(_: Call) -> None:
        nonlocal calls
        calls += 1
        if calls == last_call and process:
            process.kill()
            process.wait()

    reader.service.intercept = kill
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAP_")}
    environment["XDG_STATE_HOME"] = str(reader.folder)
    process = subprocess.Popen(
        reader.command(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
    output = b""
    while piece := os.read(process.stdout.fileno(), _PIPE):
        output += piece
        if not last_call and len(output) >= last_byte:
            process.kill()
    status = process.wait(SECONDS)
    process.stdout.close()
    reader.service.intercept = None
    check(status in {0, -signal.SIGKILL}, f"the process was killed: {status}")
    return f"SIGKILL {'at a call' if last_call else 'while it writes'}", output
