"""The retry budget: the more calls fail, the fewer are made.

All streams and threads share it. It is a token bucket as in the standard mode of the
AWS SDKs. But a call without a token waits for one, so that a run survives an outage of
minutes: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

import threading
import typing as t
from collections import Counter
from contextlib import contextmanager

from tap_zohocampaigns.api.errors import (
    Forbidden,
    Locked,
    NotFound,
    Postponed,
    RangeRefused,
    Rejected,
    Transient,
    Unauthorized,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How many calls may be underway, or have failed, before others wait.
_TOKENS = 8
# Seconds until one token comes back: ten calls a minute when all of them fail.
_SECONDS = 6.0
# What a success adds besides its own token: five successes make up for one failure.
_REWARD = 0.2
# The shortest wait (seconds), since a rounded one may end a moment too early.
_LEAST = 0.01
# With these, Zoho has answered the call.
_ANSWERS = (Forbidden, NotFound, RangeRefused, Rejected)


class BudgetExhausted(Exception):
    """There is no token now."""

    def __init__(self, seconds: float, failing: float, cause: str) -> None:
        """Keep the state of the budget.

        Args:
            seconds: When there will be a token.
            failing: For how long all calls have failed (seconds).
            cause: Why the last one failed.
        """
        super().__init__()
        self.seconds = seconds
        self.failing = failing
        self.cause = cause


class RetryBudget:
    """A bucket of tokens. A success returns its token and some more, a failure none."""

    def __init__(self, in_flight: int, clock: Callable[[], float]) -> None:
        """Start with all tokens.

        Args:
            in_flight: How many calls may be underway at once.
            clock: Returns the seconds of a monotonic clock.
        """
        self._most = float(max(in_flight, _TOKENS))
        self._tokens = self._most
        self._clock = clock
        self._filled = clock()
        self._guard = threading.Lock()
        self._callers: Counter[str] = Counter()
        # For how long all calls have failed (seconds), and why the last one did.
        self._failing: float | None = None
        self._counted = clock()
        self._cause = ""

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Count a caller from its first try until it has an answer."""
        with self._counting("all"):
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a caller that waits; no time counts while all callers wait."""
        with self._counting("waiting"):
            yield

    @contextmanager
    def token(self) -> Iterator[None]:
        """Hold a token while a call is underway.

        Raises:
            BudgetExhausted: There is no token now.
        """
        self._withdraw()
        try:
            yield
        except (Locked, Postponed, Unauthorized):
            self._answered(1)
            raise
        except _ANSWERS:
            self._answered(1 + _REWARD)
            raise
        except Transient as error:
            # The token is lost, so the next call may have to wait for another one.
            self._fail(str(error))
            raise
        except BaseException:
            self._deposit(1)
            raise
        self._answered(1 + _REWARD)

    @contextmanager
    def _counting(self, kind: str) -> Iterator[None]:
        self._add(kind, 1)
        try:
            yield
        finally:
            self._add(kind, -1)

    def _add(self, kind: str, number: int) -> None:
        with self._guard:
            self._count_time()
            self._callers[kind] += number

    def _count_time(self) -> None:
        now, before = self._clock(), self._counted
        self._counted = now
        all_wait = 0 < self._callers["waiting"] >= self._callers["all"]
        if self._failing is not None and not all_wait:
            self._failing += now - before

    def _fail(self, cause: str) -> None:
        with self._guard:
            self._count_time()
            self._failing = self._failing or 0.0
            self._cause = cause

    def _answered(self, tokens: float) -> None:
        with self._guard:
            self._failing = None
        self._deposit(tokens)

    def _withdraw(self) -> None:
        with self._guard:
            now = self._clock()
            self._tokens += (now - self._filled) / _SECONDS
            self._tokens = min(self._tokens, self._most)
            self._filled = now
            if self._tokens < 1:
                self._count_time()
                wait = max((1 - self._tokens) * _SECONDS, _LEAST)
                raise BudgetExhausted(wait, self._failing or 0.0, self._cause)
            self._tokens -= 1

    def _deposit(self, tokens: float) -> None:
        with self._guard:
            self._tokens = min(self._tokens + tokens, self._most)
