"""Fixtures."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount

    Rows: t.TypeAlias = list[dict[str, t.Any]]


@pytest.fixture
def newest(account: LivingAccount) -> str:
    sent = [each for each in account.campaigns() if each.sent and not each.children]
    return max(sent, key=lambda each: each.sent or NOW).key
