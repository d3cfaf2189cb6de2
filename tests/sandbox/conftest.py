"""Services on real sockets. Their clocks stand still until a test moves them."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.fixed_account import FixedAccount
from tests.support.sandbox_client import Client

if t.TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2024, 6, 3, 12, tzinfo=UTC)


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    with Service(FixedAccount(), monotonic=clock) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service) as client:
        yield client.sign()


@pytest.fixture(scope="session")
def living_account() -> LivingAccount:
    return LivingAccount(clock=lambda: NOON)


@pytest.fixture
def living_client(living_account: LivingAccount) -> Iterator[Client]:
    with Service(living_account) as service, Client(service) as client:
        yield client.sign()
