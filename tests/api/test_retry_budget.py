"""The retry budget, alone and in the client."""

from __future__ import annotations

import heapq
import random
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.auth import Authenticator
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.endpoints import ENDPOINTS
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    Locked,
    NotFound,
    Outage,
    Postponed,
    RangeRefused,
    Rejected,
    Transient,
    Unauthorized,
    UnknownRejection,
    ZohoError,
)
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.retry_budget import BudgetExhausted, RetryBudget
from tests.support.zoho import CONFIG, Answer, Clock, Request, Zoho, error, success

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.tokens.entry import Token


def spend(budget: RetryBudget, error: type[Exception] | None) -> None:
    """Make a call that ends with an error, or with a success."""
    with budget.token():
        if error:
            raise error


def is_empty(budget: RetryBudget) -> bool:
    try:
        spend(budget, None)
    except BudgetExhausted:
        return True
    return False


def test_failures_empty_the_budget_and_time_refills_it() -> None:
    clock = Clock()
    budget = RetryBudget(4, clock)
    for _ in range(8):
        clock.advance(1e-6)
        with pytest.raises(Transient):
            spend(budget, Transient)
    with pytest.raises(BudgetExhausted) as exhausted:
        spend(budget, Transient)
    assert exhausted.value.seconds == pytest.approx(6, abs=1e-3)
    assert exhausted.value.failing == pytest.approx(7e-6, abs=1e-3)
    clock.advance(exhausted.value.seconds)
    with pytest.raises(Transient):
        spend(budget, Transient)
    clock.advance(5)
    with pytest.raises(BudgetExhausted) as exhausted:
        spend(budget, None)
    assert exhausted.value.failing == pytest.approx(11, abs=1e-3)


@pytest.mark.parametrize("error", [None, NotFound, Locked, Unauthorized, KeyError])
def test_calls_that_do_not_fail_cost_nothing(error: type[Exception] | None) -> None:
    clock = Clock()
    budget = RetryBudget(1, clock)
    for _ in range(50):
        try:
            spend(budget, error)
        except (NotFound, Transient, KeyError):
            assert error
    assert not is_empty(budget)


def rejected(*_: object) -> Rejected:
    return Rejected("Sentence.", "2004", "Sentence.")


def unknown(*_: object) -> Rejected:
    return UnknownRejection("Sentence.", "7", "Sentence.")


def postponed(*_: object) -> Postponed:
    return Postponed("Sentence.", "2001", "Retry later.")


@pytest.mark.parametrize(
    "answer",
    [
        rejected,
        unknown,
        postponed,
        NotFound,
        Forbidden,
        RangeRefused,
        Locked,
        Unauthorized,
    ],
)
def test_any_answer_of_zoho_ends_the_time_of_failing(answer: type[Exception]) -> None:
    clock = Clock()
    budget = RetryBudget(1, clock)
    failing = 0.0
    for _ in range(60):
        clock.advance(5)
        for error_class in (answer, Transient):
            try:
                with budget.token():
                    raise error_class()
            except BudgetExhausted as exhausted:
                failing = max(failing, exhausted.failing)
            except ZohoError:
                pass
    assert failing <= 5


def test_time_does_not_count_while_all_callers_wait() -> None:
    clock = Clock()
    budget = RetryBudget(1, clock)
    with budget.calling():
        with pytest.raises(Transient):
            spend(budget, Transient)
        clock.advance(2)
        with budget.waiting():
            clock.advance(300)
        clock.advance(3)
        with budget.calling():
            clock.advance(4)
            # Others do not rest.
            with budget.waiting():
                clock.advance(5)
        underway = [budget.token() for _ in range(8)]
        for held in underway:
            held.__enter__()
        with pytest.raises(BudgetExhausted) as exhausted:
            budget.token().__enter__()
    assert exhausted.value.failing == pytest.approx(14)


@pytest.mark.parametrize("locked", [True, False])
def test_failures_before_and_after_a_wait_are_not_an_outage(
    monkeypatch: pytest.MonkeyPatch, *, locked: bool
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.3)
    clock = Clock()
    answers = iter([Answer(b"", 503)] * 11)
    with Zoho(lambda _: next(answers, success())) as zoho:
        client = zoho.client(clock)
        # The second call rests.
        take, waits = client.ledger.enter, iter([None, Wait(300, locked)])
        monkeypatch.setattr(
            client.ledger, "enter", lambda name: next(waits, None) or take(name)
        )
        assert client.call("getmailinglists", {})
    assert sum(clock.waits) > 300


