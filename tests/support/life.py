"""A tap that lives with an account: it is run, stopped, killed and set otherwise.

After each run that came to its end the warehouse is compared with the account. What may
be stale then is worked out here from what the service showed, and not as the tap does.
"""

from __future__ import annotations

import io
import json
import threading
import typing as t
from contextlib import redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import chain

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tap_zohocampaigns.api.errors import FatalError, Forbidden, StoppedAtLock, Transient
from tap_zohocampaigns.api.transport import Reply as Answer
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox.server.http import Request
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.living import BEGIN, READ, ZONE, Bend, Feed, Town, Warehouse, wrong

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.transport import Transport
    from tap_zohocampaigns.sandbox import Call, Reply, Service
    from tests.support.living import Message, Parts

    State: t.TypeAlias = dict[str, t.Any]

STREAMS = ("segment_contacts", "campaign_recipients", "snapshots")
PEOPLE = 13
UNFINISHED = ("In Progress", "In Testing")
# The counters that may be the number of an action's rows; the greatest counts.
COUNTERS = {
    "sentcontacts": ("emails_sent_count", "delivered_count"),
    "openedcontacts": ("opens_count",),
    "clickedcontacts": ("unique_clicks_count",),
    "unopenedcontacts": ("unopened",),
    "optoutcontacts": ("unsub_count",),
}

OPTIONAL = {"last_name", "company_name"}
"""Columns that may be deselected."""

SHOWN = "%d %b %Y, %I:%M %p"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGES = (timedelta(), timedelta(), MINUTE, 3 * DAY, 400 * DAY)
PAUSES = (MINUTE, HOUR, DAY, 7 * DAY, 29 * DAY, 30 * DAY, 40 * DAY)
STARTS = (None, BEGIN - 3 * DAY, BEGIN, BEGIN + 20 * DAY)
SKEWS = (timedelta(), timedelta(), 3 * HOUR, -3 * HOUR, 30 * HOUR)
# The most rows of a page, and whether an answer tells that.
CAPS = ((None, True), (3, True), (7, True), (10, False))

CHANGES = (
    *("send", "send", "send", "send", "test", "test_late", "name"),
    *("conclude", "conclude", "deliver", "deliver", "finish"),
    *("open", "open", "open_and_deliver", "click", "opt_out"),
    *("join", "join", "leave", "leave", "rename", "add_segment"),
    *("delete_campaign", "delete_segment"),
    *("hide_campaign", "hide_segment", "show", "show"),
)
change = st.tuples(st.sampled_from(CHANGES), *[st.integers(0, 60)] * 3)
Change: t.TypeAlias = tuple[str, int, int, int]


def apply(town: Town, what: Change) -> None:
    """Change an account, if it has what is needed; numbers tell which and who."""
    kind, *numbers = what
    one, two, three = numbers
    if kind == "show" and town.absent:
        town.absent.remove(sorted(town.absent)[one % len(town.absent)])
    elif kind in ("join", "leave", "rename") or kind.endswith("segment"):
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
        case "hide_segment" if cvid:
            town.absent.add(cvid)
        case "add_segment" if len(segments) < 3:
            town.add_segment(range(two % 4, two % 4 + three % PEOPLE))


