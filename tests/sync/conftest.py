"""Fixtures of the sync tests."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import Service
from tests.support.scenarios import (
    FaultyAccount,
    Scenario,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    account = FaultyAccount()

    def clock() -> float:
        return account.now.timestamp()

    with Service(account, quota_calls=10**9, monotonic=clock) as service:
        yield Scenario(account, service)
