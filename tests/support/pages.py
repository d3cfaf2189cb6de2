"""An endpoint with pages, as a value."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from operator import itemgetter

from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import RangeRefused
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading

# An endpoint that ignores `fromindex` is told from one that has few rows by these.
DEFAULT = 20


@dataclass
class Endpoint:
    """An endpoint with rows, and the whims that Zoho's may have."""

    rows: list[dict[str, t.Any]]
    clamp: int = 10**9
    """Most rows of a page; the rest is silently left out."""
    largest: int = 10**9
    """A larger range is refused."""
    off: int | None = None
    """How much the counter of all rows is wrong; None: there is no counter."""
    echoed: bool = False
    """Whether it tells how many rows a page can have."""
    again: int = 0
    """So many rows of the page before come again."""
    doubled: bool = False
    """Each row comes twice, one behind the other."""
    calls: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, fromindex: int, size: int) -> Page:
        """Answer a call."""
        self.calls.append((fromindex, size))
        assert fromindex >= 1
        if size > self.largest:
            msg = "Zoho answered with code 6502: lower `page_size`."
            raise RangeRefused(msg)
        first = max(fromindex - 1 - self.again, 0)
        rows = [row for row in self.rows for _ in range(1 + self.doubled)]
        page = rows[first : first + min(size, self.clamp)]
        total = None if self.off is None else len(rows) + self.off
        used = min(size, self.clamp) if self.echoed else None
        return Page([dict(row) for row in page], total, used)


def numbered(count: int) -> list[dict[str, t.Any]]:
    return [{"key": number} for number in range(count)]


def read(
    endpoint: Endpoint, size: int, at_once: int = 1, expected: int | None = None
) -> list[dict[str, t.Any]]:
    pages = Paginator(size, itemgetter("key"), at_once)
    told = Reading(pages, endpoint.ask, expected=expected)
    return [row for page, _ in told for row in page]


def most_calls(rows: int, size: int, clamp: int = 10**9) -> int:
    # Each page but the first begins with up to five rows of the one before. Behind the
    # last there is one of old rows only, one of none, and then the last rows again. A
    # page of one row has no room for old ones: they are asked for in between. A page
    # that is shorter than asked looks like the last, once.
    length = min(size, clamp)
    if length == 1:
        return 2 * rows + 1
    overlap = min(5, length - 1)
    pages = -(-max(rows - overlap, 1) // (length - overlap))
    return pages + 3 + (clamp < size)


SIZES = st.integers(1, 30)