def _change_campaigns(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    one, two, three = numbers
    campaigns = [each.key for each in town.all_campaigns()]
    some = range(two % 4, two % 4 + three % PEOPLE)
    if kind == "send" and len(campaigns) < 4:
        town.send(some, status="Sent" if one % 3 else "In Progress")
    if kind in {"test", "test_late"} and len(campaigns) < 4:
        town.test((some[::2], some[1::2]), named=kind == "test")
    if kind in {"send", "test", "test_late"} or not campaigns:
        return
    _change_campaign(town, kind, campaigns[one % len(campaigns)], (two, three))


def _change_campaign(town: Town, kind: str, key: str, numbers: tuple[int, int]) -> None:
    two, three = numbers
    who = range(two % PEOPLE, two % PEOPLE + 1 + three % 3)
    match kind, town.mailings[key].campaign.status:
        case "conclude", "In Testing":
            town.conclude(key, range(three % PEOPLE, PEOPLE))
        case "deliver", "In Progress":
            town.deliver(key, who)
        case "open_and_deliver", "In Progress":
            town.open(key, who[0])
            town.deliver(key, who[:1])
            town.deliver(key, range(two % PEOPLE + 1, PEOPLE)[:1])
        case "finish", "In Progress":
            town.finish(key)
        case "delete_campaign", _:
            town.delete(key)
        case "hide_campaign", _:
            town.absent.add(key)
        case "name", _:
            town.unnamed -= {*town.mailings[key].campaign.children}
        case "open" | "click" | "opt_out", _:
            sendings = (key, *town.mailings[key].campaign.children)
            for number in who:
                getattr(town, kind)(sendings[two % len(sendings)], number)


class Killed(BaseException):
    """The process is no more: nothing is saved."""


class Clock:
    """Seconds of the sandbox, so that it never runs out of tokens."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Line:
    """Takes the place of the listener of a sandbox, and of the network."""

    server_address = ("", 0)

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        del port
        self.answer = answer

    def serve_forever(self, **_: float) -> None:
        """Have nothing to wait for."""

    def shutdown(self) -> None:
        """Have nothing to end."""

    def server_close(self) -> None:
        """Have nothing to close."""


@dataclass
class Wire:
    """Carries calls to a service of this process, for one client at a time."""

    lines: list[Line] = field(default_factory=list)
    client: Client | None = None
    outlier = False
    """Whether a campaign tells when it was sent with a text that is minutes off."""

    def listen(self, port: int, answer: Callable[[Request], Reply]) -> Line:
        self.lines.append(Line(port, answer))
        return self.lines[-1]

    def send(
        self,
        transport: Transport,
        how: tuple[str, str],
        form: dict[str, t.Any],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self.client is None or transport is not self.client._transport:  # noqa: SLF001
            raise Killed  # a thread of a run that is over
        method, path = how
        params = {name: str(value) for name, value in form.items()}
        query = params if method == "GET" else {}
        signed = (headers or {}).get("Authorization", "")
        reply = self.lines[-1].answer(Request(method, path, query, params, signed))
        if reply.cut:
            msg = "no whole answer"
            raise Transient(msg)
        if self.outlier and path.endswith("/recentcampaigns"):
            return Answer(reply.status, with_outlier(reply.body))
        return Answer(reply.status, reply.body)


def with_outlier(body: bytes) -> bytes:
    """Return a page of campaigns with one text of time that is minutes off."""
    answer = json.loads(body)
    for row in answer.get("recent_campaigns", ()):
        if text := row.get("sent_date_string"):
            off = datetime.strptime(text, SHOWN) + 2 * MINUTE  # noqa: DTZ007 (a text)
            row["sent_date_string"] = off.strftime(SHOWN)
            break
    return json.dumps(answer).encode()


class Run(t.NamedTuple):
    """What a run did."""

    messages: list[Message]
    ended: bool
    reads: dict[str, bool]
    """The parts that it read -> whether from their beginning."""
    horizon: str
    first: int
    """Where in the history of the account it began."""
    last: int
    """Where it ended."""
    shown: tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]
    """What reports told when it began, and when it ended, by sending."""
    honest: set[str]
    """Sendings whose counters told what was so."""
    closing: tuple[set[str], set[str]]
    """Campaigns whose window had ended when it began, and when it ended."""
    listed: tuple[set[str], set[str]]
    """Segments and campaigns that lists had when it began, and when it ended."""


class Look(t.NamedTuple):
    """What a run that read a part was shown."""

    told: int
    """How many rows its counter told of."""
    honest: bool
    matched: bool
    same: int
    """So many looks in a row did not match the same counter."""


class Life(RuleBasedStateMachine):
    """Lives, runs and kills, in any order."""

    def __init__(
        self, town: Town, service: Service, clock: Clock, wire: Wire, at_once: int
    ) -> None:
        super().__init__()
        self.at_once = at_once
        self.town = town
        self.service = service
        self.clock = clock
        self.wire = wire
        self.state: State | None = None
        self.start: datetime | None = None
        self.skew = timedelta()
        self.selected = {*STREAMS}
        self.columns = {*OPTIONAL}
        self.full = False
        # The account as it was when anything may have been seen of it.
        self.history: list[Parts] = [{}]
        self.owners: dict[str, str] = {}
        self.since: dict[str, int] = {}
        self.looks: dict[str, list[Look]] = {}
        self.closings: dict[str, int] = {}
        self.settled: set[str] = set()
        self.closing_looks: dict[str, int] = {}
        # Parts that are written again when they are read next.
        self.renewed: set[str] = set()
        # What was selected in the last run, and in those before it that were killed.
        self.selections: list[tuple[t.Any, ...]] = []
        self.missed: dict[str, tuple[int, int]] = {}
        life = self

        class LifeTap(TapZohoCampaigns):
            def now(self) -> datetime:
                return town.now + life.skew

        self.tap = LifeTap

    @initialize(
        members=st.lists(st.integers(0, PEOPLE - 1), max_size=PEOPLE, unique=True),
        page_size=st.sampled_from((4, 8, 10, 20)),
        lookback=st.sampled_from((30, 1, 0)),
        newest_first=st.booleans(),
        tick=st.sampled_from((SECOND, 10 * MINUTE)),
        activates=st.booleans(),
        outlier=st.booleans(),
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
        activates: bool = False,
        outlier: bool = False,
        changes: Collection[Change] = (),
    ) -> None:
        self.town.reset()
        self.wire.outlier = outlier
        self.service.clamp, self.service.echo_clamped = None, True
        self.town.newest_first = newest_first
        self.town.add_segment(members)
        for each in changes:
            apply(self.town, each)
        self.tick = tick
        self.warehouse = Warehouse(activates=activates)
        self.settings = {
            "page_size": page_size,
            "lookback_days": lookback,
            "actions": [*READ],
            "timezone": ZONE.key,
            "retry_max_seconds": 0,
            "rate_limit_ledger": "memory",
            "rate_limit_on_lock": "stop",
            "concurrency": self.at_once,
            "emit_activate_version_messages": True,
        }
        if outlier:
            # The zone has to be found, though one of the texts contradicts it.
            del self.settings["timezone"]

    # What changes between runs.

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

    @rule(skew=st.sampled_from(SKEWS))
    def set_clock(self, skew: timedelta) -> None:
        self.skew = skew

    @rule(cap=st.sampled_from(CAPS))
    def set_cap(self, cap: tuple[int | None, bool]) -> None:
        self.service.clamp, self.service.echo_clamped = cap

    @rule(
        which=st.integers(0, 60),
        counter=st.sampled_from([*chain(*COUNTERS.values())]),
        bend=st.sampled_from(
            (
                *(Bend("still"), Bend("still"), Bend("zero"), Bend("off", 1)),
                *(Bend("off", -1), Bend("lag", 1), Bend("lag", 3)),
            )
        ),
    )
    def bend(self, which: int, counter: str, bend: Bend) -> None:
        sendings = [*self.town.mailings]
        if sendings:
            self.town.bend(sendings[which % len(sendings)], counter, bend)

    @rule()
    def correct_counters(self) -> None:
        self.town.bent.clear()

    @rule(days=st.sampled_from((30, 1, 0)))
    def set_lookback(self, days: int) -> None:
        self.settings["lookback_days"] = days

    @rule(actions=st.sampled_from(([*READ], [*READ[1:4]])))
    def set_actions(self, actions: list[str]) -> None:
        self.settings["actions"] = actions

    @rule(zone=st.sampled_from((ZONE.key, "Asia/Kolkata")))
    def set_zone(self, zone: str) -> None:
        if self.wire.outlier:
            return  # without the setting, nothing tells that closed campaigns changed
        self.settings["timezone"] = zone
        self.town.set_zone(zone)

    @rule(column=st.sampled_from(sorted(OPTIONAL)))
    def select(self, column: str) -> None:
        self.columns ^= {column}

    @rule()
    def select_snapshots(self) -> None:
        self.selected ^= {"snapshots"}

    @rule()
    def replicate(self) -> None:
        self.full = not self.full

    @property
    def _selection(self) -> tuple[t.Any, ...]:
        """What rows hold; when it changes, all of them are written again."""
        actions = t.cast("list[str]", self.settings["actions"])
        return sorted(self.columns), sorted(actions), self.settings.get("timezone")

    # Runs.

    @rule(feed=st.sampled_from((Feed(), Feed(), Feed(1), Feed(9), Feed(0, 2))))
    def run_whole(self, feed: Feed = Feed()) -> None:  # noqa: B008 (it is a tuple)
        run = self.run(feed=feed)
        assert run.ended
        self.finish(run)

    @rule(cut=st.floats(0, 1), back=st.integers(0, 3))
    def run_and_kill_at_a_message(self, cut: float, back: int) -> None:
        run = self.run()
        self.die(run, run.messages[: round(cut * len(run.messages))], back)

    @rule(
        kind=st.sampled_from(("kill", "fail", "stop", "forbid")),
        calls=st.integers(1, 40),
        back=st.integers(0, 3),
    )
    def run_and_end_at_a_call(self, kind: str, calls: int, back: int) -> None:
        run = self.run(end=(kind, calls))
        if run.ended and kind != "forbid":
            self.finish(run)
        else:
            self.die(run, run.messages, back)

    @rule(calls=st.integers(1, 40), changes=st.lists(change, min_size=1, max_size=4))
    def run_while_it_lives(self, calls: int, changes: list[Change]) -> None:
        def disturb(number: int) -> None:
            if number == calls:
                for each in changes:
                    apply(self.town, each)
                    self._note()

        run = self.run(disturb)
        if run.ended:
            self.finish(run)
        else:
            self.die(run, run.messages, 0)

    @rule(calls=st.integers(1, 20), cap=st.sampled_from(CAPS))
    def run_while_caps_change(self, calls: int, cap: tuple[int | None, bool]) -> None:
        def disturb(number: int) -> None:
            if number == calls:
                self.set_cap(cap)

        run = self.run(disturb)
        assert run.ended
        self.finish(run)

    def teardown(self) -> None:
        if not hasattr(self, "settings"):
            return
        self.selected.add("snapshots")
        self.run_whole()
        # When all windows have ended, nothing depends on a counter.
        for mailing in self.town.mailings.values():
            if mailing.campaign.status == "In Progress":
                self.town.finish(mailing.campaign.key)
        self.town.absent.clear()
        self.town.unnamed.clear()
        self.town.now += 40 * DAY
        for _ in range(CLOSING_LOOKS + 1):
            self.run_whole()

    def run(
        self,
        disturb: Callable[[int], None] | None = None,
        feed: Feed = Feed(),  # noqa: B008 (it is a tuple)
        end: tuple[str, int] | None = None,
    ) -> Run:
        """Run the tap; return what it did.

        Args:
            disturb: Is called at each call, with its number.
            feed: How feeds differ from the account.
            end: How the run ends early, and at which call.
        """
        # Nobody starts two runs within the same millisecond.
        self.town.now += SECOND
        self.clock.seconds += 3600
        self.town.note_run()
        first = len(self.history)
        self._note()
        self.town.feed = feed
        self._note()
        reads: dict[str, bool] = {}
        called = 0
        one_at_a_time = threading.Lock()

        def intercept(call: Call) -> Reply | None:
            nonlocal called
            with one_at_a_time:
                called += 1
                self.town.now += self.tick
                if disturb:
                    disturb(called)
                if end and called >= end[1]:
                    raise _ENDS[end[0]]
                if part := _part_of(call):
                    whole = call.params["fromindex"] == "1"
                    reads[part] = reads.get(part, False) or whole
            return None

        self.service.intercept = intercept
        start = {"start_date": rfc3339(self.start)} if self.start else {}
        tap = self.tap(
            config=self.service.config | self.settings | start,
            state=deepcopy(self.state),
            catalog=self._catalog(),
        )
        self.wire.client = tap.inventory.client
        shown = self._reports()
        honest = {key for key in self.town.mailings if self.town.is_honest(key)}
        listed, closing = self._listed(), self._closing(tap.horizon)
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        ended = False
        with redirect_stdout(stdout), suppress(FatalError, Killed):
            try:
                tap.sync_all()
                ended = True
            except Stopped as stopped:
                stopped.save()
        self.wire.client = None
        stdout.seek(0)
        messages = [*map(json.loads, stdout)]
        shown_after = self._reports()
        # Of a stream that is left out, the state is as it was before.
        forbids = end is not None and end[0] == "forbid"
        self._note()
        self.town.feed = Feed()
        self._note()
        self.town.now += SECOND
        self._check_states(
            messages, () if forbids else ("replication_key_value", "run")
        )
        if feed.hidden:
            honest = set()
        return Run(
            messages,
            ended,
            reads,
            tap.horizon,
            first,
            len(self.history) - 1,
            (shown, shown_after),
            honest & {key for key in self.town.mailings if self.town.is_honest(key)},
            (closing, self._closing(tap.horizon)),
            (listed, self._listed()),
        )

    def _catalog(self) -> dict[str, t.Any]:
        """Return the catalog with what is selected."""
        catalog = deepcopy(_discovered())
        for entry in catalog["streams"]:
            name = entry["tap_stream_id"]
            if self.full and name in STREAMS[:2]:
                entry["replication_method"] = "FULL_TABLE"
            for about in entry["metadata"]:
                column = [*about["breadcrumb"], ""][1:2]
                if not about["breadcrumb"]:
                    about["metadata"]["selected"] = name in self.selected
                elif {*column} & OPTIONAL:
                    about["metadata"]["selected"] = {*column} <= self.columns
        return catalog

    def _note(self) -> None:
        """Remember the account as it is."""
        town, parts = self.town, self.town.segment_parts(self.start)
        self.owners |= {part: part.split("/")[1] for part in parts}
        for campaign in town.all_campaigns():
            found = town.campaign_parts(campaign.key)
            self.owners |= dict.fromkeys(found, campaign.key)
            parts |= found
        self.history.append(parts)

    def _reports(self) -> dict[str, dict[str, int]]:
        return {key: self.town.report(key) for key in self.town.mailings}

    def _listed(self) -> set[str]:
        start = rfc3339(self.start) if self.start else ""
        campaigns = {
            each.key
            for each in self.town.campaigns()
            if each.sent and rfc3339(each.sent) >= start
        }
        return campaigns | {*self.town.people} - self.town.absent

    def _closing(self, horizon: str) -> set[str]:
        return {
            each.key
            for each in self.town.campaigns()
            if each.sent
            and each.status not in UNFINISHED
            and self.town.last_sent(each.key) <= horizon
        }

    # What has to hold.

    def finish(self, run: Run) -> None:
        """Take all that a run wrote, and compare."""
        self.warehouse.load(run.messages)
        self.state = [m["value"] for m in run.messages if m["type"] == "STATE"][-1]
        self._count_missed(run, ended=True)
        if self.selections and self._selection not in self.selections:
            self.renewed |= self.owners.keys()
        self.selections = [self._selection]
        promised = self._promised(run)
        for part in promised:
            self._follow(part, run)
        self._note_reads(run, run.reads.keys() - promised)
        if "snapshots" in self.selected:
            self._compare(promised)
            self._check_deleted(run)
            self.renewed -= promised
        else:
            self.renewed |= self.owners.keys()
        self._count_closings(run)

    def die(self, run: Run, messages: list[Message], back: int) -> None:
        """Take what a killed run wrote; the loader may pass on an older state."""
        self.warehouse.load(messages)
        states = [m["value"] for m in messages if m["type"] == "STATE"]
        known = [self.state, *states]
        chosen = known[max(len(known) - 1 - back, 0)]
        if notes(chosen) != notes(known[-1]):
            chosen = known[-1]
        self.state = chosen
        self._count_missed(run, ended=False)
        self.selections.append(self._selection)
        self._note_reads(run, run.reads.keys())

    def _note_reads(self, run: Run, parts: Collection[str]) -> None:
        """Note of parts that they may have been read, or not to their end."""
        for part in parts:
            self.looks.setdefault(part, []).extend(self._looks(part, run))
            if self.owners[part] in run.closing[0] | run.closing[1]:
                self.settled.add(part)
            self.closing_looks[part] = CLOSING_LOOKS

    def _promised(self, run: Run) -> set[str]:
        """Return the parts that a run that came to its end must have seen to."""
        wanted = self._wanted()
        before, after = self.history[run.first], self.history[-1]
        return {
            part
            for part in before.keys() & after.keys()
            if self.owners[part] in run.listed[0] & run.listed[1]
            and wanted & {*part.split("/")}
            # The final sending of an A/B campaign has not come.
            and not self._is_unsent(part)
            and not self._is_late(part)
        }

    def _wanted(self) -> set[str]:
        return {"segment_contacts", *t.cast("list[str]", self.settings["actions"])}

    def _is_late(self, part: str) -> bool:
        """Whether a test send was named when its campaign was looked at no more."""
        campaign = self.owners[part]
        return (
            campaign not in (part.split("/")[1], *self.town.people)
            and part not in self.looks
            and any(self.owners[each] == campaign for each in self.settled)
        )

    def _is_unsent(self, part: str) -> bool:
        mailing = self.town.mailings.get(part.split("/")[1])
        return mailing is not None and mailing.campaign.sent is None

    def _is_gone(self, part: str) -> bool:
        """Whether a test send was deleted, and its campaign was not."""
        campaign = self.owners[part]
        return campaign in self.town.mailings and (
            part.split("/")[1] not in self.town.mailings
        )

    def _looks(self, part: str, run: Run) -> list[Look]:
        """Return what a run that read a part may have been shown of it."""
        _, key, *action = part.split("/")
        if not action:
            return []
        counts = {count(shown[key], action[0]) for shown in run.shown if key in shown}
        # Without what the account was like before and behind the feed.
        among = self.history[run.first + 1 : run.last]
        seen = [each[part] for each in among if part in each]
        before = self.looks.get(part, [])
        honest = key in run.honest
        if not run.reads[part]:
            honest = honest and all(look.honest for look in before)
        last = before[-1] if len(before) == 1 else None
        found = []
        for number in counts:
            # What an earlier run began may be all rows, though this one hides some.
            resumed = not run.reads[part]
            matched = resumed or any(len(rows) == number for rows in seen)
            again = last is not None and last.told == number and not matched
            same = last.same + 1 if last and again else 1
            found.append(Look(number, honest, matched, same))
        return found

    def _follow(self, part: str, run: Run) -> None:
        """Work out since when the warehouse may show a part as it was."""
        key = part.split("/")[1]
        campaign = self.owners[part]
        closing = campaign in run.closing[0] & run.closing[1]
        open_ = campaign not in run.closing[0] | run.closing[1]
        afresh = part in self.renewed or self.full
        if part in run.reads:
            if afresh:
                # Looks from before are forgotten.
                self.closings[campaign] = self.closing_looks[part] = 0
            if run.reads[part] and not self._has_vanished(part, run):
                self.since[part] = run.first
            self.looks[part] = self._looks(part, run)
            if not open_:
                self.settled.add(part)
                self.closing_looks[part] = self.closing_looks.get(part, 0) + 1
        elif key in run.shown[0]:
            self._check_unread(part, run, closing=closing, open_=open_)
            known = self.looks.get(part, [])
            honest = key in run.honest and all(look.honest for look in known)
            if honest and open_ and part not in self.settled:
                self.since[part] = run.first
        if afresh:
            self.since[part] = run.first
        if open_:
            self.settled.discard(part)
            self.closing_looks.pop(part, None)

    def _has_vanished(self, part: str, run: Run) -> bool:
        """Whether a part that had rows had none, so that it is asked for again."""
        return any(not each.get(part) for each in self.history[run.first :])

    def _check_unread(self, part: str, run: Run, *, closing: bool, open_: bool) -> None:
        """Check that a part of a campaign need not have been read."""
        _, key, action = part.split("/")
        looks = self.looks.get(part, [])
        told, later = (count(shown[key], action) for shown in run.shown)
        if closing:
            assert part in self.settled, f"{part}: no closing look"
            unmatched = len(looks) == 1 and not looks[0].matched
            enough = self.closing_looks.get(part, 0) >= CLOSING_LOOKS
            assert not unmatched or enough, f"{part}: not asked again"
        if not open_ or part in self.settled or told != later:
            return
        assert looks or not told, f"{part}: never read"
        if len(looks) == 1:
            look = looks[0]
            assert told in {look.told, 0}, f"{part}: its counter has moved"
            again = not look.matched and look.same == 1 and told
            assert not again, f"{part}: did not match, and is not read again"

    def _compare(self, promised: set[str]) -> None:
        current = self.warehouse.current()
        for part in promised:
            versions = [
                self._chosen(each.get(part, {}))
                for each in self.history[self.since.get(part, 0) :]
            ]
            have = current.get(part)
            said = wrong(part, have and self._chosen(have) if have else have, versions)
            assert not said, (said, self.state)
            if all(each == versions[0] for each in versions):
                assert self.warehouse.snapshots[part]["rows_read"] == len(versions[0])

    def _chosen(self, rows: dict[str, t.Any]) -> dict[str, t.Any]:
        hidden = OPTIONAL - self.columns
        return {
            address: {name: row[name] for name in row.keys() - hidden}
            for address, row in rows.items()
        }

    def _count_missed(self, run: Run, *, ended: bool) -> None:
        before, after = ({*town} for town in self._known(run))
        for key in {*self.owners.values()}:
            least, most = self.missed.get(key, (0, 0))
            if ended and key in before & after:
                self.missed.pop(key, None)
            elif key not in before | after and ended:
                self.missed[key] = least + 1, most + 1
            elif key not in before & after:
                self.missed[key] = 0, most + 1
            elif key in self.missed:
                self.missed[key] = 0, most

    def _known(self, run: Run) -> tuple[set[str], set[str]]:
        # Out of the scope of `start_date` is not missing.
        out = {*self.owners.values()} & self._out_of_scope()
        return run.listed[0] | out, run.listed[1] | out

    def _out_of_scope(self) -> set[str]:
        return {each.key for each in self.town.campaigns()} - self._listed()

    def _check_deleted(self, run: Run) -> None:
        current, told = self.warehouse.current(), self.warehouse.snapshots
        wanted = self._wanted()
        for part, owner in self.owners.items():
            least, most = self.missed.get(owner, (0, 0))
            if part in told and wanted & {*part.split("/")}:
                if least >= 2 and part not in self.renewed:
                    assert not current[part], f"{part} is deleted"
                    assert told[part]["deleted"], f"{part} is deleted"
                elif told[part]["deleted"] and most < 2:
                    # Of what was never sent nothing could be deleted.
                    before = self.history[: run.first]
                    had_rows = any(each.get(part) for each in before)
                    assert not had_rows or self._is_gone(part), f"{part} is there"

    def _count_closings(self, run: Run) -> None:
        assert self.state
        opened = self.state["bookmarks"]["campaign_recipients"]["open"]
        for key in run.listed[0] & run.listed[1]:
            closing = key in run.closing[0] & run.closing[1] and not self.full
            self.closings[key] = self.closings.get(key, 0) + 1 if closing else 0
            if self.closings[key] > CLOSING_LOOKS:
                assert key not in opened, f"{key} is not closed"

    def _check_states(self, messages: list[Message], marks: Collection[str]) -> None:
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
                for mark in marks:
                    newest = bookmark.get(mark, "")
                    assert newest >= before.get(name, {}).get(mark, "")
            members = state["bookmarks"].get("segment_contacts", {})
            for line in members.get("parts", {}).values():
                assert len(json.dumps(line)) < 1000


_ENDS: dict[str, BaseException] = {
    "kill": Killed(),
    "fail": Transient("no whole answer"),
    "stop": StoppedAtLock("Zoho has locked it"),
    # The run goes on to its end without what it may not read.
    "forbid": Forbidden("The token may not read it."),
}


def count(report: dict[str, int], action: str) -> int:
    """Return how many rows an action has, as a report tells."""
    return max(report[name] for name in COUNTERS[action])


@cache
def _discovered() -> dict[str, t.Any]:
    tap = TapZohoCampaigns(validate_config=False)
    return t.cast("dict[str, t.Any]", tap.catalog_dict)


def _part_of(call: Call) -> str | None:
    match call.endpoint:
        case "getsegmentcontacts":
            return f"segment_contacts/{call.params['cvid']}"
        case "getcampaignrecipientsdata":
            key, action = call.params["campaignkey"], call.params["action"]
            return f"campaign_recipients/{key}/{action}"
    return None


def notes(state: State | None) -> list[tuple[t.Any, ...]]:
    """Return what a run notes in its state before it writes the first row of a stream.

    A loader may pass on an older state than the last one, but not one without these:
    of rows that came afterwards, and that leave before the next run, a tap can't know.
    """
    bookmarks = (state or {}).get("bookmarks", {})
    return [
        tuple(bookmarks.get(stream, {}).get(name) for name in ("run", "pass"))
        for stream in STREAMS[:2]
    ]
