"""Fixtures."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.callers import ACCOUNT
from tests.support.ledgers import (
    StoreKind,
    in_file,
    in_memory,
    in_redis,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.redis_server import RedisServer
    from tests.support.zoho import Clock


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def kind(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_redis: RedisServer,
) -> StoreKind[Clock]:
    folder = tmp_path_factory.mktemp("ledger")
    if request.param == "memory":
        return in_memory()
    if request.param == "sqlite":
        return in_file(folder)
    return in_redis(folder, shared_redis)


@pytest.fixture(params=["sqlite", "redis"])
def where(
    request: pytest.FixtureRequest, tmp_path: Path, shared_redis: RedisServer
) -> str:
    """Return a ledger that several programs can share, empty."""
    if request.param == "sqlite":
        return str(tmp_path / "folder" / "quota.sqlite3")
    shared_redis.client.flushall()
    for account in (ACCOUNT, "one", "other"):
        shared_redis.mark_complete(account)
    return shared_redis.url
