"""The calls of several machines, in a Redis."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import typing as t
from contextlib import suppress
from pathlib import Path

import backoff
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.api.quota.ledger import TICK, Ticket, Wait, kept, new_ticket

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.ledger import Quotas

logger = logging.getLogger("tap-zohocampaigns.quota")

# How long a server that starts anew may be away.
_PATIENCE = 30.0
# A server answers at once, or it is not there.
_TIMEOUT = 5.0
# The clock of the server is corrected by so much without anybody noticing.
_STEP = 2.0
# Longer than any run is silent.
_DAY = 86400.0
# Who runs seldom is known still.
_YEAR = 366 * 86_400
# Signs in INFO that a server may have lost calls since it started.
_LOSSES = (
    "cmdstat_flushall",
    "cmdstat_flushdb",
    "cmdstat_swapdb",
    "evicted_keys",
)
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
        self._since: int | None = None

    def take(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait.

        Raises:
            FatalError: The server can't be used.
        """
        ticket = new_ticket(endpoint)
        result, wait = self._ask("take", ticket)
        if not wait:
            return ticket
        return Wait(max(wait / 1e6, TICK), locked=result == "locked")

    def done(self, ticket: Ticket) -> None:
        """Note that the answer of a call has come."""
        # A call that is not noted counts for longer, which does no harm; whether the
        # server is there is found out by the next one.
        with suppress(redis.RedisError):
            self._ask_once("done", ticket)

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest.

        Raises:
            FatalError: The server can't be used.
        """
        self._ask("lock", Ticket(endpoint, ""))

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the window still allows.

        Raises:
            FatalError: The server can't be used.
        """
        result, wait = self._ask("left", Ticket(endpoint, ""))
        return 0 if wait else int(result)

    def close(self) -> None:
        """Hang up."""
        self._redis.close()

    def _ask(self, action: str, ticket: Ticket) -> tuple[str | int, int]:
        waits = backoff.expo(max_value=4)
        next(waits)
        ends = self._clock() + _PATIENCE
        while True:
            try:
                return self._ask_once(action, ticket)
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

    def _ask_once(self, action: str, ticket: Ticket) -> tuple[str | int, int]:
        prefix = f"{self._prefix}:{ticket.endpoint}"
        keys = [
            *(f"{self._prefix}:state", f"{prefix}:calls", f"{prefix}:lock"),
            *(self._run, f"{prefix}:limits"),
        ]
        with self._guard:
            if self._since is None:
                self._since = self._known_since()
            since, known = self._since, (self._epoch, self._seen)
        fresh, terms = secrets.token_hex(8), self._terms(ticket.endpoint)
        # When only the answer got lost, the call is entered under the same name.
        result, wait, epoch, seen = self._script(
            keys, [action, ticket.name, *known, fresh, since, *terms]
        )
        self._remember(known[0], epoch, seen)
        return result, wait

    def _known_since(self) -> int:
        """Return since when the server knows all calls (microseconds).

        A server that starts without its data knows none from before its start, nor one
        that starts with what it saved from time to time. One that has never heard of
        the account may have been flushed.
        """
        key = f"{self._prefix}:server"
        seconds, micro = self._redis.time()
        now = _micro(seconds) + micro
        info = self._info()
        started = now - _micro(info.get("uptime_in_seconds", 0))
        noted = t.cast("dict[str, str]", self._redis.hgetall(key))
        if noted:
            since = min(int(noted["since"]), now)
            if noted["id"] != info.get("run_id", "") and not info.get("aof_enabled"):
                since = max(since, started)
        else:
            since = now if any(info.get(sign) for sign in _LOSSES) else started
        self._redis.hset(
            key, mapping={"id": info.get("run_id", ""), "since": str(since)}
        )
        self._redis.expire(key, _YEAR)
        if since > now - _micro(self._quotas.other.window + self._step):
            logger.warning(
                "The Redis of `rate_limit_ledger` does not know which calls were made "
                "before %s: each endpoint rests for its shortest window behind that.",
                time.strftime("%H:%M:%S", time.localtime(since / 1e6)),
            )
        return since

    def _info(self) -> dict[str, t.Any]:
        try:
            return self._redis.info("all")
        except redis.ResponseError:
            # Some providers forbid the question. The server may have started just now.
            return {}

    def _terms(self, endpoint: str) -> list[int]:
        quota, step = self._quotas.of(endpoint), self._step
        return [
            _micro(step),
            self._kept,
            _micro(quota.lock_seconds + step),
            _micro(self._quotas.underway),
            _micro(kept(quota) + step),
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


def _failed(error: redis.RedisError) -> FatalError:
    # The text of an error may quote the setting.
    return FatalError(
        "The Redis of `rate_limit_ledger` can't be used "
        f"({type(error).__name__}): check that it runs and that the URL is right."
    )
