"""Rows of an endpoint, page after page: `fromindex` counts rows, from one.

Contacts come and go while pages are read, and rows move up or down. So each page begins
with the last few rows of the one before; when it does not hold any of them, the reader
steps back until it does.
"""

from __future__ import annotations

import threading
import typing as t
from functools import partial
from hashlib import blake2b

from tap_zohocampaigns.ahead import begin
from tap_zohocampaigns.api.errors import Failed, RangeRefused

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    Ask: t.TypeAlias = "Callable[[int, int], Page]"
    Row: t.TypeAlias = dict[str, t.Any]

# The service gives so many when it isn't asked for a number, so it can't refuse them.
_SMALLEST = 20
_OVERLAP = 5


class Page(t.NamedTuple):
    """What one call gave."""

    rows: list[Row]
    total: int | None = None
    """How many rows there are in all, if that is told."""
    used: int | None = None
    """How many rows a page has at most, if that is told."""

    def tells_of(self, index: int) -> bool:
        """Return whether the counter says that there is a row at an index."""
        return self.total is not None and index <= self.total


class Place(t.NamedTuple):
    """How far a reader is: enough to go on later, and no address in it."""

    start: int = 1
    """Where the next unread row is."""
    tail: tuple[str, ...] = ()
    """Marks of the rows before it."""


def mark(identity: t.Hashable) -> str:
    """Return a short text that stands for a row, from which it can't be told."""
    return blake2b(str(identity).encode(), digest_size=6).hexdigest()


class Lengths(t.NamedTuple):
    """What is known of the lengths of pages; it helps a later run too."""

    last: int = 0
    """The longest page behind which there was nothing."""
    followed: int = 0
    """The longest page behind which there was more."""


class Coming:
    """Pages that are asked for before their turn, since it is known that there are."""

    def __init__(self, ask: Ask, most: int) -> None:
        """Ask for no page yet.

        Args:
            ask: Asks for a page.
            most: How many are asked for at once, besides the one whose turn it is.
        """
        self._ask = ask
        self._most = most
        self._pages: dict[tuple[int, int], Future[Page]] = {}

    def ask(self, first: int, size: int) -> Page:
        """Return a page; if it is not the one that was foreseen, ask for it."""
        page = self._pages.pop((first, size), None)
        if page is None:
            self._pages.clear()
            return self._ask(first, size)
        return page.result()

    def foresee(self, first: int, stride: int, size: int, last: int) -> None:
        """Ask for the next pages.

        Args:
            first: Where the next page begins.
            stride: How far behind it the one after it begins.
            size: How many rows to ask for.
            last: Where a page can begin at most and bring something new.
        """
        # A page shorter than its overlap tells nothing of the pages behind it.
        for start in range(first, last + 1, stride)[: self._most] if stride > 0 else ():
            if (start, size) not in self._pages:
                self._pages[start, size] = begin(partial(self._ask, start, size))


