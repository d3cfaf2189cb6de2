"""Streams of recipients: each sending of a campaign has a part per action."""

from __future__ import annotations

import typing as t
from itertools import islice

from tap_zohocampaigns.api.errors import NotFound
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.campaigns import SentStream
from tap_zohocampaigns.sync.incremental import SnapshotStream
from tap_zohocampaigns.sync.lookback import MISSING_RUNS
from tap_zohocampaigns.sync.notes import ActionProgress, DeletedSends
from tap_zohocampaigns.sync.pagination import Cursor
from tap_zohocampaigns.sync.parts import Part, PartSnapshot
from tap_zohocampaigns.sync.units import Batch, side_by_side

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_zohocampaigns.api.wire.counters import Counters
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Report
    from tap_zohocampaigns.sync.units import Steps


class WantedAction(t.NamedTuple):
    """An action of a sending, and how it is read."""

    progress: ActionProgress
    is_read: bool
    """Whether it is read; else it is known to have no rows."""
    expected: int | None
    """How many rows it has, if that is known."""


class RecipientStream(SentStream, SnapshotStream):
    """A stream of the recipients of each sending, in parts of one action each.

    Campaigns have their own keys in `closed`, so that deleted ones can be named.
    """

    resumes = True

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        raise NotImplementedError

    @property
    def scope(self) -> tuple[object, ...]:
        """Settings that decide which rows of a part are read."""
        return (sorted(self.actions),)

    def name_of(self, campaign: Row) -> str:
        """Return the name of a campaign in `closed`."""
        return str(campaign["campaign_key"])

    def reopen(self, opened: dict[str, Row], closed: dict[str, list[str]]) -> None:
        """Forget all earlier looks, but not the test sends."""
        for key, line in opened.items():
            opened[key] = self.reopened(line.get("tests", []))
        for key in [*closed]:
            opened[key] = self.reopened(closed.pop(key))

    def reopened(self, tests: list[str]) -> Row:
        """Return the line of a campaign that was closed.

        Its rows were written, so a counter of 0 must not make them disappear.

        Args:
            tests: Keys of its test sends.
        """
        return {"reopened": True} | ({"tests": tests} if tests else {})

    def known_line(self, key: str) -> Row:
        """Return the line of a campaign from an earlier run."""
        closed = self.previous_state["closed"]
        line: Row = self.previous_state["open"].get(key, {})
        if not line and key in closed:
            return self.reopened(closed[key])
        return line | {"reopened": True} if line and self.rewrites else line

    def keys_of(self, campaign_key: str, sent_key: str, action: str) -> Row:
        """Return the fields that all records of an action of a sending have."""
        return {**self.keys_of_send(campaign_key, sent_key), "action": action}

    def records_of(self, rows: list[Row]) -> tuple[list[Row], int]:
        """Return the records of a page, and how many were left out as unreadable."""
        return rows, 0

    def read_sends(
        self, keys: list[str], wanted: Callable[[str], Iterator[WantedAction]]
    ) -> Steps:
        """Yield the batches of each sending, then the sendings that were not found.

        The final sending of an A/B campaign may never come, and tests may be deleted.

        Args:
            keys: Keys of the sendings.
            wanted: Yields the actions of one of them.

        Raises:
            NotFound: No sending was found.
        """
        errors: dict[str, NotFound] = {}

        def read_one(key: str) -> Steps:
            try:
                yield from self._read_actions(wanted(key))
            except NotFound as error:
                errors[key] = error

        yield from side_by_side([*map(read_one, keys)])
        not_found = [key for key in keys if key in errors]
        if len(not_found) == len(keys):
            raise errors[keys[0]]
        for key in not_found:
            self.logger.warning("Left out, as it is gone: %s", errors[key])
        yield Batch([], DeletedSends(not_found))

    def begin_action(
        self, params: Row, keys: Row, counters: Counters, begun: Row | None, now: Row
    ) -> ActionProgress:
        """Return where an earlier run was interrupted in an action, or its begin.

        Args:
            params: Parameters of its calls.
            keys: Fields that all its records have.
            counters: What Zoho counts of it.
            begun: Where an earlier run was interrupted, if one was.
            now: What must be as it was then; with `closing`.
        """
        if begun is None or begun != begun | now:
            begun = {"at": self.run.run_time, **now}
            begun |= {"rows": 0, "start": 1, "tail": []}
        part = Part(params, keys | {"snapshot_time": begun["at"]})
        return ActionProgress(part, counters, begun)

    def _read_actions(self, actions: Iterable[WantedAction]) -> Steps:
        """Yield the batches of actions, with an empty one at the end of each.

        The others are begun when the first page of the first one has come: if the
        campaign is gone, nobody asks for more of it.
        """
        readings: list[Steps] = []
        for progress, is_read, expected in actions:
            if is_read:
                readings.append(self._read_action(progress, expected))
                continue
            ended = Batch([], progress._replace(ended=True))
            if readings:
                readings.append(iter([ended]))
            else:
                yield ended
        for first in readings[:1]:
            yield from islice(first, 1)
        yield from side_by_side(readings)

    def _read_action(self, progress: ActionProgress, expected: int | None) -> Steps:
        """Yield the pages of an action, from where an earlier run was interrupted."""
        begun = progress.begun
        cursor = Cursor(begun["start"], tuple(begun["tail"]))
        reading = self.paged(progress.part, cursor, expected)
        for rows, (start, tail) in reading:
            number = begun["rows"] + len(rows)
            begun = begun | {"rows": number, "start": start, "tail": [*tail]}
            records, unread = self.records_of(rows)
            progress = progress._replace(begun=begun, unread=unread)
            yield Batch(records, progress)
        ended = progress._replace(without_key=reading.without_key, ended=True)
        yield Batch([], ended)

    def snapshot_of(self, progress: ActionProgress) -> PartSnapshot:
        """Return the snapshot of an action that was read whole, and log lost rows."""
        snapshot = PartSnapshot(
            self.name,
            progress.part.keys,
            progress.begun["rows"],
            progress.counters.reported,
            progress.without_key,
        )
        self.warn_without_key(snapshot)
        return snapshot

    def note_not_found(self, campaign_key: str, line: Row, keys: list[str]) -> bool:
        """Note which sendings were not found, and write those that are deleted.

        Args:
            campaign_key: Key of the campaign.
            line: Its line.
            keys: Of the sendings that were not found.

        Returns:
            Whether all of them have been written as deleted.
        """
        earlier: dict[str, int] = line.get("gone", {})
        line["gone"] = {key: earlier.get(key, 0) + 1 for key in keys}
        for key, runs in line["gone"].items():
            line.get("seen", {}).pop(key, None)
            if runs == MISSING_RUNS:
                self._note_deleted_sends(campaign_key, [key])
        written = all(runs >= MISSING_RUNS for runs in line["gone"].values())
        if not keys:
            del line["gone"]
        return written

    def note_missing(
        self, opened: dict[str, Row], closed: dict[str, list[str]]
    ) -> None:
        """Write which campaigns are deleted."""
        if self.is_narrowed:
            return
        listed = {campaign["campaign_key"] for campaign in self.inventory.campaigns}
        known = opened.keys() | closed.keys() | self.deleted
        over = {
            campaign["campaign_key"]
            for campaign in self.inventory.campaigns
            if self.is_closing(campaign, {})
        }
        for key in self.missing_again(known - (listed - self.deleted)):
            tests = closed.pop(key, []) or opened.pop(key, {}).get("tests", [])
            self._note_deleted_sends(key, [key, *tests])
            # A campaign that is listed, but whose recipients are not found, is closed.
            if key in over:
                closed[key] = tests

    def _note_deleted_sends(self, campaign_key: str, sends: list[str]) -> None:
        for sent_key in sends:
            for action in self.actions:
                self.note_deleted(self.keys_of(campaign_key, sent_key, action))


def row_of(report: Report | None) -> Row | None:
    """Return the row of a report; None if there is none."""
    rows = as_objects(report.envelope.payload) if report else []
    return rows[0] if rows else None
