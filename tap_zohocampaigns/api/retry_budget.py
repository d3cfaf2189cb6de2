"""The retry budget: a service that fails broadly is not hammered.

All streams and threads share it. It is a token bucket as in the standard mode of the
AWS SDKs, but a call that can't have a token waits for one, so that an outage of minutes
is survived: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
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

# So many calls may be underway, or have failed, before others have to wait.
_TOKENS = 8
# One token comes back in so many seconds: ten calls a minute when all of them fail.
_SECONDS = 6.0
# What a success gives back besides its own token: five pay for one failure.
_REWARD = 0.2
# A sum of floats may say that a token is due a hair before it is.
_LEAST = 0.01
# Zoho has answered, though not with what was asked for.
_ANSWERS = (Forbidden, NotFound, RangeRefused, Rejected)


class BudgetExhausted(Exception):
    """All tokens are underway or lost."""

    def __init__(self, seconds: float, failing: float, cause: str) -> None:
        """Tell in how many seconds there will be one, how long all failed, and why."""
        super().__init__()
        self.seconds = seconds
        self.failing = failing
        self.cause = cause


class RetryBudget:
    """Tokens for calls: a success gives its own back and a bit more, a failure none."""

    def __init__(self, in_flight: int, clock: Callable[[], float]) -> None:
        """Begin with all tokens.

        Args:
            in_flight: How many calls there are at once when all is well.
            clock: Seconds on a clock that never steps.
        """
        self._most = float(max(in_flight, _TOKENS))
        self._tokens = self._most
        self._clock = clock
        self._filled = clock()
        self._guard = threading.Lock()
        self._callers: Counter[str] = Counter()
        # For how long all calls have failed, and why the last one did.
        self._failing: float | None = None
        self._counted = clock()
        self._cause = ""

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Count a caller, from its first try until it has its answer."""
        with self._one_more("all"):
            yield

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Count a caller that rests; while all do, no time of failing passes."""
        with self._one_more("resting"):
            yield

    @contextmanager
    def token(self) -> Iterator[None]:
        """Hold a token while a call is underway.

        Raises:
            BudgetExhausted: There is none now.
        """
        self._take()
        try:
            yield
        except (Locked, Postponed, Unauthorized):
            self._answered(1)
            raise
        except _ANSWERS:
            self._answered(1 + _REWARD)
            raise
        except Transient as error:
            # Its token is lost: the next call has to wait for another.
            self._fail(str(error))
            raise
        except BaseException:
            self._give_back(1)
            raise
        self._answered(1 + _REWARD)

    @contextmanager
    def _one_more(self, kind: str) -> Iterator[None]:
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
        all_rest = 0 < self._callers["resting"] >= self._callers["all"]
        if self._failing is not None and not all_rest:
            self._failing += now - before

    def _fail(self, cause: str) -> None:
        with self._guard:
            self._count_time()
            self._failing = self._failing or 0.0
            self._cause = cause

    def _answered(self, tokens: float) -> None:
        with self._guard:
            self._failing = None
        self._give_back(tokens)

    def _take(self) -> None:
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

    def _give_back(self, tokens: float) -> None:
        with self._guard:
            self._tokens = min(self._tokens + tokens, self._most)
