"""Fixtures of the sync tests."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import Service
from tests.support.stories import (
    Impolite,
    Story,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def story() -> Iterator[Story]:
    town = Impolite()

    def clock() -> float:
        return town.now.timestamp()

    with Service(town, quota_calls=10**9, monotonic=clock) as service:
        yield Story(town, service)
