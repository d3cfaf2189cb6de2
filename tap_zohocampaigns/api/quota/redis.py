"""The ledger in a Redis, for several machines."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
import typing as t
from contextlib import suppress
from pathlib import Path

import redis

from tap_zohocampaigns.api import redis_server
from tap_zohocampaigns.api.quota.ledger import TICK, Ticket, Wait, new_ticket

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.limits import Quotas

logger = logging.getLogger("tap-zohocampaigns.quota")

# Corrections of the server's clock that are taken into account (seconds).
_STEP = 2.0
# Longer than any run makes no call (seconds).
_DAY = 86400.0
# How long an account is remembered without a run (seconds).
_YEAR = 366 * 86_400
# Entries of INFO that show that a server may have lost calls since it started.
_LOSSES = (
    "cmdstat_flushall",
    "cmdstat_flushdb",
    "cmdstat_swapdb",
    "evicted_keys",
)
# The only policy under which a full server deletes nothing.
_KEEPS = "noeviction"
_SCRIPT = Path(__file__).with_name("ledger.lua")


class RedisStore:
    """Keeps calls in a Redis, counted by a script with the server's clock.

    While the server is away, nothing is sent: other machines could exceed the quota. A
    server that deletes keys to save memory is not accepted.
    """

    def __init__(  # noqa: PLR0913 (clock and sleep are injected)
        self,
        url: str,
        account: str,
        quotas: Quotas,
        *,
        step: float = _STEP,
        patience: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a connection; nothing is opened yet.

        Args:
            url: Address of the server. It may hold a password, so it is never shown.
            account: ID of the account, without secrets.
            quotas: What each endpoint allows.
            step: Seconds by which the server's clock may step ahead.
            patience: The longest wait for a server that is away (seconds), if it is
                shorter than `redis_server.PATIENCE`.
            clock: Returns the seconds of a monotonic clock, to limit waits.
            sleep: Waits for some seconds.

        Raises:
            SettingError: The URL is malformed.
        """
        try:
            self._redis = redis_server.prepare(url, decode_responses=True)
            # Unknown options show only here.
            self._redis.connection_pool.make_connection()
        except (ValueError, TypeError, redis.RedisError):
            raise redis_server.malformed() from None
        self._script = self._redis.register_script(_SCRIPT.read_text(encoding="utf-8"))
        # In a cluster, the text in braces decides where a key is stored.
        self._prefix = f"tap-zohocampaigns:{{{account}}}"
        self._run = f"{self._prefix}:run:{secrets.token_hex(8)}"
        self._quotas = quotas
        self._step = step
        self._patience = min(patience, redis_server.PATIENCE)
        self._kept = int(1e3 * (2 * quotas.longest + _DAY))
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._epoch, self._seen = "", 0
        self._since: int | None = None

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now; else return how long to wait.

        Raises:
            FatalError: The server can't be used.
        """
        ticket = new_ticket(endpoint)
        return _wait(*self._ask("enter", ticket)) or ticket

    def done(self, ticket: Ticket) -> None:
        """Note that a call was answered."""
        # Without the note, the call counts longer, which does no harm. The next call
        # finds out whether the server is away.
        with suppress(redis.RedisError):
            self._ask_once("done", ticket)

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked an endpoint.

        Raises:
            FatalError: The server can't be used.
        """
        self._ask("lock", Ticket(endpoint, ""))

    @property
    def is_shared(self) -> bool:
        """Return True: without the server nothing is sent."""
        return True

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows of an endpoint still allow.

        Raises:
            FatalError: The server can't be used.
        """
        result, wait = self._ask("remaining", Ticket(endpoint, ""))
        return 0 if wait else int(result)

    def wait_time(self, endpoint: str) -> Wait | None:
        """Return how long a call would have to wait; None if it could be sent now.

        Raises:
            FatalError: The server can't be used.
        """
        return _wait(*self._ask("remaining", Ticket(endpoint, "")))

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _ask(self, action: str, ticket: Ticket) -> tuple[str | int, int]:
        return redis_server.persist(
            lambda: self._ask_once(action, ticket),
            patience=self._patience,
            clock=self._clock,
            sleep=self._sleep,
        )

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
        # If only the answer got lost, the call is entered again under the same name.
        result, wait, epoch, seen = self._script(
            keys, [action, ticket.name, *known, fresh, since, *terms]
        )
        self._remember(known[0], epoch, seen)
        return result, wait

    def _known_since(self) -> int:
        """Return since when the server knows all calls (microseconds).

        A server that restarted without its data, or with an older snapshot of them, has
        lost calls from before its start. A server without the account may have been
        flushed. A replica that took over lacks the calls that had not reached it; when
        it took over is not known.

        Raises:
            FatalError: The server deletes keys when it is full.
        """
        key = f"{self._prefix}:server"
        seconds, micro = self._redis.time()
        now = _micro(seconds) + micro
        info = self._info()
        policy = info.get("maxmemory_policy", _KEEPS)
        if info.get("maxmemory") and policy != _KEEPS:
            raise redis_server.evicting(policy)
        took_over = str(info.get("master_replid2", "")).strip("0") != ""
        started = now - _micro(info.get("uptime_in_seconds", 0))
        noted = t.cast("dict[str, str]", self._redis.hgetall(key))
        if noted:
            since = min(int(noted["since"]), now)
            if noted["id"] != info.get("run_id", ""):
                if took_over:
                    since = now
                elif not info.get("aof_enabled"):
                    since = max(since, started)
        else:
            has_lost = took_over or any(info.get(sign) for sign in _LOSSES)
            since = now if has_lost else started
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
            # Some providers forbid INFO. The server may have started just now.
            return {}

    def _terms(self, endpoint: str) -> list[int]:
        quota, step = self._quotas.of(endpoint), self._step
        return [
            _micro(step),
            self._kept,
            _micro(quota.lock_seconds + step),
            _micro(self._quotas.underway),
            _micro(quota.kept_seconds + step),
            *(
                term
                for calls, window in quota.windows
                for term in (calls, _micro(window + step))
            ),
        ]

    def _remember(self, sent_epoch: str, epoch: str, seen: int) -> None:
        with self._guard:
            if epoch == self._epoch:
                self._seen = max(self._seen, seen)
            elif sent_epoch == self._epoch:
                # Otherwise another thread has received a newer epoch meanwhile.
                self._epoch, self._seen = epoch, seen


def _wait(result: str | int, micro: int) -> Wait | None:
    return Wait(max(micro / 1e6, TICK), locked=result == "locked") if micro else None


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)
