"""Keeps pages on disk until it is known what to do with them."""

from __future__ import annotations

import errno
import tempfile
import typing as t

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.wire import numbers

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Row

# How many bytes are kept in memory if the disk is full.
_MEMORY = 64 << 20


class Spooled(t.NamedTuple):
    """The place of a page."""

    offset: int
    length: int
    page: bytes | None = None
    """The page itself, if it is in memory."""


class Spool:
    """A file without a name, which disappears when it is closed.

    In containers there may be no folder for such files, or a full one.
    """

    def __init__(self) -> None:
        """Start without pages."""
        self._reason = errno.ENOSPC
        self._file: t.Any = None
        try:
            # With a buffer, a full disk would show only later.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (`close` closes it)
        except OSError as error:
            self._reason = error.errno or errno.ENOENT
        self.size = 0
        """Bytes on disk so far."""
        self._in_memory = 0

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()

    def write(self, rows: list[Row]) -> Spooled:
        """Write a page, to disk if possible.

        Raises:
            SettingError: There is no space left.
        """
        page = numbers.encode(rows)
        if place := self._append(page):
            return place
        self._in_memory += len(page)
        if self._in_memory > _MEMORY:
            reason = errno.errorcode.get(self._reason, "")
            msg = (
                f"The folder for temporary files can't be used ({reason}), and there "
                "is too much for memory: set TMPDIR to a folder that is writable and "
                "has space."
            )
            raise SettingError(msg)
        return Spooled(0, 0, page)

    def write_to_disk(self, rows: list[Row]) -> Spooled | None:
        """Write a page to disk; return None if that is not possible."""
        return self._append(numbers.encode(rows))

    def _append(self, page: bytes) -> Spooled | None:
        if self._file is None:
            return None
        place = Spooled(self.size, len(page))
        rest = memoryview(page)
        try:
            self._file.seek(place.offset)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._reason = error.errno or errno.ENOSPC
            return None
        self.size += place.length
        return place

    def load(self, place: Spooled) -> list[Row]:
        """Read a page."""
        page = place.page
        if page is None:
            self._file.seek(place.offset)
            page = self._file.read(place.length)
        return t.cast("list[Row]", numbers.decode(page))
