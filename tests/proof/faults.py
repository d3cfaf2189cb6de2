"""Runs of all streams that meet a fault: rows are exact, or the failure is told.

A run meets one kind of fault, at a random call and for a random number of calls. Then
come runs without faults, which go on from its last state.
"""

from __future__ import annotations

import io
import json
import logging
import random
import tempfile
import time
import typing as t
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from unittest import mock

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.server.accounts import credential
from tap_zohocampaigns.sandbox.server.http import Request as ServiceRequest
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.sync.inventory import Inventory
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.proof.fault_kinds import (
    KINDS,
    TIMEOUT,
    FailingStdout,
    Kind,
    WrongAccount,
)
from tests.proof.proof import Outcome, Proof, check
from tests.support.network import FakeNetwork
from tests.support.taps import NOW
from tests.support.warehouse import Warehouse
from tests.support.zoho import Answer, Zoho

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from tests.proof.proof import Play
    from tests.support.scripted_account import Message, Record
    from tests.support.zoho import Request

    Rows: t.TypeAlias = dict[str, dict[tuple[t.Any, ...], Record]]

FORMATS = ("json", "xml")
PAGE_SIZES = (4, 8, 500)
# Calls that meet the fault: one, a few, or all that follow.
LENGTHS = (1, 1, 3, 10, 10**6)
CALLS = 110
"""About as many calls as a run makes."""
HEALTHY_RUNS = 2
_STEP = 17
_LISTENER = "tap_zohocampaigns.sandbox.server.service.Listener"
_MOST_BYTES = 300_000
_PARTS = {
    "segment_contacts": ("cvid",),
    "list_subscribers": ("list_key", "status"),
    "campaign_recipients": ("campaign_key", "action"),
    "recipient_events": ("campaign_key", "action"),
    "campaign_ab_variants": ("campaign_key",),
    "campaign_lists": ("campaign_key",),
    "campaign_reach": ("campaign_key", "reported_on"),
    "campaign_locations": ("campaign_key", "reported_on"),
}
# Faults after which a run may end well although rows are still to come.
_BOUNDED = {
    "the other format",
    "stale counters",
    "reordered rows",
    "list deleted for a while",
    "campaign recalled for a while",
    "duplicate page",
    "missing page",
}


class VirtualClock:
    """A clock that moves while the tap waits, so that no wait takes time."""

    def __init__(self) -> None:
        self._waited = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._waited

    def sleep(self, seconds: float) -> None:
        self._waited += seconds


class Front:
    """Stands before the service and makes its answers wrong.

    Attributes:
        kind: The fault of the run; None: there is none.
        first: The first call that meets it.
        calls: How many calls the run has made.
    """

    def __init__(self, answer: t.Any, account: WrongAccount) -> None:
        self.kind: Kind | None = None
        self.first = self.last = self.calls = self.met = 0
        self._answer = answer
        self._account = account
        self._dead = ""

    def begin(self, kind: Kind | None, first: int = 0, length: int = 0) -> None:
        """Begin a run that meets a fault at some calls."""
        self.kind, self.first, self.last = kind, first, first + length
        self.calls = self.met = 0
        self._account.wrong = ""

    def reset(self, randomness: random.Random) -> None:
        """Begin another life."""
        self._account.places = (randomness.random(), randomness.random())
        self._dead = ""

    def api(self, request: Request) -> Answer | None:
        """Answer a call."""
        self.calls += 1
        kind = self.kind
        if kind is None or not self.first <= self.calls < self.last:
            return self._right(request)
        if kind.only and request.endpoint not in kind.only:
            return self._right(request)
        self.met += 1
        self._account.wrong = kind.account
        if kind.dies and self.met == 1:
            self._dead = request.headers["Authorization"]
        return (
            kind.answer(request, self._right) if kind.answer else self._right(request)
        )

    def _right(self, request: Request) -> Answer:
        authorization = request.headers.get("Authorization", "")
        if authorization == self._dead:
            authorization = ""
        query = request.params if request.method == "GET" else {}
        reply = self._answer(
            ServiceRequest(
                request.method, request.path, query, request.params, authorization
            )
        )
        return Answer(reply.body, reply.status, reply.headers)

    def token(self, request: Request) -> Answer:
        """Answer a request for a token."""
        return self._right(request)


