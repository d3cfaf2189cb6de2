"""What is read again, and what of it is written again.

Zoho can't be asked for what has changed, so this is the tap's own work: a campaign is
looked at until its window has ended, and a segment's members are compared with a digest
of those seen before.
"""

from __future__ import annotations

import typing as t
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from hashlib import blake2b

import msgspec
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_zohocampaigns.account import sent_time
from tap_zohocampaigns.ahead import Batch
from tap_zohocampaigns.api.errors import Gone
from tap_zohocampaigns.api.times import rfc3339
from tap_zohocampaigns.api.wire import as_list
from tap_zohocampaigns.client import Part, ZohoStream
from tap_zohocampaigns.pages import Place
from tap_zohocampaigns.spool import Spool

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Context

    from tap_zohocampaigns.api.wire import Envelope, Row
    from tap_zohocampaigns.messages import Page

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
# What the state tells of campaigns.
_KEPT = ("scope", "closed", "open")
# A campaign in these states goes on, however long ago it began.
_UNFINISHED = {"inprogress", "paused", "intesting"}


class SnapshotStream(ZohoStream):
    """A stream whose rows come and go, so that each tells when its part was read whole.

    Its state is claimed in this order: rows, the snapshot of their part, the state. So
    a run that ends anywhere has written what it claims.
    """

    @property
    def full(self) -> bool:
        """Whether the catalog asks for everything in each run."""
        return self.replication_method == REPLICATION_FULL_TABLE

    @property
    def start(self) -> str:
        """The time before which nothing is read; empty if there is none."""
        return self._zoho.start

    def get_records(self, context: Context | None) -> Iterator[Page]:
        """Yield the records of all parts; in full mode, the loader drops others."""
        state = self.stream_state
        self._zoho.begin(self)
        if self.full:
            state.clear()
            # The SDK would tell the loader before the rows are read, and one that
            # deletes would then hold nothing if the run fails.
            self._stream_version = self._zoho.initialized_at // 1000
        yield from super().get_records(context)
        state["page_lengths"] = [*self.reader.lengths]
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)
        if self.full:
            state.clear()

    def known_state(self) -> Row:
        """Return a copy of what the state of an earlier run tells, if it counts."""
        return {} if self.full else super().known_state()

    def checkpoint(self) -> None:
        """Write the state; all that it claims has been written before."""
        bookmark = self.bookmark.newest
        if not self.full and bookmark:
            old = self.stream_state.get("replication_key_value") or ""
            self.stream_state["replication_key"] = self.replication_key
            self.stream_state["replication_key_value"] = max(old, bookmark)
        self._zoho.checkpoint()


class MembersStream(SnapshotStream):
    """A stream of parts whose members Zoho works out, so that any may come or go.

    Each part is read whole. What is written is what was added since the last run; all
    of it, when anything else has changed.
    """

    def batches(self) -> Iterator[Records]:
        """Yield what is new of all parts."""
        lines: dict[str, Row] = self.stream_state.setdefault("parts", {})
        met = set()
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            met.add(part.owner)
            with self.unless_gone(part):
                yield from self._take_part(part, batches, lines)
            if part.owner in self.gone:
                lines.pop(part.owner, None)
        for name in lines.keys() - met:
            del lines[name]

    def read(self, part: Part) -> Iterator[Batch]:
        """Read a part; about as many rows are expected as it had before."""
        line = self.before.get("parts", {}).get(part.owner, {})
        for records, _ in self.paged(part, expected=line.get("rows")):
            yield Batch(records)

    def _take_part(
        self, part: Part, batches: Iterator[Batch], lines: dict[str, Row]
    ) -> Iterator[Records]:
        known = lines.get(part.owner)
        if known and (known.get("dirty") or known["start"] > self.start):
            known = None
        now = replace(part, keys=part.keys | {"snapshot_time": self._zoho.time()})
        members = Members(self.replication_key or "", known)
        if known is None:
            for records in self._in_scope(batches):
                members.add(records)
                yield self.stamp(records, now)
        else:
            with closing(Spool()) as spool:
                pages = []
                for records in self._in_scope(batches):
                    members.add(records)
                    pages.append(spool.write(records))
                if members.unchanged:
                    now.keys["snapshot_time"] = known["at"]
                if members.changed:
                    # Killed from here on, the next run writes all of it: else somebody
                    # who leaves in between would stay.
                    lines[part.owner] = known | {"dirty": True}
                    self.checkpoint()
                for records in map(spool.read, pages):
                    yield self.stamp(members.new(records), now)
        self._zoho.snapshots.write(self.name, now.keys, members.rows, None)
        lines[part.owner] = members.line(now.keys["snapshot_time"], self.start)
        self.checkpoint()

    def _in_scope(self, batches: Iterator[Batch]) -> Iterator[Records]:
        key = self.replication_key or ""
        for batch in batches:
            yield [r for r in batch.rows if (r.get(key) or self.start) >= self.start]


