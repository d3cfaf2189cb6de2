"""Streams of campaigns, which go on for weeks after their sending.

Zoho can't be asked for what has changed, so a campaign is looked at until its window
has ended, and then never again.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from hashlib import blake2b

from tap_zohocampaigns.account import changed_time, sent_time
from tap_zohocampaigns.ahead import Batch
from tap_zohocampaigns.api.errors import Forbidden, Gone
from tap_zohocampaigns.api.times import rfc3339
from tap_zohocampaigns.api.values import CUSTOM
from tap_zohocampaigns.api.wire import as_list, as_objects
from tap_zohocampaigns.client import Part
from tap_zohocampaigns.incremental import SnapshotStream, StatefulStream
from tap_zohocampaigns.pages import Place

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tap_zohocampaigns.api.wire import Envelope, Row

    Records: t.TypeAlias = list[Row]

# The counters of campaignreports that tell of an action; the first is the number of its
# rows, unless it counts events. What matters is that one of them moves.
# https://www.zoho.com/campaigns/help/developers/campaign-reports.html
COUNTERS = {
    "sentcontacts": ("delivered_count", "emails_sent_count"),
    "openedcontacts": ("opens_count",),
    "clickedcontacts": ("unique_clicks_count",),
    "unopenedcontacts": ("unopened",),
    "optoutcontacts": ("unsub_count",),
    "spamcontacts": ("spams_count", "complaints_count"),
    "senthardbounce": ("hardbounce_count",),
    "sentsoftbounce": ("softbounce_count",),
    "unsentcontacts": ("unsent_count",),
}
# A campaign in these states goes on, however long ago it began.
_UNFINISHED = {"inprogress", "paused", "intesting"}


class Closed:
    """The spans of sending times whose campaigns are closed and read whole."""

    def __init__(self, spans: list[list[str]], horizon: str) -> None:
        """Take the spans of the state.

        Args:
            spans: First and last time of each.
            horizon: What was sent after it is still looked at.
        """
        self.spans = spans
        self._horizon = horizon

    def covers(self, sent: str) -> bool:
        """Return whether a campaign sent then needs no look."""
        return sent <= self._horizon and any(a <= sent <= b for a, b in self.spans)

    def extend(self, first: str) -> None:
        """Note that all from a time up to the horizon has been looked at."""
        if first > self._horizon:
            return
        first, last = min(first, self._horizon), self._horizon
        apart = []
        for a, b in self.spans:
            if a <= last and first <= b:
                first, last = min(a, first), max(b, last)
            else:
                apart.append([a, b])
        self.spans[:] = [*apart, [first, last]]


class LookbackStream(StatefulStream):
    """A stream that looks at campaigns for `lookback_days` after their sending."""

    @cached_property
    def horizon(self) -> str:
        """The time of sending before which the window of a campaign has ended."""
        lookback = timedelta(days=self._zoho.settings["lookback_days"])
        return rfc3339(self._zoho.now() - lookback)

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of the stream; what was read of another is not all."""
        return (sorted(self._zoho.settings.get("campaign_keys") or []),)

    @property
    def scope_mark(self) -> str:
        """A text that stands for the scope in the state."""
        return blake2b(repr(self.scope).encode(), digest_size=8).hexdigest()


