"""Runs of the tap against an account with wrong counters and incomplete lists."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import timedelta

from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.scripted_account import ACTIONS_READ, ZONE, ScriptedAccount
from tests.support.warehouse import Warehouse, errors_of_parts

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, Service
    from tests.support.scripted_account import Message, Parts
RECIPIENTS = ("campaign_recipients", "snapshots")
MEMBERS = ("segment_contacts", "snapshots")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class FaultyAccount(ScriptedAccount):
    """A scripted account whose counters can be wrong.

    Attributes:
        counters: Key of a campaign -> counters of its report that are wrong.
    """

    def reset(self) -> None:
        super().reset()
        self.counters: dict[str, dict[str, int]] = {}

    def report(self, campaign_key: str) -> dict[str, int]:
        return super().report(campaign_key) | self.counters.get(campaign_key, {})


class Scenario:
    """Runs of the tap against an account; each begins with the state of the last run.

    Attributes:
        clock_lag: How far the clock of the tap is behind that of the account.
        messages: What the last run wrote.
        completed: Whether the last run was complete.
    """

    def __init__(self, account: FaultyAccount, service: Service) -> None:
        self.account = account
        self.service = service
        self.warehouse = Warehouse()
        self.state: t.Any = None
        self.clock_lag = timedelta()
        self.messages: list[Message] = []
        self.completed = True

    def run(
        self,
        *streams: str,
        stop_after: int = 0,
        deselected: dict[str, str] | None = None,
        catalog: dict[str, t.Any] | None = None,
        **settings: t.Any,
    ) -> list[Call]:
        """Run the tap, a minute after the previous run; return its calls."""
        self.account.now += timedelta(minutes=1)
        account, clock_lag = self.account, self.clock_lag

        class Tap(TapZohoCampaigns):
            def now(self) -> t.Any:
                return account.now - clock_lag

        config = self.service.config | {
            "page_size": 8,
            "actions": [*ACTIONS_READ],
            "timezone": ZONE.key,
            "retry_max_seconds": 0,
            "rate_limit_ledger": "memory",
            "concurrency": 1,
        }
        state = deepcopy(self.state)
        tap = Tap(config=config | settings, state=state, catalog=catalog)
        for name, stream in tap.streams.items():
            stream.selected = name in streams
            for column in (deselected or {}).get(name, "").split():
                stream.mask["properties", column] = False
        if stop_after:
            stop_after_calls(tap, stop_after)
        self.service.calls.clear()
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.completed = True
        with redirect_stdout(stdout):
            try:
                tap.sync_all()
            except Stopped as stopped:
                stopped.save()
                self.completed = False
            finally:
                self._load(stdout)
        return self.service.calls

    def _load(self, stdout: io.TextIOWrapper) -> None:
        stdout.seek(0)
        self.messages = [*map(json.loads, stdout)]
        self.warehouse.load(self.messages)
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        self.state = states[-1] if states else self.state

    def records(self, stream: str) -> list[dict[str, t.Any]]:
        """Return the records that the last run wrote for a stream."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def errors(self, *keys: str) -> list[str]:
        """List the errors of the warehouse in these campaigns, or in all segments."""
        parts: Parts = {} if keys else self.account.segment_parts()
        for key in keys:
            parts |= self.account.campaign_parts(key)
        return errors_of_parts(self.warehouse.current(), parts)


def stop_after_calls(tap: TapZohoCampaigns, calls: int) -> None:
    """Shut a run down cleanly after so many calls."""
    checks = 0
    check = tap.shutdown.check

    def stop(wait: float = 0.0) -> None:
        nonlocal checks
        checks += 1
        if checks > calls:
            tap.shutdown.stop("the time is over")
        check(wait)

    tap.shutdown.check = stop  # type: ignore[method-assign]
