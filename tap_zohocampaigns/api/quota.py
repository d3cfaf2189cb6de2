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
# The least wait: a sum of floats may say that it is time a hair before it is.
TICK = 1e-6


class Quota(t.NamedTuple):
    """What one endpoint allows."""

    calls: int
    seconds: float
    """Length of the window that the calls are counted in."""
    lock_seconds: float
    """How long the endpoint is closed after one call too many."""
    margin: float = 1.0
    """Seconds by which a call may be underway longer than the one after it."""

    @property
    def window(self) -> float:
        """How long a call counts (seconds)."""
        return self.seconds + self.margin


class Wait(t.NamedTuple):
    """Why a call can't be sent now."""

    seconds: float
    """When to ask again."""
    locked: bool
    """Whether the service has closed the endpoint; else its quota is used up."""


class Store(t.Protocol):
    """Where calls are entered before they are sent; safe for threads."""

    def take(self, endpoint: str) -> Wait | None:
        """Enter one call if it may be sent now, else tell how long to wait."""

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest."""

    def left(self, endpoint: str) -> int:
        """Return how many calls the window still allows."""

    def close(self) -> None:
        """Let go of what the calls are kept in, at the end of the run."""


class MemoryStore:
    """Calls in the memory of this process."""

    def __init__(
        self, quota: Quota, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without calls.

        Args:
            quota: What each endpoint allows.
            clock: Seconds on a clock that never steps.
        """
        self._quota = quota
        self._clock = clock
        self._guard = threading.Lock()
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: dict[str, float] = {}

    def take(self, endpoint: str) -> Wait | None:
        """Enter one call if it may be sent now, else tell how long to wait."""
        with self._guard:
            now = self._clock()
            if (locked := self._locked_until.get(endpoint, now) - now) > 0:
                return Wait(locked, locked=True)
            sent = self._in_window(endpoint, now)
            if len(sent) < self._quota.calls:
                sent.append(now)
                return None
            wait = sent[-self._quota.calls] + self._quota.window - now
            return Wait(max(wait, TICK), locked=False)

    def note(self, endpoint: str) -> None:
        """Enter a call that has been allowed elsewhere."""
        with self._guard:
            now = self._clock()
            self._in_window(endpoint, now).append(now)

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest."""
        with self._guard:
            self._locked_until[endpoint] = self._clock() + self._quota.lock_seconds

    def left(self, endpoint: str) -> int:
        """Return how many calls the window still allows."""
        with self._guard:
            now = self._clock()
            if self._locked_until.get(endpoint, now) > now:
                return 0
            return max(self._quota.calls - len(self._in_window(endpoint, now)), 0)

    def close(self) -> None:
        """Let go of nothing: memory needs no end."""

    def _in_window(self, endpoint: str, now: float) -> deque[float]:
        sent = self._sent[endpoint]
        horizon = now - self._quota.window
        while sent and sent[0] <= horizon:
            sent.popleft()
        return sent


class Ledger:
    """Enters calls, and waits where they can't be sent yet."""

    def __init__(
        self, store: Store, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Take the place where calls are entered.

        Args:
            store: Keeps the calls.
            sleep: Waits for some seconds.
        """
        self._sleep = sleep
        self._waits: list[tuple[str, float]] = []
        self.resting: Callable[[str, float], None] = lambda *_: None
        """Told of an endpoint that rests for long, and until when (epoch seconds)."""
        self.take = store.take
        self.lock = store.lock
        self.left = store.left
        self.close = store.close

    def rest(self, endpoint: str, wait: Wait) -> None:
        """Wait, and say until when."""
        until = time.time() + wait.seconds
        told = endpoint in dict(self._waits)
        if wait.seconds >= _WORTH_TELLING and not told:
            logger.info(
                "%s: %s, waiting until %s",
                endpoint,
                "locked by Zoho" if wait.locked else "the quota is used up",
                time.strftime("%H:%M:%S", time.localtime(until)),
            )
            self.resting(endpoint, until)
        self._waits.append((endpoint, until))
        try:
            self._sleep(wait.seconds)
        finally:
            self._waits.remove((endpoint, until))

    def waiting_until(self) -> float | None:
        """Return until when a call waits (epoch seconds), if one does."""
        return max((until for _, until in self._waits), default=None)
