"""The simulation of a fleet: calls are paced by the ledger, and runs share workers."""

from __future__ import annotations

import random

import pytest

from benchmarks.fleet import HEAD, QUOTAS, SIZES, Fleet, Paced, Run, night
from benchmarks.fleet_measured import TOLERANCE, Comparison, measure
from benchmarks.fleet_plans import Cost, costs_of

RECIPIENTS = "getcampaignrecipientsdata"
FLEET = Fleet(latency=0.3, start_up=10.0, rows_per_second=1e9, concurrency=4)


def run(cost: Cost, fleet: Fleet = FLEET) -> Run:
    # Each call takes the same time.
    chance = random.Random(1)  # noqa: S311 (it has to repeat)
    return Paced(fleet, chance, spread=0.0).run(cost)


def test_a_run_without_calls_takes_its_start() -> None:
    assert run(Cost({}, 0)) == Run(10.0, 0.0)


def test_the_first_calls_wait_for_one_another_and_others_run_side_by_side() -> None:
    # Three, and then eight, four at once.
    cost = Cost({"topics": 6, RECIPIENTS: 5}, 0)
    assert run(cost).seconds == pytest.approx(10 + (3 + 2) * 0.3)


def test_a_run_that_needs_two_windows_waits_for_the_second() -> None:
    allowed = QUOTAS.other.calls
    assert run(Cost({RECIPIENTS: allowed}, 0)).waited == 0
    result = run(Cost({RECIPIENTS: allowed + 1}, 0))
    assert 0 < result.waited < QUOTAS.other.window < result.seconds


def test_rows_take_longer_than_calls_if_the_loader_is_slow() -> None:
    slow = FLEET._replace(rows_per_second=10.0)
    assert run(Cost({RECIPIENTS: 1}, 1000), slow).seconds == 10 + 100


def test_workers_take_one_run_after_the_other() -> None:
    runs = [Run(float(seconds), 0.0) for seconds in (5, 3, 1, 2)]
    assert [night(runs, workers) for workers in (1, 2, 9)] == [11, 6, 5]


@pytest.mark.slow
def test_later_runs_of_an_account_cost_less() -> None:
    costs = costs_of(SIZES["small"])
    first, nightly, again = (sum(cost.calls.values()) for cost in costs.values())
    assert first > nightly > again > 0


@pytest.mark.slow
def test_the_simulation_is_right_about_a_fleet_that_is_measured() -> None:
    calls, shares = measure(accounts=4, workers=2, latency=0.05, concurrency=4)
    assert calls > 4 * HEAD
    # Not about the time that was measured: how busy the machine was is not simulated.
    for share in (shares.calls, shares.counted_calls):
        assert share == pytest.approx(1, abs=TOLERANCE)


@pytest.mark.parametrize("name", ["calls", "counted_calls", "seconds"])
def test_a_simulation_that_is_off_does_not_hold(name: str) -> None:
    right = Comparison(calls=1.0, counted_calls=0.9, seconds=1.1, start=0.4)
    assert right.holds
    for share in (0.84, 1.16):
        assert not right._replace(**{name: share}).holds
