"""Calls that several streams need are made once, and counted for the first of them."""

from __future__ import annotations

import json
import re
import threading
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tap_zohocampaigns.api.errors import NotFound
from tap_zohocampaigns.commands.plan import make_plan
from tap_zohocampaigns.sync.shared_calls import SharedCalls
from tests.support.taps import FixedClockTap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sandbox import Service

ENDPOINT = "campaignreports"
PARAMS = {"campaignkey": "a"}
LINE = re.compile(r"(?P<stream>\w+): ended, .* in (?P<calls>\d+) calls?,")


class FakeStream:
    """A stream whose calls take two tries, and wait until they are allowed to end."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.shared_calls: Counter[str] = Counter()
        self.may_end = threading.Event()
        self.error: Exception | None = None

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        assert params == PARAMS
        assert tally is not None
        tally[endpoint] += 2
        assert self.may_end.wait(30)
        if self.error:
            raise self.error
        return None


def shared_calls() -> SharedCalls:
    return SharedCalls(lambda: datetime(2026, 3, 1, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize("turns", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_calls_count_for_the_stream_that_is_written_first(
    turns: tuple[int, ...],
) -> None:
    streams = [FakeStream(turn) for turn in turns]
    shared = shared_calls()
    for stream in streams:
        stream.may_end.set()
        assert shared.get(ENDPOINT, PARAMS, stream) == (None, "2026-03-01")
    counts = {stream.turn: stream.shared_calls.total() for stream in streams}
    assert counts == {0: 2, 1: 0, 2: 0}


def test_stream_that_waits_for_the_answer_is_charged_if_it_is_written_first() -> None:
    late, early = FakeStream(1), FakeStream(0)
    shared = shared_calls()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(shared.get, ENDPOINT, PARAMS, late)
        second = pool.submit(shared.get, ENDPOINT, PARAMS, early)
        late.may_end.set()
        early.may_end.set()
        assert first.result(30) == second.result(30)
    assert (early.shared_calls.total(), late.shared_calls.total()) == (2, 0)


def test_failed_call_counts_and_fails_for_each_stream() -> None:
    late, early = FakeStream(1), FakeStream(0)
    late.error = NotFound("It is gone.")
    late.may_end.set()
    shared = shared_calls()
    for stream in (late, early, late):
        with pytest.raises(NotFound):
            shared.get(ENDPOINT, PARAMS, stream)
    assert (early.shared_calls.total(), late.shared_calls.total()) == (2, 0)


@pytest.mark.parametrize(
    "concurrency", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 8))]
)
def test_log_and_plan_have_the_same_calls(
    service: Service,
    concurrency: int,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    own = {"rate_limit_ledger": "memory", "concurrency": concurrency}
    config = service.config | own
    FixedClockTap(config=config).sync_all()
    state = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]
    assert state["type"] == "STATE"
    logged = {
        match["stream"]: int(match["calls"])
        for message in caplog.messages
        if (match := LINE.match(message))
    }
    planned = {
        row["stream"]: row["calls"]
        for row in make_plan(FixedClockTap(config=config))["streams"]
    }
    # The size of segments is known after the first run only.
    for calls in (logged, planned):
        del calls["segment_contacts"]
    del logged["snapshots"]
    assert logged == planned
