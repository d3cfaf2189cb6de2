"""Each open and each click of a campaign, with its time."""

from __future__ import annotations

import typing as t
from collections import Counter
from functools import cached_property, partial

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.wire.converter import CUSTOM
from tap_zohocampaigns.api.wire.counters import Counters, parse_counters
from tap_zohocampaigns.api.wire.parsers import parse_event_times
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tap_zohocampaigns.sync.notes import ActionProgress, DeletedSends, LineNote
from tap_zohocampaigns.sync.recipients import (
    RecipientStream,
    WantedAction,
    row_of,
)
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part
    from tap_zohocampaigns.sync.units import Steps


class RecipientEvents(RecipientStream):
    """Each open and each click, with its time.

    Counters may count people instead of events, so an open campaign is read whole in
    each run. Its line has `tests`, `begun` while it is read, `full` (the actions that
    had contacts) and `vanished` (how often they were missing since).
    """

    name = "recipient_events"
    primary_keys = ("campaign_key", "action", "contact_email", "event_time")
    replication_key = "event_time"
    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    selected_by_default = False
    plan_is_minimum = True
    timelines: t.ClassVar[t.Mapping[str, str]] = {
        "openedcontacts": "open_timeline",
        "clickedcontacts": "click_timeline",
    }
    """The actions, and the `type` that adds times to each."""
    _unread = 0

    @property
    def actions(self) -> list[str]:
        """The actions to read."""
        wanted = self.run.settings.get("actions") or self.timelines
        return [action for action in self.timelines if action in wanted]

    def batches(self) -> Iterator[list[Row]]:
        """Yield the events of all campaigns.

        Raises:
            Forbidden: There were contacts, and none had times. The form of times is
                known from XML only.
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
        if self._have_times == {False}:
            form = self.run.settings["response_format"]
            msg = (
                f"Zoho gives no times of opens and clicks in {form.upper()}: set "
                f"`response_format` to another format, or deselect `{self.name}`."
            )
            raise Forbidden(msg)

    @cached_property
    def _have_times(self) -> set[bool]:
        """For the pages of contacts so far: whether they had times."""
        return set()

    def read_part(self, part: Part) -> Steps:
        """Read the events of a campaign, from where an earlier run was interrupted."""
        line = self.known_line(part.owner)
        closing = self.is_closing(part.fields, line)
        sends = self.send_keys(part.fields)
        tests = [*dict.fromkeys([*line.get("tests", ()), *sends[1:]])]
        yield Batch([], LineNote({"tests": tests}))
        wanted = partial(self._wanted_of, part.owner, line, closing=closing)
        yield from self.read_sends([part.owner, *tests], wanted)

    def _wanted_of(
        self, key: str, line: Row, sent_key: str, *, closing: bool
    ) -> Iterator[WantedAction]:
        """Yield the actions of one sending that are not finished."""
        counts = parse_counters(row_of(self.report_of(sent_key)))
        lines = {} if self.rewrites else line.get("begun", {}).get(sent_key, {})
        full = line.get("full", {}).get(sent_key, ())
        for action in self.actions:
            counters = Counters.of(action, counts)
            reported = counters.reported
            timeline = self.timelines[action]
            progress = self.begin_action(
                {"campaignkey": sent_key, "action": action, "type": timeline},
                self.keys_of(key, sent_key, action),
                counters,
                lines.get(action),
                {"closing": closing},
            )
            # Later events are read in the next run, unless this is the closing look.
            if progress.begun.get("ended"):
                continue
            # A counter of 0 must not make events disappear that were written before.
            empty = reported == 0 and action not in full and "reopened" not in line
            is_read = closing or self.full or not empty
            yield WantedAction(progress, is_read, reported)

    def write_campaign(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[list[Row], None, bool]:
        """Yield the events of a campaign; return whether it may be closed."""
        pending: dict[str, Row] = line.setdefault("begun", {})
        not_found: list[str] = []
        for events, note in batches:
            if isinstance(note, ActionProgress):
                self._note_progress(events, note, line)
                self.checkpoint()  # the page before has been written
                yield self.add_keys(events, note.part)
                keys = note.part.keys
                begun = {**note.begun, "ended": note.ended}
                pending.setdefault(keys["campaign_key"], {})[keys["action"]] = begun
            elif isinstance(note, LineNote):
                line |= note.fields
            elif isinstance(note, DeletedSends):
                not_found = note.keys
        settled = self.note_not_found(part.owner, line, not_found)
        line.pop("reopened", None)
        del line["begun"]
        return _note_full(line, pending) and settled

    def _note_progress(
        self, events: list[Row], progress: ActionProgress, line: Row
    ) -> None:
        if not progress.ended:
            self._have_times.add(bool(events or progress.unread))
            self._unread += progress.unread
            return
        snapshot = self.snapshot_of(progress)
        if not _has_vanished(line, progress):
            self.run.snapshots.write(snapshot)

    def records_of(self, rows: list[Row]) -> tuple[list[Row], int]:
        """Return the events of contacts, and how many had no clear time."""
        events: list[Row] = []
        unread = 0
        for row in rows:
            contact = {name: row.get(name) for name in ("contact_email", "contact_id")}
            times: Counter[str] = Counter()
            for text in parse_event_times((row.get(CUSTOM) or {}).get("reports")):
                try:
                    times[self.converter.time(text)] += 1
                except ValueError:
                    unread += 1
            events += [
                contact | {"event_time": event_time, "event_count": count}
                for event_time, count in times.items()
            ]
        return events, unread


def _has_vanished(line: Row, progress: ActionProgress) -> bool:
    """Return whether an action had contacts, has none now, and no counter says so."""
    keys = progress.part.keys
    was_full = keys["action"] in line.get("full", {}).get(keys["campaign_key"], ())
    is_first = "vanished" not in line
    is_empty = not progress.begun["rows"] and progress.counters.reported != 0
    return was_full and is_first and is_empty


def _note_full(line: Row, actions_of: dict[str, Row]) -> bool:
    """Note which actions had contacts; return whether the campaign may be closed.

    If an action had contacts and has none now, the next runs ask again.

    Args:
        line: The line of the campaign.
        actions_of: For each sending, its actions as they were read.
    """
    full = {
        sent_key: [action for action, begun in actions.items() if begun["rows"]]
        for sent_key, actions in actions_of.items()
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
