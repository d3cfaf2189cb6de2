"""What is read again, and what of it is written again.

Zoho can't be asked for what has changed, so this is the tap's own work: the members of
a segment are compared with a digest of those seen before. Campaigns have a module of
their own.
"""

from __future__ import annotations

import typing as t
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b

import msgspec
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_zohocampaigns.ahead import Batch
from tap_zohocampaigns.client import Part, ZohoStream
from tap_zohocampaigns.spool import Spool

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context

    from tap_zohocampaigns.api.wire import Row
    from tap_zohocampaigns.messages import Page

    Records: t.TypeAlias = list[Row]


class StatefulStream(ZohoStream):
    """A stream with a state of its own, in which a run notes what it has written."""

    @property
    def full(self) -> bool:
        """Whether the catalog asks for everything in each run."""
        return self.replication_method == REPLICATION_FULL_TABLE

    @property
    def start(self) -> str:
        """The time before which nothing is read; empty if there is none."""
        return self._zoho.start

    def get_records(self, context: Context | None) -> Iterator[Page]:
        """Yield the records of all parts."""
        state = self.stream_state
        self._zoho.begin(self)
        before = dict(state)
        if self.full:
            state.clear()
        yield from super().get_records(context)
        if self.left_out:
            # What may not be read is not gone.
            state.clear()
            state |= before

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


class SnapshotStream(StatefulStream):
    """A stream whose rows come and go, so that each tells when its part was read whole.

    Its state is claimed in this order: rows, the snapshot of their part, the state. So
    a run that ends anywhere has written what it claims.
    """

    def get_records(self, context: Context | None) -> Iterator[Page]:
        """Yield the records of all parts; in full mode, the loader drops others."""
        if self.full:
            # The SDK would tell the loader before the rows are read, and one that
            # deletes would then hold nothing if the run fails.
            self._stream_version = self._zoho.initialized_at // 1000
        yield from super().get_records(context)
        if self._stream_version is not None and not self.left_out:
            self._write_activate_version_message(self._stream_version)
        if self.full and not self.left_out:
            self.stream_state.clear()


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
        for records, _ in self.paged(part, expected=line.get("rows", part.expected)):
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
