"""Real Redis servers for the stores of the quota and of tokens."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.redis_server import RedisServer

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Start a server that goes on; its tests use accounts of their own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Start a server that the test may stop and start."""
    server = RedisServer(tmp_path, "planted-password")
    yield server
    server.kill()
