"""The ledger in the memory of one process."""

from __future__ import annotations

import threading
import time
import typing as t
from bisect import bisect_right, insort
from collections import defaultdict

from tap_zohocampaigns.api.quota.ledger import TICK, Ticket, Wait, new_ticket

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.limits import Quotas


class _Calls:
    """The calls of one endpoint."""

    def __init__(self) -> None:
        self.underway: dict[str, float] = {}
        """The calls underway, and until when each can be."""
        self.counted: list[float] = []
        """When the service counted the other calls at the latest, in order."""

    def settle(self, now: float, longest: float) -> None:
        """Drop calls that no longer count, and end calls that can't be underway."""
        ended = [name for name, until in self.underway.items() if until <= now]
        for name in ended:
            insort(self.counted, self.underway.pop(name))
        del self.counted[: bisect_right(self.counted, now - longest)]

    def wait(self, calls: int, window: float, now: float) -> float | None:
        """Return how long a window stays full (seconds); None if it has room."""
        others = calls - len(self.underway)
        if others <= 0:
            # An answer may come at any moment.
            return window
        if len(self.counted) < others or self.counted[-others] <= now - window:
            return None
        return self.counted[-others] + window - now

    def remaining(self, calls: int, window: float, now: float) -> int:
        """Return how many calls a window still allows."""
        counted = len(self.counted) - bisect_right(self.counted, now - window)
        return calls - len(self.underway) - counted


class MemoryStore:
    """Keeps calls in the memory of this process."""

    def __init__(
        self, quotas: Quotas, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start without calls.

        Args:
            quotas: What each endpoint allows.
            clock: Returns the seconds of a monotonic clock.
        """
        self._quotas = quotas
        self._clock = clock
        self._guard = threading.Lock()
        self._calls: defaultdict[str, _Calls] = defaultdict(_Calls)
        self._locked_until: dict[str, float] = {}

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now; else return how long to wait."""
        with self._guard:
            now = self._clock()
            if wait := self._wait(endpoint, now):
                return wait
            ticket = new_ticket(endpoint)
            self._calls[endpoint].underway[ticket.name] = now + self._quotas.underway
            return ticket

    def note(self, ticket: Ticket) -> None:
        """Enter a call that another store has allowed."""
        with self._guard:
            now = self._clock()
            calls = self._settled(ticket.endpoint, now)
            calls.underway[ticket.name] = now + self._quotas.underway

    def done(self, ticket: Ticket) -> None:
        """Note that a call was answered."""
        with self._guard:
            now = self._clock()
            calls = self._settled(ticket.endpoint, now)
            calls.underway.pop(ticket.name, None)
            insort(calls.counted, now)

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked an endpoint."""
        with self._guard:
            until = self._clock() + self._quotas.of(endpoint).lock_seconds
            self._locked_until[endpoint] = until

    @property
    def is_shared(self) -> bool:
        """Return False: this process counts its own calls only."""
        return False

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows still allow."""
        with self._guard:
            now = self._clock()
            if self._locked_until.get(endpoint, now) > now:
                return 0
            calls = self._settled(endpoint, now)
            windows = self._windows(endpoint)
            return max(min(calls.remaining(*window, now) for window in windows), 0)

    def wait_time(self, endpoint: str) -> Wait | None:
        """Return how long a call would have to wait; None if it could be sent now."""
        with self._guard:
            return self._wait(endpoint, self._clock())

    def close(self) -> None:
        """Do nothing: memory needs no closing."""

    def _wait(self, endpoint: str, now: float) -> Wait | None:
        if (locked := self._locked_until.get(endpoint, now) - now) > 0:
            return Wait(locked, locked=True)
        calls = self._settled(endpoint, now)
        waits = [calls.wait(*window, now) for window in self._windows(endpoint)]
        if full := [wait for wait in waits if wait is not None]:
            return Wait(max(*full, TICK), locked=False)
        return None

    def _windows(self, endpoint: str) -> list[tuple[int, float]]:
        return self._quotas.of(endpoint).windows

    def _settled(self, endpoint: str, now: float) -> _Calls:
        calls = self._calls[endpoint]
        calls.settle(now, self._quotas.of(endpoint).longest)
        return calls
