"""What is read again, and what of it is written again.

Zoho can't be asked for what has changed, so this is the tap's own work: the members of
a segment are compared with a digest of those seen before. Campaigns have modules of
their own.
"""

from __future__ import annotations

import typing as t
from copy import deepcopy
from functools import cached_property
from hashlib import blake2b

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.base import ZohoStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.writer import Page

    Records: t.TypeAlias = list[Row]

_PLACE = ("campaign_key", "action", "cvid", "list_key", "status", "reported_on")
# Where there were rows with a key before, so many without one are no other form yet.
_FEW = 20


class PartSnapshot(t.NamedTuple):
    """What a row of `snapshots` tells of a part."""

    stream: str
    keys: Row
    """The keys stamped into the records of the part, `snapshot_time` too."""
    rows: int = 0
    reported: int | None = None
    """How many rows Zoho's own counter tells of, if it has one."""
    without_key: int = 0
    """How many rows came without their key, and were left out."""
    deleted: bool = False
    """Whether the part is not in the account any more."""

    @property
    def place(self) -> Row:
        """The keys that tell the part from others of its stream."""
        return {name: self.keys[name] for name in _PLACE if name in self.keys}


class StatefulStream(ZohoStream):
    """A stream with a state of its own, in which a run notes what it has written."""

    @property
    def start(self) -> str:
        """The time before which nothing is read; empty if there is none."""
        return self._zoho.start

    def get_records(self, context: Context | None) -> Iterator[Page]:
        """Yield the records of all parts."""
        state = self.stream_state
        self._zoho.begin(self)
        before = deepcopy(state)
        yield from super().get_records(context)
        if self.left_out:
            # What may not be read is not gone. If something was written, the parts are
            # as after a run that ended early.
            read = state.get("parts", {}) != before.get("parts", {})
            wrote = read or self.progress.value
            kept = {
                name: state[name]
                for name in ("run", "pass", "underway")
                if wrote and name in state
            }
            state.clear()
            state |= before | kept

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state; all that it claims has been written before."""
        bookmark = self.bookmark.newest
        if not self.full and bookmark:
            old = self.stream_state.get("replication_key_value") or ""
            self.stream_state["replication_key"] = self.replication_key
            self.stream_state["replication_key_value"] = max(old, bookmark)
        super().checkpoint(due=due)

    def note_deleted(self, keys: Row) -> None:
        """Write the snapshot of a part that is not in the account any more."""
        keys = keys | {"snapshot_time": self._zoho.run_time}
        self._zoho.snapshots.write(PartSnapshot(self.name, keys, deleted=True))

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of each part; what was read of another is not all."""
        return ()

    @cached_property
    def selection(self) -> str:
        """A text that stands for what is written of each row.

        When it changes, rows that did not change have to be written once more.
        """
        zone = self._zoho.settings.get("timezone")
        whose = [*self.whose.values()]
        text = repr((sorted(self.blank), zone, self.scope, *whose))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    @cached_property
    def rewrites(self) -> bool:
        """Whether all is written, as if no run had written anything before."""
        known = self.previous_state
        return (
            self.full
            or known.get("selection") != self.selection
            or self.writes_snapshots > known.get("snapshots", False)
        )

    @property
    def writes_snapshots(self) -> bool:
        """Whether the snapshots of its parts are written."""
        return self.has_snapshots and self._zoho.snapshots.selected

    def note_selection(self) -> None:
        """Note the selection of this run, and log it if everything is written again."""
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

        Where rows tell the time of the run, the state is written before them: so no
        later run is earlier, wherever this one ends.
        """
        self.note_selection()
        if self.has_snapshots:
            self.checkpoint(due=True)


class SnapshotStream(StatefulStream):
    """A stream whose rows come and go, so that each tells when its part was read whole.

    Its state is claimed in this order: rows, the snapshot of their part, the state. So
    a run that ends anywhere has written what it claims.
    """

    _with_key = _without_key = 0

    @property
    def replaces_rows(self) -> bool:
        """Whether the loader is told to drop what does not come again."""
        return self.full

    def tell_without_key(self, snapshot: PartSnapshot) -> None:
        """Tell of the rows of a part that came without their key, if there are any.

        Args:
            snapshot: The part, with the number of those that had it.
        """
        self._with_key += snapshot.rows
        self._without_key += snapshot.without_key
        if snapshot.without_key:
            self.logger.warning(
                "%s: left out %d rows of %s without their key.",
                self.name,
                snapshot.without_key,
                "/".join(snapshot.place.values()),
            )

    def check_form(self) -> None:
        """Check that rows had their keys: where none has one, their form is another.

        Raises:
            FatalError: None had.
        """
        if self._with_key:
            self.stream_state["keyed"] = True
        elif self._without_key > (_FEW if self.previous_state.get("keyed") else 0):
            msg = (
                f"None of the rows of `{self.name}` has its key, so they have a form "
                "that this version does not know: deselect the stream."
            )
            raise FatalError(msg)
