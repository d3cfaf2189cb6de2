"""Helpers for tests of campaigns."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import datetime, timedelta

import pytest

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.taps import NOW, FixedClockTap, Output

if t.TYPE_CHECKING:
    Rows: t.TypeAlias = list[dict[str, t.Any]]
FORMATS = ("json", "xml")


class LaterTap(FixedClockTap):
    """The tap, with a clock that is `days` ahead of the account."""

    days = 0

    def now(self) -> datetime:
        return NOW + timedelta(days=self.days)


def keys_of(rows: Rows, *names: str) -> set[tuple[t.Any, ...]]:
    """Return the keys of rows; fail if two rows have the same key."""
    keys = [tuple(row[name] for name in names) for row in rows]
    assert len(keys) == len({*keys})
    return {*keys}


def answer_endpoint(service: Service, endpoint: str, **body: t.Any) -> None:
    """Let an endpoint answer with a success that has this body."""
    content = json.dumps({"code": "0", "status": "success"} | body).encode()
    service.intercept = lambda call: (
        Reply(200, content) if call.endpoint == endpoint else None
    )


def run_failing_stream(
    service: Service, stream: str, settings: dict[str, t.Any]
) -> tuple[Rows, t.Any]:
    """Run a stream that fails; return its records and the last state, if any."""
    config = service.config | settings
    config |= {"retry_max_seconds": 0, "rate_limit_ledger": "memory"}
    tap = FixedClockTap(config=config)
    for name, tap_stream in tap.streams.items():
        tap_stream.selected = name == stream
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout), pytest.raises(ZohoError):
        tap.sync_all()
    stdout.seek(0)
    output = Output(stdout.read())
    states = [m["value"] for m in output.messages if m["type"] == "STATE"]
    return output.records[stream], states[-1] if states else None
