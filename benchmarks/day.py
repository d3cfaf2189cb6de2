"""A simulated day of cron jobs that share a ledger, against a service that locks."""

from __future__ import annotations

import heapq
import itertools
import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.api.quota.ledger import Ticket, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tap_zohocampaigns.sandbox.server.limits import Quota as Gate
from tap_zohocampaigns.sandbox.world.randomness import draws, pick

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    # A simulated process: it yields the seconds until its next step.
    Steps: t.TypeAlias = Iterator[float]

JOBS, IN_FLIGHT = 4, 4
ENDPOINT = "getcampaignrecipientsdata"
TAP_QUOTA = Quota(490, 300, 1800)
SERVICE_QUOTA = (500, 300, 1800)
STEP = 2.0


class OpenLedger(t.Protocol):
    """The part of a ledger that a run uses."""

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter a call if it may be sent now; otherwise return how long to wait."""

    def done(self, ticket: Ticket) -> None:
        """Note that a call was answered."""

    def close(self) -> None:
        """Close the ledger."""


def open_file(path: Path, clocks: Clocks) -> OpenLedger:
    """Open a ledger as a run does."""
    return SqliteStore(path, "account", Quotas(TAP_QUOTA), clocks=clocks)


@dataclass(eq=False)
class Run:
    """A process of the tap."""

    store: OpenLedger
    calls: int
    """How many calls it has yet to make."""
    dies_at: int
    """It is killed when it has this many calls yet to make; -1: never."""


class Day:
    """Cron jobs of one machine, with simulated time and a real ledger."""

    def __init__(
        self,
        path: Path,
        seed: int,
        opener: Callable[[Path, Clocks], OpenLedger] = open_file,
    ) -> None:
        """Set the machine up, without any job.

        Args:
            path: The file of the ledger.
            seed: Seed of all random times and numbers.
            opener: Opens the ledger.
        """
        self.arrived: list[float] = []
        self.lockouts = self.runs = self.killed = self.steps = self.restarts = 0
        self._path = path
        self._opener = opener
        self._draws = (draws(seed, number)[0] for number in itertools.count())
        self._now = 1_000_000.0
        self._started = 900_000.0
        self._clock_offset = self._locked_until = 0.0
        self._gate = Gate(*SERVICE_QUOTA, clock=lambda: self._now)
        self._running: list[Run] = []
        self._due: list[tuple[float, int, Steps]] = []
        self._order = itertools.count()

    def simulate(self, hours: float) -> None:
        """Simulate so many hours."""
        ends = self._now + hours * 3600
        for _ in range(JOBS):
            self._continue(self._job())
        self._continue(self._step_clock())
        self._continue(self._restart())
        while self._due[0][0] < ends:
            self._now, _, steps = heapq.heappop(self._due)
            self._continue(steps)
        for run in self._running:
            run.store.close()

    def _continue(self, steps: Steps) -> None:
        """Run the next step of a process, and schedule the one after it."""
        if (pause := next(steps, None)) is not None:
            due = (self._now + pause, next(self._order), steps)
            heapq.heappush(self._due, due)

    def _step_clock(self) -> Steps:
        """Move the wall clock by `STEP` seconds, at most once in a window."""
        while True:
            yield self._between(600, 3600)
            self._clock_offset += pick((-STEP, STEP), next(self._draws))
            self.steps += 1

    def _restart(self) -> Steps:
        """Restart the machine some times a day."""
        while True:
            yield self._between(1, 4) * 3600
            for run in [*self._running]:
                self._end(run)
            self._started = self._now + self._between(5, 60)
            self.restarts += 1

    def _job(self) -> Steps:
        """Run one job again and again, never twice at the same time."""
        while True:
            yield self._between(300, 900)
            yield max(self._started - self._now, 0)
            calls = int(self._between(10, 500))
            is_killed = next(self._draws) < 1 / 5
            store = self._opener(self._path, self._clocks())
            run = Run(store, calls, int(self._between(0, calls)) if is_killed else -1)
            self.runs += 1
            self._running.append(run)
            for _ in range(IN_FLIGHT):
                self._continue(self._call(run))
            while run in self._running and run.calls:
                yield 10
            self._end(run)

    def _call(self, run: Run) -> Steps:
        """Make the calls of a run; each reaches the service after a delay."""
        while run in self._running and run.calls:
            run.calls -= 1
            while isinstance(entered := run.store.enter(ENDPOINT), Wait):
                yield entered.seconds
                if run not in self._running:
                    return
            if run.calls == run.dies_at:
                self.killed += 1
                self._end(run)
                return
            is_late = next(self._draws) < 1 / 10
            yield self._between(0, 10 if is_late else 0.9)
            self.arrived.append(self._now)
            if not self._gate.admit(ENDPOINT) and self._now >= self._locked_until:
                self._locked_until = self._now + TAP_QUOTA.lock_seconds
                self.lockouts += 1
            yield self._between(0.1, 2)
            if run in self._running:
                run.store.done(entered)

    def _end(self, run: Run) -> None:
        if run in self._running:
            self._running.remove(run)
            run.store.close()

    def _between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._draws)

    def _clocks(self) -> Clocks:
        """Return the clocks of a process that starts now."""
        started = self._started
        return Clocks(
            ticks=lambda: self._now - started,
            wall=lambda: self._now + self._clock_offset,
            boot=lambda: f"boot at {started}",
        )


def most_in_a_window(arrived: list[float], seconds: float) -> int:
    """Return the most calls that arrived in any window of so many seconds."""
    most = first = 0
    for last, time in enumerate(arrived):
        while arrived[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
