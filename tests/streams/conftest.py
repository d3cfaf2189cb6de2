"""Fixtures of the stream tests."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount

    Rows: t.TypeAlias = list[dict[str, t.Any]]


@pytest.fixture
def newest_key(account: LivingAccount) -> str:
    """Return the key of the newest campaign without test sends."""
    sent = [
        campaign
        for campaign in account.campaigns()
        if campaign.sent and not campaign.children
    ]
    return max(sent, key=lambda campaign: campaign.sent or NOW).key
