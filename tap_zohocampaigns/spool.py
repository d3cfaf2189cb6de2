"""Pages on disk, for as long as it is not known what is to be done with them."""

from __future__ import annotations

import tempfile
import typing as t

from tap_zohocampaigns.api import numbers

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire import Row


class Spooled(t.NamedTuple):
    """Where a page is."""

    offset: int
    length: int


class Spool:
    """A file without a name, which is gone when it is closed."""

    def __init__(self) -> None:
        """Begin without pages."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        self.size = 0
        """Bytes written so far."""

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def write(self, rows: list[Row]) -> Spooled:
        """Keep a page; all are written before one is read."""
        length = self._file.write(numbers.encode(rows))
        place = Spooled(self.size, length)
        self.size += length
        return place

    def read(self, place: Spooled) -> list[Row]:
        """Return a page."""
        self._file.seek(place.offset)
        return t.cast("list[Row]", numbers.decode(self._file.read(place.length)))
