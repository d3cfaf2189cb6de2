"""A model test: the tap runs while the account, the settings and the clock change.

Runs may be stopped or killed. After each complete run, the warehouse is compared with
the account; `model_checks` has these checks.
"""

from __future__ import annotations

import io
import json
import threading
import typing as t
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import chain

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tap_zohocampaigns.api.errors import FatalError, Forbidden, StoppedAtLock, Transient
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.model_changes import (
    DAY,
    HOUR,
    MINUTE,
    PEOPLE,
    Change,
    apply,
    change,
)
from tests.support.model_checks import (
    COUNTERS,
    OPTIONAL,
    STREAMS,
    ModelChecks,
    PartRead,
    Run,
)
from tests.support.network import Clock, Killed, service_without_sockets
from tests.support.scripted_account import (
    ACTIONS_READ,
    BEGIN,
    ZONE,
    CounterError,
    Feed,
    ScriptedAccount,
)
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tap_zohocampaigns.sandbox import Call, Reply, Service
    from tap_zohocampaigns.sync.base import ZohoStream
    from tests.support.network import FakeNetwork
    from tests.support.scripted_account import Parts

    State: t.TypeAlias = dict[str, t.Any]

SECOND = timedelta(seconds=1)
PAUSES = (MINUTE, HOUR, DAY, 7 * DAY, 29 * DAY, 30 * DAY, 40 * DAY)
# Values of the setting `start_date`.
STARTS = (None, BEGIN - 3 * DAY, BEGIN, BEGIN + 20 * DAY)
# How far the clock of the tap may be wrong.
SKEWS = (timedelta(), timedelta(), 3 * HOUR, -3 * HOUR, 30 * HOUR)
# The most rows of a page, and whether answers report this limit.
CAPS = ((None, True), (3, True), (7, True), (10, False))


class FewStreamsTap(TapZohoCampaigns):
    """The tap with the streams of the model alone, which takes less time to start."""

    def discover_streams(self) -> list[ZohoStream]:
        return [one for one in super().discover_streams() if one.name in STREAMS]


