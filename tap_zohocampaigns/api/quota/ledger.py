"""The ledger of calls: no endpoint is called more often than its window allows.

Zoho locks an endpoint for 30 minutes when more than 500 calls reach it within 5
minutes, and no header says how much is left:
https://www.zoho.com/campaigns/help/developers/campaign-recipient-data.html
Some endpoints have quotas of their own.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import typing as t
from bisect import bisect_right, insort
from collections import defaultdict

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("tap-zohocampaigns.quota")

# Shorter waits are the ordinary pace and not worth a line.
_WORTH_TELLING = 5.0
# The least wait: a sum of floats may say that it is time a hair before it is.
TICK = 1e-6
ZOHOS_WINDOW = 300.0
"""Length of the window that Zoho counts the calls of most endpoints in (seconds)."""


class Quota(t.NamedTuple):
    """What one endpoint allows."""

    calls: int
    seconds: float
    """Length of the window that the calls are counted in."""
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
        """All windows, the shortest first: calls, and how long one counts (seconds)."""
        wider = [(calls, seconds + self.margin) for calls, seconds in self.wider]
        return [(self.calls, self.window), *wider]

    @property
    def longest(self) -> float:
        """How long a call counts in any window (seconds)."""
        return self.windows[-1][1]


MINUTE, HOUR, DAY = 60, 3600, 86_400
OWN: t.Final[Mapping[str, Quota]] = {
    # 500 a minute, 12,500 an hour and 75,000 a day, then a lock of half an hour:
    # https://www.zoho.com/campaigns/help/developers/contact-subscribe.html
    "listsubscribe": Quota(490, MINUTE, 1800, wider=((12_250, HOUR), (73_500, DAY))),
    # 2,000 a minute, then a lock of ten minutes:
    # https://www.zoho.com/campaigns/help/developers/add-contacts-existing-list.html
    "addlistsubscribersinbulk": Quota(1960, MINUTE, 600),
}
"""The endpoints that have a quota of their own, each 2 % below what Zoho allows."""


class Quotas(t.NamedTuple):
    """What each endpoint allows."""

    other: Quota
    """For all endpoints without one of their own."""
    own: Mapping[str, Quota] = OWN
    underway: float = 70.0
    """Seconds after its entry in which a call reaches the service, or never does."""

    def of(self, endpoint: str) -> Quota:
        """Return what an endpoint allows."""
        return self.own.get(endpoint, self.other)

    @property
    def longest(self) -> float:
        """How long a call or a lock of any endpoint counts (seconds)."""
        every = (self.other, *self.own.values())
        return max(max(each.longest, each.lock_seconds) for each in every)


def kept(quota: Quota) -> float:
    """Return how long a call is kept at least (seconds): others may count it longer."""
    return max(quota.longest, ZOHOS_WINDOW + quota.margin)


class Wait(t.NamedTuple):
    """Why a call can't be sent now."""

    seconds: float
    """When to ask again."""
    locked: bool
    """Whether the service has closed the endpoint; else its quota is used up."""


class Ticket(t.NamedTuple):
    """A call that may be sent."""

    endpoint: str
    name: str
    """Tells it from all others."""


def new_ticket(endpoint: str) -> Ticket:
    """Return a ticket like no other."""
    return Ticket(endpoint, secrets.token_hex(8))


class Store(t.Protocol):
    """Where calls are entered before they are sent; safe for threads.

    The service counts a call some time between its sending and its answer. So a call
    that is underway counts until its answer comes, and for a window behind that moment.
    One whose answer never comes counts as underway for as long as it may be.
    """

    def take(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait."""

    def done(self, ticket: Ticket) -> None:
        """Note that the answer of a call has come."""

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest."""

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows still allow."""

    def close(self) -> None:
        """Let go of what the calls are kept in, at the end of the run."""


class _Calls:
    """The calls of one endpoint."""

    def __init__(self) -> None:
        self.underway: dict[str, float] = {}
        """Until when each may be."""
        self.counted: list[float] = []
        """When the others were counted at the latest, in order."""

    def settle(self, now: float, longest: float) -> None:
        """Forget calls that count no more; let end what can't be underway any more."""
        over = [name for name, until in self.underway.items() if until <= now]
        for name in over:
            insort(self.counted, self.underway.pop(name))
        del self.counted[: bisect_right(self.counted, now - longest)]

    def wait(self, calls: int, window: float, now: float) -> float | None:
        """Return how long a full window stays full at least (seconds)."""
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
    """Calls in the memory of this process."""

    def __init__(
        self, quotas: Quotas, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without calls.

        Args:
            quotas: What each endpoint allows.
            clock: Seconds on a clock that never steps.
        """
        self._quotas = quotas
        self._clock = clock
        self._guard = threading.Lock()
        self._calls: defaultdict[str, _Calls] = defaultdict(_Calls)
        self._locked_until: dict[str, float] = {}

    def take(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait."""
        with self._guard:
            now = self._clock()
            if (locked := self._locked_until.get(endpoint, now) - now) > 0:
                return Wait(locked, locked=True)
            known = self._known(endpoint, now)
            waits = [known.wait(*each, now) for each in self._windows(endpoint)]
            if full := [wait for wait in waits if wait is not None]:
                return Wait(max(*full, TICK), locked=False)
            ticket = new_ticket(endpoint)
            known.underway[ticket.name] = now + self._quotas.underway
            return ticket

    def note(self, ticket: Ticket) -> None:
        """Enter a call that has been allowed elsewhere."""
        with self._guard:
            now = self._clock()
            known = self._known(ticket.endpoint, now)
            known.underway[ticket.name] = now + self._quotas.underway

    def done(self, ticket: Ticket) -> None:
        """Note that the answer of a call has come."""
        with self._guard:
            now = self._clock()
            known = self._known(ticket.endpoint, now)
            known.underway.pop(ticket.name, None)
            insort(known.counted, now)

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest."""
        with self._guard:
            until = self._clock() + self._quotas.of(endpoint).lock_seconds
            self._locked_until[endpoint] = until

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows still allow."""
        with self._guard:
            now = self._clock()
            if self._locked_until.get(endpoint, now) > now:
                return 0
            known = self._known(endpoint, now)
            windows = self._windows(endpoint)
            return max(min(known.remaining(*each, now) for each in windows), 0)

    def close(self) -> None:
        """Let go of nothing: memory needs no end."""

    def _windows(self, endpoint: str) -> list[tuple[int, float]]:
        return self._quotas.of(endpoint).windows

    def _known(self, endpoint: str, now: float) -> _Calls:
        known = self._calls[endpoint]
        known.settle(now, self._quotas.of(endpoint).longest)
        return known


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
        self.done = store.done
        self.lock = store.lock
        self.remaining = store.remaining
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
