"""Measure a small fleet of plain processes, and compare it with the simulation.

    uv run --locked python -m benchmarks.fleet_measured

Two workers read 20 sandbox accounts, one after the other, as processes of the tap that
share a Redis. Before each run, the worker measures how long a start takes, with a run
that makes one call: a busy machine slows both. So calls and their times are compared,
and starts are not. The command fails if calls or time are off by more than 15 %.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.fleet import Fleet, Paced, Run, night, summarized
from benchmarks.fleet_plans import Cost, Size, no_http
from benchmarks.redis_server import RedisServer
from benchmarks.runs import TAP, catalog, write
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.commands.plan import make_plan
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.settings.tap import complete
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.account import Account

SIZES = (Size(1, 1, 4, 20), Size(2, 1, 8, 20))
STREAM = "mailing_lists"
TOLERANCE = 0.15


class Comparison(t.NamedTuple):
    """A simulated fleet, as a share of the same fleet as it was measured."""

    calls: float
    """Those of the plans; of the runs, 1."""
    counted_calls: float
    """The simulated time with the calls of the plans; with those of the runs, 1."""
    seconds: float
    """The simulated time; the measured one, 1."""
    start: float
    """The share of starts in the simulated time."""

    @property
    def holds(self) -> bool:
        """Whether calls and time are right."""
        return all(abs(share - 1) <= TOLERANCE for share in self[:3])


def simulate(costs: t.Iterable[Cost], fleets: t.Iterable[Fleet], workers: int) -> float:
    """Return how long workers take for runs, each with its own assumptions (seconds).

    The sandbox answers after the same time, each time.
    """
    chance = random.Random(1)  # noqa: S311 (it has to repeat)
    runs = [
        Paced(fleet, chance, spread=0.0).run(cost)
        for fleet, cost in zip(fleets, costs, strict=True)
    ]
    return night(runs, workers)


def total(costs: t.Iterable[Cost]) -> int:
    """Return the calls of all runs."""
    return sum(sum(cost.calls.values()) for cost in costs)


class Fleets:
    """Accounts that are served, and workers that read them."""

    def __init__(
        self, stack: ExitStack, accounts: int, latency: float, concurrency: int
    ) -> None:
        """Serve accounts; their clocks stand still."""
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.server = RedisServer(self.folder)
        stack.callback(self.server.kill)
        now = datetime.now(UTC)
        self.configs: list[str] = []
        self.costs: list[Cost] = []
        for number in range(accounts):
            lists, segments, campaigns, contacts = SIZES[number % len(SIZES)]
            account = LivingAccount(
                clock=lambda: now,
                lists=lists,
                segments=segments,
                campaigns=campaigns,
                contacts=contacts,
            )
            self.costs.append(cost_of(account))
            service = stack.enter_context(Service(account, latency=latency))
            config = service.config | {
                "rate_limit_ledger": self.server.url,
                "account_id": f"account-{number}",
                "concurrency": concurrency,
            }
            # Otherwise a server that has just started would make the runs wait.
            self.server.mark_complete(account_name(complete(config)))
            name = f"{number}.json"
            self.configs.append(write(self.folder / name, t.cast("t.Any", config)))
        self.catalog = write(self.folder / "catalog.json", catalog(STREAM))

    def read(self, workers: int) -> dict[str, tuple[float, float]]:
        """Read all accounts; return the seconds of a start, and of the run."""
        waiting: SimpleQueue[str] = SimpleQueue()
        for config in self.configs:
            waiting.put(config)
        seconds: dict[str, tuple[float, float]] = {}

        def work() -> None:
            while True:
                try:
                    config = waiting.get_nowait()
                except Empty:
                    return
                start = self._run(config, "--catalog", self.catalog)
                run = self._run(config, "--summary", f"{config}.summary")
                seconds[config] = start, run

        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seconds

    @staticmethod
    def _run(config: str, *options: str) -> float:
        began = time.monotonic()
        subprocess.run(
            [TAP, "--config", config, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.monotonic() - began


def cost_of(account: Account) -> Cost:
    """Return what the planner says about a first run."""
    with no_http(), Service(account, quota_calls=10**9) as service:
        settings = {"rate_limit_ledger": "memory", "concurrency": 1}
        plan = make_plan(TapZohoCampaigns(config=service.config | settings))
    calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    return Cost(calls, plan["rows"])


def measure(
    accounts: int, workers: int, latency: float, concurrency: int
) -> tuple[int, Comparison]:
    """Measure a fleet, and simulate it; return the calls measured, and how both differ.

    Args:
        accounts: How many there are.
        workers: How many runs there are at once.
        latency: Seconds that a call takes.
        concurrency: How many calls a run makes at once.
    """
    with ExitStack() as stack:
        fleets = Fleets(stack, accounts, latency, concurrency)
        read = fleets.read(workers)
        counted = summarized(f"{config}.summary" for config in fleets.configs)
    measured = [read[config] for config in fleets.configs]
    # A run that makes one call, without that call. No loader slows the tap.
    assumed = [
        Fleet(latency, start - latency, math.inf, concurrency) for start, _ in measured
    ]
    simulated = simulate(fleets.costs, assumed, workers)
    starts = [Run(fleet.start_up, 0.0) for fleet in assumed]
    return total(counted), Comparison(
        calls=total(fleets.costs) / total(counted),
        counted_calls=simulated / simulate(counted, assumed, workers),
        seconds=simulated / night([Run(run, 0.0) for _, run in measured], workers),
        start=night(starts, workers) / simulated,
    )


def main(accounts: int, workers: int, latency: float, concurrency: int) -> None:
    """Measure, simulate, and print both."""
    calls, shares = measure(accounts, workers, latency, concurrency)
    print("| accounts | workers | calls measured | calls planned | time simulated |")
    print("|---|---|---|---|---|")
    figures = f"{calls} | {shares.calls:.2f} | {shares.seconds:.2f}"
    print(f"| {accounts} | {workers} | {figures} |")
    print(
        f"\nMeasured is 1. A call takes {latency:g} s; starts are {shares.start:.0%} "
        "of the time."
    )
    if not shares.holds:
        sys.exit(f"Off by more than {TOLERANCE:.0%}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=4)
    main(**vars(parser.parse_args()))
