"""A run with a damaged state."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


def test_a_damaged_state_is_rejected(
    service: Service,
) -> None:
    state = run_tap(service, "list_subscribers").state
    parts = state["bookmarks"]["list_subscribers"]["parts"]
    for name in parts:
        parts[name] = 1
    with pytest.raises(SettingError, match="state of list_subscribers"):
        run_tap(service, "list_subscribers", state=state)
