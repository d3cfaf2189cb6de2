"""A night of a fleet in which a worker is killed and Redis restarts.

`python -m tests.support.fleet_story` prints what docs/fleet.md shows of it.
"""

from __future__ import annotations

import json
import math
import re
import typing as t
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.fleet import Fleet as Assumed
from benchmarks.fleet import counted
from benchmarks.fleet_measured import cost_of, simulate, total
from tap_zohocampaigns.streams import STREAMS
from tests.support.fleet import CLIENTS, LATENCY, Account, Fleet, small_account
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

WRONG, LOCKED = "a00", "a01"
UNDISTURBED = "undisturbed"
OFF = [stream.name for stream in STREAMS if not stream.selected_by_default]
LOADED = [stream for stream in STREAMS if stream.name not in OFF]
# What the tap does by default.
CONCURRENCY = 4
_OVER = {"success", "failed"}

Keys: t.TypeAlias = list[tuple[t.Any, ...]]
Line: t.TypeAlias = dict[str, t.Any]


@dataclass
class Story:
    """What happened, when all tasks have ended."""

    fleet: Fleet
    killed: list[str] = field(default_factory=list)
    """The accounts whose runs were killed with their worker,"""
    reading: list[str] = field(default_factory=list)
    """and those of them that the tap was reading."""
    restarted_after: int = 0
    """When Redis was restarted, in seconds of the DAG's run,"""
    killed_after: int = 0
    """and when the worker was killed."""

    def account(self, name: str) -> Account:
        """Return an account by its name."""
        return next(one for one in self.fleet.accounts if one.name == name)

    def loaded(self, account: Account) -> dict[str, Keys]:
        """Return the keys of an account in the warehouse, by stream."""
        keys = {}
        with psycopg.connect(self.fleet.warehouse) as database:
            for stream in LOADED:
                columns = ", ".join(stream.primary_keys)
                query = (
                    f"SELECT {columns} FROM zohocampaigns.{stream.name} "  # noqa: S608
                    "WHERE account_id = %s"
                )
                rows = database.execute(query.encode(), (account.name,))
                keys[stream.name] = rows.fetchall()
        return keys

    def expected(self, account: Account) -> dict[str, Keys]:
        """Return the keys of what an account has, by stream."""
        account.service.latency, account.service.intercept = 0, None
        names = [stream.name for stream in LOADED]
        read = run_tap(account.service, *names, account_id=account.name)
        return {
            stream.name: [
                tuple(row[name] for name in stream.primary_keys)
                for row in read.records[stream.name]
            ]
            for stream in LOADED
        }

    def logs(self, account: Account) -> list[list[Line]]:
        """Return the logs of all tries."""
        number = self.fleet.tries()[account.name].number
        return [self.fleet.log(account, one + 1) for one in range(number)]

    def compared(self) -> tuple[float, float]:
        """Compare accounts that were loaded in one try with their simulation.

        Returns:
            The planned calls, as a share of those that were counted; and the simulated
            time with the first, as a share of that with the second. How long the runs
            took is not compared: it depends on what else the machine had to do.
        """
        tries = self.fleet.tries()
        accounts = [
            one for one in self.kinds()[UNDISTURBED] if tries[one.name].number == 1
        ]
        planned = [cost_of(account.service.account) for account in accounts]
        runs = [counted(summary(self.logs(account)[-1])) for account in accounts]
        assumed = [Assumed(LATENCY, 0.0, math.inf, CONCURRENCY)] * len(accounts)
        simulated, after = (simulate(costs, assumed, 1) for costs in (planned, runs))
        return total(planned) / total(runs), simulated / after

    def kinds(self) -> dict[str, list[Account]]:
        """Return the accounts by what happened to them."""
        kinds: dict[str, list[Account]] = {
            name: []
            for name in (UNDISTURBED, "worker killed", "locked", "wrong credentials")
        }
        for account in self.fleet.accounts:
            kind = {WRONG: "wrong credentials", LOCKED: "locked"}.get(account.name)
            if account.name in self.killed:
                kind = "worker killed"
            kinds[kind or UNDISTURBED].append(account)
        return kinds


