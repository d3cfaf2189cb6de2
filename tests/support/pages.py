"""A simulated endpoint with pages, and the number of calls that it may cost."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from operator import itemgetter

from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import RangeRefused
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading

# The tap halves a page size that is refused, but not below this.
SMALLEST_PAGE = 20


@dataclass
class Endpoint:
    """An endpoint with rows, and with the faults that Zoho's endpoints may have."""

    rows: list[dict[str, t.Any]]
    clamp: int = 10**9
    """The most rows of a page, even if more are asked for."""
    largest_range: int = 10**9
    """The largest `range`; a call with a larger one fails."""
    total_error: int | None = None
    """By how much the reported total is wrong; None: no total is reported."""
    reports_range: bool = False
    """Whether answers report the range that was used."""
    repeated_rows: int = 0
    """How many rows of the previous page each page repeats."""
    repeats_each_row: bool = False
    """Whether each row comes twice in a row."""
    calls: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, fromindex: int, size: int) -> Page:
        """Return a page, and note the call."""
        self.calls.append((fromindex, size))
        assert fromindex >= 1
        if size > self.largest_range:
            msg = "Zoho answered with code 6502: lower `page_size`."
            raise RangeRefused(msg)
        first = max(fromindex - 1 - self.repeated_rows, 0)
        rows = [row for row in self.rows for _ in range(1 + self.repeats_each_row)]
        page = rows[first : first + min(size, self.clamp)]
        total = None if self.total_error is None else len(rows) + self.total_error
        used = min(size, self.clamp) if self.reports_range else None
        return Page([dict(row) for row in page], total, used)


def numbered_rows(count: int) -> list[dict[str, t.Any]]:
    return [{"key": number} for number in range(count)]


def read_all(
    endpoint: Endpoint, size: int, at_once: int = 1, expected: int | None = None
) -> list[dict[str, t.Any]]:
    pages = Paginator(size, itemgetter("key"), at_once)
    reading = Reading(pages, endpoint.ask, expected=expected)
    return [row for page, _ in reading for row in page]


def most_calls(rows: int, size: int, clamp: int = 10**9) -> int:
    """Return the most calls that reading so many rows may cost."""
    # Each page except the first begins with up to five rows of the previous page. After
    # the last page come three more calls: a page with old rows only, an empty page, and
    # the last rows again. Pages of one row can't overlap, so each old row costs a call.
    # The first page that is shorter than asked for may be taken for the last.
    length = min(size, clamp)
    if length == 1:
        return 2 * rows + 1
    overlap = min(5, length - 1)
    pages = -(-max(rows - overlap, 1) // (length - overlap))
    return pages + 3 + (clamp < size)


SIZES = st.integers(1, 30)
