"""The ledger of calls: no endpoint is called more often than its windows allow.

Zoho locks an endpoint for 30 minutes when more than 500 calls reach it within 5
minutes, and no header says how much is left:
https://www.zoho.com/campaigns/help/developers/campaign-recipient-data.html
Some endpoints have quotas of their own.
"""

from __future__ import annotations

import logging
import secrets
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger("tap-zohocampaigns.quota")

# Shorter waits are the ordinary pace and not worth a log line (seconds).
_WORTH_LOGGING = 5.0
# The shortest wait (seconds), since a rounded one may end a moment too early.
TICK = 1e-6


class Wait(t.NamedTuple):
    """A call can't be sent now."""

    seconds: float
    """After how many seconds to try again."""
    locked: bool
    """Whether the service has locked the endpoint. Else its quota is used up."""


class Pause(t.NamedTuple):
    """A wait that is underway."""

    endpoint: str
    until: float
    """When it ends (epoch seconds)."""
    locked: bool


class Ticket(t.NamedTuple):
    """Permission to send one call."""

    endpoint: str
    name: str
    """A random name."""


def new_ticket(endpoint: str) -> Ticket:
    """Return a ticket with a random name."""
    return Ticket(endpoint, secrets.token_hex(8))


class Store(t.Protocol):
    """Keeps the calls, which are entered before they are sent; safe for threads.

    The service counts a call some time between its sending and its answer. So a call
    counts while it is underway, and for a window after its answer. A call without an
    answer counts as underway for as long as it can be.
    """

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now; else return how long to wait."""

    def done(self, ticket: Ticket) -> None:
        """Note that a call was answered."""

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked an endpoint."""

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows of an endpoint still allow."""

    def wait_time(self, endpoint: str) -> Wait | None:
        """Return how long a call would have to wait; None if it could be sent now.

        No call is entered.
        """

    @property
    def is_shared(self) -> bool:
        """Whether other processes count the same calls."""

    def close(self) -> None:
        """Close files and connections, at the end of the run."""


class Ledger:
    """Enters calls, and waits when they can't be sent yet."""

    def __init__(
        self, store: Store, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Use a store.

        Args:
            store: Keeps the calls.
            sleep: Waits for some seconds.
        """
        self._store = store
        self._sleep = sleep
        self._pauses: list[Pause] = []
        self.on_long_wait: Callable[[str, float], None] = lambda *_: None
        """Called when a wait is long: endpoint, end of the wait (epoch seconds)."""
        self.enter = store.enter
        self.done = store.done
        self.lock = store.lock
        self.remaining = store.remaining
        self.wait_time = store.wait_time
        self.close = store.close

    def wait_out(self, endpoint: str, wait: Wait) -> None:
        """Wait, and log until when if the wait is long.

        Args:
            endpoint: Name of the call that waits.
            wait: How long.
        """
        pause = Pause(endpoint, time.time() + wait.seconds, wait.locked)
        is_logged = any(other.endpoint == endpoint for other in self._pauses)
        if wait.seconds >= _WORTH_LOGGING and not is_logged:
            logger.info(
                "%s: %s, waiting until %s",
                endpoint,
                "locked by Zoho" if wait.locked else "the quota is used up",
                clock_time(wait.seconds),
            )
            self.on_long_wait(endpoint, pause.until)
        self._pauses.append(pause)
        try:
            self._sleep(wait.seconds)
        finally:
            self._pauses.remove(pause)

    def pauses(self) -> list[Pause]:
        """Return the waits that are underway, one for each endpoint."""
        longest = {
            pause.endpoint: pause
            for pause in sorted(self._pauses, key=lambda pause: pause.until)
        }
        return [*longest.values()]

    @property
    def is_shared(self) -> bool:
        """Whether other processes count the same calls."""
        return self._store.is_shared

    def waiting_until(self) -> float | None:
        """Return until when calls wait (epoch seconds); None if no call waits."""
        return max((pause.until for pause in self._pauses), default=None)

    def free_at(self, endpoints: Iterable[str]) -> dict[str, str]:
        """Return when endpoints accept calls again that accept none now.

        Args:
            endpoints: Names of calls.

        Returns:
            For each such endpoint the local time of day, such as `14:05:00`.
        """
        waits = {endpoint: self.wait_time(endpoint) for endpoint in endpoints}
        return {
            endpoint: clock_time(wait.seconds)
            for endpoint, wait in waits.items()
            if wait
        }


def clock_time(seconds: float) -> str:
    """Return the local time of day after some seconds, such as `14:05:00`."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
