"""Streams with a state of their own, in which a run notes what it has written.

Zoho can't be asked for what has changed, so the tap works it out. `members` does so for
segments and lists, `lookback` and `campaigns` for campaigns.
"""

from __future__ import annotations

import typing as t
from copy import deepcopy
from functools import cached_property
from hashlib import blake2b

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.base import ZohoStream
from tap_zohocampaigns.sync.parts import PartSnapshot

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.writer import Records

# If rows with a key came in earlier runs, more rows without one than this mean that the
# form has changed.
_FEW = 20


class StatefulStream(ZohoStream):
    """A stream that notes in its state what it has written."""

    one_page_per_part = False

    @property
    def start(self) -> str:
        """The time of `start_date`; empty if it is not set."""
        return self.run.start

    def get_records(self, context: Context | None) -> Iterator[Records]:
        """Yield the records of all parts, a page at a time."""
        state = self.stream_state
        self.run.begin(self)
        before = deepcopy(state)
        yield from super().get_records(context)
        if self.left_out:
            # A part that the token may not read is not deleted. If records were
            # written, the state is that of a run that ended early.
            has_read = state.get("parts", {}) != before.get("parts", {})
            has_written = has_read or self.progress.value
            kept = {
                name: state[name]
                for name in ("run", "pass", "underway")
                if has_written and name in state
            }
            state.clear()
            state |= before | kept

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state. Everything that it covers has been written before."""
        bookmark = self.bookmark.newest
        if not self.full and bookmark:
            earlier = self.stream_state.get("replication_key_value") or ""
            self.stream_state["replication_key"] = self.replication_key
            self.stream_state["replication_key_value"] = max(earlier, bookmark)
        super().checkpoint(due=due)

    def note_deleted(self, keys: Row) -> None:
        """Write the snapshot of a part that is not in the account any more."""
        keys = keys | {"snapshot_time": self.run.run_time}
        self.run.snapshots.write(PartSnapshot(self.name, keys, deleted=True))

    @property
    def scope(self) -> tuple[object, ...]:
        """Settings that decide which rows of a part are read."""
        return ()

    @cached_property
    def selection(self) -> str:
        """A hash of everything that decides what is written of each row.

        If it changes, unchanged rows must be written again.
        """
        zone = self.run.settings.get("timezone")
        account = [*self.account_keys.values()]
        text = repr((sorted(self.columns), zone, self.scope, *account))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    @cached_property
    def rewrites(self) -> bool:
        """Whether everything is written, as in a first run."""
        state = self.previous_state
        return (
            self.full
            or state.get("selection") != self.selection
            or self.writes_snapshots > state.get("snapshots", False)
        )

    @property
    def writes_snapshots(self) -> bool:
        """Whether the snapshots of its parts are written."""
        return self.has_snapshots and self.run.snapshots.selected

    def note_selection(self) -> None:
        """Note the selection, and log it if everything is written again."""
        if self.rewrites and "selection" in self.previous_state and not self.full:
            self.logger.warning(
                "%s: the selection or the settings have changed since the last run, so "
                "everything is read and written once again.",
                self.name,
            )
        self.stream_state["selection"] = self.selection
        if self.has_snapshots:
            self.stream_state["snapshots"] = self.writes_snapshots

    def note_run(self) -> None:
        """Note what this run writes.

        If rows have the time of the run, the state is written before them. So no later
        run has an earlier time, wherever this one ends.
        """
        self.note_selection()
        if self.has_snapshots:
            self.checkpoint(due=True)


class SnapshotStream(StatefulStream):
    """A stream whose rows come and go, so each row says when its part was read whole.

    Messages are written in this order: rows, the snapshot of their part, the state. So
    a run that ends anywhere has written what its state covers.
    """

    _with_key = _without_key = 0

    @property
    def replaces_rows(self) -> bool:
        """Whether the loader drops rows that do not come again."""
        return self.full

    def warn_without_key(self, snapshot: PartSnapshot) -> None:
        """Log the rows of a part that came without their key, if there are any.

        Args:
            snapshot: The part; its `rows` are those that had their key.
        """
        self._with_key += snapshot.rows
        self._without_key += snapshot.without_key
        if snapshot.without_key:
            self.logger.warning(
                "%s: left out %d rows of %s without their key.",
                self.name,
                snapshot.without_key,
                "/".join(snapshot.part_keys.values()),
            )

    def check_form(self) -> None:
        """Check that rows have their keys.

        Raises:
            FatalError: No row has its key, so the rows have another form.
        """
        if self._with_key:
            self.stream_state["keyed"] = True
        elif self._without_key > (_FEW if self.previous_state.get("keyed") else 0):
            msg = (
                f"None of the rows of `{self.name}` has its key, so they have a form "
                "that this version does not know: deselect the stream."
            )
            raise FatalError(msg)