class SentStream(LookbackStream):
    """A stream of sent campaigns: each is looked at until its window has ended."""

    kept: t.ClassVar[t.Mapping[str, t.Any]] = {"closed": [], "unfinished": []}
    """What the state tells of campaigns, as it is in the beginning."""

    def known_state(self) -> Row:
        """Return the state of before, unless settings narrow it in another way now."""
        scope = self.scope_mark
        state: Row = deepcopy({**self.kept}) | super().known_state()
        if state.get("scope") != scope:
            state |= {"scope": scope, "closed": []}
        return state

    def parts(self) -> list[Part]:
        """Return the campaigns that need a look, newest first."""
        closed = Closed(self.before["closed"], self.horizon)
        opened = {*self.before["unfinished"], *self.before.get("open", ())}
        return [
            Part(owner=campaign["campaign_key"], about=campaign)
            for campaign in self.account.sent_campaigns
            if (sent := sent_time(campaign)) >= self.start
            and (
                not closed.covers(sent)
                or campaign["campaign_key"] in opened
                or _is_unfinished(campaign)
            )
        ]

    def batches(self) -> Iterator[Records]:
        """Yield what has moved: open campaigns, newest first, then what is left."""
        state = self.stream_state
        kept = ("scope", *self.kept)
        state |= {name: deepcopy(self.before[name]) for name in kept}
        closed = Closed(state["closed"], self.horizon)
        unfinished = [
            campaign["campaign_key"]
            for campaign in self.account.sent_campaigns
            if _is_unfinished(campaign)
        ]
        # They need one more look when they have ended, whenever that is.
        state["unfinished"] = sorted({*state["unfinished"], *unfinished})
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            # All that was sent later is done now.
            closed.extend(_next(sent_time(part.about)))
            yield from self.take(part, batches)
        closed.extend(self.start)
        state["unfinished"] = unfinished
        self.checkpoint()

    def take(self, part: Part, batches: Iterator[Batch]) -> Iterator[Records]:
        """Yield the records of a campaign, and note what has been written."""
        with self.unless_gone(part):
            for batch in batches:
                yield self.stamp(batch.rows, part)
        self.checkpoint()

    def sends(self, campaign: Row) -> list[str]:
        """Return the keys under which a campaign was sent, its own first."""
        tests = self.account.test_sends(campaign, self.call)
        return [campaign["campaign_key"], *tests]

    def read_sends(
        self, keys: list[str], read: Callable[[str], Iterator[Batch]]
    ) -> Generator[Batch, None, list[str]]:
        """Yield what is read of each sending; return the keys of those that are gone.

        The final sending of an A/B campaign may never come, and a test be deleted.

        Raises:
            Gone: All of them are.
        """
        gone: dict[str, Gone] = {}
        for key in keys:
            try:
                yield from read(key)
            except Gone as error:
                gone[key] = error
        if len(gone) == len(keys):
            raise gone[keys[0]]
        for each in gone.values():
            self.logger.warning("Left out, as it is gone: %s", each)
        return [*gone]

    def look(self, sent_key: str) -> Envelope | None:
        """Return the report of a campaign, if there is one."""
        if not self.account.version.reads("campaignreports"):
            return None
        try:
            return self.account.report(sent_key, self.call)
        except Gone:
            return None


class ReportStream(SentStream):
    """A stream of reports: what they tell on each day on which a campaign is open."""

    endpoint = "campaignreports"
    replication_key = "reported_on"

    def read(self, part: Part) -> Iterator[Batch]:
        """Read the reports of a campaign, of its test sends too."""
        today = self._zoho.now().date().isoformat()
        for sent_key in self.sends(part.about):
            keys = {
                "campaign_key": sent_key,
                "parent_campaign_key": None if sent_key == part.owner else part.owner,
                "reported_on": today,
            }
            envelope = self.look(sent_key)
            rows = self.rows(envelope) if envelope else []
            records = self.converter.records(rows)
            # A country may be called `null`: a key is never nothing.
            names = [
                {name: row[name] for name in self.primary_keys if name in row}
                for row in rows
            ]
            yield Batch(
                [
                    record | name | keys
                    for record, name in zip(records, names, strict=True)
                ]
            )

    def rows(self, envelope: Envelope) -> Records:
        """Return the rows that a report has for the stream, as they are on the wire."""
        return as_objects(envelope.payload)