class Members:
    """Compares the members of a part with those that were there before.

    Those up to the newest time of before are told by the sum of the hashes of their
    records: it does not depend on their order, and takes the same space for any number.
    """

    def __init__(self, key: str, known: Row | None) -> None:
        """Begin with none.

        Args:
            key: The field that tells when a member was added.
            known: What an earlier run noted of the part.
        """
        self._key = key
        self._known = known or {"added": "", "digest": ""}
        self._encoder = msgspec.json.Encoder(order="sorted")
        self._older = 0
        self._all = 0
        self._fresh = False
        self._newest = self._known["added"]
        self.rows = 0

    def add(self, records: Records) -> None:
        """Take in members."""
        bookmark = self._known["added"]
        for record in records:
            record_hash = blake2b(self._encoder.encode(record), digest_size=16).digest()
            number = int.from_bytes(record_hash)
            added = record.get(self._key) or ""
            self._all += number
            if added <= bookmark:
                self._older += number
            else:
                self._fresh = True
                self._newest = max(self._newest, added)
        self.rows += len(records)

    @property
    def unchanged(self) -> bool:
        """Whether all who were there before are there, as they were."""
        return bool(_hexadecimal(self._older) == self._known["digest"])

    @property
    def changed(self) -> bool:
        """Whether anything has changed at all."""
        return self._fresh or not self.unchanged

    def new(self, records: Records) -> Records:
        """Return those of the members that have to be written."""
        if not self.unchanged:
            return records
        bookmark = self._known["added"]
        return [r for r in records if (added := r.get(self._key)) and added >= bookmark]

    def line(self, at: str, start: str) -> Row:
        """Return what to note of the part."""
        return {
            "added": self._newest,
            "digest": _hexadecimal(self._all),
            "at": at,
            "start": start,
            "rows": self.rows,
        }


def _hexadecimal(number: int) -> str:
    return f"{number % (1 << 128):032x}"


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


class CampaignStream(SnapshotStream):
    """A stream of what recipients do, which goes on for weeks after the sending."""

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        return self._zoho.settings.get("actions") or COUNTERS

    @cached_property
    def horizon(self) -> str:
        """The time of sending before which the window of a campaign has ended."""
        lookback = timedelta(days=self._zoho.settings["lookback_days"])
        return rfc3339(self._zoho.now() - lookback)

    def known_state(self) -> Row:
        """Return the state of before, unless settings narrow it in another way now."""
        names = sorted(self._zoho.settings.get("campaign_keys") or [])
        scope = blake2b(repr((names, sorted(self.actions))).encode(), digest_size=8)
        state: Row = {"closed": [], "open": {}} | super().known_state()
        if state.get("scope") != scope.hexdigest():
            state |= {"scope": scope.hexdigest(), "closed": []}
        return state

    def parts(self) -> list[Part]:
        """Return the campaigns that need a look, newest first."""
        closed = Closed(self.before["closed"], self.horizon)
        return [
            Part(owner=campaign["campaign_key"], about=campaign)
            for campaign in self.account.sent_campaigns
            if (sent := sent_time(campaign)) >= self.start
            and (
                campaign["campaign_key"] in self.before["open"]
                or not closed.covers(sent)
            )
        ]

    def batches(self) -> Iterator[Records]:
        """Yield what has moved: open campaigns, newest first, then what is left."""
        state = self.stream_state
        state |= {name: deepcopy(self.before[name]) for name in _KEPT}
        closed = Closed(state["closed"], self.horizon)
        opened: dict[str, Row] = state["open"]
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            key, sent = part.owner, sent_time(part.about)
            # All that was sent later is done now.
            closed.extend(_next(sent))
            line = opened.setdefault(key, {"last": sent, "seen": {}})
            with self.unless_gone(part):
                yield from self._take_campaign(batches, line)
            if key in self.gone or self._is_over(part.about, line):
                del opened[key]
        keys = {campaign["campaign_key"] for campaign in self.account.sent_campaigns}
        for key in opened.keys() - keys:
            del opened[key]
        closed.extend(self.start)
        self.checkpoint()

    def read(self, part: Part) -> Iterator[Batch]:
        """Read what has moved of a campaign, its test sends too."""
        key = part.owner
        line = self.before["open"].get(key, {})
        tests = line.get("tests") or self.account.test_sends(part.about, self.call)
        yield Batch([], tests)
        for sent_key in (key, *tests):
            seen = line.get("seen", {}).get(sent_key, {})
            counts = self._look(sent_key)
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

    def _look(self, sent_key: str) -> dict[str, list[int]]:
        """Return the counters of each action; none where there is no report."""
        if not self.account.version.reads("campaignreports"):
            return {}
        try:
            envelope = self.call("campaignreports", {"campaignkey": sent_key})
        except Gone:
            return {}
        return read_counters(envelope)

    def _is_over(self, campaign: Row, line: Row) -> bool:
        """Return whether this was a complete look after the window had ended."""
        status = str(campaign.get("campaign_status")).replace(" ", "").casefold()
        return (
            line["last"] <= self.horizon
            and status not in _UNFINISHED
            and all(
                known["settled"] or known["count"] is None
                for seen in line["seen"].values()
                for known in seen.values()
            )
        )


def _next(instant: str) -> str:
    """Return a text that sorts right behind a time."""
    return instant + "~"


def read_counters(envelope: Envelope | None) -> dict[str, list[int]]:
    """Read the counters of each action from a report of a campaign.

    The first of an action is the number of its rows, unless it counts events.
    """
    reports = as_list(envelope.payload) if envelope else []
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
