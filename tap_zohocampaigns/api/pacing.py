"""Waits until a call may be sent: for the retry budget, the token and the quota."""

from __future__ import annotations

import threading
import time
import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.api.auth import TokenWait
from tap_zohocampaigns.api.errors import Outage, StoppedAtLock
from tap_zohocampaigns.api.quota.ledger import Wait, clock_time
from tap_zohocampaigns.api.refusals import ISSUER
from tap_zohocampaigns.api.retry_budget import BudgetExhausted

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_zohocampaigns.api.auth import Authenticator, AuthToken
    from tap_zohocampaigns.api.quota.ledger import Ledger, Ticket
    from tap_zohocampaigns.api.refusals import Refusals
    from tap_zohocampaigns.api.retry_budget import RetryBudget
    from tap_zohocampaigns.api.tokens.entry import Token

# Shorter waits for a token are not worth a log line (seconds).
_BRIEF = 1.0


class QuotaWait(Exception):
    """The quota allows no call now."""

    def __init__(self, wait: Wait) -> None:
        """Keep how long to wait."""
        super().__init__()
        self.wait = wait


class FailureTimer:
    """Measures for how long a call has been failing; its waits do not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without a failure.

        Args:
            clock: Returns the seconds of a monotonic clock.
        """
        self._clock = clock
        self._since: float | None = None

    def fail(self) -> float:
        """Note a failure; return how long ago the first one was (seconds)."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        return now - self._since

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave out the time of a wait."""
        began = self._clock()
        yield
        if self._since is not None:
            self._since += self._clock() - began


class Slot(t.NamedTuple):
    """Permission to send one call now."""

    token: Token
    ticket: Ticket


class Pacer:
    """Lets calls wait for their turn; safe for threads."""

    def __init__(  # noqa: PLR0913 (each is another concern)
        self,
        config: Mapping[str, t.Any],
        ledger: Ledger,
        auth: Authenticator | AuthToken,
        refusals: Refusals,
        *,
        budget: RetryBudget,
        sleep: Callable[[float], None],
    ) -> None:
        """Start with no call underway.

        Args:
            config: The settings `concurrency`, `retry_max_seconds` and
                `rate_limit_on_lock`.
            ledger: The quota.
            auth: Returns the access token.
            refusals: Knows which scopes are missing.
            budget: The retries that all calls share.
            sleep: Waits for some seconds.
        """
        self._ledger = ledger
        self._auth = auth
        self._refusals = refusals
        self._budget = budget
        self._sleep = sleep
        self._retry_seconds = config["retry_max_seconds"]
        self._stop_on_lock = config["rate_limit_on_lock"] == "stop"
        self._in_flight = threading.BoundedSemaphore(config["concurrency"])

    @contextmanager
    def slot(self, endpoint: str, failure_timer: FailureTimer) -> Iterator[Slot]:
        """Wait until a call may be sent, and keep its slot while it is underway.

        No slot is kept during a wait, so other endpoints go on. The token is requested
        after all waits, since it may expire during one.
        """
        while True:
            try:
                with self._in_flight, self._budget.token():
                    # A wait for a token that arrives is not a failure.
                    with self._budget.waiting(), failure_timer.waiting():
                        token = self._auth.token()
                    self._refusals.check_scope(endpoint)
                    yield Slot(token, self._enter(endpoint))
                    return
            except BudgetExhausted as exhausted:
                if exhausted.failing > self._retry_seconds:
                    msg = (
                        "Zoho has answered none of the calls for "
                        f"{self._retry_seconds} s (`retry_max_seconds`): "
                        f"{exhausted.cause}."
                    )
                    raise Outage(msg) from None
                with failure_timer.waiting():
                    self._sleep(exhausted.seconds)
            except QuotaWait as refused:
                wait = refused.wait
                if wait.locked and self._stop_on_lock:
                    msg = f"Zoho has locked {endpoint} until {clock_time(wait.seconds)}"
                    raise StoppedAtLock(msg) from None
                with self._budget.waiting(), failure_timer.waiting():
                    self._ledger.wait_out(endpoint, wait)
            except TokenWait as refused:
                with self._budget.waiting(), failure_timer.waiting():
                    self._wait_for_token(endpoint, refused.wait)

    def _wait_for_token(self, endpoint: str, wait: Wait) -> None:
        until = time.time() + wait.seconds
        if wait.locked and self._stop_on_lock:
            msg = (
                f"{ISSUER} was asked too often and gives no access token until "
                f"{clock_time(wait.seconds)}"
            )
            raise StoppedAtLock(msg) from None
        if wait.seconds <= _BRIEF:
            # Another process requests a token just now.
            self._sleep(wait.seconds)
            return
        self._ledger.on_long_wait(endpoint, until)
        self._ledger.wait_out(ISSUER, wait)

    def _enter(self, endpoint: str) -> Ticket:
        result = self._ledger.enter(endpoint)
        if isinstance(result, Wait):
            raise QuotaWait(result)
        return result
