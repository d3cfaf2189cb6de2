"""Rows of an endpoint, page after page: `fromindex` counts rows, from one.

Contacts come and go while pages are read, and rows move up or down. So each page begins
with the last few rows of the one before; when it does not hold any of them, the reader
steps back until it does.
"""

from __future__ import annotations

import typing as t
from hashlib import blake2b

from tap_zohocampaigns.api.errors import Failed, RangeRefused

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Row: t.TypeAlias = dict[str, t.Any]

# The service gives so many when it isn't asked for a number, so it can't refuse them.
_SMALLEST = 20
_OVERLAP = 5


class Page(t.NamedTuple):
    """What one call gave: rows, and how many there are in all if that is told."""

    rows: list[Row]
    total: int | None = None


class Place(t.NamedTuple):
    """How far a reader is: enough to go on later, and no address in it."""

    start: int = 1
    """Where the next unread row is."""
    tail: tuple[str, ...] = ()
    """Marks of the rows before it."""


def mark(identity: t.Hashable) -> str:
    """Return a short text that stands for a row, from which it can't be told."""
    return blake2b(str(identity).encode(), digest_size=6).hexdigest()


class Pages:
    """Reads the pages of one endpoint, and learns how many rows a page can hold.

    The service may give fewer rows than it is asked for, and may say so or not. So the
    next page starts behind the rows that came, and a page is the last one only if it is
    shorter than another that came before, or if a counter agrees. Else one more call
    finds out.
    """

    def __init__(
        self,
        size: int,
        identity: Callable[[Row], t.Hashable | None],
        longest: int = 0,
    ) -> None:
        """Ask for `size` rows a call.

        Args:
            size: Rows to ask for.
            identity: Gives what makes a row the same row on two pages.
            longest: The longest page that an earlier run has seen.
        """
        self._size = size
        self._identity = identity
        self.longest = longest

    def read(
        self, ask: Callable[[int, int], Page], place: Place | None = None
    ) -> Iterator[tuple[list[Row], Place]]:
        """Yield the rows of page after page, each row once, and the place behind them.

        Args:
            ask: Called with the index of the first row and the number of rows; an empty
                page means that there are none from there on.
            place: Where to go on; the beginning if not given.

        Raises:
            Failed: A row lacks its identity, or the service repeats a page.
        """
        start, tail = place or Place()
        first = self._begin(start, tail)
        while True:
            page = self._ask(ask, first)
            rows = len(page.rows)
            keys = self._keys(page)
            met = self._last_of(tail, keys) if first < start else -1
            if met is None and first > 1:
                first = max(first - max(self._size - _OVERLAP, 1), 1)
                continue
            fresh = self._distinct(page.rows, keys, 0 if met is None else met + 1)
            start = first + rows
            tail = tuple(map(mark, keys[-_OVERLAP:]))
            ends = self._ends(page, start)
            self.longest = max(self.longest, rows)
            if fresh:
                yield fresh, Place(start, tail)
            elif not ends and rows >= _SMALLEST:
                msg = (
                    "Zoho repeats the same page whatever `fromindex` asks for, so the "
                    "rest can't be read."
                )
                raise Failed(msg)
            if ends or not fresh:
                return
            first = self._begin(start, tail)

    def _begin(self, start: int, tail: tuple[str, ...]) -> int:
        """Return where a page has to begin to overlap, and yet bring something new."""
        room = (self.longest or self._size) - 1
        return max(start - min(len(tail), room), 1)

    def _keys(self, page: Page) -> list[t.Hashable]:
        keys = [*map(self._identity, page.rows)]
        if None in keys:
            msg = "A row came without its key, so it can't be told from others."
            raise Failed(msg)
        return keys

    @staticmethod
    def _last_of(tail: tuple[str, ...], keys: list[t.Hashable]) -> int | None:
        """Return where the last row of the page before stands in this one."""
        for marked in reversed(tail):
            for position, key in enumerate(keys):
                if mark(key) == marked:
                    return position
        return None

    @staticmethod
    def _distinct(rows: list[Row], keys: list[t.Hashable], cut: int) -> list[Row]:
        if cut == 0 and len({*keys}) == len(keys):
            return rows
        return [*dict(zip(keys[cut:], rows[cut:], strict=True)).values()]

    def _ends(self, page: Page, start: int) -> bool:
        rows = len(page.rows)
        if page.total is not None and start <= page.total:
            return False
        return rows < self._size and (page.total is not None or rows < self.longest)

    def _ask(self, ask: Callable[[int, int], Page], first: int) -> Page:
        while True:
            try:
                return ask(first, self._size)
            except RangeRefused as error:
                if self._size <= _SMALLEST:
                    raise Failed(str(error)) from None
                self._size = max(self._size // 2, _SMALLEST)
