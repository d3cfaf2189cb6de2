"""The decisions of the tap alone, in virtual time: no socket, no wait.

A seed is a life of an account: it draws which faults there are, and how often. The life
ends without faults. Then two runs must be enough for a warehouse that equals the
account, as far as counters showed the changes; when all windows have ended, all of it.
"""

from __future__ import annotations

import io
import json
import random
import typing as t
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from datetime import timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from unittest import mock

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import FatalError, Transient, ZohoError
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tap_zohocampaigns.sandbox import Reply
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.sync.inventory import Inventory
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tests.proof.proof import Outcome, Proof, check, without_wall_times
from tests.support.model import CAPS, FewStreamsTap
from tests.support.model_changes import CHANGES, DAY, HOUR, MINUTE, PEOPLE, apply
from tests.support.model_checks import COUNTERS
from tests.support.network import Killed, service_without_sockets
from tests.support.scripted_account import (
    ACTIONS_READ,
    BEGIN,
    ZONE,
    CounterError,
    Feed,
    ScriptedAccount,
)
from tests.support.warehouse import Warehouse, errors_of_parts

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.quota.ledger import Store
    from tap_zohocampaigns.sandbox import Call, Service
    from tests.proof.proof import Play
    from tests.support.network import FakeNetwork
    from tests.support.scripted_account import Message, Parts

    State: t.TypeAlias = dict[str, t.Any]

# What may go wrong in a run. Each life draws a rate for each of them.
FAULTS = (
    *("outage", "lock", "token", "another program"),
    *("kill at a call", "kill at a message", "stop"),
    *("yesterday's ledger", "older version's state", "lost state"),
    *("clock", "counters", "feed", "list", "pages"),
)
# Times between two runs; windows stay open for the whole life.
PAUSES = (MINUTE, HOUR, 12 * HOUR, DAY)
LOOKBACK_DAYS = 30
NUMBERS = range(61)
HEALTHY_RUNS = 2
_LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":"Too many"}')
_UNAUTHORIZED = Reply(
    401, b'{"status":"error","code":"1007","message":"Unauthorized request."}'
)
_OUTAGE = Transient("no answer")
_CALLS = 30
_QUOTA = 60
_MANY = 10


class Time:
    """The virtual time: that of the account, moved by waits of the tap."""

    def __init__(self, account: ScriptedAccount) -> None:
        self._account = account

    def __call__(self) -> float:
        return (self._account.now - BEGIN).total_seconds() + 10_000

    def sleep(self, seconds: float) -> None:
        self._account.now += timedelta(seconds=seconds)


