"""Simulate a night of many accounts, on the ledger and the planner of the tap.

    uv run --locked python -m benchmarks.fleet

prints what 10,000 accounts need. Nothing is sent: `fleet_plans` says what runs cost,
the ledger of the tap paces their calls on a simulated clock, and workers take one
account after the other. Only the cost of Redis is measured, with a real server.

    uv run --locked python -m benchmarks.fleet --accounts 20 --workers 2 \
        --sizes small=20 --run "first run" --latency 0.05 --start-up 12

prints the night of a fleet that was measured, to compare both. `--start-up` is how long
a run takes that makes hardly a call. With `--summaries FILE …` each file of `--summary`
is an account, with the calls and rows that were counted. `fleet_measured` measures such
a fleet, and compares.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
import time
import typing as t
from collections import Counter
from pathlib import Path

from benchmarks.fleet_plans import Cost, Size, costs_of
from benchmarks.fleet_redis import measure_redis
from tap_zohocampaigns.api.endpoints import OWN_QUOTAS
from tap_zohocampaigns.api.quota.ledger import Ticket, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.memory import MemoryStore

SIZES = {
    "small": Size(lists=1, segments=1, campaigns=6, contacts=1_000),
    "medium": Size(lists=3, segments=3, campaigns=24, contacts=5_000),
    "large": Size(lists=5, segments=4, campaigns=60, contacts=50_000),
}
SHARES = {"small": 70, "medium": 25, "large": 5}
QUOTAS = Quotas(Quota(490, 300, 1800), OWN_QUOTAS)
# The median of how long a call takes is a setting; this is how far others are off.
SPREAD = 0.5
# Calls at the start of a run that wait for one another.
HEAD = 3
SAMPLES = 10
HOURS = 6
WORKERS = (8, 16, 32, 64, 128, 256)
# One access token an hour, its lock, and what a run asks a server about itself.
REDIS_START = 12
COUNTED_ENDPOINTS = 12


class Fleet(t.NamedTuple):
    """What is assumed about workers and network."""

    latency: float
    """Median seconds of a call."""
    start_up: float
    """Seconds of a run besides its calls and rows: Python, Meltano, the loader."""
    rows_per_second: float
    """What tap and loader write together."""
    concurrency: int


class Run(t.NamedTuple):
    """A simulated run."""

    seconds: float
    waited: float
    """How long no call was underway, as the quota was used up."""


class Paced:
    """The calls of one run, paced by a ledger on a simulated clock."""

    def __init__(
        self, fleet: Fleet, chance: random.Random, spread: float = SPREAD
    ) -> None:
        """Start with an unused quota."""
        self._fleet, self._spread = fleet, spread
        self._chance = chance
        self._now = 0.0
        self._store = MemoryStore(QUOTAS, clock=lambda: self._now)
        self._underway: list[tuple[float, Ticket]] = []
        self._full: dict[str, float] = {}

    def run(self, cost: Cost) -> Run:
        """Make all calls of a run."""
        left, waited = Counter(cost.calls), 0.0
        total = left.total()
        while left.total() or self._underway:
            is_head = total - left.total() < HEAD
            slots = 1 if is_head else self._fleet.concurrency
            while len(self._underway) < slots and (endpoint := self._next(left)):
                self._send(endpoint, left)
            began, idle = self._now, not self._underway
            self._go_on()
            waited += self._now - began if idle else 0.0
        rows = cost.rows / self._fleet.rows_per_second
        return Run(self._fleet.start_up + max(self._now, rows), waited)

    def _next(self, left: Counter[str]) -> str | None:
        free = (name for name in left if self._full.get(name, 0.0) <= self._now)
        # The endpoint with most calls lasts longest.
        return max(free, key=lambda name: left[name], default=None)

    def _send(self, endpoint: str, left: Counter[str]) -> None:
        entered = self._store.enter(endpoint)
        if isinstance(entered, Wait):
            self._full[endpoint] = self._now + entered.seconds
            return
        left[endpoint] -= 1
        if not left[endpoint]:
            del left[endpoint]
        seconds = self._fleet.latency * self._chance.lognormvariate(0.0, self._spread)
        heapq.heappush(self._underway, (self._now + seconds, entered))

    def _go_on(self) -> None:
        """Go on to the next answer, or to the end of a wait."""
        waits = [until for until in self._full.values() if until > self._now]
        answer = self._underway[0][0] if self._underway else math.inf
        self._now = min(answer, *waits) if waits else answer
        if self._now == answer:
            self._store.done(heapq.heappop(self._underway)[1])


def night(runs: t.Iterable[Run], workers: int) -> float:
    """Return how long workers take for all runs, one after the other (seconds)."""
    free = [0.0] * workers
    for run in runs:
        heapq.heapreplace(free, free[0] + run.seconds)
    return max(free)


def draw(
    shares: dict[str, int],
    costs: dict[str, dict[str, Cost]],
    name: str,
    accounts: int,
    fleet: Fleet,
) -> list[tuple[Cost, Run]]:
    """Return a run of each account, in a random order.

    Args:
        shares: How many accounts in a hundred, or in all, are of each size.
        costs: Size -> run -> its cost.
        name: Of the run.
        accounts: How many there are.
        fleet: The assumptions.
    """
    chance = random.Random(1)  # noqa: S311 (it has to repeat)
    samples = {
        size: [Paced(fleet, chance).run(costs[size][name]) for _ in range(SAMPLES)]
        for size in shares
    }
    total = sum(shares.values())
    drawn = [
        (costs[size][name], chance.choice(samples[size]))
        for size, share in shares.items()
        for _ in range(round(accounts * share / total))
    ]
    chance.shuffle(drawn)
    return drawn


def table(head: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> None:
    """Print a table in Markdown."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def duration(seconds: float) -> str:
    """Return a time in a unit that people read."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def print_nights(
    costs: dict[str, dict[str, Cost]], accounts: int, fleet: Fleet
) -> None:
    """Print what runs cost, and what the fleet needs."""
    rows: list[tuple[str, ...]] = []
    for size, of_size in costs.items():
        for name, cost in of_size.items():
            chance = random.Random(1)  # noqa: S311 (it has to repeat)
            runs = [Paced(fleet, chance).run(cost) for _ in range(SAMPLES)]
            seconds = statistics.median(run.seconds for run in runs)
            waited = statistics.median(run.waited for run in runs)
            calls = sum(cost.calls.values())
            row = (f"{calls:,}", f"{cost.rows:,}", duration(seconds), duration(waited))
            rows.append((size, f"{SHARES[size]} %", name, *row))
    head = ("account", "share", "run", "calls", "rows")
    table((*head, "a run", "of it for the quota"), rows)

    redis = measure_redis(QUOTAS, calls=300)
    rows = []
    for name in ("first run", "nightly run", "re-run"):
        drawn = draw(SHARES, costs, name, accounts, fleet)
        calls = sum(sum(cost.calls.values()) for cost, _ in drawn)
        commands = 2 * calls + (REDIS_START + COUNTED_ENDPOINTS) * len(drawn)
        memory = redis.bytes_per_call * calls
        memory += redis.bytes_per_account * COUNTED_ENDPOINTS * len(drawn)
        for workers in WORKERS:
            seconds = night([run for _, run in drawn], workers)
            rate = commands / seconds
            load = rate * redis.microseconds / 1e6
            needs = (f"{rate:,.0f}", f"{load:.1%}", f"{memory / 2**20:,.0f} MiB")
            rows.append((name, str(workers), f"{calls:,}", duration(seconds), *needs))
    head = ("run", "workers", "calls", "time", "Redis calls a second")
    table((*head, "of a core of Redis", "memory of Redis"), rows)
    print(
        f"Measured: {redis.microseconds:.0f} µs of a core for a call of Redis, "
        f"{redis.bytes_per_call:.0f} bytes for a call of Zoho, "
        f"{redis.bytes_per_account:,.0f} bytes for an endpoint of an account."
    )
    drawn = draw(SHARES, costs, "nightly run", accounts, fleet)
    total = sum(run.seconds for _, run in drawn)
    share = fleet.start_up * len(drawn) / total
    print(
        f"{math.ceil(total / 3600 / HOURS)} workers end a night of {HOURS} hours; "
        f"{share:.0%} of their time is start-up."
    )


def counted(line: dict[str, t.Any]) -> Cost:
    """Return the cost of a run that was measured, by its line of `--summary`."""
    calls = {name: one["calls"] for name, one in line["endpoints"].items()}
    return Cost(calls, line["rows"])


def summarized(paths: t.Iterable[str]) -> list[Cost]:
    """Return the costs of runs that were measured, by their files of `--summary`."""
    return [counted(json.loads(Path(path).read_text())) for path in paths]


def sizes_of(text: str) -> dict[str, int]:
    """Parse sizes such as `small=15,medium=5`."""
    pairs = (pair.split("=") for pair in text.split(","))
    return {name: int(number) for name, number in pairs}


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--workers", type=int, help="simulate these workers alone")
    parser.add_argument("--sizes", type=sizes_of, default=SHARES)
    parser.add_argument("--run", default="nightly run")
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--start-up", type=float, default=10.0)
    parser.add_argument("--rows-per-second", type=float, default=2_000.0)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--summaries", nargs="+", help="files of --summary")
    given = parser.parse_args()
    fleet = Fleet(
        given.latency, given.start_up, given.rows_per_second, given.concurrency
    )
    if given.summaries:
        chance = random.Random(1)  # noqa: S311 (it has to repeat)
        drawn = [
            (cost, Paced(fleet, chance).run(cost))
            for cost in summarized(given.summaries)
        ]
    else:
        began = time.monotonic()
        costs = {size: costs_of(SIZES[size]) for size in given.sizes}
        if given.workers is None:
            print_nights(costs, given.accounts, fleet)
            print(f"Simulated in {duration(time.monotonic() - began)}.")
            return
        drawn = draw(given.sizes, costs, given.run, given.accounts, fleet)
    calls = sum(sum(cost.calls.values()) for cost, _ in drawn)
    seconds = night([run for _, run in drawn], given.workers or 1)
    print(f"{len(drawn)} accounts, {calls:,} calls, {seconds:.1f} s")


if __name__ == "__main__":
    main()
