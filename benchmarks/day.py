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

    # What goes on beside others: it says how many seconds pass before its next step.
    Steps: t.TypeAlias = Iterator[float]

JOBS, IN_FLIGHT = 4, 4
ENDPOINT = "getcampaignrecipientsdata"
OURS = Quota(490, 300, 1800)
THEIRS = (500, 300, 1800)
STEP = 2.0


class Opened(t.Protocol):
    """What a run needs of its ledger."""

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait."""

    def done(self, ticket: Ticket) -> None:
        """Note that the answer of a call has come."""

    def close(self) -> None:
        """Let go of it."""


def open_file(path: Path, clocks: Clocks) -> Opened:
    """Open a ledger as a run does."""
    return SqliteStore(path, "account", Quotas(OURS), clocks=clocks)


@dataclass(eq=False)
class Run:
    """A process of the tap."""

    store: Opened
    calls: int
    """How many it still wants to make."""
    dies_at: int
    """With so many left it is killed."""


class Day:
    """Jobs of one machine: its time is simulated, their ledger is real."""

    def __init__(
        self,
        path: Path,
        seed: int,
        opener: Callable[[Path, Clocks], Opened] = open_file,
    ) -> None:
        """Begin with nothing under way.

        Args:
            path: The file of the ledger.
            seed: Decides when and how much.
            opener: Opens the ledger.
        """
        self.arrived: list[float] = []
        self.lockouts = self.runs = self.killed = self.steps = self.restarts = 0
        self._path = path
        self._opener = opener
        self._draws = (draws(seed, number)[0] for number in itertools.count())
        self._now = 1_000_000.0
        self._started = 900_000.0
        self._ahead = self._locked_until = 0.0
        self._gate = Gate(*THEIRS, clock=lambda: self._now)
        self._under_way: list[Run] = []
        self._due: list[tuple[float, int, Steps]] = []
        self._order = itertools.count()

    def simulate(self, hours: float) -> None:
        """Let so much time pass."""
        ends = self._now + hours * 3600
        for _ in range(JOBS):
            self._begin(self._job())
        self._begin(self._step())
        self._begin(self._restart())
        while self._due[0][0] < ends:
            self._now, _, course = heapq.heappop(self._due)
            self._begin(course)
        for run in self._under_way:
            run.store.close()

    def _begin(self, course: Steps) -> None:
        if (pause := next(course, None)) is not None:
            due = (self._now + pause, next(self._order), course)
            heapq.heappush(self._due, due)

    def _step(self) -> Steps:
        """Let the wall clock step, but not twice within a window."""
        while True:
            yield self._between(600, 3600)
            self._ahead += pick((-STEP, STEP), next(self._draws))
            self.steps += 1

    def _restart(self) -> Steps:
        """Let the machine go down some times a day."""
        while True:
            yield self._between(1, 4) * 3600
            for run in [*self._under_way]:
                self._end(run)
            self._started = self._now + self._between(5, 60)
            self.restarts += 1

    def _job(self) -> Steps:
        """Run again and again, but not beside oneself."""
        while True:
            yield self._between(300, 900)
            yield max(self._started - self._now, 0)
            calls = int(self._between(10, 500))
            dies = next(self._draws) < 1 / 5
            store = self._opener(self._path, self._clocks())
            run = Run(store, calls, int(self._between(0, calls)) if dies else -1)
            self.runs += 1
            self._under_way.append(run)
            for _ in range(IN_FLIGHT):
                self._begin(self._call(run))
            while run in self._under_way and run.calls:
                yield 10
            self._end(run)

    def _call(self, run: Run) -> Steps:
        """Make calls as long as there are any; they reach the service after a while."""
        while run in self._under_way and run.calls:
            run.calls -= 1
            while isinstance(taken := run.store.enter(ENDPOINT), Wait):
                yield taken.seconds
                if run not in self._under_way:
                    return
            if run.calls == run.dies_at:
                self.killed += 1
                self._end(run)
                return
            late = next(self._draws) < 1 / 10
            yield self._between(0, 10 if late else 0.9)
            self.arrived.append(self._now)
            if not self._gate.admit(ENDPOINT) and self._now >= self._locked_until:
                self._locked_until = self._now + OURS.lock_seconds
                self.lockouts += 1
            yield self._between(0.1, 2)
            if run in self._under_way:
                run.store.done(taken)

    def _end(self, run: Run) -> None:
        if run in self._under_way:
            self._under_way.remove(run)
            run.store.close()

    def _between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._draws)

    def _clocks(self) -> Clocks:
        """Return the clocks of a process that starts now."""
        started = self._started
        return Clocks(
            ticks=lambda: self._now - started,
            wall=lambda: self._now + self._ahead,
            boot=lambda: f"boot at {started}",
        )


def most_in_a_window(arrived: list[float], seconds: float) -> int:
    """Return the most calls that arrived within so many seconds, ever."""
    most = first = 0
    for last, at in enumerate(arrived):
        while arrived[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