class FaultTap(TapZohoCampaigns):
    """The tap with clocks of the test."""

    clock: t.ClassVar = VirtualClock()
    skew: timedelta

    def now(self) -> t.Any:
        return NOW + self.skew

    @cached_property
    def inventory(self) -> Inventory:
        client = connect(self.settings, clock=self.clock, sleep=self.clock.sleep)
        return Inventory(client, self.settings, self.now)


class Life:
    """A warehouse, and the runs that load it."""

    def __init__(self, url: str, form: str, page_size: int, folder: Path) -> None:
        self.warehouse = Warehouse()
        self.messages: list[Message] = []
        self._state: t.Any = None
        self._folder = folder
        self._settings = {
            **{
                name: credential(name)
                for name in ("client_id", "client_secret", "refresh_token")
            },
            "api_url": url,
            "accounts_url": url,
            "response_format": form,
            "page_size": page_size,
            "request_timeout": TIMEOUT,
            "concurrency": 1,
            "rate_limit_ledger": "memory",
            "rate_limit_calls": 10_000,
        }

    def run(self, kind: Kind | None = None, after: int = 0) -> str:
        """Run the tap, and load what it writes; return its failure, or nothing.

        Args:
            kind: The fault that it meets.
            after: Bytes after which stdout fails, if that is the fault.
        """
        # The service gives ten tokens in ten minutes.
        FaultTap.clock.sleep(3600)
        kind = kind or Kind()
        own = {
            name: value.format(folder=self._folder) if isinstance(value, str) else value
            for name, value in kind.settings.items()
        }
        raw = FailingStdout(kind.stdout, after)
        failure = ""
        with redirect_stdout(io.TextIOWrapper(raw, encoding="utf-8")) as stdout:  # type: ignore[type-var]
            try:
                tap = FaultTap(config=self._settings | own, state=deepcopy(self._state))
                tap.skew = kind.skew
                for stream in tap.streams.values():
                    stream.selected = True
                tap.sync_all()
                if tap.left_out:
                    failure = f"left out {sorted(tap.left_out)}"
            except Stopped as stopped:
                stopped.save()
                failure = str(stopped)
            except Exception as error:  # noqa: BLE001 (it is the failure)
                failure = f"{type(error).__name__}: {error}"
            finally:
                stdout.detach()
        lines = bytes(raw.content).split(b"\n")[:-1]
        self.messages = [*map(json.loads, lines)]
        self.warehouse.load(self.messages)
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        self._state = states[-1] if states else self._state
        return failure

    def doubled(self) -> list[object]:
        """Return the rows that the last run wrote twice."""
        keys = {
            m["stream"]: m["key_properties"]
            for m in self.messages
            if m["type"] == "SCHEMA"
        }
        seen, doubled = set[object](), list[object]()
        for message in self.messages:
            if message["type"] == "RECORD" and message["stream"] != "snapshots":
                name, row = message["stream"], message["record"]
                key = (name, *(row[part] for part in keys[name]))
                doubled += [key] if key in seen else []
                seen.add(key)
        return doubled

    def rows(self) -> Rows:
        """Return the current rows of all streams, without the time of their read."""
        tables, times = self.warehouse.tables, self._times()
        return {
            stream: {
                key: {name: row[name] for name in row.keys() - {"snapshot_time"}}
                for key, row in table.items()
                if row.get("snapshot_time") is None
                or row["snapshot_time"] >= times.get(_part(stream, row), "")
            }
            for stream, table in tables.items()
            if stream != "snapshots"
        }

    def _times(self) -> dict[t.Any, str]:
        return {
            _part(row["stream"], row): row["snapshot_time"]
            for row in self.warehouse.tables.get("snapshots", {}).values()
        }

    def lies(self) -> list[str]:
        """Return the snapshots whose number of rows is not that of the warehouse."""
        counts: dict[t.Any, int] = {}
        for stream, table in self.rows().items():
            for row in table.values():
                part = _part(stream, row)
                counts[part] = counts.get(part, 0) + 1
        return [
            row["snapshot_id"]
            for row in self.warehouse.tables.get("snapshots", {}).values()
            # Its rows are recipients; each may have many events.
            if row["stream"] != "recipient_events"
            and row["rows_read"] != counts.get(_part(row["stream"], row), 0)
        ]