def test_waiting_for_a_token_does_not_count_as_failing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.3)
    clock = Clock()
    answers = iter([Answer(b"", 503)] * 11)
    with Zoho(lambda _: next(answers, success())) as zoho:
        client = zoho.client(clock)
        waits = iter([0.0, 600.0])

        token = Authenticator.token

        def late(authenticator: Authenticator) -> Token:
            clock.advance(next(waits, 0.0))
            return token(authenticator)

        monkeypatch.setattr(Authenticator, "token", late)
        assert client.call("getmailinglists", {})


def test_an_outage_is_noticed_after_a_wait_too() -> None:
    clock = Clock()
    with Zoho(lambda _: Answer(b"", 503)) as zoho:
        client = zoho.client(clock, rate_limit_calls=1, retry_max_seconds=70)
        with pytest.raises(Outage):
            client.call("getmailinglists", {})


def test_rejections_are_not_an_outage() -> None:
    clock = Clock()
    numbers = iter(range(1000))

    def api(_: Request) -> Answer | None:
        if next(numbers) % 3 == 0:
            return None
        return Answer(error("2004", "Invalid."))

    with Zoho(api) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url}
        config = CONFIG | urls | {"retry_max_seconds": 30}
        client = connect(config, endpoints=ENDPOINTS, clock=clock, sleep=clock.sleep)
        for _ in range(60):
            with pytest.raises(Rejected):
                client.call("listsubscribe", {})


def test_successes_pay_for_failures() -> None:
    clock = Clock()
    budget = RetryBudget(1, clock)
    for _ in range(100):
        with pytest.raises(Transient):
            spend(budget, Transient)
        for _ in range(5):
            spend(budget, None)
    assert not is_empty(budget)


def test_as_many_calls_as_configured_may_be_underway() -> None:
    clock = Clock()
    budget = RetryBudget(16, clock)
    underway = [budget.token() for _ in range(16)]
    for held in underway:
        held.__enter__()
    assert is_empty(budget)
    for held in underway:
        held.__exit__(None, None, None)
    assert not is_empty(budget)


@given(st.lists(st.floats(0, 90), min_size=1, max_size=40))
def test_a_service_that_fails_gets_twenty_calls_a_minute_at_most(
    waits: list[float],
) -> None:
    clock = Clock()
    clock.now = 0.0
    budget = RetryBudget(8, clock)
    sent: list[float] = []
    # Callers in the order in which they try again.
    callers = [(wait, number) for number, wait in enumerate(waits)]
    heapq.heapify(callers)
    while (now := callers[0][0]) < 400:
        _, number = heapq.heappop(callers)
        clock.now = max(clock.now, now)
        try:
            spend(budget, Transient)
        except BudgetExhausted as exhausted:
            heapq.heappush(callers, (clock.now + exhausted.seconds, number))
        except Transient:
            sent.append(clock.now)
            heapq.heappush(callers, (clock.now + waits[number], number))
            if waits[number] == 0:
                clock.advance(1e-3)
    for at in sent:
        assert sum(at <= other < at + 60 for other in sent) <= 20


def test_many_threads_give_up_with_one_error_and_few_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speed, began = 100.0, time.monotonic()
    # A busy machine may send calls late, so the time of each permission counts.
    at: list[float] = []
    last = threading.local()
    token = RetryBudget.token

    def clock() -> float:
        last.time = now = (time.monotonic() - began) * speed
        return now

    @contextmanager
    def noted(budget: RetryBudget) -> Iterator[None]:
        with token(budget):
            at.append(last.time)
            yield

    def fail(_: Request) -> Answer:
        return Answer(b"oops", 503)

    def sleep(seconds: float) -> None:
        time.sleep(seconds / speed)

    monkeypatch.setattr(RetryBudget, "token", noted)
    with Zoho(fail) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url, "concurrency": 8}
        client = connect(CONFIG | urls, clock=clock, sleep=sleep)

        def call(number: int) -> str:
            with pytest.raises(FatalError) as failed:
                client.call("getmailinglists", {"fromindex": number})
            return str(failed.value)

        with ThreadPoolExecutor(30) as threads:
            sentences = {*threads.map(call, range(30))}
    for sentence in sentences:
        assert "`retry_max_seconds`" in sentence
    assert len(at) >= len(zoho.calls) >= 20
    for start in at:
        assert sum(start <= other < start + 60 for other in at) <= 20
