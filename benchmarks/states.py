"""Measure how the size of states grows with the number of open campaigns.

    uv run --locked python benchmarks/states.py

It reads `campaign_recipients` for the first time, from accounts with 50, 100, 200 and
1,000 open campaigns of about 60 recipients each. If the cost is linear, the bytes of
all states and the time for each campaign are about the same in each line.
"""

from __future__ import annotations

import io
import time
import typing as t
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.world.account import ACTIONS, tally
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.account import Campaign, Recipient

NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
SIZES = (50, 100, 200, 1000)
STREAMS = ("campaign_recipients", "snapshots")
RECIPIENTS = 60


class Account(LivingAccount):
    """An account with many campaigns that were sent within the last day."""

    def __init__(self, number: int) -> None:
        """Copy a campaign of the sandbox, with some of its recipients."""
        super().__init__(clock=lambda: NOW)
        sent = [one for one in super().campaigns() if one.sent and not one.children]
        model = sent[-1]
        rows = {
            action: tuple(super(Account, self).recipients(model.key, action))
            for action in ACTIONS
        }
        share = RECIPIENTS / len(rows["sentcontacts"])
        self._shared = {
            action: recipients[: round(len(recipients) * share)]
            for action, recipients in rows.items()
        }
        self._copies = tuple(
            replace(model, key=f"3z{copy:064x}", sent=NOW - timedelta(minutes=copy))
            for copy in range(1, number + 1)
        )

    def campaigns(self) -> tuple[Campaign, ...]:
        """Return the copies."""
        return self._copies

    def campaign(self, key: str) -> Campaign | None:
        """Return a copy."""
        return next((copy for copy in self._copies if copy.key == key), None)

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        """Return the recipients, which are the same in each copy."""
        del campaign_key
        return self._shared[action]

    def report(self, campaign_key: str) -> dict[str, int]:
        """Return the counters."""
        del campaign_key
        return tally({action: len(rows) for action, rows in self._shared.items()})


class Tap(TapZohoCampaigns):
    """The tap with the clock of the account."""

    def now(self) -> datetime:
        """Return the current time."""
        return NOW


def run(number: int) -> tuple[int, int, float]:
    """Read an account; return bytes of states, bytes of all messages, and seconds."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with Service(Account(number), quota_calls=10**9) as service:
        tap = Tap(config=service.config | {"rate_limit_calls": 1_000_000})
        for name, stream in tap.streams.items():
            stream.selected = name in STREAMS
        start = time.perf_counter()
        with redirect_stdout(stdout):
            tap.sync_all()
        seconds = time.perf_counter() - start
    stdout.seek(0)
    sizes = [(len(line), '"type":"STATE"' in line) for line in stdout]
    states = sum(size for size, is_state in sizes if is_state)
    return states, sum(size for size, _ in sizes), seconds


def main() -> None:
    """Run the benchmark, and print a table in which the first line is 1."""
    print(
        "| open campaigns | bytes of states for each | share of the output "
        "| time for each |"
    )
    print("|---|---|---|---|")
    first: tuple[float, float] | None = None
    for number in SIZES:
        states, output, seconds = run(number)
        costs = (states / number, seconds / number)
        first = first or costs
        ratios = [
            f"{cost / first_cost:.2f}"
            for cost, first_cost in zip(costs, first, strict=True)
        ]
        print(f"| {number:,} | {ratios[0]} | {states / output:.0%} | {ratios[1]} |")


if __name__ == "__main__":
    main()
