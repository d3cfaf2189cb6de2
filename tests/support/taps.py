"""The tap, run in this process with a fixed clock."""

from __future__ import annotations

import json
import typing as t
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tap_zohocampaigns.sandbox import LivingAccount
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.capture import captured

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import Service

    Record: t.TypeAlias = dict[str, t.Any]
    Sync: t.TypeAlias = Callable[..., "Output"]

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)


def account_at(now: datetime) -> LivingAccount:
    """Return the account of most tests: smaller than the default, so faster to read."""
    return LivingAccount(clock=lambda: now, contacts=700, campaigns=18)


class Output:
    """The messages, records and last state that a run wrote."""

    def __init__(self, text: str) -> None:
        self.messages: list[dict[str, t.Any]] = [*map(json.loads, text.splitlines())]
        self.records: defaultdict[str, list[Record]] = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                self.records[message["stream"]].append(message["record"])

    @property
    def state(self) -> dict[str, t.Any]:
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        return t.cast("dict[str, t.Any]", states[-1])


class FixedClockTap(TapZohoCampaigns):
    """The tap with a fixed clock."""

    def now(self) -> datetime:
        return NOW


def run_tap(
    service: Service,
    *selected: str,
    state: dict[str, t.Any] | None = None,
    catalog: dict[str, t.Any] | None = None,
    **settings: t.Any,
) -> Output:
    """Run the tap in this process with the settings of a service, and others."""
    # The service allows more calls than Zoho's quota.
    limits = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
    config = service.config | limits | settings
    tap = FixedClockTap(config=config, state=state, catalog=catalog)
    if selected:
        for name, stream in tap.streams.items():
            stream.selected = name in selected
    return Output(captured(tap.sync_all))