class DetailStream(LookbackStream):
    """A stream of details: of campaigns that have changed, and of those still open."""

    endpoint = "getcampaigndetails"
    replication_key = "updated_time"

    def parts(self) -> list[Part]:
        """Return the campaigns that have changed, longest ago first."""
        bookmark = self.before.get("replication_key_value") or ""
        opened = {
            campaign["campaign_key"]
            for campaign in self.account.sent_campaigns
            if sent_time(campaign) >= self.horizon
        }
        now = self._zoho.time()
        changed = sorted(
            (
                (changed_time(campaign, now), campaign)
                for campaign in self.account.campaigns
            ),
            key=lambda each: each[0],
        )
        return [
            Part(
                keys={"campaign_key": row["campaign_key"], "updated_time": when},
                owner=row["campaign_key"],
                about=row,
            )
            for when, row in changed
            if when >= self.start
            and (when >= bookmark or row["campaign_key"] in opened)
        ]

    def records(self, part: Part) -> Iterator[Records]:
        """Yield what the details of a campaign have for the stream."""
        if envelope := self.account.details(part.about, self.call):
            yield self.converter.records(self.rows(envelope))

    def rows(self, envelope: Envelope) -> Records:
        """Return the rows that the details have for the stream."""
        details = as_objects(envelope.payload)
        about = ("campaign_status", "total_subscribers_count")
        known = {name: envelope.body.get(name) for name in about}
        return [known | _without_shifted_times(row) for row in details]

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of the stream."""
        return (*super().scope, self.start)

    def known_state(self) -> Row:
        """Return the state of before, unless settings narrow it in another way now."""
        state = super().known_state()
        if state.get("scope") != self.scope_mark:
            state.pop("replication_key_value", None)
        return state

    def batches(self) -> Iterator[Records]:
        """Yield the records of the campaigns, and note how far it is."""
        if "replication_key_value" not in self.before:
            self.stream_state.pop("replication_key_value", None)
        self.stream_state["scope"] = self.scope_mark
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            with self.unless_gone(part):
                for batch in batches:
                    yield self.stamp(batch.rows, part)
            # Campaigns without rows have been looked at, too.
            self.bookmark.newest = part.keys["updated_time"]
            self.checkpoint()


class Visit(t.NamedTuple):
    """How far an action of a campaign has been read."""

    part: Part
    counts: list[int] | None
    """What the counters told before."""
    known: Row
    """What an earlier run noted of it."""
    begun: Row
    """When it was begun, and where to go on, as the state has it."""
    ended: bool = False


class CampaignStream(SentStream, SnapshotStream):
    """A stream of what recipients do: of each action, what has moved is read again."""

    kept: t.ClassVar[t.Mapping[str, t.Any]] = {**SentStream.kept, "open": {}}

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        return self._zoho.settings.get("actions") or COUNTERS

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of the stream."""
        return (*super().scope, sorted(self.actions))

    def batches(self) -> Iterator[Records]:
        """Yield what has moved, and forget campaigns that are not there any more."""
        yield from super().batches()
        opened: dict[str, Row] = self.stream_state["open"]
        keys = {campaign["campaign_key"] for campaign in self.account.sent_campaigns}
        for key in opened.keys() - keys:
            del opened[key]

    def take(self, part: Part, batches: Iterator[Batch]) -> Iterator[Records]:
        """Yield what has moved of a campaign, and close it when it is over."""
        opened: dict[str, Row] = self.stream_state["open"]
        line = opened.setdefault(
            part.owner, {"last": sent_time(part.about), "seen": {}}
        )
        with self.unless_gone(part):
            yield from self._take_campaign(batches, line)
        if part.owner in self.gone or self._is_over(part.about, line):
            del opened[part.owner]

    def read(self, part: Part) -> Iterator[Batch]:
        """Read what has moved of a campaign, its test sends too."""
        key = part.owner
        line = self.before["open"].get(key, {})
        tests = line.get("tests") or self.account.test_sends(part.about, self.call)
        yield Batch([], tests)
        read = partial(self._read_send, key, line.get("seen", {}))
        gone = yield from self.read_sends([key, *tests], read)
        yield Batch([], gone)

    def _read_send(self, key: str, line: Row, sent_key: str) -> Iterator[Batch]:
        """Read what has moved of one sending of a campaign."""
        seen = line.get(sent_key, {})
        counts = read_counters(self.look(sent_key))
        for action in self.actions:
            known, count = seen.get(action), counts.get(action)
            if known and count and known["count"] == count and known["settled"]:
                continue
            keys = {
                "campaign_key": sent_key,
                "parent_campaign_key": None if sent_key == key else key,
                "action": action,
            }
            params = {"campaignkey": sent_key, "action": action}
            yield from self._read_action(Part(params, keys), known or {}, count)

    def _read_action(
        self, part: Part, known: Row, count: list[int] | None
    ) -> Iterator[Batch]:
        """Read an action, going on where an earlier run was stopped."""
        begun = known.get("begun")
        if begun is None or known["count"] != count or count is None:
            begun = {"at": self._zoho.time(), "rows": 0, "start": 1, "tail": []}
        part = replace(part, keys=part.keys | {"snapshot_time": begun["at"]})
        if count is None or any(count):
            place = Place(begun["start"], tuple(begun["tail"]))
            expected = count[0] if count else None
            for records, (start, tail) in self.paged(part, place, expected):
                rows = begun["rows"] + len(records)
                begun = begun | {"rows": rows, "start": start, "tail": [*tail]}
                yield Batch(records, Visit(part, count, known, begun))
        yield Batch([], Visit(part, count, known, begun, ended=True))

    def _take_campaign(self, batches: Iterator[Batch], line: Row) -> Iterator[Records]:
        line["tests"] = next(batches).about
        for records, visit in batches:
            if not isinstance(visit, Visit):
                for gone in visit:
                    line["seen"].pop(gone, None)
                continue
            keys, count, rows = visit.part.keys, visit.counts, visit.begun["rows"]
            seen: Row = line["seen"].setdefault(keys["campaign_key"], {})
            action = keys["action"]
            if visit.ended:
                # The counters and the rows may lag behind each other: rows that are
                # fewer than was told are read once more, unless that has been done.
                known = visit.known
                before = known.get("rows") if known.get("count") == count else None
                reported = count[0] if count else None
                settled = reported is not None and (rows >= reported or rows == before)
                self._zoho.snapshots.write(self.name, keys, rows, reported)
                seen[action] = {"count": count, "settled": settled, "rows": rows}
                self.checkpoint()
            else:
                if rows > len(records):
                    self.checkpoint()  # the page before has been written
                line["last"] = self._latest(line["last"], records)
                yield self.stamp(records, visit.part)
                seen[action] = {"count": count, "settled": False, "begun": visit.begun}

    def _latest(self, last: str, records: Records) -> str:
        times = (record.get(self.replication_key or "") for record in records)
        newest: str = max([last, *filter(None, times)])
        return newest

    def _is_over(self, campaign: Row, line: Row) -> bool:
        """Return whether this was a complete look after the window had ended."""
        return (
            line["last"] <= self.horizon
            and not _is_unfinished(campaign)
            and all(
                known["settled"] or known["count"] is None
                for seen in line["seen"].values()
                for known in seen.values()
            )
        )


