"""Rows of an endpoint, page after page: `fromindex` counts rows, from one."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import Failed, RangeRefused

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Row: t.TypeAlias = dict[str, t.Any]

# The service gives so many when it isn't asked for a number, so it can't refuse them.
_SMALLEST = 20


class Page(t.NamedTuple):
    """What one call gave: rows, and how many there are in all if that is told."""

    rows: list[Row]
    total: int | None = None


class Pages:
    """Reads the pages of one endpoint, and learns how many rows a page can hold.

    The service may give fewer rows than it is asked for, and may say so or not. So the
    next page starts behind the rows that came, and a page is the last one only if it is
    shorter than another that came before and no counter tells of more. Else one more
    call finds out: past the end the endpoint says that it has none.
    """

    def __init__(self, size: int, identity: Callable[[Row], t.Hashable | None]) -> None:
        """Ask for `size` rows a call.

        Args:
            size: Rows to ask for.
            identity: Gives what makes a row the same row on two pages.
        """
        self._size = size
        self._identity = identity
        self._longest = 0

    def read(self, ask: Callable[[int, int], Page]) -> Iterator[list[Row]]:
        """Yield the rows of page after page, each row once.

        Args:
            ask: Called with the index of the first row and the number of rows; an empty
                page means that there are no more.

        Raises:
            Failed: A row lacks its identity, or the service repeats a page.
        """
        fromindex = 1
        before: set[t.Hashable] = set()
        while (page := self._ask(ask, fromindex)).rows:
            keys = [*map(self._identity, page.rows)]
            found = {*keys}
            if None in found:
                msg = "A row came without its key, so it can't be told from others."
                raise Failed(msg)
            fresh = page.rows
            if len(found) < len(keys) or not found.isdisjoint(before):
                rows_by_key = dict(zip(keys, page.rows, strict=True))
                fresh = [row for key, row in rows_by_key.items() if key not in before]
            if not fresh:
                if len(page.rows) < _SMALLEST:
                    return  # it ignores `fromindex`, but these are all
                msg = (
                    "Zoho repeats the same page whatever `fromindex` asks for, so the "
                    "rest can't be read."
                )
                raise Failed(msg)
            yield fresh
            rows = len(page.rows)
            shorter = rows < min(self._longest, self._size)
            self._longest = max(self._longest, rows)
            fromindex += rows
            if shorter and (page.total is None or fromindex > page.total):
                return
            before = found

    def _ask(self, ask: Callable[[int, int], Page], fromindex: int) -> Page:
        while True:
            try:
                return ask(fromindex, self._size)
            except RangeRefused as error:
                if self._size <= _SMALLEST:
                    raise Failed(str(error)) from None
                self._size = max(self._size // 2, _SMALLEST)
