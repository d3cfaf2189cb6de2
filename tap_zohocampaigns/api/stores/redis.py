"""The calls of several machines, in a Redis."""

from __future__ import annotations

import secrets
import threading
import time
import typing as t
from pathlib import Path

import backoff
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tap_zohocampaigns.api.errors import Failed, SettingError
from tap_zohocampaigns.api.quota import TICK, Wait

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota import Quotas

# How long a server that starts anew may be away.
_PATIENCE = 30.0
# A server answers at once, or it is not there.
_TIMEOUT = 5.0
# The clock of the server is corrected by so much without anybody noticing.
_STEP = 2.0
# Longer than any run is silent.
_DAY = 86400.0
_SCRIPT = Path(__file__).with_name("ledger.lua")


class RedisStore:
    """Calls in a Redis, counted by a script on the server's clock.

    A server that is away is waited for; without it nothing is sent, since that would
    break what other machines rely on. One that drops keys to save memory, of another
    policy than `noeviction`, is no place for a ledger.
    """

    def __init__(  # noqa: PLR0913 (two of them are the world's)
        self,
        url: str,
        account: str,
        quotas: Quotas,
        *,
        step: float = _STEP,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a connection; nothing is opened yet.

        Args:
            url: Where the server is; may hold a password, and is never shown.
            account: What the calls are counted for, without secrets.
            quotas: What each endpoint allows.
            step: Seconds by which the server's clock may step ahead.
            clock: Seconds on a clock that never steps, for the patience.
            sleep: Waits for some seconds.

        Raises:
            SettingError: The URL is malformed.
        """
        try:
            self._redis = redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                health_check_interval=30,
                # Tried again below, for a time instead of a number of times.
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
            # An option that is not known shows only here.
            self._redis.connection_pool.make_connection()
        except (ValueError, TypeError, redis.RedisError):
            msg = (
                "`rate_limit_ledger` is a malformed URL of Redis: it looks like "
                "redis://user:password@host:6379/0, or rediss://… for TLS."
            )
            raise SettingError(msg) from None
        self._script = self._redis.register_script(_SCRIPT.read_text(encoding="utf-8"))
        # In a cluster, what stands in braces decides where a key lives.
        self._prefix = f"tap-zohocampaigns:{{{account}}}"
        self._run = f"{self._prefix}:run:{secrets.token_hex(8)}"
        self._quotas = quotas
        self._step = step
        self._kept = int(1e3 * (2 * quotas.longest + _DAY))
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._epoch, self._seen = "", 0

    def take(self, endpoint: str) -> Wait | None:
        """Enter one call if it may be sent now, else tell how long to wait.

        Raises:
            Failed: The server can't be used.
        """
        result, wait = self._ask("take", endpoint)
        if not wait:
            return None
        return Wait(max(wait / 1e6, TICK), locked=result == "locked")

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest.

        Raises:
            Failed: The server can't be used.
        """
        self._ask("lock", endpoint)

    def left(self, endpoint: str) -> int:
        """Return how many calls the window still allows.

        Raises:
            Failed: The server can't be used.
        """
        result, wait = self._ask("left", endpoint)
        return 0 if wait else int(result)

    def close(self) -> None:
        """Hang up."""
        self._redis.close()

    def _ask(self, action: str, endpoint: str) -> tuple[str | int, int]:
        prefix = f"{self._prefix}:{endpoint}"
        keys = [f"{self._prefix}:state", f"{prefix}:calls", f"{prefix}:lock", self._run]
        terms = self._terms(endpoint)
        waits = backoff.expo(max_value=4)
        next(waits)
        ends = self._clock() + _PATIENCE
        while True:
            with self._guard:
                known = (self._epoch, self._seen)
            try:
                # When only the answer got lost the call is entered twice, which costs
                # a little of the quota and breaks nothing.
                result, wait, epoch, seen = self._script(
                    keys, [action, *known, secrets.token_hex(8), *terms]
                )
            except redis.AuthenticationError as error:
                raise _failed(error) from None
            except (
                redis.ConnectionError,
                redis.TimeoutError,
                redis.ReadOnlyError,
            ) as error:
                pause = backoff.full_jitter(next(waits))
                if self._clock() + pause > ends:
                    raise _failed(error) from None
                self._sleep(pause)
            except redis.RedisError as error:
                raise _failed(error) from None
            else:
                self._remember(known[0], epoch, seen)
                return result, wait

    def _terms(self, endpoint: str) -> list[int]:
        quota, step = self._quotas.of(endpoint), self._step
        return [
            _micro(step),
            self._kept,
            _micro(quota.lock_seconds + step),
            *(
                term
                for calls, window in quota.windows
                for term in (calls, _micro(window + step))
            ),
        ]

    def _remember(self, asked: str, epoch: str, seen: int) -> None:
        with self._guard:
            if epoch == self._epoch:
                self._seen = max(self._seen, seen)
            elif asked == self._epoch:
                # Else another thread has been told of a newer epoch meanwhile.
                self._epoch, self._seen = epoch, seen


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)


def _failed(error: redis.RedisError) -> Failed:
    # The text of an error may quote the setting.
    return Failed(
        "The Redis of `rate_limit_ledger` can't be used "
        f"({type(error).__name__}): check that it runs and that the URL is right."
    )