class EventStream(SentStream, SnapshotStream):
    """A stream of each open and click, with its time.

    Counters may be of people, so an open campaign is read whole in each run.
    """

    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    timelines: t.ClassVar[t.Mapping[str, str]] = {}
    """The actions, and the `type` that adds times to each."""
    kept: t.ClassVar[t.Mapping[str, t.Any]] = {**SentStream.kept, "begun": {}}
    _unread = 0

    @property
    def actions(self) -> list[str]:
        """The actions to read."""
        wanted = self._zoho.settings.get("actions") or self.timelines
        return [action for action in self.timelines if action in wanted]

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of the stream."""
        return (*super().scope, self.actions)

    def batches(self) -> Iterator[Records]:
        """Yield events, and forget campaigns that are not there any more.

        Raises:
            Forbidden: There were contacts, and nothing told when they did what they
                did. What is known of the form is from XML.
        """
        try:
            yield from super().batches()
        finally:
            if self._unread:
                self.logger.warning(
                    "%s: events left out, as their times can't be read without "
                    "guessing: %d.",
                    self.name,
                    self._unread,
                )
        if self._timed == {False}:
            form = self._zoho.settings["response_format"]
            msg = (
                f"Zoho gives no times of opens and clicks in {form.upper()}: set "
                f"`response_format` to another format, or deselect `{self.name}`."
            )
            raise Forbidden(msg)
        self.stream_state["begun"] = {}

    @cached_property
    def _timed(self) -> set[bool]:
        """Whether pages of contacts had times, as far as it was seen."""
        return set()

    def read(self, part: Part) -> Iterator[Batch]:
        """Read the events of a campaign, going on where an earlier run was stopped."""
        yield from self.read_sends(
            self.sends(part.about), partial(self._read_send, part)
        )

    def _read_send(self, part: Part, sent_key: str) -> Iterator[Batch]:
        line = self.before["begun"].get(part.owner, {})
        counts = read_counters(self.look(sent_key))
        for action in self.actions:
            begun = line.get(sent_key, {}).get(action)
            if not self._goes_on(part.about, begun):
                begun = {"at": self._zoho.time(), "horizon": self.horizon}
                begun |= {"contacts": 0, "start": 1, "tail": [], "ended": False}
            if begun["ended"]:
                continue
            keys = {
                "campaign_key": sent_key,
                "parent_campaign_key": None if sent_key == part.owner else part.owner,
                "action": action,
                "snapshot_time": begun["at"],
            }
            kind = {"type": self.timelines[action]}
            params = {"campaignkey": sent_key, "action": action, **kind}
            timeline = Part(params, keys)
            expected = counts.get(action, [None])[0]
            if expected != 0:
                place = Place(begun["start"], tuple(begun["tail"]))
                pages = self.paged(timeline, place, expected)
                for contacts, (start, tail) in pages:
                    number = begun["contacts"] + len(contacts)
                    begun = {**begun, "contacts": number, "start": start}
                    begun["tail"] = [*tail]
                    events, unread = self._events_of(contacts)
                    yield Batch(events, Timeline(timeline, begun, unread=unread))
            ended = {**begun, "ended": True}
            yield Batch([], Timeline(timeline, ended, expected))

    def _goes_on(self, campaign: Row, begun: Row | None) -> bool:
        """Return whether what was begun need not be read from its beginning.

        What happened after that is read once more while the window is open. When the
        window has ended since then, nothing else would read it.
        """
        if begun is None:
            return False
        sent = sent_time(campaign)
        return sent > self.horizon or sent <= begun["horizon"]

    def take(self, part: Part, batches: Iterator[Batch]) -> Iterator[Records]:
        """Yield the events of a campaign, and tell when each action is whole."""
        campaigns: dict[str, Row] = self.stream_state["begun"]
        line = campaigns.setdefault(part.owner, {})
        with self.unless_gone(part):
            for events, (timeline, begun, reported, unread) in batches:
                keys = timeline.keys
                if begun["ended"]:
                    self._zoho.snapshots.write(
                        self.name, keys, begun["contacts"], reported
                    )
                else:
                    self._timed.add(bool(events or unread))
                    self._unread += unread
                self.checkpoint()  # the page before has been written
                yield self.stamp(events, timeline)
                line.setdefault(keys["campaign_key"], {})[keys["action"]] = begun
        del campaigns[part.owner]
        self.checkpoint()

    def _events_of(self, contacts: Records) -> tuple[Records, int]:
        """Return events of contacts, and the number of those without a clear time."""
        events: Records = []
        unread = 0
        for contact in contacts:
            who = {name: contact.get(name) for name in ("contact_email", "contact_id")}
            told = (contact.get(CUSTOM) or {}).get("reports")
            times: Counter[str] = Counter()
            for text in read_reports(told):
                try:
                    times[self.converter.time(text)] += 1
                except ValueError:
                    unread += 1
            events += [
                who | {"event_time": event_time, "event_count": count}
                for event_time, count in times.items()
            ]
        return events, unread


class Timeline(t.NamedTuple):
    """How far an action of a campaign has been read."""

    part: Part
    begun: Row
    """When it was begun, and where to go on, as the state has it."""
    reported: int | None = None
    unread: int = 0
    """Events that are left out of the page, as their times can't be read."""


