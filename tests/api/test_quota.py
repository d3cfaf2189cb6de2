from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.quota import MemoryLedger, Quota

from .support import Clock, Narrow, restless

QUOTA = Quota(3, 300, 1800)


def ledger_of(quota: Quota, clock: Clock) -> MemoryLedger:
    return MemoryLedger(quota, clock=clock, sleep=clock.sleep)


def test_calls_within_the_quota_wait_for_nothing() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    for left in (3, 2, 1):
        assert ledger.left("one") == left
        ledger.enter("one")
    assert ledger.left("one") == 0
    assert ledger.left("other") == 3
    assert clock.waits == []


def test_a_call_too_many_waits_until_the_oldest_leaves_the_window() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    for pause in (10, 20, 30):
        ledger.enter("one")
        clock.advance(pause)
    ledger.enter("other")
    ledger.enter("one")
    assert clock.waits == [240]
    assert ledger.left("one") == 0
    ledger.enter("one")
    assert clock.waits == [240, 10]


def test_a_quota_of_one_call_paces_every_call() -> None:
    clock = Clock()
    ledger = ledger_of(Quota(1, 7, 1), clock)
    for _ in range(4):
        ledger.enter("one")
    assert clock.waits == [7, 7, 7]


SECONDS = st.integers(0, 40).map(float) | st.floats(0, 40)


@given(st.integers(1, 5), st.integers(1, 40), st.lists(SECONDS, max_size=40))
# In floats `7.2 + 1 - 8.2` is nothing, and yet `8.2 - 1` is less than 7.2.
@example(1, 1, [7.2, 0.0, 0.0])
def test_no_window_ever_holds_too_many_calls_and_nobody_waits_for_nothing(
    calls: int, seconds: int, pauses: list[float]
) -> None:
    clock = Clock()
    clock.now = 0.0
    ledger = ledger_of(Quota(calls, seconds, 1), clock)
    entered: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        asked = clock()
        ledger.enter("one")
        entered.append(clock())
        if len(entered) > calls:
            # Rounding of floats aside, just so late that the window has room again.
            earliest = max(asked, entered[-1 - calls] + seconds)
            assert entered[-1] == pytest.approx(earliest, abs=1e-6)
        else:
            assert entered[-1] == asked
        inside = [at for at in entered if at > clock() - seconds + 1e-6]
        assert len(inside) <= calls
        assert 0 <= ledger.left("one") <= calls - len(inside)


def test_a_locked_endpoint_rests_for_the_lock_while_others_go_on() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    ledger.enter("one")
    clock.advance(100)
    ledger.lock("one")
    assert (ledger.left("one"), ledger.left("other")) == (0, 3)
    clock.advance(600)
    ledger.enter("other")
    assert clock.waits == []
    ledger.enter("one")
    assert clock.waits == [1200]
    assert ledger.left("one") == 2


def test_a_lock_that_falls_into_a_wait_is_kept() -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.waits) == 1:
            ledger.lock("one")

    ledger = MemoryLedger(Quota(1, 300, 1800), clock=clock, sleep=sleep)
    ledger.enter("one")
    ledger.enter("one")
    assert clock.waits == [300, 1800]


def test_a_wait_is_shown_while_it_lasts_and_long_ones_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    shown: list[float | None] = []

    def sleep(seconds: float) -> None:
        shown.append(ledger.waiting_until())
        clock.sleep(seconds)

    ledger = MemoryLedger(Quota(1, 300, 1800), clock=clock, sleep=sleep)
    ledger.enter("getmailinglists")
    assert ledger.waiting_until() is None
    ledger.enter("getmailinglists")
    clock.advance(299)
    ledger.enter("getmailinglists")
    assert clock.waits == [300, 1]
    assert None not in shown
    assert ledger.waiting_until() is None
    (told,) = caplog.records
    assert "getmailinglists" in told.getMessage()


def test_a_wait_that_is_broken_off_is_shown_no_more() -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    ledger = MemoryLedger(Quota(1, 300, 1800), clock=Clock(), sleep=sleep)
    ledger.enter("one")
    with pytest.raises(KeyboardInterrupt):
        ledger.enter("one")
    assert ledger.waiting_until() is None


class FullError(Exception):
    """The quota is used up."""


def test_threads_together_get_no_call_more_than_the_quota() -> None:
    def sleep(_: float) -> None:
        raise FullError

    # The clock is read in the midst of each entry.
    clock = Narrow()
    start = threading.Barrier(8)
    ledger = MemoryLedger(Quota(50, 300, 1800), clock=clock, sleep=sleep)

    def enter_many() -> int:
        start.wait()
        for entered in range(50):
            try:
                ledger.enter("one")
            except FullError:
                return entered
        return 50

    with restless(), ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(enter_many) for _ in range(8)]
        entered = [future.result() for future in futures]
    assert sum(entered) == 50
    assert clock.most == 1
    assert ledger.left("one") == 0
    assert ledger.waiting_until() is None
