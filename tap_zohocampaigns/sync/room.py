"""Room for batches until they are taken: some in memory, more on disk."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sync.spool import Spool
from tap_zohocampaigns.sync.units import Batch, OnDisk

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sync.units import Kept

# How many rows of a stream may wait in memory; a page has 500.
_ROOM = 10_000
# How many bytes of a stream may wait on disk; about a million rows.
_DISK = 256 << 20


class Room:
    """Keeps batches; not safe for threads."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.idle = True
        """Whether nobody takes rows just now: then more of them may go to disk.

        Otherwise threads would fill the disk only because rows are written slowly.
        """
        self._held = 0
        self._disk: Spool | None = None
        self._on_disk = 0
        self._disk_full = False

    @property
    def crowded(self) -> bool:
        """Whether only what is needed next may be kept."""
        return self._held >= _ROOM and not (self.idle and self._has_disk)

    @property
    def _has_disk(self) -> bool:
        used = self._disk.size if self._disk else 0
        return not self._disk_full and used < _DISK

    def keep(self, batch: Batch, *, urgent: bool) -> Kept | None:
        """Return what stands for a batch; None if there is no room for it.

        Args:
            batch: What was read.
            urgent: Whether it is needed next, so that there is room in any case.
        """
        kept: Kept | None = batch
        if self._held >= _ROOM and not urgent:
            kept = None if self.crowded else self._spill(batch)
        if kept is not None:
            self._held += _size(kept)
        return kept

    def take(self, kept: Kept) -> Batch:
        """Return a batch that was kept, and make room for others."""
        batch = kept
        if isinstance(kept, OnDisk):
            disk = t.cast("Spool", self._disk)
            batch = Batch(disk.load(kept.place), kept.note)
        self.drop(kept)
        return t.cast("Batch", batch)

    def drop(self, kept: Kept) -> None:
        """Forget a batch."""
        self._held -= _size(kept)
        if isinstance(kept, OnDisk):
            self._on_disk -= 1
            if not self._on_disk:
                # The file only grows, so begin with another one.
                self.close()
                self._disk = None

    def close(self) -> None:
        """Delete the file."""
        if self._disk:
            self._disk.close()

    def _spill(self, batch: Batch) -> OnDisk | None:
        if self._disk is None:
            self._disk = Spool()
        place = self._disk.write_to_disk(batch.rows)
        if place is None:
            # Reading ahead can wait.
            self._disk_full = True
            return None
        self._on_disk += 1
        return OnDisk((), batch.note, place)


def _size(kept: Kept) -> int:
    # A batch without rows takes memory too.
    return len(kept.rows) + 1