class Pages:
    """Reads the pages of one endpoint, and learns how many rows a page can hold.

    The service may give fewer rows than it is asked for, and may say so or not. So the
    next page starts behind the rows that came, and a page is the last one only if it is
    shorter than another that came before, or if the service says so twice: of the page,
    and in its counter. Else one more call finds out.
    """

    def __init__(
        self,
        size: int,
        identity: Callable[[Row], t.Hashable | None],
        at_once: int = 1,
    ) -> None:
        """Ask for `size` rows a call.

        Args:
            size: Rows to ask for.
            identity: Gives what makes a row the same row on two pages.
            at_once: How many pages are asked for at once where their number is known.
        """
        self._size = size
        self._identity = identity
        self._at_once = at_once
        self._learning = threading.Lock()
        self.lengths = Lengths()
        self._longest = 0

    def read(
        self, ask: Ask, place: Place | None = None, expected: int | None = None
    ) -> Iterator[tuple[list[Row], Place]]:
        """Yield the rows of page after page, each row once, and the place behind them.

        Args:
            ask: Called with the index of the first row and the number of rows; an empty
                page means that there are none from there on. It is called by several
                threads if pages are asked for at once.
            place: Where to go on; the beginning if not given.
            expected: How many rows there are, if that is known.

        Raises:
            Failed: A row lacks its identity, or the service repeats a page.
        """
        start, tail = place or Place()
        coming = Coming(ask, self._at_once - 1)
        first, stepped = self._begin(start, tail), False
        before: list[t.Hashable] = []
        asked = 0
        while True:
            page = self._ask(coming, first)
            keys = self._keys(page)
            # What is asked for again, beside what lies behind it, may be the same.
            if keys and keys == before and first != asked:
                self._refuse_repetition(page)
                return
            asked = first
            overlap, rows = start - first, len(keys)
            met = self._last_of(tail, keys, overlap) if overlap else -1
            if met is None and first > 1:
                first, stepped = max(first - max(self._size - _OVERLAP, 1), 1), True
                before = []
                continue
            fresh = self._distinct(page.rows, keys, 0 if met is None else met + 1)
            self._learn(len(before), more=bool(fresh))
            if not fresh and (stepped or rows <= overlap):
                if start == 1 and page.tells_of(start):
                    msg = f"Zoho tells of {page.total} rows and gives none of them."
                    raise Failed(msg)
                if not overlap or (
                    rows == overlap and not stepped and not page.tells_of(start)
                ):
                    return
                # Old rows alone, and not those that were to come: what is behind them?
                start = first + rows if stepped else start
                first, stepped, before = start, False, keys
                continue
            start, tail = first + rows, tuple(map(mark, keys[-_OVERLAP:]))
            ends = self._ends(page) and not page.tells_of(start)
            self._longest = max(self._longest, rows)
            first, stepped, before = self._begin(start, tail), False, keys
            if not ends:
                total = expected if page.total is None else page.total
                stride = rows - (start - first)
                coming.foresee(first, stride, self._size, (total or 0) - start + first)
            if fresh:
                yield fresh, Place(start, tail)
            if ends:
                return

    def _refuse_repetition(self, page: Page) -> None:
        """Fail, unless a page that comes again and again is all there is."""
        rows = len(page.rows)
        if rows >= min(_SMALLEST, self._size) or rows < (page.total or 0):
            msg = (
                "Zoho repeats the same page whatever `fromindex` asks for, so the rest "
                "can't be read."
            )
            raise Failed(msg)

    def _begin(self, start: int, tail: tuple[str, ...]) -> int:
        """Return where a page has to begin to overlap, and yet bring something new."""
        room = (max(self._longest, *self.lengths) or self._size) - 1
        return max(start - min(len(tail), room), 1)

    def _keys(self, page: Page) -> list[t.Hashable]:
        keys = [*map(self._identity, page.rows)]
        if None in keys:
            msg = "A row came without its key, so it can't be told from others."
            raise Failed(msg)
        return keys

    @staticmethod
    def _last_of(
        tail: tuple[str, ...], keys: list[t.Hashable], overlap: int
    ) -> int | None:
        """Return where the last row of the page before stands in this one."""
        if tail and overlap <= len(keys):
            # Where it is unless rows have moved: the marks of a whole page take long.
            expected = keys[overlap - 1]
            if mark(expected) == tail[-1] and keys.count(expected) == 1:
                return overlap - 1
        for marked in reversed(tail):
            for position in reversed(range(len(keys))):
                if mark(keys[position]) == marked:
                    return position
        return None

    @staticmethod
    def _distinct(rows: list[Row], keys: list[t.Hashable], cut: int) -> list[Row]:
        if cut == 0 and len({*keys}) == len(keys):
            return rows
        return [*dict(zip(keys[cut:], rows[cut:], strict=True)).values()]

    def _learn(self, rows: int, *, more: bool) -> None:
        with self._learning:
            last, followed = self.lengths
            if more:
                followed = max(followed, rows)
            else:
                last = max(last, rows)
            self.lengths = Lengths(last, followed)

    def _ends(self, page: Page) -> bool:
        """Return whether a page is surely the last."""
        rows = len(page.rows)
        if rows >= self._size:
            return False
        if rows < max(self._longest, *self.lengths):
            return True
        if rows >= (page.used or 0):
            return False
        # The service says that there was room for more. It may say so without giving
        # more, but then pages of that length are followed, or the length is round.
        as_before = self.lengths.followed < rows <= self.lengths.last and rows % 10
        return page.total is not None or bool(as_before)

    def _ask(self, coming: Coming, first: int) -> Page:
        while True:
            try:
                return coming.ask(first, self._size)
            except RangeRefused as error:
                if self._size <= _SMALLEST:
                    raise Failed(str(error)) from None
                self._size = max(self._size // 2, _SMALLEST)