@contextmanager
def story(folder: Path, size: int = 20) -> Iterator[Story]:
    """Load a fleet, disturb it, and wait until all tasks have ended."""
    with ExitStack() as stack:
        accounts = [
            Account(
                f"a{number:02}",
                CLIENTS[number % len(CLIENTS)],
                stack.enter_context(small_account(number)),
            )
            for number in range(size)
        ]
        accounts[0].refresh_token = "1000.made-up.refresh-token"
        accounts[1].lock("recentcampaigns")
        fleet = stack.enter_context(Fleet(folder, accounts))
        told = Story(fleet)
        for worker in ("one", "two"):
            fleet.start_worker(worker)
        fleet.trigger()

        def done() -> int:
            return sum(one.state == "success" for one in fleet.tries().values())

        def victims() -> set[str]:
            """Return whom a kill would hit, if it would hit ordinary accounts only."""
            return (
                fleet.loading("one") if mine.isdisjoint(fleet.running("one")) else set()
            )

        mine = {WRONG, LOCKED}
        fleet.wait(lambda: done() >= size // 10 and fleet.loading("two"))
        told.restarted_after = fleet.age()
        fleet.redis.stop()
        fleet.redis.start()
        fleet.wait(lambda: done() >= size // 5 and victims())
        told.killed, told.reading = sorted(fleet.running("one")), sorted(victims())
        told.killed_after = fleet.age()
        fleet.kill("one")

        def over() -> bool:
            tries = fleet.tries()
            return len(tries) == size and {one.state for one in tries.values()} <= _OVER

        fleet.wait(over)
        yield told


def ended(log: list[Line]) -> bool:
    """Return whether a try lived to its end."""
    return any(line["event"] == "::group::Post Execute" for line in log)


def cause(log: list[Line]) -> str:
    """Return the last thing that the log of a task says."""
    for line in reversed(log):
        if "error_detail" in line:
            text = str(line["error_detail"][-1]["exc_value"])
            # Without time and level.
            return re.sub(r"^\S+ \[\w+ +\] ", "", text)
        if _is_stdout(line) and line["event"].strip():
            return str(line["event"])
    return ""


def _is_stdout(line: Line) -> bool:
    return line.get("logger") == "task.stdout"


def summary(log: list[Line]) -> Line:
    """Return the tap's summary that a try logged; empty if it never came so far."""
    for line in reversed(log):
        if _is_stdout(line) and line["event"].startswith('{"status": '):
            return t.cast("Line", json.loads(line["event"]))
    return {}


def table(told: Story) -> str:
    """Return what happened as a table of Markdown."""
    lines = [
        "| accounts | number | rows | in PostgreSQL | twice | tries | loaded after |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    tries, waits = told.fleet.tries(), told.fleet.waits()
    for kind, accounts in told.kinds().items():
        wrong = kind == "wrong credentials"
        rows = loaded = twice = 0
        for account in accounts:
            if not wrong:
                rows += sum(map(len, told.expected(account).values()))
            for keys in told.loaded(account).values():
                loaded += len(keys)
                twice += len(keys) - len({*keys})
        numbers = [tries[one.name].number for one in accounts]
        ends = [waits[one.name] for one in accounts]
        after = "never" if wrong else f"{_range(ends)} s"
        counts = f"{len(accounts)} | {rows:,} | {loaded:,} | {twice}"
        lines.append(f"| {kind} | {counts} | {_range(numbers)} | {after} |")
    redis, worker = told.restarted_after, told.killed_after
    lines.append(
        f"\nRedis restarted after {redis} s. The worker was killed after {worker} s."
    )
    calls, time = told.compared()
    lines.append(
        f"Planned calls: {calls:.2f} of those counted; simulated time with them: "
        f"{time:.2f} of that with those counted."
    )
    return "\n".join(lines)


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


if __name__ == "__main__":
    with TemporaryDirectory(prefix="fleet") as name, story(Path(name)) as night:
        print(table(night))  # noqa: T201
