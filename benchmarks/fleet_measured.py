"""Measure a small fleet of plain processes, and compare it with the simulation.

    uv run --locked python -m benchmarks.fleet_measured

Two workers read eight sandbox accounts, one after the other, as processes of the tap
that share a Redis. Before each run, the worker measures how long a start takes, with a
run that makes one call: a busy machine slows both. So calls are compared, and starts
are not.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import threading
import time
import typing as t
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.fleet import Fleet, Paced, Run, night
from benchmarks.fleet_plans import Cost, Size, no_http
from benchmarks.redis_server import RedisServer
from benchmarks.runs import TAP, catalog, write
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.commands.plan import make_plan
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.settings.tap import complete
from tap_zohocampaigns.tap import TapZohoCampaigns

SIZES = (Size(1, 1, 4, 20), Size(2, 1, 8, 20))
STREAM = "mailing_lists"


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


def cost_of(account: LivingAccount) -> Cost:
    """Return what the planner says about a first run."""
    with no_http(), Service(account, quota_calls=10**9) as service:
        settings = {"rate_limit_ledger": "memory", "concurrency": 1}
        plan = make_plan(TapZohoCampaigns(config=service.config | settings))
    calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    return Cost(calls, plan["rows"])


def main(accounts: int, workers: int, latency: float, concurrency: int) -> None:
    """Measure, simulate, and print both."""
    with ExitStack() as stack:
        fleets = Fleets(stack, accounts, latency, concurrency)
        seconds = fleets.read(workers)
        lines = [
            json.loads(Path(f"{config}.summary").read_text())
            for config in fleets.configs
        ]
    calls = sum(line["calls"] for line in lines)
    runs, started = [], 0.0
    for config, cost in zip(fleets.configs, fleets.costs, strict=True):
        start, _ = seconds[config]
        started += start - latency
        fleet = Fleet(latency, start - latency, 1e9, concurrency)
        # The sandbox answers after the same time, each time.
        chance = random.Random(1)  # noqa: S311 (it has to repeat)
        runs.append(Paced(fleet, chance, spread=0.0).run(cost))
    simulated = night(runs, workers)
    measured = night(
        [Run(seconds[config][1], 0.0) for config in fleets.configs], workers
    )
    planned = sum(sum(cost.calls.values()) for cost in fleets.costs)
    print("| accounts | workers | calls measured | planned | time, measured = 1 |")
    print("|---|---|---|---|---|")
    ratio = f"{simulated / measured:.2f}"
    print(f"| {accounts} | {workers} | {calls} | {planned} | {ratio} |")
    share = started / sum(run.seconds for run in runs)
    print(f"\nA call takes {latency:g} s; starts are {share:.0%} of the runs.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=4)
    main(**vars(parser.parse_args()))
