"""Stores of ledgers in memory, in a file and in Redis, with clocks that tests set."""

from __future__ import annotations

import itertools
import typing as t
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tap_zohocampaigns.api.endpoints import OWN_QUOTAS
from tap_zohocampaigns.api.quota import redis as redis_module
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tap_zohocampaigns.api.quota.redis import RedisStore
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tests.support.zoho import Clock

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.redis_server import RedisServer
    from tap_zohocampaigns.api.quota.ledger import Store
QUOTA = Quota(3, 300, 1800)


class ServerClock(Clock):
    """The clock of a Redis server; it may be `ahead` of the time that the test sets."""

    def __init__(self, server: RedisServer) -> None:
        self.ahead = 0.0
        self._server = server
        super().__init__()

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, seconds: float) -> None:
        self._now = seconds
        self._server.client.set("now", round((seconds + self.ahead) * 1e6))


Clock_co = t.TypeVar("Clock_co", bound=Clock, covariant=True)


class StoreKind(t.NamedTuple, t.Generic[Clock_co]):
    """A kind of store, with its clock."""

    clock: Clock_co
    open: Callable[[str, Quota], Store]
    """Open the store of an account with a quota."""
    extra_seconds: float = 0
    """Seconds by which its window is longer than that of the quota."""
    shared: bool = True
    """Whether several processes can open the same store."""


def in_memory() -> StoreKind[Clock]:
    clock = Clock()
    return StoreKind(
        clock,
        lambda _, quota: MemoryStore(Quotas(quota, OWN_QUOTAS), clock=clock),
        shared=False,
    )


def in_file(folder: Path) -> StoreKind[Clock]:
    clock = Clock()
    clocks = Clocks(ticks=clock, wall=clock, boot=lambda: "boot")
    path = folder / "quota.sqlite3"
    return StoreKind(
        clock,
        lambda account, quota: SqliteStore(
            path, account, Quotas(quota, OWN_QUOTAS), clocks=clocks
        ),
    )


def in_redis(folder: Path, server: RedisServer) -> StoreKind[ServerClock]:
    # The real script; only its clock is replaced.
    text = Path(redis_module.__file__).with_name("ledger.lua").read_text()
    assert text.count("redis.call('TIME')") == 1
    script = folder / "ledger.lua"
    changed = text.replace("redis.call('TIME')", "{ 0, redis.call('GET', 'now') }")
    script.write_text(changed)

    def open_store(account: str, quota: Quota) -> Store:
        server.mark_complete(account)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(redis_module, "_SCRIPT", script)
            return RedisStore(server.url, account, Quotas(quota, OWN_QUOTAS))

    return StoreKind(ServerClock(server), open_store, extra_seconds=2)


shared_stores = pytest.mark.parametrize("kind", ["sqlite", "redis"], indirect=True)
accounts = map("account-{}".format, itertools.count())
LONG_QUOTA, SHORT_QUOTA = Quota(490, 300, 1800), Quota(15, 10, 10)


def open_stores(
    kind: StoreKind[Clock], stack: ExitStack, *quotas: Quota
) -> list[Store]:
    """Open a store of the same account for each quota, as several processes do."""
    kind.clock.now = 0.0
    account = next(accounts)
    return [stack.enter_context(closing(kind.open(account, quota))) for quota in quotas]
