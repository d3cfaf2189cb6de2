"""Measure a small fleet of plain processes, and compare it with the simulation.

    uv run --locked python -m benchmarks.fleet_measured

Two workers read eight sandbox accounts, one after the other, as processes of the tap
that share a Redis. How long a start takes is measured just before, with runs that read
one stream, two at once. So only calls, and how runs follow each other, are compared.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import tempfile
import threading
import time
import typing as t
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.fleet import Fleet, Paced, night
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

    def read(self, configs: list[str], workers: int, *options: str) -> list[float]:
        """Read accounts; return how long each took, and all of them at the end."""
        waiting: SimpleQueue[str] = SimpleQueue()
        for config in configs:
            waiting.put(config)
        seconds: list[float] = []

        def work() -> None:
            while True:
                try:
                    config = waiting.get_nowait()
                except Empty:
                    return
                began = time.monotonic()
                command = [TAP, "--config", config, "--summary", f"{config}.summary"]
                subprocess.run(
                    [*command, *options],
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                seconds.append(time.monotonic() - began)

        threads = [threading.Thread(target=work) for _ in range(workers)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [*seconds, time.monotonic() - began]


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
        options = ("--catalog", fleets.catalog)
        *starts, _ = fleets.read(fleets.configs, workers, *options)
        start_up = statistics.mean(starts) - latency
        *_, measured = fleets.read(fleets.configs, workers)
        lines = [
            json.loads(Path(f"{config}.summary").read_text())
            for config in fleets.configs
        ]
    calls = sum(line["calls"] for line in lines)
    fleet = Fleet(latency, start_up, 1e9, concurrency)
    # The sandbox answers after the same time, each time.
    chance = random.Random(1)  # noqa: S311 (it has to repeat)
    runs = [Paced(fleet, chance, spread=0.0).run(cost) for cost in fleets.costs]
    simulated = night(runs, workers)
    planned = sum(sum(cost.calls.values()) for cost in fleets.costs)
    print("| accounts | workers | calls measured | planned | time, measured = 1 |")
    print("|---|---|---|---|---|")
    ratio = f"{simulated / measured:.2f}"
    print(f"| {accounts} | {workers} | {calls} | {planned} | {ratio} |")
    print(f"\nA call takes {latency:g} s, a start {start_up:.1f} s of this machine.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=4)
    main(**vars(parser.parse_args()))
