"""The retry budget: a service that fails broadly is not hammered.

All streams and threads share it. It is a token bucket as in the standard mode of the
AWS SDKs, but a call that can't have a token waits for one, so that an outage of minutes
is survived: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.api.errors import Locked, Transient, Unauthorized

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


class Starved(Exception):
    """All tokens are underway or lost."""

    def __init__(self, seconds: float, failing: float) -> None:
        """Tell in how many seconds there will be one, and for how long all failed."""
        super().__init__()
        self.seconds = seconds
        self.failing = failing


class Budget:
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
        self._failing_since: float | None = None
        self._guard = threading.Lock()

    @contextmanager
    def token(self) -> Iterator[None]:
        """Hold a token while a call is underway.

        Raises:
            Starved: There is none now.
        """
        self._take()
        try:
            yield
        except (Locked, Unauthorized):
            self._give_back(1)
            raise
        except Transient:
            # It is lost: the next call has to wait for another.
            if self._failing_since is None:
                self._failing_since = self._clock()
            raise
        except BaseException:
            self._give_back(1)
            raise
        self._failing_since = None
        self._give_back(1 + _REWARD)

    def _take(self) -> None:
        with self._guard:
            now = self._clock()
            self._tokens += (now - self._filled) / _SECONDS
            self._tokens = min(self._tokens, self._most)
            self._filled = now
            if self._tokens < 1:
                since = now if self._failing_since is None else self._failing_since
                wait = max((1 - self._tokens) * _SECONDS, _LEAST)
                raise Starved(wait, now - since)
            self._tokens -= 1

    def _give_back(self, tokens: float) -> None:
        with self._guard:
            self._tokens = min(self._tokens + tokens, self._most)
