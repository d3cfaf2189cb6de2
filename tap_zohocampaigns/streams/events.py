"""Each open and each click of a campaign, with its time."""

from __future__ import annotations

import typing as t
from collections import Counter

from tap_zohocampaigns.api.wire.converter import CUSTOM
from tap_zohocampaigns.api.wire.shapes import as_list
from tap_zohocampaigns.sync.base import Part

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.incremental import PartSnapshot


import typing as t
from functools import cached_property, partial

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.wire.counters import Counters, parse_counters
from tap_zohocampaigns.streams.recipients import row_of
from tap_zohocampaigns.sync.campaigns import RecipientStream
from tap_zohocampaigns.sync.incremental import PartSnapshot
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tap_zohocampaigns.sync.pagination import Cursor
from tap_zohocampaigns.sync.prefetch import Batch

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_zohocampaigns.api.wire.types import Row

    Records: t.TypeAlias = list[Row]


class EventProgress(t.NamedTuple):
    """How far an action of a sending has been read."""

    part: Part
    begun: Row
    """When it was begun, and where to go on, as the state has it."""
    reported: int | None
    ended: bool = False
    without_key: int = 0
    unread: int = 0
    """Events that are left out of the page, as their times can't be read."""


class EventStream(RecipientStream):
    """A stream of each open and click, with its time.

    Counters may be of people, so an open campaign is read whole in each run.
    """

    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    timelines: t.ClassVar[t.Mapping[str, str]] = {}
    """The actions, and the `type` that adds times to each."""
    _unread = 0

    @property
    def actions(self) -> list[str]:
        """The actions to read."""
        wanted = self._zoho.settings.get("actions") or self.timelines
        return [action for action in self.timelines if action in wanted]

    def batches(self) -> Iterator[Records]:
        """Yield the events of all campaigns.

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

    @cached_property
    def _timed(self) -> set[bool]:
        """Whether pages of contacts had times, as far as it was seen."""
        return set()

    def read(self, part: Part) -> Iterator[Batch]:
        """Read the events of a campaign, going on where an earlier run was stopped."""
        line = self.known_line(part.owner)
        closing = self.is_closing(part.about, line)
        sends = self.send_keys(part.about)
        tests = [*dict.fromkeys([*line.get("tests", ()), *sends[1:]])]
        yield Batch([], {"tests": tests})
        read = partial(self._read_send, part.owner, line, closing=closing)
        gone = yield from self.read_sends([part.owner, *tests], read)
        yield Batch([], gone)

    def _read_send(
        self, key: str, line: Row, sent_key: str, *, closing: bool
    ) -> Iterator[Batch]:
        counts = parse_counters(row_of(self.report_of(sent_key)))
        noted = {} if self.rewrites else line.get("begun", {}).get(sent_key, {})
        full = line.get("full", {}).get(sent_key, ())
        for action in self.actions:
            begun = noted.get(action)
            # What happened since then is read in the next run, unless this is the last.
            if begun is None or begun["closing"] != closing:
                begun = {"at": self._zoho.run_time, "closing": closing, "rows": 0}
                begun |= {"start": 1, "tail": [], "ended": False}
            if begun["ended"]:
                continue
            keys = self.keys_of(key, sent_key, action)
            params = {"campaignkey": sent_key, "action": action}
            params["type"] = self.timelines[action]
            part = Part(params, keys | {"snapshot_time": begun["at"]})
            reported = Counters.of(action, counts).reported
            timeline = EventProgress(part, begun, reported)
            # A counter of 0 must not take away what was written before.
            empty = reported == 0 and action not in full and "reopened" not in line
            if closing or self.full or not empty:
                timeline = yield from self._read_timeline(timeline)
            yield Batch([], timeline._replace(ended=True))

    def _read_timeline(
        self, timeline: EventProgress
    ) -> Generator[Batch, None, EventProgress]:
        begun = timeline.begun
        place = Cursor(begun["start"], tuple(begun["tail"]))
        reading = self.paged(timeline.part, place, timeline.reported)
        for contacts, (start, tail) in reading:
            rows = begun["rows"] + len(contacts)
            begun = {**begun, "rows": rows, "start": start, "tail": [*tail]}
            events, unread = self._events_of(contacts)
            timeline = timeline._replace(begun=begun, unread=unread)
            yield Batch(events, timeline)
        return timeline._replace(without_key=reading.without_key)

    def take(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[Records, None, bool]:
        """Yield the events of a campaign, and tell when each action is whole."""
        pending: dict[str, Row] = line.setdefault("begun", {})
        gone: list[str] = []
        for events, about in batches:
            if isinstance(about, EventProgress):
                keys = about.part.keys
                sent_key, action = keys["campaign_key"], keys["action"]
                if not about.ended:
                    self._timed.add(bool(events or about.unread))
                    self._unread += about.unread
                else:
                    rows, reported = about.begun["rows"], about.reported
                    snapshot = PartSnapshot(self.name, keys, rows, reported)
                    snapshot = snapshot._replace(without_key=about.without_key)
                    self.tell_without_key(snapshot)
                    if not self._has_vanished(line, about):
                        self._zoho.snapshots.write(snapshot)
                self.checkpoint()  # the page before has been written
                yield self.add_keys(events, about.part)
                noted = {**about.begun, "ended": about.ended}
                pending.setdefault(sent_key, {})[action] = noted
            elif isinstance(about, dict):
                line |= about
            else:
                gone = about
        settled = self.note_gone(part.owner, line, gone)
        line.pop("reopened", None)
        del line["begun"]
        return self._note_full(line, pending) and settled

    def _has_vanished(self, line: Row, timeline: EventProgress) -> bool:
        """Return whether contacts that were there are gone, and no counter says so."""
        keys = timeline.part.keys
        full = keys["action"] in line.get("full", {}).get(keys["campaign_key"], ())
        first = "vanished" not in line
        return full and first and not timeline.begun["rows"] and timeline.reported != 0

    def _note_full(self, line: Row, timelines: dict[str, Row]) -> bool:
        """Note which actions had contacts; return whether a look can be the last.

        An empty answer where there was a full one is asked again in the next runs.
        """
        full = {
            sent_key: [action for action, begun in actions.items() if begun["rows"]]
            for sent_key, actions in timelines.items()
        }
        vanished = any(
            {*actions} - {*full.get(sent_key, ())}
            for sent_key, actions in line.get("full", {}).items()
        )
        looks = line.pop("vanished", 0) + 1
        if vanished and looks < CLOSING_LOOKS:
            line["vanished"] = looks
            return False
        line["full"] = full
        return True

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


class RecipientEvents(EventStream):
    """Each open and each click, with its time."""

    name = "recipient_events"
    primary_keys = ("campaign_key", "action", "contact_email", "event_time")
    replication_key = "event_time"
    selected_by_default = False
    timelines: t.ClassVar = {
        "openedcontacts": "open_timeline",
        "clickedcontacts": "click_timeline",
    }
