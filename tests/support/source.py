"""The Airbyte source run in this process, and what it wrote."""

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
from tests.support.taps import Output

Json: t.TypeAlias = dict[str, t.Any]

SOURCE = str(Path(sys.executable).with_name("source-zohocampaigns"))
MEMORY = {"rate_limit_ledger": "memory"}


class Messages:
    """What the source wrote: each line a message of the protocol, and nothing more."""

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
        """The statuses of each stream, in order."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for trace in self.traces("STREAM_STATUS"):
            told = trace["stream_status"]
            reasons = [reason["type"] for reason in told.get("reasons", ())]
            found[told["stream_descriptor"]["name"]] += reasons or [told["status"]]
        return dict(found)

    @property
    def connection(self) -> Json:
        (found,) = [m for m in self.all if m["type"] == "CONNECTION_STATUS"]
        return t.cast("Json", found["connectionStatus"])

    @property
    def catalog(self) -> Json:
        (found,) = [m["catalog"] for m in self.all if m["type"] == "CATALOG"]
        return t.cast("Json", found)


def _conforming(line: str) -> Json:
    """Read a line as the models of the protocol do; nothing of it may be unknown."""
    message: Json = json.loads(line)
    parsed = msgspec.json.decode(line, type=AirbyteMessage)
    known = json.loads(msgspec.json.encode(plain(parsed)))
    if message["type"] == "STATE":
        # A blob, which has no fields in the models.
        known["state"]["stream"]["stream_state"] = message["state"]["stream"][
            "stream_state"
        ]
    assert known == message
    return message


def source(
    folder: Path,
    command: str,
    config: t.Any = None,
    catalog: t.Any = None,
    state: t.Any = None,
) -> Messages:
    """Run a command in this process."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        status = run(arguments(folder, command, config, catalog, state))
    written.seek(0)
    return Messages(written.read(), status)


def arguments(
    folder: Path,
    command: str,
    config: t.Any = None,
    catalog: t.Any = None,
    state: t.Any = None,
) -> list[str]:
    """Write the files of a command line, and return it."""
    line = [command]
    files = {"config": config, "catalog": catalog, "state": state}
    for name, content in files.items():
        if content is not None:
            path = folder / f"{name}.json"
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text)
            line += [f"--{name}", str(path)]
    return line


def read_all(config: Json, state: Json | None = None) -> Output:
    """Read all streams with the tap, with custom fields as columns."""
    catalog = TapZohoCampaigns(config=dict(config)).discovered()
    tap = TapZohoCampaigns(config=dict(config), catalog=catalog, state=state)
    for stream in tap.streams.values():
        stream.selected = True
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        tap.sync_all()
    written.seek(0)
    return Output(written.read())
