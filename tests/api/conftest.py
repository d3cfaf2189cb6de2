"""Real Redis servers for the stores of the quota and of tokens."""

from __future__ import annotations

import random
import typing as t
from pathlib import Path

import pytest

from benchmarks.redis_server import RedisServer
from tests.support.zoho import (
    Clock,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Start a server for all tests; each uses its own accounts."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Start a server that the test may stop and start."""
    server = RedisServer(tmp_path, "planted-password")
    yield server
    server.kill()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jitter(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Make every jitter as long as possible; return the ranges it was drawn from."""
    spans = []

    def uniform(least: float, most: float) -> float:
        spans.append((least, most))
        return most

    monkeypatch.setattr(random, "uniform", uniform)
    return spans


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies and certificates."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
