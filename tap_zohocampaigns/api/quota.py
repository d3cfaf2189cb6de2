"""The ledger of calls: no endpoint is called more often than its window allows.

Zoho locks an endpoint for 30 minutes when more than 500 calls reach it within 5
minutes, and no header says how much is left:
https://www.zoho.com/campaigns/help/developers/campaign-recipient-data.html
"""

from __future__ import annotations

import logging
import threading
import time
import typing as t
from collections import defaultdict, deque

if t.TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("tap-zohocampaigns.quota")

# Shorter waits are the ordinary pace and not worth a line.
_WORTH_TELLING = 5.0
_TICK = 1e-7


class Ledger(t.Protocol):
    """Where calls are entered before they are sent."""

    def enter(self, endpoint: str) -> None:
        """Enter one call; returns when it may be sent."""

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked the endpoint: let it rest."""

    def left(self, endpoint: str) -> int:
        """Return how many calls the window still allows."""

    def waiting_until(self) -> float | None:
        """Return until when a call waits (epoch seconds), if one does."""


class Quota(t.NamedTuple):
    """What one endpoint allows."""

    calls: int
    seconds: float
    """Length of the window that the calls are counted in."""
    lock_seconds: float
    """How long the endpoint is closed after one call too many."""


class MemoryLedger:
    """A ledger in the memory of this process, safe for threads."""

    def __init__(
        self,
        quota: Quota,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin without calls.

        Args:
            quota: What each endpoint allows.
            clock: Seconds on a clock that never steps.
            sleep: Waits for some seconds.
        """
        self._calls, self._seconds, self._lock_seconds = quota
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: dict[str, float] = {}
        self._waits: list[float] = []

    def enter(self, endpoint: str) -> None:
        """Enter one call; returns when it may be sent."""
        while (wait := self._enter_or_wait(endpoint)) is not None:
            until = time.time() + wait
            if wait >= _WORTH_TELLING:
                logger.info(
                    "%s: the quota is used up, waiting until %s",
                    endpoint,
                    time.strftime("%H:%M:%S", time.localtime(until)),
                )
            self._waits.append(until)
            try:
                self._sleep(wait)
            finally:
                self._waits.remove(until)

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked the endpoint: let it rest."""
        with self._guard:
            self._locked_until[endpoint] = self._clock() + self._lock_seconds

    def left(self, endpoint: str) -> int:
        """Return how many calls the window still allows."""
        with self._guard:
            if self._locked_until.get(endpoint, 0.0) > self._clock():
                return 0
            return self._calls - len(self._in_window(endpoint))

    def waiting_until(self) -> float | None:
        """Return until when a call waits (epoch seconds), if one does."""
        return max(self._waits, default=None)

    def _enter_or_wait(self, endpoint: str) -> float | None:
        with self._guard:
            now = self._clock()
            if (locked := self._locked_until.get(endpoint, now) - now) > 0:
                return locked
            sent = self._in_window(endpoint)
            if len(sent) < self._calls:
                sent.append(now)
                return None
            # The sum may be a hair less than nothing, but then it is not time yet.
            return max(sent[0] + self._seconds - now, _TICK)

    def _in_window(self, endpoint: str) -> deque[float]:
        sent = self._sent[endpoint]
        horizon = self._clock() - self._seconds
        while sent and sent[0] <= horizon:
            sent.popleft()
        return sent