class ModelTest(ModelChecks, RuleBasedStateMachine):
    """The rules of the model test; hypothesis applies them in any order."""

    def __init__(
        self,
        account: ScriptedAccount,
        service: Service,
        clock: Clock,
        network: FakeNetwork,
        at_once: int,
    ) -> None:
        super().__init__()
        self.at_once = at_once
        self.account = account
        self.service = service
        self.clock = clock
        self.network = network
        self.state: State | None = None
        self.start: datetime | None = None
        self.skew = timedelta()
        self.selected = {*STREAMS}
        self.columns = {*OPTIONAL}
        self.full = False
        # `ModelChecks` documents the following attributes.
        self.history: list[Parts] = [{}]
        self.owners: dict[str, str] = {}
        self.oldest: dict[str, int] = {}
        self.past_reads: dict[str, list[PartRead]] = {}
        self.runs_after_window: dict[str, int] = {}
        self.settled: set[str] = set()
        self.closing_looks: dict[str, int] = {}
        self.to_rewrite: set[str] = set()
        self.selections: list[tuple[t.Any, ...]] = []
        self.missing_runs: dict[str, tuple[int, int]] = {}
        self.runs: list[Run] = []
        model_test = self

        class ModelTap(FewStreamsTap):
            def now(self) -> datetime:
                return account.now + model_test.skew

        self.tap = ModelTap

    @initialize(
        members=st.lists(st.integers(0, PEOPLE - 1), max_size=PEOPLE, unique=True),
        page_size=st.sampled_from((4, 8, 10, 20)),
        lookback=st.sampled_from((30, 1, 0)),
        newest_first=st.booleans(),
        tick=st.sampled_from((SECOND, 10 * MINUTE)),
        activates_versions=st.booleans(),
        has_wrong_date=st.booleans(),
        changes=st.lists(change, max_size=8),
    )
    def begin(  # noqa: PLR0913 (the test draws them)
        self,
        members: list[int],
        page_size: int = 8,
        lookback: int = 30,
        *,
        newest_first: bool = False,
        tick: timedelta = SECOND,
        activates_versions: bool = False,
        has_wrong_date: bool = False,
        changes: Collection[Change] = (),
    ) -> None:
        self.account.reset()
        self.network.has_wrong_date = has_wrong_date
        self.service.clamp, self.service.echo_clamped = None, True
        self.account.newest_first = newest_first
        self.account.add_segment(members)
        for one in changes:
            apply(self.account, one)
        self.tick = tick
        self.warehouse = Warehouse(activates_versions=activates_versions)
        self.settings = {
            "page_size": page_size,
            "lookback_days": lookback,
            "actions": [*ACTIONS_READ],
            "timezone": ZONE.key,
            "retry_max_seconds": 0,
            "rate_limit_ledger": "memory",
            "rate_limit_on_lock": "stop",
            "concurrency": self.at_once,
            "emit_activate_version_messages": True,
        }
        if has_wrong_date:
            # The tap must find the zone itself, although one date contradicts it.
            del self.settings["timezone"]

    # Changes between runs.

    @rule(changes=st.lists(change, min_size=1, max_size=4))
    def change_account(self, changes: list[Change]) -> None:
        for one in changes:
            apply(self.account, one)

    @rule(pause=st.sampled_from(PAUSES))
    def wait(self, pause: timedelta) -> None:
        self.account.now += pause

    @rule(start=st.sampled_from(STARTS))
    def move_start(self, start: datetime | None) -> None:
        self.start = start

    @rule(skew=st.sampled_from(SKEWS))
    def set_clock(self, skew: timedelta) -> None:
        self.skew = skew

    @rule(cap=st.sampled_from(CAPS))
    def set_cap(self, cap: tuple[int | None, bool]) -> None:
        self.service.clamp, self.service.echo_clamped = cap

    @rule(
        which=st.integers(0, 60),
        counter=st.sampled_from([*chain(*COUNTERS.values())]),
        counter_error=st.sampled_from(
            (
                *(
                    CounterError("still"),
                    CounterError("still"),
                    CounterError("zero"),
                    CounterError("off", 1),
                ),
                *(
                    CounterError("off", -1),
                    CounterError("lag", 1),
                    CounterError("lag", 3),
                ),
            )
        ),
    )
    def make_counter_wrong(
        self, which: int, counter: str, counter_error: CounterError
    ) -> None:
        sendings = [*self.account.mailings]
        if sendings:
            self.account.make_counter_wrong(
                sendings[which % len(sendings)], counter, counter_error
            )

    @rule()
    def correct_counters(self) -> None:
        self.account.wrong_counters.clear()

    @rule(days=st.sampled_from((30, 1, 0)))
    def set_lookback(self, days: int) -> None:
        self.settings["lookback_days"] = days

    @rule(actions=st.sampled_from(([*ACTIONS_READ], [*ACTIONS_READ[1:4]])))
    def set_actions(self, actions: list[str]) -> None:
        self.settings["actions"] = actions

    @rule(zone=st.sampled_from((ZONE.key, "Asia/Kolkata")))
    def set_zone(self, zone: str) -> None:
        if self.network.has_wrong_date:
            return  # without it, the tap would miss changes of closed campaigns
        self.settings["timezone"] = zone
        self.account.set_zone(zone)

    @rule(column=st.sampled_from(sorted(OPTIONAL)))
    def select(self, column: str) -> None:
        """Select a column, or deselect it if it is selected."""
        self.columns ^= {column}

    @rule()
    def select_snapshots(self) -> None:
        """Select the stream `snapshots`, or deselect it if it is selected."""
        self.selected ^= {"snapshots"}

    @rule()
    def toggle_full_refresh(self) -> None:
        """Switch between incremental and full replication."""
        self.full = not self.full

    # Runs.

    @rule(feed=st.sampled_from((Feed(), Feed(), Feed(1), Feed(9), Feed(0, 2))))
    def run_complete(self, feed: Feed = Feed()) -> None:  # noqa: B008 (it is a tuple)
        run = self.run(feed=feed)
        assert run.completed
        self.finish(run)

    @rule(cut=st.floats(0, 1), back=st.integers(0, 3))
    def run_and_kill_at_a_message(self, cut: float, back: int) -> None:
        """Load only a share `cut` of the messages; save a state `back` states old."""
        run = self.run()
        self.finish_killed(run, run.messages[: round(cut * len(run.messages))], back)

    @rule(
        kind=st.sampled_from(("kill", "fail", "stop", "forbid")),
        calls=st.integers(1, 40),
        back=st.integers(0, 3),
    )
    def run_and_end_at_a_call(self, kind: str, calls: int, back: int) -> None:
        run = self.run(end=(kind, calls))
        if run.completed and kind != "forbid":
            self.finish(run)
        else:
            self.finish_killed(run, run.messages, back)

    @rule(calls=st.integers(1, 40), changes=st.lists(change, min_size=1, max_size=4))
    def run_while_the_account_changes(self, calls: int, changes: list[Change]) -> None:
        def disturb(number: int) -> None:
            if number == calls:
                for one in changes:
                    apply(self.account, one)
                    self._record_account()

        run = self.run(disturb)
        if run.completed:
            self.finish(run)
        else:
            self.finish_killed(run, run.messages, 0)

    @rule(calls=st.integers(1, 20), cap=st.sampled_from(CAPS))
    def run_while_caps_change(self, calls: int, cap: tuple[int | None, bool]) -> None:
        def disturb(number: int) -> None:
            if number == calls:
                self.set_cap(cap)

        run = self.run(disturb)
        assert run.completed
        self.finish(run)

    def teardown(self) -> None:
        if not hasattr(self, "settings"):
            return
        self.selected.add("snapshots")
        self.run_complete()
        # After the end of all windows, no row may depend on a counter.
        for mailing in self.account.mailings.values():
            if mailing.campaign.status == "In Progress":
                self.account.finish(mailing.campaign.key)
        self.account.unlisted.clear()
        self.account.unlisted_tests.clear()
        self.account.now += 40 * DAY
        for _ in range(CLOSING_LOOKS + 1):
            self.run_complete()

    def run(
        self,
        disturb: Callable[[int], None] | None = None,
        feed: Feed = Feed(),  # noqa: B008 (it is a tuple)
        end: tuple[str, int] | None = None,
    ) -> Run:
        """Run the tap, and record what it did and what the service showed to it.

        Args:
            disturb: Called at each API call, with the number of the call.
            feed: How feeds differ from the account.
            end: How the run ends early (a key of `_ENDS`), and at which call.
        """
        # Two runs never start within the same millisecond.
        self.account.now += SECOND
        self.clock.seconds += 3600
        self.account.note_run()
        first = len(self.history)
        self._record_account()
        self.account.feed = feed
        self._record_account()
        reads: dict[str, bool] = {}
        calls = 0
        lock = threading.Lock()

        def intercept(call: Call) -> Reply | None:
            nonlocal calls
            with lock:
                calls += 1
                self.account.now += self.tick
                if disturb:
                    disturb(calls)
                if end and calls >= end[1]:
                    raise _ENDS[end[0]]
                if part := _part_of(call):
                    from_start = call.params["fromindex"] == "1"
                    reads[part] = reads.get(part, False) or from_start
            return None

        self.service.intercept = intercept
        start = {"start_date": rfc3339(self.start)} if self.start else {}
        tap = self.tap(
            config=self.service.config | self.settings | start,
            state=deepcopy(self.state),
            catalog=self._catalog(),
        )
        self.network.client = tap.inventory.client
        reports = self._reports()
        right_counters = self._right_counters()
        listed, after_window = self._listed(), self._after_window(tap.horizon)
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        completed = False
        with redirect_stdout(stdout), suppress(FatalError, Killed):
            try:
                tap.sync_all()
                completed = True
            except Stopped as stopped:
                stopped.save()
        self.network.client = None
        stdout.seek(0)
        messages = [*map(json.loads, stdout)]
        # The state of a stream that is left out goes back to that before the run.
        forbids = end is not None and end[0] == "forbid"
        self._record_account()
        self.account.feed = Feed()
        self._record_account()
        self.account.now += SECOND
        self._check_states(
            messages, () if forbids else ("replication_key_value", "run")
        )
        if feed.hidden:
            right_counters = set()
        self.runs.append(
            Run(
                messages,
                completed,
                reads,
                tap.horizon,
                first,
                len(self.history) - 1,
                (reports, self._reports()),
                right_counters & self._right_counters(),
                (after_window, self._after_window(tap.horizon)),
                (listed, self._listed()),
            )
        )
        return self.runs[-1]

    def _right_counters(self) -> set[str]:
        """Return the keys of the sendings whose counters are right now."""
        return {
            key for key in self.account.mailings if self.account.has_right_counters(key)
        }

    def _catalog(self) -> dict[str, t.Any]:
        """Return the catalog with the current selection."""
        catalog = deepcopy(_discovered())
        for entry in catalog["streams"]:
            name = entry["tap_stream_id"]
            if self.full and name in STREAMS[:2]:
                entry["replication_method"] = "FULL_TABLE"
            for metadata in entry["metadata"]:
                column = [*metadata["breadcrumb"], ""][1:2]
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["selected"] = name in self.selected
                elif {*column} & OPTIONAL:
                    metadata["metadata"]["selected"] = {*column} <= self.columns
        return catalog


_ENDS: dict[str, BaseException] = {
    "kill": Killed(),
    "fail": Transient("no whole answer"),
    "stop": StoppedAtLock("Zoho has locked it"),
    # The run continues without the streams that it may not read.
    "forbid": Forbidden("The token may not read it."),
}


@cache
def _discovered() -> dict[str, t.Any]:
    tap = FewStreamsTap(validate_config=False)
    return t.cast("dict[str, t.Any]", tap.catalog_dict)


def _part_of(call: Call) -> str | None:
    match call.endpoint:
        case "getsegmentcontacts":
            return f"segment_contacts/{call.params['cvid']}"
        case "getcampaignrecipientsdata":
            key, action = call.params["campaignkey"], call.params["action"]
            return f"campaign_recipients/{key}/{action}"
    return None


@contextmanager
def model_tests() -> Iterator[Callable[..., ModelTest]]:
    """Give a factory of model tests; each resets the account when it begins."""
    account, clock = ScriptedAccount(), Clock()
    with service_without_sockets(account, clock) as (service, network):
        yield partial(ModelTest, account, service, clock, network)
