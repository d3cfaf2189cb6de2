"""The Airbyte source, run in this process, and its output."""

from __future__ import annotations

import io
import json
import sys
import typing as t
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path

import msgspec
from airbyte_protocol_dataclasses.models import AirbyteMessage

from tap_zohocampaigns.airbyte.messages import plain
from tap_zohocampaigns.airbyte.source import run
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.capture import captured
from tests.support.taps import Output

Json: t.TypeAlias = dict[str, t.Any]

SOURCE = str(Path(sys.executable).with_name("source-zohocampaigns"))
MEMORY = {"rate_limit_ledger": "memory"}


class Messages:
    """The output of the source; each line must be a message of the protocol."""

    def __init__(self, text: str, status: int = 0) -> None:
        self.text = text
        self.status = status
        self.all: list[Json] = [_conforming(line) for line in text.splitlines()]
        self.records: defaultdict[str, list[Json]] = defaultdict(list)
        for message in self.all:
            if message["type"] == "RECORD":
                record = message["record"]
                self.records[record["stream"]].append(record["data"])

    @property
    def states(self) -> list[Json]:
        return [m["state"] for m in self.all if m["type"] == "STATE"]

    def last_states(self) -> list[Json]:
        """Return the last state of each stream, as the next run gets it."""
        last = {s["stream"]["stream_descriptor"]["name"]: s for s in self.states}
        return [*last.values()]

    def traces(self, kind: str) -> list[Json]:
        traces = [m["trace"] for m in self.all if m["type"] == "TRACE"]
        return [trace for trace in traces if trace["type"] == kind]

    @property
    def errors(self) -> list[Json]:
        return [trace["error"] for trace in self.traces("ERROR")]

    @property
    def statuses(self) -> dict[str, list[str]]:
        """The statuses of each stream, in order; if one has reasons, these instead."""
        statuses: defaultdict[str, list[str]] = defaultdict(list)
        for trace in self.traces("STREAM_STATUS"):
            status = trace["stream_status"]
            reasons = [reason["type"] for reason in status.get("reasons", ())]
            name = status["stream_descriptor"]["name"]
            statuses[name] += reasons or [status["status"]]
        return dict(statuses)

    @property
    def connection(self) -> Json:
        (message,) = [m for m in self.all if m["type"] == "CONNECTION_STATUS"]
        return t.cast("Json", message["connectionStatus"])

    @property
    def catalog(self) -> Json:
        (catalog,) = [m["catalog"] for m in self.all if m["type"] == "CATALOG"]
        return t.cast("Json", catalog)


def _conforming(line: str) -> Json:
    """Parse a line with the models of the protocol; fail if it has unknown fields."""
    message: Json = json.loads(line)
    parsed = msgspec.json.decode(line, type=AirbyteMessage)
    encoded = json.loads(msgspec.json.encode(plain(parsed)))
    if message["type"] == "STATE":
        # The models have no fields for the content of a state.
        encoded["state"]["stream"]["stream_state"] = message["state"]["stream"][
            "stream_state"
        ]
    assert encoded == message
    return message


def source(
    folder: Path,
    command: str,
    config: t.Any = None,
    catalog: t.Any = None,
    state: t.Any = None,
) -> Messages:
    """Run a command in this process."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout):
        status = run(arguments(folder, command, config, catalog, state))
    stdout.seek(0)
    return Messages(stdout.read(), status)


def arguments(
    folder: Path,
    command: str,
    config: t.Any = None,
    catalog: t.Any = None,
    state: t.Any = None,
) -> list[str]:
    """Write the files that a command needs; return its arguments."""
    command_line = [command]
    files = {"config": config, "catalog": catalog, "state": state}
    for name, content in files.items():
        if content is not None:
            path = folder / f"{name}.json"
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text)
            command_line += [f"--{name}", str(path)]
    return command_line


def read_all(config: Json, state: Json | None = None) -> Output:
    """Read all streams with the Singer tap, with custom fields as columns."""
    catalog = TapZohoCampaigns(config=dict(config)).discovered()
    tap = TapZohoCampaigns(config=dict(config), catalog=catalog, state=state)
    for stream in tap.streams.values():
        stream.selected = True
    return Output(captured(tap.sync_all))