def _part(stream: str, row: Record) -> tuple[t.Any, ...]:
    """Return the part that a row, or its snapshot, belongs to."""
    return (stream, *(row.get(name) for name in _PARTS.get(stream, ())))


class Faults:
    """Plays lives with a fault, and compares them with a life without one."""

    def __init__(self, front: Front, url: str) -> None:
        self._front = front
        self._url = url
        self._right: dict[str, Rows] = {}

    def play(self, seed: int) -> Outcome:
        """Play the life of a seed."""
        randomness = random.Random(seed)  # noqa: S311 (no secret)
        # The client waits for random times between tries.
        random.seed(seed)
        # The step has no divisor in common with their number, so each has a turn.
        name = [*KINDS][seed * _STEP % len(KINDS)]
        form, size = randomness.choice(FORMATS), randomness.choice(PAGE_SIZES)
        first, length = randomness.randrange(1, CALLS), randomness.choice(LENGTHS)
        right = self._rows_without_fault(form)
        self._front.reset(randomness)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "garbage").write_bytes(b"no database" * 999)
            life = Life(self._url, form, size, Path(folder))
            if randomness.random() < 0.3:
                # The fault meets an incremental run.
                check(not life.run(), "a run without fault succeeds")
            self._front.begin(KINDS[name], first, length)
            failure = life.run(KINDS[name], randomness.randrange(_MOST_BYTES))
            doubled = life.doubled()
            check(not doubled, f"{name}: rows come twice: {doubled}")
            exact = _differences(life.rows(), right) == [] and not life.lies()
            result = "told" if failure else "exact at once"
            if not exact and not failure:
                check(name in _BOUNDED, f"{name}: {_differences(life.rows(), right)}")
                result = "exact by a later run"
            self._front.begin(None)
            for number in range(HEALTHY_RUNS):
                later = life.run()
                check(not later, f"{name}: run {number} after it fails: {later}")
            differences = _differences(life.rows(), right)
            check(not differences, f"{name}: {differences}")
            check(not life.lies(), f"{name}: snapshots are wrong: {life.lies()}")
        return Outcome(name, result, repr((form, size, first, length, failure)))

    def _rows_without_fault(self, form: str) -> Rows:
        if form not in self._right:
            with tempfile.TemporaryDirectory() as folder:
                life = Life(self._url, form, max(PAGE_SIZES), Path(folder))
                self._front.begin(None)
                check(not life.run(), "a run without fault succeeds")
                check(not life.lies(), f"snapshots are right: {life.lies()}")
                self._right[form] = life.rows()
        return self._right[form]


def _differences(rows: Rows, right: Rows) -> list[str]:
    """Return what is different in each stream."""
    return [
        f"{stream}: {len(lacking)} lacking, {len(more)} too many, {len(other)} others"
        for stream, table in right.items()
        for found in [rows.get(stream, {})]
        for lacking in [table.keys() - found.keys()]
        for more in [found.keys() - table.keys()]
        for other in [
            {key for key in table.keys() & found.keys() if table[key] != found[key]}
        ]
        if lacking or more or other
    ]


@contextmanager
def _open() -> Iterator[Play]:
    network = FakeNetwork()
    account = WrongAccount(LivingAccount(clock=lambda: NOW, contacts=40, campaigns=5))
    with (
        mock.patch(_LISTENER, network.listen),
        Service(
            t.cast("t.Any", account), quota_calls=10**9, monotonic=FaultTap.clock
        ) as service,
    ):
        del service
        front = Front(network.lines[-1].answer, account)
        logging.disable()
        try:
            with Zoho(front.api, token=front.token) as zoho:
                zoho.limit = 10**9
                yield Faults(front, zoho.url).play
        finally:
            logging.disable(logging.NOTSET)


PROOF = Proof(
    "faults",
    f"A run that meets one of {len(KINDS)} kinds of faults reads exact rows or tells "
    "its failure; none is lost, none comes twice, no snapshot is wrong, and after two "
    "more runs all rows are exact.",
    19,
    _open,
)