class Life:
    """The life of an account, and the runs that read it."""

    def __init__(
        self,
        seed: int,
        account: ScriptedAccount,
        service: Service,
        network: FakeNetwork,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 (no secret)
        # The client waits for random times between tries.
        random.seed(seed)
        self._account, self._service, self._network = account, service, network
        self._time = Time(account)
        self._rates = {
            fault: self._random.choice((0, 0, 0.1, 0.3, 0.6)) for fault in FAULTS
        }
        if self._rates["clock"]:
            # Without the time of the last run, a clock that was ahead is not noticed.
            self._rates |= {"older version's state": 0, "lost state": 0}
        self._store: Store | None = None
        self._skew = timedelta()
        self._warehouse = Warehouse()
        self._state: State | None = None
        self._trace = blake2b(digest_size=8)
        self.faults = 0
        service.clamp, service.echo_clamped = None, True
        account.newest_first = self._random.random() < 0.5
        self._tick = self._random.choice((timedelta(), timedelta(seconds=1), MINUTE))
        self._settings = {
            "page_size": self._random.choice((4, 8, 20)),
            "lookback_days": LOOKBACK_DAYS,
            "actions": [*ACTIONS_READ],
            "timezone": ZONE.key,
            "rate_limit_calls": _QUOTA - 5,
            "rate_limit_ledger": "memory",
            "concurrency": 1,
        }

    def live(self) -> str:
        """Live to the end; return the trace."""
        randomness = self._random
        self._account.add_segment(range(randomness.randrange(PEOPLE)))
        for _ in range(randomness.randrange(2, 9)):
            self._change()
            self._faulty_run()
        self._end_faults()
        counted = self._is_counted()
        for _ in range(HEALTHY_RUNS):
            self._healthy_run()
        self._compare(counted, "two runs after the last fault")
        for mailing in [*self._account.mailings.values()]:
            if mailing.campaign.status == "In Progress":
                self._account.finish(mailing.campaign.key)
        self._account.now += (LOOKBACK_DAYS + 10) * DAY
        for _ in range(CLOSING_LOOKS + 1):
            self._healthy_run()
        self._compare({*self._parts()}, "after all windows")
        return self._trace.hexdigest()

    def _change(self) -> None:
        randomness = self._random
        for _ in range(randomness.randrange(5)):
            kind, numbers = randomness.choice(CHANGES), randomness.choices(NUMBERS, k=3)
            apply(self._account, (kind, numbers[0], numbers[1], numbers[2]))
        self._account.now += randomness.choice(PAUSES)

    def _draws(self, fault: str) -> bool:
        """Return whether a fault happens now."""
        happens = self._random.random() < self._rates[fault]
        self.faults += happens
        return happens

    def _faulty_run(self) -> None:
        """Run once, with the faults that are drawn."""
        randomness, account = self._random, self._account
        if self._draws("yesterday's ledger"):
            self._store = None
        if self._draws("older version's state"):
            self._state = older(self._state)
        if self._draws("lost state"):
            self._state = None
        if self._draws("clock"):
            self._skew = randomness.choice((3, -3, 30, 0)) * HOUR
        if self._draws("counters") and account.mailings:
            account.make_counter_wrong(
                randomness.choice([*account.mailings]),
                randomness.choice([*chain(*COUNTERS.values())]),
                randomness.choice((CounterError("off", 1), CounterError("lag", 1))),
            )
        if self._draws("list"):
            keys = [*account.members_by_segment, *account.mailings]
            account.unlisted = {key for key in keys if randomness.random() < 0.3}
        if self._draws("pages"):
            cap = randomness.choice(CAPS)
            self._service.clamp, self._service.echo_clamped = cap
        if self._draws("feed"):
            account.feed = randomness.choice((Feed(1), Feed(0, 2)))
        self._run(*(fault for fault in FAULTS[:7] if self._draws(fault)))
        account.feed = Feed()

    def _end_faults(self) -> None:
        account = self._account
        account.wrong_counters.clear()
        account.unlisted.clear()
        account.unlisted_tests.clear()
        self._skew = timedelta()
        self._service.clamp, self._service.echo_clamped = None, True
        # The end of an unchanged part is asked for again after a day.
        account.now += 2 * DAY

    def _healthy_run(self) -> None:
        ended = self._run()
        check(not ended, f"a run without faults ends early: {ended}")

    def _run(self, *faults: str) -> str:
        """Run the tap with faults; load what it writes; return why it ended early."""
        randomness, account = self._random, self._account
        starts = {fault: randomness.randrange(1, _CALLS) for fault in faults}
        lasts = {
            fault: starts[fault] + randomness.choice((1, 3, 20)) for fault in faults
        }
        calls = 0
        locked_until = 0.0

        def intercept(call: Call) -> Reply | None:
            nonlocal calls, locked_until
            del call
            calls += 1
            account.now += self._tick
            now = {fault for fault in faults if starts[fault] <= calls < lasts[fault]}
            if "kill at a call" in now:
                raise Killed
            if "lock" in now and not locked_until:
                locked_until = self._time() + 1800
            if "another program" in now:
                account.now += MINUTE
            if self._time() < locked_until:
                return _LOCKED
            if "token" in now and calls == starts["token"]:
                return _UNAUTHORIZED
            if "outage" in now:
                raise _OUTAGE
            return None

        self._service.intercept = intercept
        account.now += timedelta(seconds=700)
        account.note_run()
        messages, ended = self._read("stop" if "stop" in faults else "wait")
        if "kill at a message" in faults:
            messages = messages[: randomness.randrange(len(messages) + 1)]
        self._warehouse.load(messages)
        states = [m["value"] for m in messages if m["type"] == "STATE"]
        self._state = states[-1] if states else self._state
        text = json.dumps([*map(without_wall_times, messages)], sort_keys=True)
        self._trace.update(text.encode())
        return ended

    def _read(self, on_lock: str) -> tuple[list[Message], str]:
        """Run the tap; return what it writes, and why it ended early."""
        life, ended = self, ""

        class Tap(FewStreamsTap):
            def now(self) -> t.Any:
                return life._account.now + life._skew

            @cached_property
            def inventory(self) -> Inventory:
                clock = life._time
                client = connect(
                    self.settings, clock=clock, wall=clock, sleep=clock.sleep
                )
                return Inventory(client, self.settings, self.now)

        settings = {**self._service.config, **self._settings}
        settings["rate_limit_on_lock"] = on_lock
        tap = Tap(config=settings, state=deepcopy(self._state))
        with mock.patch("tap_zohocampaigns.api.connect.open_store", self._open_store):
            self._network.client = tap.inventory.client
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(stdout):
            try:
                tap.sync_all()
            except Stopped as stopped:
                stopped.save()
                ended = str(stopped)
            except Killed:
                ended = "killed"
            except (FatalError, ZohoError) as error:
                ended = str(error)
        self._network.client = None
        stdout.seek(0)
        return [*map(json.loads, stdout)], ended

    def _open_store(self, _: object, __: str, quotas: t.Any, **___: t.Any) -> Store:
        """Return the ledger, which all runs share until it is lost."""
        if self._store is None:
            self._store = MemoryStore(quotas, clock=self._time)
        return self._store

    def _parts(self) -> Parts:
        parts = dict(self._account.segment_parts())
        for campaign in self._account.campaigns():
            if campaign.sent:
                parts |= self._account.campaign_parts(campaign.key)
        return parts

    def _is_counted(self) -> set[str]:
        """Return the parts whose changes were shown by right counters all the time."""
        wrong = self._rates["counters"] or self._rates["feed"]
        return {
            part
            for part in self._parts()
            if not wrong or part.startswith("segment_contacts/")
        }

    def _compare(self, names: set[str], when: str) -> None:
        parts = {name: rows for name, rows in self._parts().items() if name in names}
        errors = errors_of_parts(self._warehouse.current(), parts)
        check(not errors, f"{when}: {errors}\n{self._rates}")


def older(state: State | None) -> State | None:
    """Return a state as a version wrote it that kept only bookmarks."""
    if state is None:
        return None
    kept = ("replication_key", "replication_key_value")
    return {
        "bookmarks": {
            stream: {name: bookmark[name] for name in kept if name in bookmark}
            for stream, bookmark in state["bookmarks"].items()
        }
    }


def play(seed: int) -> Outcome:
    """Live the life of a seed."""
    account = ScriptedAccount()
    opened = service_without_sockets(account, Time(account), quota_calls=_QUOTA)
    with opened as (service, network):
        life = Life(seed, account, service, network)
        trace = life.live()
    faults = "no faults" if not life.faults else f"1 to {_MANY - 1} faults"
    if life.faults >= _MANY:
        faults = f"{_MANY} faults and more"
    return Outcome(faults, "converged", trace)


@contextmanager
def _open() -> Iterator[Play]:
    yield play


PROOF = Proof(
    "simulation",
    "Whatever happened before, two runs after the last fault are enough for a "
    "warehouse that equals the account.",
    100,
    _open,
)
