"""Ledgers of what was sent: a file, and a Redis."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.redis_server import RedisServer


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    return tmp_path / "sent.sqlite3"


@pytest.fixture(params=["file", "redis"])
def ledger(request: pytest.FixtureRequest, ledger_file: Path) -> str:
    """Return the setting of an empty ledger."""
    if request.param == "file":
        return str(ledger_file)
    shared_redis: RedisServer = request.getfixturevalue("shared_redis")
    shared_redis.client.flushall()
    return shared_redis.url
