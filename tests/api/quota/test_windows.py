"""No window holds too many calls, and no call waits longer than needed."""

from __future__ import annotations

import heapq
import itertools
import typing as t
from contextlib import ExitStack, closing
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.day import most_in_a_window
from tap_zohocampaigns.api.endpoints import OWN_QUOTAS
from tap_zohocampaigns.api.quota.ledger import Ledger, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tests.support.ledgers import (
    LONG_QUOTA,
    SHORT_QUOTA,
    StoreKind,
    accounts,
    open_stores,
    shared_stores,
)
from tests.support.zoho import Clock, make_call, wait_and_call, wait_near

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.ledger import Store, Ticket
SECONDS = st.integers(0, 40).map(float) | st.floats(0, 40)


@given(
    st.integers(1, 5),
    st.integers(1, 40),
    st.sampled_from([0, 1]),
    st.lists(SECONDS, max_size=40),
)
# In floats `7.2 + 1 - 8.2` is 0, but `8.2 - 1` is less than 7.2.
@example(1, 1, 0, [7.2, 0.0, 0.0])
def test_no_window_has_too_many_calls_and_no_wait_is_too_long(
    kind: StoreKind[Clock], calls: int, seconds: int, margin: float, pauses: list[float]
) -> None:
    clock = kind.clock
    clock.now = 0.0
    quota = Quota(calls, seconds, 1, margin)
    window = quota.window + kind.extra_seconds
    entered: list[float] = []
    with closing(kind.open(next(accounts), quota)) as store:
        ledger = Ledger(store, sleep=clock.sleep)
        for pause in pauses:
            clock.advance(pause)
            asked = clock()
            wait_and_call(ledger, "one")
            entered.append(clock())
            if len(entered) > calls:
                # Apart from rounding, exactly when the window has room again.
                earliest = max(asked, entered[-1 - calls] + window)
                assert entered[-1] == pytest.approx(earliest, abs=1e-5)
            else:
                assert entered[-1] == asked
            inside = [at for at in entered if at > clock() - window + 1e-5]
            assert len(inside) <= calls
            assert 0 <= store.remaining("one") <= calls - len(inside)


@given(st.lists(SECONDS, max_size=30))
@example([0.0] * 12)
def test_all_windows_of_an_endpoint_are_kept_and_no_wait_is_too_long(
    kind: StoreKind[Clock], pauses: list[float]
) -> None:
    clock = kind.clock
    clock.now = 0.0
    quota = Quota(2, 5, 1, wider=((3, 20), (6, 90)))
    windows = [(calls, window + kind.extra_seconds) for calls, window in quota.windows]
    entered: list[float] = []
    with closing(kind.open(next(accounts), quota)) as store:
        ledger = Ledger(store, sleep=clock.sleep)
        for pause in pauses:
            clock.advance(pause)
            asked = clock()
            wait_and_call(ledger, "one")
            entered.append(clock())
            freed = [
                entered[-1 - calls] + window
                for calls, window in windows
                if len(entered) > calls
            ]
            assert entered[-1] == pytest.approx(max(asked, *freed, 0), abs=1e-5)
            left = min(
                calls - sum(at > clock() - window + 1e-5 for at in entered)
                for calls, window in windows
            )
            assert 0 <= store.remaining("one") <= left


