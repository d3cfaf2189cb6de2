"""An account that lives, and a tap that is run, killed and resumed: nothing is lost.

MODEL_EXAMPLES=20000 pytest tests/test_model.py

tries as many random lives instead of the same two hundred and fifty each time.
"""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import typing as t
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tap_zohocampaigns.api.errors import Failed
from tap_zohocampaigns.api.times import rfc3339
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.tap import TapZohoCampaigns

from .living import BEGIN, READ, ZONE, Town, Warehouse, difference

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.sandbox import Call, Reply

    from .living import Message, Parts

    State: t.TypeAlias = dict[str, t.Any]

pytestmark = pytest.mark.slow

EXAMPLES = 250
STREAMS = ("segment_contacts", "campaign_recipients", "snapshots")
PEOPLE = 13
UNFINISHED = ("In Progress", "In Testing")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGES = (timedelta(), timedelta(), MINUTE, 3 * DAY, 400 * DAY)
PAUSES = (MINUTE, HOUR, DAY, 7 * DAY, 29 * DAY, 30 * DAY, 40 * DAY)
STARTS = (None, BEGIN - 3 * DAY, BEGIN, BEGIN + 20 * DAY)

CHANGES = (
    "send",
    "send",
    "test",
    "conclude",
    "deliver",
    "finish",
    "open",
    "open",
    "click",
    "opt_out",
    "join",
    "join",
    "leave",
    "leave",
    "rename",
    "delete_campaign",
    "delete_segment",
    "add_segment",
)
change = st.tuples(st.sampled_from(CHANGES), *[st.integers(0, 60)] * 3)
Change: t.TypeAlias = tuple[str, int, int, int]


def apply(town: Town, what: Change) -> None:
    """Change an account, if it has what is needed; numbers tell which and who."""
    kind, one, two, three = what
    if kind in {"join", "leave", "rename", "delete_segment", "add_segment"}:
        _change_members(town, kind, (one, two, three))
    else:
        _change_campaigns(town, kind, (one, two, three))


