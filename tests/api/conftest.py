"""Clocks and randomness."""

from __future__ import annotations

import random

import pytest

from tests.support.zoho import (
    Clock,
)


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
