"""How many calls an endpoint allows."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE, HOUR, DAY = 60, 3600, 86_400
ZOHOS_WINDOW = 300.0
"""The window in which Zoho counts the calls of most endpoints (seconds)."""


class Quota(t.NamedTuple):
    """What one endpoint allows."""

    calls: int
    seconds: float
    """Length of the window in which the calls are counted."""
    lock_seconds: float
    """How long the endpoint is closed after one call too many."""
    margin: float = 1.0
    """Seconds by which our clock and Zoho's may differ over a window."""
    wider: tuple[tuple[int, float], ...] = ()
    """Calls and seconds of longer windows that count the same calls."""

    @property
    def window(self) -> float:
        """How long a call counts in the shortest window (seconds)."""
        return self.seconds + self.margin

    @property
    def windows(self) -> list[tuple[int, float]]:
        """All windows, shortest first: calls, and how long a call counts (seconds)."""
        wider = [(calls, seconds + self.margin) for calls, seconds in self.wider]
        return [(self.calls, self.window), *wider]

    @property
    def longest(self) -> float:
        """How long a call counts in the longest window (seconds)."""
        return self.windows[-1][1]

    @property
    def kept_seconds(self) -> float:
        """How long a call is kept at least: other programs may count it longer."""
        return max(self.longest, ZOHOS_WINDOW + self.margin)


class Quotas(t.NamedTuple):
    """What each endpoint allows."""

    other: Quota
    """For all endpoints without an own quota."""
    own: Mapping[str, Quota] = {}
    """Endpoints with an own quota."""
    underway: float = 70.0
    """Seconds after its entry in which a call reaches the service, or never does."""

    def of(self, endpoint: str) -> Quota:
        """Return what an endpoint allows."""
        return self.own.get(endpoint, self.other)

    @property
    def longest(self) -> float:
        """How long a call or a lock of any endpoint counts (seconds)."""
        quotas = (self.other, *self.own.values())
        return max(max(quota.longest, quota.lock_seconds) for quota in quotas)
