"""NEW."""

from __future__ import annotations

import typing as t
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.sync.incremental import PartSnapshot, SnapshotStream
from tap_zohocampaigns.sync.lookback import MISSING_RUNS
from tap_zohocampaigns.sync.pagination import Reading
from tap_zohocampaigns.sync.prefetch import Batch
from tap_zohocampaigns.sync.spool import Spool

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import Part

    Records: t.TypeAlias = list[Row]


# The end of a part that looks unchanged is asked for after this time. Else a cap that
# is as long as the part was would hide whoever enters it, for ever.
_PROOF_HOLDS = timedelta(days=1)


class MembersStream(SnapshotStream):
    """A stream of parts whose members Zoho works out, so that any may come or go.

    Each part is read whole. What is written is what was added since the last run; all
    of it, when anything else has changed.
    """

    def batches(self) -> Iterator[Records]:
        """Yield what is new of all parts."""
        state = self.stream_state
        lines: dict[str, Row] = state.setdefault("parts", {})
        for line in lines.values():
            # It stays so in later runs, if this one does not come to the part.
            if self._is_doubtful(line):
                line.pop("digest", None)
        # A run that ends early leaves this, and parts of which it noted nothing.
        state |= {"pass": self.previous_state.get("pass", 0) + 1, "underway": True}
        self.note_run()
        met = set()
        for part, batches in self.turns():
            with self.skip_if_deleted(part):
                yield from self._take_part(part, batches, lines)
                met.add(part.owner)
        if not self.is_narrowed:
            self._note_missing(lines, met)
        del state["underway"]

    @property
    def is_narrowed(self) -> bool:
        """Whether parts may be missing that are still in the account."""
        names = ("list_keys", "cvids")
        narrowed = any(self._zoho.settings.get(name) for name in names)
        return narrowed or "getmailinglists" in self.inventory.incomplete

    def keys_of(self, owner: str) -> Row:
        """Return the keys that the records of a part have."""
        raise NotImplementedError

    def _note_missing(self, lines: dict[str, Row], met: set[str]) -> None:
        """Tell what is deleted: what is missing in two runs in a row.

        A list that is missing once may be an error of the service.
        """
        for owner in [*lines]:
            missing = 0 if owner in met else lines[owner].get("missing", 0) + 1
            # Without `snapshots` nobody is told, so it is told when they are selected.
            if missing >= MISSING_RUNS and self.writes_snapshots:
                self.note_deleted(self.keys_of(owner))
                del lines[owner]
            elif missing:
                lines[owner]["missing"] = missing

    def read(self, part: Part) -> Iterator[Batch]:
        """Read a part; about as many rows are expected as it had before."""
        line = self.previous_state.get("parts", {}).get(part.owner, {})
        proved = line.get("proved")
        # Of a time to come, a clock was wrong.
        prove = bool(proved) and not (
            timedelta() <= self._zoho.now() - _instant(proved) < _PROOF_HOLDS
        )
        expected = line.get("rows", part.expected)
        reading = self.paged(part, expected=expected, prove=prove)
        for records, _ in reading:
            yield Batch(records)
        yield Batch([], reading)

    def _take_part(
        self, part: Part, batches: Iterator[Batch], lines: dict[str, Row]
    ) -> Iterator[Records]:
        before = lines.get(part.owner, {})
        is_known = "digest" in before and before["start"] <= self.start
        known = before if is_known else None
        now = replace(part, keys=part.keys | {"snapshot_time": self._zoho.run_time})
        members = Members(self.replication_key or "", known)
        if known is None:
            for records in self._in_scope(batches, members):
                members.add(records)
                yield self.add_keys(records, now)
        else:
            with closing(Spool()) as spool:
                pages = []
                for records in self._in_scope(batches, members):
                    members.add(records)
                    pages.append(spool.write(records))
                if members.unchanged:
                    now.keys["snapshot_time"] = known["at"]
                for records in map(spool.read, pages):
                    yield self.add_keys(members.new(records), now)
        reported = part.expected if members.reported is None else members.reported
        snapshot = PartSnapshot(self.name, now.keys, members.rows, reported)
        snapshot = snapshot._replace(without_key=members.without_key)
        self.tell_without_key(snapshot._replace(rows=members.with_key))
        self._zoho.snapshots.write(snapshot)
        line = members.line(now.keys["snapshot_time"], self.start)
        line["pass"] = self.stream_state["pass"]
        if members.proved or "proved" not in before:
            line["proved"] = self._zoho.time()
        else:
            line["proved"] = before["proved"]
        lines[part.owner] = line
        self.checkpoint()

    def _is_doubtful(self, line: Row) -> bool:
        """Return whether what was written of a part may differ from what is noted.

        An earlier run that ended early may have written members of whom it noted
        nothing. If they have left since then, only a new snapshot tells.
        """
        before = self.previous_state
        ended_early = before.get("underway") and line.get("pass") != before.get("pass")
        return self.rewrites or bool(ended_early)

    def _in_scope(
        self, batches: Iterator[Batch], members: Members
    ) -> Iterator[Records]:
        key = self.replication_key or ""
        for batch in batches:
            if isinstance(batch.about, Reading):
                members.proved = batch.about.proved
                members.reported = batch.about.told
                members.without_key = batch.about.without_key
            members.with_key += len(batch.rows)
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
        self._newest = self._known["added"]
        self.rows = 0
        self.with_key = 0
        """Rows that came with it, also those that are too old."""
        self.without_key = 0
        """Rows that came without their key, so that they can't be told from others."""
        self.proved = False
        """Whether the service was asked for more, and had none."""
        self.reported: int | None = None
        """How many rows the answers told of, if they did."""

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
                self._newest = max(self._newest, added)
        self.rows += len(records)

    @property
    def unchanged(self) -> bool:
        """Whether all who were there before are there, as they were."""
        return bool(_hexadecimal(self._older) == self._known["digest"])

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
            "rows": self.with_key,
        }


def _hexadecimal(number: int) -> str:
    return f"{number % (1 << 128):032x}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
