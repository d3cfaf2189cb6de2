"""What runs of accounts of different sizes cost, by the planner of the tap; no HTTP.

Accounts are scaled: they have a fiftieth of the contacts, and pages have a fiftieth of
the rows. So runs make as many calls as with the real sizes.
"""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from unittest import mock

from tap_zohocampaigns.api.transport import Reply as Answer
from tap_zohocampaigns.api.transport import Transport
from tap_zohocampaigns.commands.plan import make_plan
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.server.http import Request
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.sandbox import Reply

    State: t.TypeAlias = dict[str, t.Any] | None

SCALE = 50
PAGE = 500
OF_CONTACTS = ("campaign_recipients", "segment_contacts")
"""Streams whose rows grow with the contacts; the others are small."""
NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)


class Size(t.NamedTuple):
    """How large an account is."""

    lists: int
    segments: int
    campaigns: int
    """How many were ever sent or drafted."""
    contacts: int


class Cost(t.NamedTuple):
    """What a run costs."""

    calls: dict[str, int]
    """Endpoint -> number of calls."""
    rows: int


class _Line:
    """Takes the place of the socket of a sandbox."""

    server_address = ("", 0)
    answer: Callable[[Request], Reply]

    def __init__(self, _: int, answer: Callable[[Request], Reply]) -> None:
        _Line.answer = staticmethod(answer)

    def serve_forever(self, **_: float) -> None:
        """Do nothing: there are no connections."""

    shutdown = server_close = serve_forever


def _send(
    _: Transport,
    method: str,
    __: str,
    path: str,
    form: dict[str, t.Any],
    headers: dict[str, str] | None = None,
) -> Answer:
    params = {name: str(value) for name, value in form.items()}
    query = params if method == "GET" else {}
    authorization = (headers or {}).get("Authorization", "")
    reply = _Line.answer(Request(method, path, query, params, authorization))
    return Answer(reply.status, reply.body)


@contextmanager
def no_http() -> Iterator[None]:
    """Pass calls to the newest sandbox of this process, without sockets."""
    with (
        mock.patch("tap_zohocampaigns.sandbox.server.service.Listener", _Line),
        mock.patch.object(Transport, "send", _send),
    ):
        yield


class _Tap(TapZohoCampaigns):
    """The tap with a clock that can be set."""

    moment = NOW

    def now(self) -> datetime:
        """Return the current time."""
        return self.moment


def costs_of(size: Size) -> dict[str, Cost]:
    """Return the cost of a first run, of the run a day later, and of one just after.

    Args:
        size: Of the real account.
    """
    now = NOW
    account = LivingAccount(
        clock=lambda: now,
        lists=size.lists,
        segments=size.segments,
        campaigns=size.campaigns,
        contacts=max(size.contacts // SCALE, 1),
    )
    costs = {}
    with no_http(), Service(account, quota_calls=10**9) as service:
        state: State = None
        for name, days in (("first run", 0), ("nightly run", 1), ("re-run", 0)):
            now += timedelta(days=days)
            _Tap.moment = now
            plan = make_plan(_tap(service, state))
            calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
            rows = sum(
                row["rows"] * (SCALE if row["stream"] in OF_CONTACTS else 1)
                for row in plan["streams"]
            )
            costs[name] = Cost(calls, rows)
            state = _sync(_tap(service, state))
    return costs


def _tap(service: Service, state: State) -> _Tap:
    config = service.config | {
        "page_size": PAGE // SCALE,
        "rate_limit_ledger": "memory",
        "rate_limit_calls": 1_000_000,
        "concurrency": 1,
    }
    return _Tap(config=config, state=state)


def _sync(tap: _Tap) -> State:
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        tap.sync_all()
    written.seek(0)
    last = [line for line in written if line.startswith('{"type":"STATE"')][-1]
    state: State = json.loads(last)["value"]
    return state
