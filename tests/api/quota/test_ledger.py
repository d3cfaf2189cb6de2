"""The ledger: windows, locks, waits and threads, in memory."""

from __future__ import annotations

import logging
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_zohocampaigns.api.endpoints import OWN_QUOTAS
from tap_zohocampaigns.api.quota.ledger import Ledger, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tests.support.ledgers import accounts
from tests.support.zoho import (
    Clock,
    OverlapCounter,
    frequent_thread_switches,
    wait_and_call,
)

if t.TYPE_CHECKING:
    from tests.support.ledgers import StoreKind

QUOTA = Quota(3, 300, 1800)


def ledger_of(quota: Quota, clock: Clock) -> Ledger:
    store = MemoryStore(Quotas(quota, OWN_QUOTAS), clock=clock)
    return Ledger(store, sleep=clock.sleep)


def test_calls_within_the_quota_do_not_wait() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    for left in (3, 2, 1):
        assert ledger.remaining("one") == left
        wait_and_call(ledger, "one")
    assert ledger.remaining("one") == 0
    assert ledger.remaining("other") == 3
    assert clock.waits == []


def test_a_call_above_the_quota_waits_until_the_oldest_leaves_the_window() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    for pause in (10, 20, 30):
        wait_and_call(ledger, "one")
        clock.advance(pause)
    wait_and_call(ledger, "other")
    wait_and_call(ledger, "one")
    assert clock.waits == [241]
    assert ledger.remaining("one") == 0
    wait_and_call(ledger, "one")
    assert clock.waits == [241, 10]


def test_a_quota_of_one_call_paces_every_call() -> None:
    clock = Clock()
    ledger = ledger_of(Quota(1, 7, 1), clock)
    for _ in range(4):
        wait_and_call(ledger, "one")
    assert clock.waits == [8, 8, 8]


@pytest.mark.slow
def test_listsubscribe_stays_2_percent_below_all_limits_of_zoho() -> None:
    clock = Clock()
    ledger = ledger_of(QUOTA, clock)
    entered: list[float] = []
    while not entered or clock() < entered[0] + 2 * 86_400:
        wait_and_call(ledger, "listsubscribe")
        entered.append(clock())
    for zohos, seconds in ((500, 60), (12_500, 3600), (75_000, 86_400)):
        ours = zohos * 98 // 100
        spans = [
            last - first for first, last in zip(entered, entered[ours:], strict=False)
        ]
        # The next call comes after the window, and no later than needed.
        assert seconds < min(spans) <= seconds + 1 + 1e-4


def test_the_windows_of_a_quota_are_sorted_by_length() -> None:
    for quota in OWN_QUOTAS.values():
        assert [*quota.windows] == sorted(quota.windows)
        assert quota.longest == quota.windows[-1][1]


def test_a_lock_during_a_wait_is_kept() -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.waits) == 1:
            ledger.lock("one")

    ledger = Ledger(MemoryStore(Quotas(Quota(1, 300, 1800)), clock=clock), sleep=sleep)
    wait_and_call(ledger, "one")
    wait_and_call(ledger, "one")
    assert clock.waits == [301, 1800]


def test_waits_are_reported_and_long_ones_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    shown: list[float | None] = []

    def sleep(seconds: float) -> None:
        shown.append(ledger.waiting_until())
        clock.sleep(seconds)

    ledger = Ledger(MemoryStore(Quotas(Quota(1, 300, 1800)), clock=clock), sleep=sleep)
    wait_and_call(ledger, "getmailinglists")
    assert ledger.waiting_until() is None
    wait_and_call(ledger, "getmailinglists")
    clock.advance(299)
    wait_and_call(ledger, "getmailinglists")
    assert clock.waits == [301, 2]
    assert None not in shown
    assert ledger.waiting_until() is None
    (record,) = caplog.records
    assert "getmailinglists" in record.getMessage()


def test_an_interrupted_wait_is_no_longer_reported() -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    ledger = Ledger(
        MemoryStore(Quotas(Quota(1, 300, 1800)), clock=Clock()), sleep=sleep
    )
    wait_and_call(ledger, "one")
    with pytest.raises(KeyboardInterrupt):
        wait_and_call(ledger, "one")
    assert ledger.waiting_until() is None


class FullError(Exception):
    """The quota is used up."""


def test_threads_together_never_exceed_the_quota() -> None:
    def sleep(_: float) -> None:
        raise FullError

    # The clock is read during each entry.
    clock = OverlapCounter()
    start = threading.Barrier(8)
    ledger = Ledger(MemoryStore(Quotas(Quota(50, 300, 1800)), clock=clock), sleep=sleep)

    def enter_many() -> int:
        start.wait()
        for entered in range(50):
            try:
                wait_and_call(ledger, "one")
            except FullError:
                return entered
        return 50

    with frequent_thread_switches(), ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(enter_many) for _ in range(8)]
        entered = [future.result() for future in futures]
    assert sum(entered) == 50
    assert clock.most_threads == 1
    assert ledger.remaining("one") == 0
    assert ledger.waiting_until() is None


def test_several_waits_for_one_endpoint_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    asked: list[str] = []
    paused: list[list[tuple[t.Any, ...]]] = []

    def sleep(_: float) -> None:
        if len(asked) < 3:
            asked.append("again")
            paused.append([pause[::2] for pause in ledger.pauses()])
            ledger.wait_out("one", Wait(300, locked=True))
            ledger.wait_out("other", Wait(300, locked=False))

    ledger = Ledger(MemoryStore(Quotas(QUOTA)), sleep=sleep)
    ledger.wait_out("one", Wait(300, locked=True))
    lines = [record.getMessage().split(",")[0] for record in caplog.records]
    assert lines.count("one: locked by Zoho") == 1
    assert "other: the quota is used up" in lines
    assert paused == [[("one", True)]] * 3
    assert ledger.waiting_until() is None
    assert ledger.pauses() == []


def test_asking_when_an_endpoint_is_free_enters_no_call(kind: StoreKind[Clock]) -> None:
    ledger = Ledger(kind.open(next(accounts), Quota(1, 10, 60)))
    assert ledger.free_at(["one", "other"]) == {}
    assert ledger.remaining("one") == 1
    wait_and_call(ledger, "one")
    for _ in range(2):
        assert [*ledger.free_at(["one", "other"])] == ["one"]
    kind.clock.advance(11 + kind.extra_seconds)
    assert ledger.free_at(["one"]) == {}
    assert ledger.remaining("one") == 1
    ledger.lock("one")
    assert [*ledger.free_at(["one"])] == ["one"]
    kind.clock.advance(60 + kind.extra_seconds)
    assert ledger.free_at(["one"]) == {}
    assert ledger.remaining("one") == 1
    ledger.close()


class TickingClock(Clock):
    """A clock that moves on by a second whenever somebody reads it."""

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.mark.parametrize("seconds", [300, 301])
def test_asking_enters_no_call_when_the_endpoint_becomes_free(
    seconds: int,
) -> None:
    ledger = ledger_of(Quota(1, seconds, 1800), TickingClock())
    wait_and_call(ledger, "one")
    while ledger.free_at(["one"]):
        pass
    assert ledger.remaining("one") == 1
