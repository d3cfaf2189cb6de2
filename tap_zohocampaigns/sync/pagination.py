"""Pages of an endpoint: `fromindex` is the index of a row, from one.

`reading.Reading` decides what to ask for, and when a part has been read whole.
"""

from __future__ import annotations

import typing as t
from functools import partial
from hashlib import blake2b

from tap_zohocampaigns.api.errors import FatalError, RangeRefused
from tap_zohocampaigns.sync.workers import begin

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tap_zohocampaigns.api.wire.types import Row

    Ask: t.TypeAlias = "Callable[[int, int], Page]"
    Key: t.TypeAlias = t.Hashable | None

# The service gives so many rows if `range` is not sent, so it can't refuse them.
_SMALLEST = 20
# How many keys of a part are remembered: at least this, at most twice as many.
_WINDOW = 25_000
# So many pages ahead there are no rows, or other rows. New rows may bring old ones
# there once, but not at all three places.
_FAR = (100, 300, 200)
# After so many pages in a row with only old rows, check whether `fromindex` counts.
_IDLE = 8


class Page(t.NamedTuple):
    """The result of one call."""

    rows: list[Row]
    total: int | None = None
    """How many rows there are on all pages, if the answer says so."""
    used: int | None = None
    """How many rows a page has at most, if the answer says so."""


class Cursor(t.NamedTuple):
    """How far a part has been read. It holds no address, so it may be in a state."""

    start: int = 1
    """Index of the next unread row."""
    tail: tuple[str, ...] = ()
    """Fingerprints of the rows before it."""


def fingerprint(identity: t.Hashable) -> str:
    """Return a short hash of a row's identity."""
    return blake2b(str(identity).encode(), digest_size=6).hexdigest()


def fingerprints(keys: list[Key]) -> list[str]:
    """Return the fingerprints of rows; rows without a key have an empty one."""
    return ["" if key is None else fingerprint(key) for key in keys]


class Answer(t.NamedTuple):
    """A page, where it was asked for, and how it is connected to earlier rows."""

    page: Page
    keys: list[Key]
    first: int
    size: int
    skip: int = 0
    """How many of its rows repeat the end of the page before."""
    aligned: bool = True
    """Whether its rows stand where they must if no row has moved."""

    @property
    def full(self) -> bool:
        """Whether it may have no room for more rows."""
        rows = len(self.keys)
        return rows >= self.size or rows >= (self.page.used or self.size)

    @property
    def had_room(self) -> bool:
        """Whether the answer says that there was room for more rows."""
        return self.page.used is not None and not self.full