def _change_members(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    one, two, three = numbers
    segments = [*town.people]
    cvid = segments[one % len(segments)] if segments else ""
    who = range(two % PEOPLE, two % PEOPLE + 1 + three % 3)
    match kind:
        case "join" if cvid:
            for number in who:
                town.join(cvid, number, AGES[three % len(AGES)])
        case "leave" if cvid:
            for number in who:
                town.leave(cvid, number)
        case "rename":
            town.rename(two % PEOPLE)
        case "delete_segment" if cvid:
            town.delete(cvid)
        case "add_segment" if len(segments) < 3:
            town.add_segment(range(two % 4, two % 4 + three % PEOPLE))


def _change_campaigns(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    one, two, three = numbers
    campaigns = [each.key for each in town.campaigns()]
    some = range(two % 4, two % 4 + three % PEOPLE)
    if kind == "send" and len(campaigns) < 4:
        town.send(some, status="Sent" if one % 3 else "In Progress")
    if kind == "test" and len(campaigns) < 4:
        town.test((some[::2], some[1::2]))
    if kind in {"send", "test"} or not campaigns:
        return
    key = campaigns[one % len(campaigns)]
    who = range(two % PEOPLE, two % PEOPLE + 1 + three % 3)
    match kind, town.mailings[key].campaign.status:
        case "conclude", "In Testing":
            town.conclude(key, range(three % PEOPLE, PEOPLE))
        case "deliver", "In Progress":
            town.deliver(key, who)
        case "finish", "In Progress":
            town.finish(key)
        case "delete_campaign", _:
            town.delete(key)
        case "open" | "click" | "opt_out", _:
            sendings = (key, *town.mailings[key].campaign.children)
            for number in who:
                getattr(town, kind)(sendings[two % len(sendings)], number)


class Clock:
    """Seconds of the sandbox, so that it never runs out of tokens."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Life(RuleBasedStateMachine):
    """Lives, runs and kills, in any order."""

    def __init__(
        self, town: Town, service: Service, clock: Clock, at_once: int
    ) -> None:
        super().__init__()
        self.at_once = at_once
        self.town = town
        self.service = service
        self.clock = clock
        self.warehouse = Warehouse()
        self.state: State | None = None
        self.start: datetime | None = None
        # What closed campaigns were like when they were closed.
        self.closed: dict[str, tuple[Parts, Parts]] = {}
        self.lags = False

        class LifeTap(TapZohoCampaigns):
            def now(self) -> datetime:
                return town.now

        self.tap = LifeTap

    @initialize(
        members=st.lists(st.integers(0, PEOPLE - 1), max_size=PEOPLE, unique=True),
        page_size=st.sampled_from((4, 8, 10)),
        lookback=st.sampled_from((30, 1, 0)),
        newest_first=st.booleans(),
        tick=st.sampled_from((SECOND, 10 * MINUTE)),
    )
    def begin(
        self,
        members: list[int],
        page_size: int,
        lookback: int,
        *,
        newest_first: bool,
        tick: timedelta,
    ) -> None:
        self.town.reset()
        self.town.newest_first = newest_first
        self.town.add_segment(members)
        self.tick = tick
        self.lookback = timedelta(days=lookback)
        self.settings = {
            "page_size": page_size,
            "lookback_days": lookback,
            "actions": [*READ],
            "timezone": ZONE.key,
            "retry_max_seconds": 0,
            "rate_limit_ledger": "memory",
            "concurrency": self.at_once,
        }

    @rule(changes=st.lists(change, min_size=1, max_size=4))
    def live(self, changes: list[Change]) -> None:
        for each in changes:
            apply(self.town, each)

    @rule(pause=st.sampled_from(PAUSES))
    def wait(self, pause: timedelta) -> None:
        self.town.now += pause

    @rule(start=st.sampled_from(STARTS))
    def move_start(self, start: datetime | None) -> None:
        self.start = start

    @rule()
    def run_whole(self) -> None:
        self.run_to_its_end()

    @rule()
    def run_while_rows_lag_behind_their_counters(self) -> None:
        if self.lags:
            return  # they have come by the next run
        self.lags = True
        messages, ended = self.run(hidden=1)
        assert ended
        self.finish(messages, check=False)

    @rule(cut=st.floats(0, 1), back=st.integers(0, 3))
    def run_and_kill_at_a_message(self, cut: float, back: int) -> None:
        messages, _ = self.run()
        self.die(messages[: round(cut * len(messages))], back)

    @rule(calls=st.integers(1, 40), back=st.integers(0, 3))
    def run_and_kill_at_a_call(self, calls: int, back: int) -> None:
        def kill(number: int) -> None:
            if number == calls:
                raise ConnectionAbortedError

        messages, ended = self.run(kill)
        if ended:
            self.finish(messages)
        else:
            self.die(messages, back)

    @rule(calls=st.integers(1, 40), changes=st.lists(change, min_size=1, max_size=4))
    def run_while_it_lives(self, calls: int, changes: list[Change]) -> None:
        def disturb(number: int) -> None:
            if number == calls:
                for each in changes:
                    apply(self.town, each)

        messages, ended = self.run(disturb)
        if ended:
            self.finish(messages)
        else:
            self.die(messages, 0)

    def teardown(self) -> None:
        if hasattr(self, "settings"):
            self.run_to_its_end()

    # Running

    def run_to_its_end(self) -> None:
        messages, ended = self.run()
        assert ended
        self.finish(messages)
        self.lags = False

    def run(
        self, disturb: Callable[[int], None] | None = None, hidden: int = 0
    ) -> tuple[list[Message], bool]:
        """Run the tap; return what it wrote, and whether it came to its end."""
        # Nobody starts two runs within the same millisecond.
        self.town.now += SECOND
        self.began = self.town.now
        self.before = self.parts()
        self.clock.seconds += 3600
        called = 0
        one_at_a_time = threading.Lock()

        def intercept(_: Call) -> Reply | None:
            nonlocal called
            with one_at_a_time:
                called += 1
                self.town.now += self.tick
                if disturb:
                    disturb(called)
            return None

        self.service.intercept = intercept
        start = {"start_date": rfc3339(self.start)} if self.start else {}
        tap = self.tap(
            config=self.service.config | self.settings | start,
            state=deepcopy(self.state),
        )
        for name, stream in tap.streams.items():
            stream.selected = name in STREAMS
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        ended = True
        try:
            self.town.hidden = hidden
            with redirect_stdout(stdout):
                tap.sync_all()
        except Failed:
            ended = False
        finally:
            self.town.hidden = 0
        stdout.seek(0)
        messages = [*map(json.loads, stdout)]
        self.town.now += SECOND
        self.after = self.parts()
        self.check_states(messages)
        return messages, ended

    def finish(self, messages: list[Message], *, check: bool = True) -> None:
        """Take all that a run wrote; what is current is then what the account has."""
        self.warehouse.load(messages)
        self.go_on_with([m["value"] for m in messages if m["type"] == "STATE"][-1])
        if check:
            self.check()

    def die(self, messages: list[Message], back: int) -> None:
        """Take what a killed run wrote; the loader may pass on an older state."""
        self.warehouse.load(messages)
        states = [m["value"] for m in messages if m["type"] == "STATE"]
        known = [self.state, *states]
        chosen = known[max(len(known) - 1 - back, 0)]
        if not is_safe(chosen, known[-1]):
            chosen = known[-1]
        self.go_on_with(chosen)

    def go_on_with(self, state: State | None) -> None:
        for key, parts in self.before.items():
            if not key or key not in self.after:
                continue
            if not is_closed(state, key):
                self.closed.pop(key, None)
            elif not is_closed(self.state, key):
                self.closed[key] = parts, self.after[key]
                horizon = rfc3339(self.town.now - self.lookback)
                assert self.town.last_sent(key) <= horizon, "closed within its window"
                assert self.town.mailings[key].campaign.status not in UNFINISHED
        self.state = state

    # What has to hold

    def parts(self) -> dict[str, Parts]:
        """Return what a warehouse should hold now: by campaign, and of segments."""
        start = rfc3339(self.start) if self.start else ""
        return {"": self.town.segment_parts(self.start)} | {
            each.key: self.town.campaign_parts(each.key)
            for each in self.town.campaigns()
            if each.sent and rfc3339(each.sent) >= start
        }

    def check(self) -> None:
        """Compare the warehouse with the account, after a run that came to its end."""
        assert self.state
        current = self.warehouse.current()
        for key, parts in self.before.items():
            if key not in self.after:
                continue
            before, after = self.closed.get(key, (parts, self.after[key]))
            assert not difference(current, before, after), self.state
            if before == after:
                for part, rows in before.items():
                    assert self.warehouse.snapshots[part]["rows_read"] == len(rows)
        horizon = rfc3339(self.began - self.lookback)
        opened = self.state["bookmarks"]["campaign_recipients"]["open"]
        for key in opened.keys() & self.before.keys() & self.after.keys():
            if self.before[key] == self.after[key]:
                status = self.town.mailings[key].campaign.status
                assert self.town.last_sent(key) > horizon or status in UNFINISHED

    def check_states(self, messages: list[Message]) -> None:
        """Check each state that a run wrote against the one before."""
        state: State = self.state or {}
        for message in messages:
            if message["type"] != "STATE":
                continue
            before, state = state.get("bookmarks", {}), message["value"]
            text = json.dumps(state)
            assert "@" not in text
            assert "example" not in text
            for name, bookmark in state["bookmarks"].items():
                newest = bookmark.get("replication_key_value", "")
                assert newest >= before.get(name, {}).get("replication_key_value", "")
            members = state["bookmarks"].get("segment_contacts", {})
            for line in members.get("parts", {}).values():
                assert len(json.dumps(line)) < 1000


def is_closed(state: State | None, key: str) -> bool:
    """Whether a state says that a campaign need not be looked at any more."""
    recipients = (state or {}).get("bookmarks", {}).get("campaign_recipients", {})
    return key in recipients.get("closed", {})


def is_safe(state: State | None, last: State | None) -> bool:
    """Whether a loader may pass on this state when it has loaded up to another.

    It may not drop the note that a segment is about to be written: of rows that came
    afterwards, and that leave before the next run, a tap can't know.
    """

    def lines(each: State | None) -> dict[str, t.Any]:
        members = (each or {}).get("bookmarks", {}).get("segment_contacts", {})
        return t.cast("dict[str, t.Any]", members.get("parts", {}))

    return all(
        line.get("dirty") or lines(last).get(cvid) == line
        for cvid, line in lines(state).items()
    )


@pytest.fixture
def life() -> Iterator[Callable[..., Life]]:
    town, clock = Town(), Clock()
    # One service for all lives: each has the account to itself.
    with Service(town, quota_calls=10**9, monotonic=clock) as service:
        logging.disable()  # it would say of each kill that it is an error
        yield partial(Life, town, service, clock)
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("at_once", "share"), [(1, 1), (4, 5)], ids=["one by one", "side by side"]
)
def test_whatever_happens_the_warehouse_is_true(
    life: Callable[..., Life], at_once: int, share: int
) -> None:
    examples = os.environ.get("MODEL_EXAMPLES")
    run_state_machine_as_test(
        t.cast("type[RuleBasedStateMachine]", partial(life, at_once=at_once)),
        settings=settings(
            max_examples=int(examples or EXAMPLES) // share,
            derandomize=not examples,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
