"""Streams of members, whom Zoho computes: anyone may enter or leave at any time.

Each part is read whole. Written are the members who were added since the last run; all
of them, if anything else has changed.
"""

from __future__ import annotations

import typing as t
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.sync.incremental import SnapshotStream
from tap_zohocampaigns.sync.lookback import MISSING_RUNS
from tap_zohocampaigns.sync.notes import PartEnd
from tap_zohocampaigns.sync.parts import PartSnapshot
from tap_zohocampaigns.sync.spool import Spool
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part

# After this time, the end of an unchanged part is asked for again. Otherwise a page
# size equal to the number of members would hide new ones for ever.
_PROOF_HOLDS = timedelta(days=1)


class MembersStream(SnapshotStream):
    """A stream of the members of segments or lists.

    Its state has `parts`: a line per part, as `Members.line` makes it.
    """

    def batches(self) -> Iterator[list[Row]]:
        """Yield the records of all parts that have to be written."""
        state = self.stream_state
        lines: dict[str, Row] = state.setdefault("parts", {})
        for line in lines.values():
            # The digest stays away in later runs if this one does not reach the part.
            if self._is_doubtful(line):
                line.pop("digest", None)
        # A run that ends early leaves `underway`, and parts with an older `pass`.
        state |= {"pass": self.previous_state.get("pass", 0) + 1, "underway": True}
        self.note_run()
        yield from super().batches()
        if not self.is_narrowed:
            self._note_missing(lines)
        del state["underway"]

    @property
    def is_narrowed(self) -> bool:
        """Whether parts may be missing that are still in the account."""
        names = ("list_keys", "cvids")
        narrowed = any(self.run.settings.get(name) for name in names)
        return narrowed or "getmailinglists" in self.inventory.incomplete

    def keys_of(self, owner: str) -> Row:
        """Return the fields that all records of a part have."""
        raise NotImplementedError

    def _note_missing(self, lines: dict[str, Row]) -> None:
        """Write the snapshots of parts that were missing in two runs in a row.

        A part that is missing once may be an error of the service.
        """
        for owner, line in [*lines.items()]:
            was_read = line.get("pass") == self.stream_state["pass"]
            missing = 0 if was_read else line.get("missing", 0) + 1
            # Without the stream `snapshots`, the deletion is noted for a later run.
            if missing >= MISSING_RUNS and self.writes_snapshots:
                self.note_deleted(self.keys_of(owner))
                del lines[owner]
            elif missing:
                line["missing"] = missing

    def read_part(self, part: Part) -> Iterator[Batch]:
        """Read a part; about as many rows are expected as in the last run.

        Yields:
            The pages, and at the end an empty batch with what is known about them.
        """
        line = self.previous_state.get("parts", {}).get(part.owner, {})
        proved = line.get("proved")
        # A time in the future comes from a wrong clock.
        prove = bool(proved) and not (
            timedelta()
            <= self.run.now() - datetime.fromisoformat(proved)
            < _PROOF_HOLDS
        )
        expected = line.get("rows", part.expected)
        reading = self.paged(part, expected=expected, prove=prove)
        for records, _ in reading:
            yield Batch(records)
        end = PartEnd(reading.proved, reading.without_key, reading.reported)
        yield Batch([], end)

    def write_part(self, part: Part, batches: Iterator[Batch]) -> Iterator[list[Row]]:
        """Yield the records of a part that have to be written, and note its line."""
        lines: dict[str, Row] = self.stream_state["parts"]
        earlier = lines.get(part.owner, {})
        is_known = "digest" in earlier and earlier["start"] <= self.start
        known = earlier if is_known else None
        now = replace(part, keys=part.keys | {"snapshot_time": self.run.run_time})
        members = Members(self.replication_key or "", known)
        if known is None:
            for records in self._in_scope(batches, members):
                members.include(records)
                yield self.add_keys(records, now)
        else:
            with closing(Spool()) as spool:
                pages = []
                for records in self._in_scope(batches, members):
                    members.include(records)
                    pages.append(spool.write(records))
                if members.unchanged:
                    now.keys["snapshot_time"] = known["at"]
                for records in map(spool.load, pages):
                    yield self.add_keys(members.to_write(records), now)
        end = members.end
        reported = part.expected if end.reported is None else end.reported
        snapshot = PartSnapshot(self.name, now.keys, members.rows, reported)
        snapshot = snapshot._replace(without_key=end.without_key)
        self.warn_without_key(snapshot._replace(rows=members.with_key))
        self.run.snapshots.write(snapshot)
        line = members.line(now.keys["snapshot_time"], self.start)
        line["pass"] = self.stream_state["pass"]
        if end.proved or "proved" not in earlier:
            line["proved"] = self.run.time()
        else:
            line["proved"] = earlier["proved"]
        lines[part.owner] = line

    def _is_doubtful(self, line: Row) -> bool:
        """Return whether a line may not show everything that was written of its part.

        An earlier run that ended early may have written members that its state does not
        cover. If they have left since then, only a new snapshot shows it.
        """
        state = self.previous_state
        ended_early = state.get("underway") and line.get("pass") != state.get("pass")
        return self.rewrites or bool(ended_early)

    def _in_scope(
        self, batches: Iterator[Batch], members: Members
    ) -> Iterator[list[Row]]:
        """Yield the rows that `start_date` leaves, and note how the part was read."""
        key = self.replication_key or ""
        for batch in batches:
            if isinstance(batch.note, PartEnd):
                members.end = batch.note
            members.with_key += len(batch.rows)
            yield [r for r in batch.rows if (r.get(key) or self.start) >= self.start]


class Members:
    """Compares the members of a part with those of an earlier run.

    The earlier members are kept as the sum of the hashes of their records. The sum does
    not depend on their order, and takes the same space for any number of members.
    """

    def __init__(self, key: str, line: Row | None) -> None:
        """Start without members.

        Args:
            key: The field that says when a member was added.
            line: What an earlier run noted of the part, as `line` returns it.
        """
        self._key = key
        self._line = line or {"added": "", "digest": ""}
        self._encoder = msgspec.json.Encoder(order="sorted")
        self._older = 0
        self._all = 0
        self._newest = self._line["added"]
        self.rows = 0
        """Rows within the scope of `start_date`."""
        self.with_key = 0
        """Rows with a key, also those before `start_date`."""
        self.end = PartEnd()
        """What is known after the last page."""

    def include(self, records: list[Row]) -> None:
        """Add the records of a page."""
        bookmark = self._line["added"]
        for record in records:
            record_hash = blake2b(self._encoder.encode(record), digest_size=16).digest()
            number = int.from_bytes(record_hash)
            added = record.get(self._key) or ""
            self._all += number
            if added <= bookmark:
                self._older += number
            else:
                self._newest = max(self._newest, added)
        self.rows += len(records)

    @property
    def unchanged(self) -> bool:
        """Whether all earlier members are still there, with the same records."""
        return bool(_hexadecimal(self._older) == self._line["digest"])

    def to_write(self, records: list[Row]) -> list[Row]:
        """Return the records that have to be written."""
        if not self.unchanged:
            return records
        bookmark = self._line["added"]
        return [r for r in records if (added := r.get(self._key)) and added >= bookmark]

    def line(self, at: str, start: str) -> Row:
        """Return what to note of the part.

        Args:
            at: Its `snapshot_time`.
            start: The time of `start_date`.
        """
        return {
            "added": self._newest,
            "digest": _hexadecimal(self._all),
            "at": at,
            "start": start,
            "rows": self.with_key,
        }


def _hexadecimal(number: int) -> str:
    return f"{number % (1 << 128):032x}"