class Paginator:
    """Asks for the pages of one endpoint, in a size that the service accepts."""

    def __init__(
        self,
        size: int,
        identity: Callable[[Row], t.Hashable | None],
        at_once: int = 1,
    ) -> None:
        """Start with a page size.

        Args:
            size: How many rows to ask for.
            identity: Returns the key by which a row is the same on two pages.
            at_once: How many pages are asked for at once, if their number is known.
        """
        self.size = size
        self.identity = identity
        self.at_once = at_once

    def ask(self, ask: Ask, first: int) -> tuple[Page, int]:
        """Return a page, and how many rows were asked for.

        Raises:
            FatalError: The service refuses every page size.
        """
        while True:
            size = self.size
            try:
                return ask(first, size), size
            except RangeRefused as error:
                if size <= _SMALLEST:
                    raise FatalError(str(error)) from None
                # Another thread may have reduced the size too.
                self.size = min(self.size, max(size // 2, _SMALLEST))


class Lookahead:
    """Asks for the next pages before their turn, if more rows are known to exist."""

    def __init__(self, ask: Ask, most: int) -> None:
        """Ask for no page yet.

        Args:
            ask: Asks for a page.
            most: How many pages are asked for at once, besides the current one.
        """
        self._ask = ask
        self._most = most
        self._pages: dict[tuple[int, int], Future[Page]] = {}

    def ask(self, first: int, size: int) -> Page:
        """Return a page. If it was not started before, ask for it now."""
        page = self._pages.pop((first, size), None)
        if page is None:
            self._pages.clear()
            return self._ask(first, size)
        return page.result()

    def start(self, first: int, stride: int, size: int, last: int) -> None:
        """Start to ask for the next pages.

        Args:
            first: Where the next page begins.
            stride: The distance between the beginnings of pages.
            size: How many rows to ask for.
            last: The last index where a page can begin and have an unread row.
        """
        # The stride is not positive if pages are as short as their overlap.
        for start in range(first, last + 1, stride)[: self._most] if stride > 0 else ():
            if (start, size) not in self._pages:
                self._pages[start, size] = begin(partial(self._ask, start, size))


class Window:
    """The keys of the rows that were read last, in limited memory."""

    def __init__(self, tail: tuple[str, ...]) -> None:
        """Start with the fingerprints of a cursor."""
        self._tail = {*tail} - {""}
        self._now: set[Key] = set()
        self._before: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        """Return whether a row was read; False for a row without a key."""
        if key in self._now or key in self._before:
            return True
        if (
            not self._tail
            or key is None
            or (text := fingerprint(key)) not in self._tail
        ):
            return False
        self._tail.discard(text)
        self._now.add(key)
        return True

    def new(self, rows: list[Row], keys: list[Key]) -> list[Row]:
        """Return the rows that were not read before, each once, and remember them."""
        has_old = bool(self._tail) or not (
            self._now.isdisjoint(keys) and self._before.isdisjoint(keys)
        )
        if has_old:
            pairs = [
                pair for pair in zip(keys, rows, strict=True) if pair[0] not in self
            ]
            keys, rows = [key for key, _ in pairs], [row for _, row in pairs]
        number = len(self._now) + len(keys)
        self._now.update(keys)
        if len(self._now) < number or None in self._now:
            self._now.discard(None)
            distinct = dict(zip(keys, rows, strict=True))
            distinct.pop(None, None)
            rows = [*distinct.values()]
        if len(self._now) > _WINDOW:
            self._before, self._now = self._now, set()
        return rows


class Tail:
    """The last rows that were read, by which the next page is connected to them."""

    LENGTH = 5

    def __init__(self, tail: tuple[str, ...], window: Window) -> None:
        """Start with the fingerprints of a cursor."""
        self._keys: list[t.Any] = [*tail]
        self._are_fingerprints = bool(tail)
        self._window = window

    def __len__(self) -> int:
        """Return how many rows are remembered."""
        return len(self._keys)

    def begins(self, keys: list[Key], overlap: int) -> bool:
        """Return whether a page begins with the last rows, as far as it goes."""
        if not 0 < overlap <= len(self._keys):
            return False
        first, tail = keys[:overlap], self._keys[-overlap:]
        if not self._are_fingerprints:
            return first == tail[: len(first)]
        if fingerprints(first) != tail[: len(first)]:
            return False
        if len(first) == overlap:
            self._window.new([{}] * overlap, first)
            self._keys, self._are_fingerprints = first, False
        return True

    def extend(self, keys: list[Key], *, aligned: bool) -> None:
        """Add rows; drop the earlier ones if the rows are not directly behind them."""
        earlier = self._keys if aligned else []
        self._keys = [*earlier, *keys][-self.LENGTH :]
        self._are_fingerprints = False

    def overlap(self, length: int) -> int:
        """Return with how many old rows a page of a length should begin."""
        return min(self.LENGTH, length - 1, len(self._keys))

    def fingerprints(self) -> tuple[str, ...]:
        """Return the fingerprints of the rows, for a cursor."""
        return tuple(fingerprints(self._keys))


class IndexCheck:
    """Decides whether pages have only old rows because `fromindex` is ignored.

    They may also have them because as many new rows have come in before.
    """

    def __init__(self) -> None:
        """Start without a page."""
        self._idle = 0
        self._last: tuple[int, list[Key]] = (0, [])
        self._counts = False

    def note(self, first: int, keys: list[Key]) -> None:
        """Remember a page."""
        self._last = first, keys

    def reset(self) -> None:
        """Start again, since a page had new rows."""
        self._idle = 0

    def is_due(self, first: int, keys: list[Key]) -> bool:
        """Return whether a page with only old rows makes a check necessary."""
        self._idle += 1
        last_first, last_keys = self._last
        same = last_first != first and {*last_keys} == {*keys}
        return not self._counts and (same or self._idle % _IDLE == 0)

    def is_ignored(
        self, start: int, size: int, has_only_old: Callable[[int], bool]
    ) -> bool:
        """Return whether pages far ahead have only old rows too.

        Args:
            start: Index of the next unread row.
            size: How many rows a page has.
            has_only_old: Asks for the page at an index.
        """
        self._counts = not all(has_only_old(start + far * size) for far in _FAR)
        return not self._counts