class Simulation:
    """Calls with latency, and a service that counts them when they arrive."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.arrived: list[float] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        """Let an event happen later."""
        due = (self.clock() + seconds, next(self._order), event)
        heapq.heappush(self._due, due)

    def advance(self, seconds: float) -> None:
        """Let time pass, and the events that are due happen."""
        ends = self.clock() + seconds
        while self._due and self._due[0][0] <= ends:
            self.clock.now, _, event = heapq.heappop(self._due)
            event()
        self.clock.now = ends

    def arrive(self) -> None:
        """Count a call."""
        self.arrived.append(self.clock())

    def send(self, store: Store) -> Ticket:
        """Enter a call as soon as it may be sent."""
        while isinstance(result := store.enter("one"), Wait):
            self.advance(result.seconds)
        return result


LATENCIES = st.tuples(
    st.floats(0, 20), st.floats(0, 10), st.floats(0, 10), st.integers(0, 4)
)


@given(st.integers(1, 4), st.lists(LATENCIES, max_size=30))
@example(2, [(0.0, 3.0, 0.0, 1), (0.0, 0.0, 0.0, 1)] * 4)
@example(1, [(0.0, 10.0, 10.0, 0), (0.0, 0.0, 0.0, 1), (0.0, 0.0, 0.0, 1)])
def test_calls_that_arrive_late_never_exceed_the_quota(
    kind: StoreKind[Clock], calls: int, latencies: list[tuple[float, float, float, int]]
) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota, account = Quota(calls, 25, 1), next(accounts)
    with ExitStack() as stack:
        stores = [
            stack.enter_context(closing(kind.open(account, quota)))
            for _ in range(3 if kind.shared else 1)
        ]
        for pause, there, back, fate in latencies:
            simulation.advance(pause)
            store = stores[fate % len(stores)]
            ticket = simulation.send(store)
            simulation.after(there, simulation.arrive)
            # A killed process notes no answer.
            if fate:
                simulation.after(there + back, partial(store.done, ticket))
        simulation.advance(20)
    assert len(simulation.arrived) == len(latencies)
    assert most_in_a_window(simulation.arrived, quota.seconds) <= calls


def test_a_call_stops_counting_one_window_after_its_answer(
    kind: StoreKind[Clock],
) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota = Quota(2, 25, 1)
    with closing(kind.open(next(accounts), quota)) as store:
        for seconds in (3, 4):
            simulation.after(seconds, partial(store.done, simulation.send(store)))
        assert store.remaining("one") == 0
        for seconds in (3, 4):
            simulation.send(store)
            expected = seconds + quota.window + kind.extra_seconds
            assert kind.clock() == pytest.approx(expected, abs=1e-4)


def test_a_call_without_an_answer_counts_until_it_can_no_longer_arrive(
    kind: StoreKind[Clock],
) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota = Quota(1, 25, 1)
    with closing(kind.open(next(accounts), quota)) as store:
        simulation.send(store)
        simulation.send(store)
        expected = (
            Quotas(quota, OWN_QUOTAS).underway + quota.window + kind.extra_seconds
        )
        assert kind.clock() == pytest.approx(expected, abs=1e-4)


@shared_stores
def test_a_longer_window_of_another_program_counts_too(
    kind: StoreKind[Clock],
) -> None:
    with ExitStack() as stack:
        long, short = open_stores(kind, stack, LONG_QUOTA, SHORT_QUOTA)
        simulation = Simulation(kind.clock)

        def call(store: Store) -> None:
            store.done(simulation.send(store))
            simulation.arrive()

        for _ in range(400):
            call(long)
        for _ in range(300):
            call(short)
        assert long.remaining("one") >= 0
        for _ in range(400):
            call(long)
        assert (
            most_in_a_window(simulation.arrived, LONG_QUOTA.seconds) == LONG_QUOTA.calls
        )


@shared_stores
def test_calls_are_kept_for_the_longest_window_of_all_programs(
    kind: StoreKind[Clock],
) -> None:
    longer = Quota(50, 900, 1800)
    with ExitStack() as stack:
        absent, long, short = open_stores(kind, stack, longer, LONG_QUOTA, SHORT_QUOTA)
        assert absent.remaining("one") == 50
        kind.clock.advance(2000)
        for _ in range(20):
            for store in (long, short):
                assert make_call(store, "one") is None
                kind.clock.advance(10)
        assert absent.remaining("one") == 10
        kind.clock.advance(700)
        assert absent.remaining("one") == 10 + 20


@shared_stores
def test_the_limit_of_a_program_that_stays_away_expires(kind: StoreKind[Clock]) -> None:
    strict = Quota(2, 900, 1800)
    with ExitStack() as stack:
        once, short = open_stores(kind, stack, strict, SHORT_QUOTA)
        assert make_call(once, "one") is None
        assert make_call(short, "one") is None
        waits = make_call(short, "one")
        assert waits == wait_near(901 + kind.extra_seconds, locked=False)
        kind.clock.advance(waits.seconds)
        assert [make_call(short, "one") for _ in range(15)] == [None] * 15
