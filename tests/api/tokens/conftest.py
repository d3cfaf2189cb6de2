"""Fixtures."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.tokens.opening import open_tokens
from tests.support.zoho import (
    CONFIG,
    Clock,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.redis_server import RedisServer
    from tap_zohocampaigns.api.tokens.store import TokenStore
    from tests.support.token_stores import Open


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "folder" / "ledger")
    server: RedisServer = request.getfixturevalue("own_redis")
    return server.url


@pytest.fixture
def start(where: str, clock: Clock) -> Open:
    """Return a function that opens the store of one more process."""

    def opened(**settings: str) -> TokenStore:
        config = CONFIG | {"rate_limit_ledger": where} | settings
        return open_tokens(config, clock=clock, wall=clock)

    return opened


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "own" / "ledger"
