"""Access tokens and the quota."""

from __future__ import annotations

import secrets
import threading
import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN_SECONDS: t.Final = 3600

OWN: t.Final[Mapping[str, tuple[tuple[tuple[int, float], ...], float]]] = {
    "listsubscribe": (((500, 60), (12_500, 3600), (75_000, 86_400)), 1800),
    "addlistsubscribersinbulk": (((2000, 60),), 600),
}
"""Endpoints with their own windows (calls, seconds), and the seconds of a lock."""

_TOKENS = 10
_TOKENS_WINDOW = 600.0


class Window:
    """A sliding window of events."""

    def __init__(self, most: int, seconds: float) -> None:
        """Start empty."""
        self._most = most
        self._seconds = seconds
        self._events: deque[float] = deque()

    def enter(self, now: float) -> bool:
        """Enter an event, unless the window is full."""
        while self._events and self._events[0] <= now - self._seconds:
            self._events.popleft()
        if len(self._events) >= self._most:
            return False
        self._events.append(now)
        return True


class Tokens:
    """Access tokens: each lives an hour, and ten are issued in ten minutes."""

    def __init__(
        self,
        clock: Callable[[], float],
        seconds: float = TOKEN_SECONDS,
        *,
        repeats: bool = False,
    ) -> None:
        """Start without tokens.

        Args:
            clock: Returns the seconds of a monotonic clock.
            seconds: How long a token lives.
            repeats: Whether the first token is issued each time.
        """
        self.issued = 0
        self._clock = clock
        self._seconds = seconds
        self._repeats = repeats
        self._window = Window(_TOKENS, _TOKENS_WINDOW)
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self) -> str | None:
        """Return a new token; None if there were too many."""
        now = self._clock()
        with self._lock:
            if not self._window.enter(now):
                return None
            self.issued += 1
            token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
            if self._repeats and self._ends:
                (token,) = self._ends
            self._ends[token] = now + self._seconds
            return token

    def valid(self, token: str) -> bool:
        """Whether a token was issued here and is still valid."""
        with self._lock:
            return self._clock() < self._ends.get(token, float("-inf"))


class Quota:
    """Counts the calls of each endpoint; one too many locks it."""

    def __init__(
        self,
        calls: int,
        seconds: float,
        lock_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """Keep the window, the seconds of a lock, and a monotonic clock."""
        self._clock = clock
        self._other = (((calls, seconds),), lock_seconds)
        self._windows: dict[str, list[Window]] = {}
        self._locked: dict[str, float] = {}
        self._lock = threading.Lock()

    def admit(self, endpoint: str) -> bool:
        """Count a call; return False if the endpoint is locked, or locked by it.

        Args:
            endpoint: Its path, without the format.
        """
        now = self._clock()
        sizes, lock_seconds = OWN.get(endpoint.rpartition("/")[2], self._other)
        with self._lock:
            if now < self._locked.get(endpoint, float("-inf")):
                return False
            windows = self._windows.setdefault(
                endpoint, [Window(*size) for size in sizes]
            )
            entered = [window.enter(now) for window in windows]
            if all(entered):
                return True
            self._locked[endpoint] = now + lock_seconds
            return False
