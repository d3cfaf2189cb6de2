"""An account whose segments and campaigns have several pages, and runs that read it."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from datetime import timedelta

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.scripted_account import ZONE, ScriptedAccount
from tests.support.warehouse import errors_of_parts

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.sandbox import Call
    from tests.support.scripted_account import Message
    from tests.support.warehouse import Warehouse

PAGE = 6
SAMPLED = ("segment_contacts", "campaign_recipients", "snapshots")
CUT = Reply(200, b'{"status":"success","code', cut=True)


def sampled_account() -> ScriptedAccount:
    """Return an account whose segments and campaigns have several pages."""
    account = ScriptedAccount()
    for members in (range(13), range(20), range(3, 8)):
        account.add_segment(members)
    for audience in (range(13), range(4), range(25)):
        key = account.send(audience)
        for number in [*audience][::2]:
            account.open(key, number)
    return account


@contextmanager
def serving(account: ScriptedAccount) -> Iterator[Service]:
    """Serve an account; the clock of its tokens is that of the account."""

    def clock() -> float:
        return account.now.timestamp()

    with Service(account, quota_calls=10**9, monotonic=clock) as service:
        yield service


def settings_for(service: Service, **more: t.Any) -> dict[str, t.Any]:
    """Return the settings of a run that fails at the first fault."""
    return {
        **service.config,
        "page_size": PAGE,
        "timezone": ZONE.key,
        "retry_max_seconds": 0,
        "rate_limit_ledger": "memory",
        "concurrency": 1,
        **more,
    }


def run(
    account: ScriptedAccount,
    service: Service,
    state: t.Any = None,
    intercept: Callable[[Call], Reply | None] | None = None,
    concurrency: int = 1,
) -> list[Message]:
    """Run the tap to its end or its failure; return what it wrote."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        run_to_stdout(account, service, state, intercept, concurrency)
    written.seek(0)
    return [*map(json.loads, written)]


def run_to_stdout(
    account: ScriptedAccount,
    service: Service,
    state: t.Any = None,
    intercept: Callable[[Call], Reply | None] | None = None,
    concurrency: int = 1,
) -> None:
    """Run the tap to its end or its failure."""
    # The sandbox allows ten tokens in ten minutes.
    account.now += timedelta(minutes=1)

    class Tap(TapZohoCampaigns):
        def now(self) -> t.Any:
            return account.now

    service.intercept = intercept
    service.calls.clear()
    # A new process would get a copy, because it reads the state from a file.
    config = settings_for(service, concurrency=concurrency)
    tap = Tap(config=config, state=deepcopy(state))
    for name, stream in tap.streams.items():
        stream.selected = name in SAMPLED
    try:
        tap.sync_all()
    except ZohoError:
        assert intercept, "a run without an intercept must not fail"


def last_state(messages: list[Message]) -> t.Any:
    states = [m["value"] for m in messages if m["type"] == "STATE"]
    return states[-1] if states else None


def assert_whole(account: ScriptedAccount, warehouse: Warehouse, where: str) -> None:
    """Check that the warehouse has the rows of the account."""
    current = warehouse.current()
    parts = dict(account.segment_parts())
    for campaign in account.campaigns():
        parts |= account.campaign_parts(campaign.key)
    assert not errors_of_parts(current, parts), where