def read_reports(value: object) -> list[str]:
    """Read the times in the `reports` of a contact.

    Only XML was seen, `<report><fl val="time">…`. Taken are: that, a list of objects
    with a `time`, one such object, a list of texts, and any of these below `report`.
    """
    if isinstance(value, dict) and "report" in value:
        value = value["report"]
    found = [
        each.get("time") if isinstance(each, dict) else each for each in as_list(value)
    ]
    return [str(time) for time in found if time]


def _without_shifted_times(details: Row) -> Row:
    """Return details without the epochs that are hours off; texts of XML are right."""
    return {
        name: value
        for name, value in details.items()
        if not (name.endswith("_time") and str(value).isdigit())
    }


def _is_unfinished(campaign: Row) -> bool:
    status = str(campaign.get("campaign_status")).replace(" ", "").casefold()
    return status in _UNFINISHED


def _next(instant: str) -> str:
    """Return a text that sorts right behind a time."""
    return instant + "~"


def read_counters(envelope: Envelope | None) -> dict[str, list[int]]:
    """Read the counters of each action from a report of a campaign.

    The first of an action is the number of its rows, unless it counts events.
    """
    reports = as_objects(envelope.payload) if envelope else []
    report = reports[0] if reports else {}
    found = {
        action: [_whole(report.get(name)) for name in names]
        for action, names in COUNTERS.items()
    }
    return {
        action: t.cast("list[int]", counts)
        for action, counts in found.items()
        if None not in counts
    }


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
