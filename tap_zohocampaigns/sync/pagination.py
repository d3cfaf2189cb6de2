"""Rows of an endpoint, page after page: `fromindex` counts rows, from one.

Contacts come and go while pages are read, and rows move up or down. The service may
give fewer rows than it is asked for, from one call to the next, and may say so or not.
So a page proves two things at most: the rows that it has, and that they stand one
behind the other. Each page begins with the last few rows of the one before. One that
does not hold enough rows that were read is not connected to them: the reader steps back
until it is.
"""

from __future__ import annotations

import typing as t
from functools import partial
from hashlib import blake2b

from tap_zohocampaigns.api.errors import FatalError, RangeRefused
from tap_zohocampaigns.sync.prefetch import begin

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    Ask: t.TypeAlias = "Callable[[int, int], Page]"
    Row: t.TypeAlias = dict[str, t.Any]
    Key: t.TypeAlias = t.Hashable | None

# The service gives so many when it isn't asked for a number, so it can't refuse them.
_SMALLEST = 20
_OVERLAP = 5
# Rows of a page that have to be known if others have moved: one or two of them may be
# those that have moved, or stand twice.
_ANCHORS = 3
# Keys that are remembered of a part: at least so many, at most twice as many.
_WINDOW = 25_000
# Caps that the service keeps to itself are round numbers: 20, 50, 100, 200.
_ROUND = 10
# So many pages further on there is nothing, or something else. Rows that come in may
# bring old ones there once, but not back again.
_FAR = (100, 300, 200)
# After so many pages in a row that give old rows only, see whether `fromindex` counts.
_IDLE = 8
# An end that looks otherwise each time is believed after so many times.
_PATIENCE = 5


class Page(t.NamedTuple):
    """What one call gave."""

    rows: list[Row]
    total: int | None = None
    """How many rows there are in all, if that is told."""
    used: int | None = None
    """How many rows a page has at most, if that is told."""


class Cursor(t.NamedTuple):
    """How far a reader is: enough to go on later, and no address in it."""

    start: int = 1
    """Where the next unread row is."""
    tail: tuple[str, ...] = ()
    """Fingerprints of the rows before it."""


def fingerprint(identity: t.Hashable) -> str:
    """Return a short hash of a row's identity."""
    return blake2b(str(identity).encode(), digest_size=6).hexdigest()


class Lookahead:
    """Asks for pages before their turn, since it is known that there are more."""

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


class Window:
    """The keys of the rows that were read last, in memory that does not grow."""

    def __init__(self, marks: tuple[str, ...]) -> None:
        """Know no row but those of some marks."""
        self._marks = {*marks} - {""}
        self._now: set[Key] = set()
        self._before: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        """Return whether a row has been read; one without a key never has."""
        if key in self._now or key in self._before:
            return True
        if (
            not self._marks
            or key is None
            or (marked := fingerprint(key)) not in self._marks
        ):
            return False
        self._marks.discard(marked)
        self._now.add(key)
        return True

    def new(self, rows: list[Row], keys: list[Key]) -> list[Row]:
        """Return the rows that have not been read, each once, and remember them."""
        old = bool(self._marks) or not (
            self._now.isdisjoint(keys) and self._before.isdisjoint(keys)
        )
        if old:
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


class Paginator:
    """Reads the pages of one endpoint."""

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
        self.size = size
        self.identity = identity
        self.at_once = at_once

    def read(
        self,
        ask: Ask,
        place: Cursor | None = None,
        expected: int | None = None,
        *,
        prove: bool = False,
    ) -> Reading:
        """Return the rows of page after page, each row once, and the place behind them.

        Args:
            ask: Called with the index of the first row and the number of rows; an empty
                page means that there are none from there on. It is called by several
                threads if pages are asked for at once.
            place: Where to go on; the beginning if not given.
            expected: How many rows there are, if that is known.
            prove: Whether to ask for the end, whatever counters tell.
        """
        return Reading(self, ask, place or Cursor(), expected, prove=prove)

    def ask(self, ask: Ask, first: int) -> tuple[Page, int]:
        """Return a page, and how many rows were asked for.

        Raises:
            FatalError: The service refuses every number of rows.
        """
        while True:
            size = self.size
            try:
                return ask(first, size), size
            except RangeRefused as error:
                if size <= _SMALLEST:
                    raise FatalError(str(error)) from None
                # Another thread may have found out the same.
                self.size = min(self.size, max(size // 2, _SMALLEST))


class _Answer(t.NamedTuple):
    """A page, where it was asked for, and how it is connected to what was read."""

    page: Page
    keys: list[Key]
    first: int
    size: int
    skip: int = 0
    """How many of its rows are those that the page before ended with."""
    aligned: bool = True
    """Whether its rows stand where they have to if none have moved."""

    @property
    def full(self) -> bool:
        """Whether it has all the rows that it can have, as far as is told."""
        rows = len(self.keys)
        return rows >= self.size or rows >= (self.page.used or self.size)

    @property
    def tells_of_room(self) -> bool:
        """Whether it says that there was room for more rows."""
        return self.page.used is not None and not self.full


class Reading:
    """The rows of a part, page after page, and what is known of them in the end.

    Iterating raises `FatalError` if the service gives the same rows whatever is asked
    for, and they are not all.

    No end is believed that was not asked for, but where a counter agrees to the row.
    It is asked for behind the last row, where there must be nothing, and then once more
    with the last rows: they must be where they were, or rows have left in between and
    those behind them have moved up, past the reader.
    """

    def __init__(
        self,
        pages: Paginator,
        ask: Ask,
        place: Cursor,
        expected: int | None,
        *,
        prove: bool,
    ) -> None:
        """Ask for nothing yet; `Paginator.read` tells of the arguments."""
        self.proved = False
        """Whether the end was asked for, and no counter was needed to believe it."""
        self.without_key = 0
        """How many rows came without their key; they are left out."""
        self.told: int | None = None
        """The greatest number of rows that an answer told."""
        self._pages = pages
        self._ask = ask
        self._coming = Lookahead(ask, pages.at_once - 1)
        self._expected = expected
        self._prove = prove
        # Without marks there is nothing to connect the next page to.
        start, marks = place if place.tail else Cursor()
        self._start = self._counted = start
        self._rows = start - 1
        self._window = Window(marks)
        self._tail: list[t.Any] = [*marks]
        self._tail_is_marks = bool(marks)
        self._overlap = min(len(marks), pages.size - 1)
        self._count = expected
        self._reach, self._taken = pages.size, 0
        self._length, self._furthest = pages.size, 0
        self._last: tuple[int, list[Key]] = (0, [])
        self._pending: _Answer | None = None
        self._confirming = self._ended = self._followed = self._heeded = False
        # Whether there was one page, with room for more, and nothing else so far.
        self._quiet = True
        self._steps = self._idle = self._confirmed = 0
        self._iterator = self._read()

    @property
    def short(self) -> bool:
        """Whether fewer rows came than a total told, or else than were expected."""
        told = self._expected if self.told is None else self.told
        return self._rows < (told or 0)

    def __iter__(self) -> Iterator[tuple[list[Row], Cursor]]:
        """Return itself: it is read once."""
        return self

    def __next__(self) -> tuple[list[Row], Cursor]:
        """Return the next rows, and the place behind them."""
        return next(self._iterator)

    def _read(self) -> Iterator[tuple[list[Row], Cursor]]:
        while True:
            answer = self._answer(max(self._start - self._overlap, 1))
            accepted = self._judge(answer)
            if accepted:
                fresh = self._take(accepted)
                if not fresh:
                    self._see_whether_index_counts(answer)
                surely = accepted.page is answer.page and self._is_surely_last(accepted)
                inferred = bool(fresh) and surely
                if not (inferred or self._ended):
                    self._foresee(accepted)
                if fresh:
                    yield fresh, Cursor(self._start, (*self._marks(self._tail),))
                if inferred:
                    return
            if self._ended:
                return
            # One that is shorter may be the last; several tell of less room.
            self._length = max(len(answer.keys), self._length // 2)
            self._last = answer.first, answer.keys

    def _answer(self, first: int) -> _Answer:
        return self._note(*self._pages.ask(self._coming.ask, first), first)

    def _note(self, page: Page, size: int, first: int) -> _Answer:
        if page.total is not None:
            self._count = page.total
            self.told = max(page.total, self.told or 0)
        return _Answer(page, [*map(self._pages.identity, page.rows)], first, size)

    def _judge(self, answer: _Answer) -> _Answer | None:
        """Return the page that goes on with what was read, if there is one now.

        Else it is the end, or it is told where to ask next.
        """
        keys, rows = answer.keys, len(answer.keys)
        overlap = self._start - answer.first
        self._furthest = max(self._furthest, answer.first + rows - 1)
        if not rows:
            self._judge_nothing(answer, overlap)
            return None
        # What is short when asked for again, further back, has lost rows of its end.
        if self._matches(keys, overlap) and (rows >= overlap or not self._steps):
            if rows > overlap:
                return answer._replace(skip=overlap)
            return self._judge_end(answer, rows, overlap)
        self._pending, self._confirming = None, False
        known = {key for key in keys if key in self._window}
        least = min(_ANCHORS, overlap or _ANCHORS, max(rows, self._length) - 1)
        if answer.first == 1 or len(known) >= max(least, 1):
            return answer._replace(aligned=self._start == 1)
        if overlap:
            self._step_back(overlap, rows)
        else:
            # There is more, but rows may have been passed by: see the last one again.
            self._pending, self._followed, self._quiet = answer, True, False
            self._overlap = max(self._overlap_of(self._reach), 1)
        return None

    def _judge_nothing(self, answer: _Answer, overlap: int) -> None:
        if self._start == 1 and (answer.page.total or 0) > 0:
            msg = f"Zoho tells of {answer.page.total} rows and gives none of them."
            raise FatalError(msg)
        if answer.first == 1 or (not overlap and self._confirmed >= _PATIENCE):
            self._ended = self.proved = True
        elif overlap:
            self._pending, self._confirming = None, False
            self._step_back(overlap, 0)
        elif self._is_as_told(answer):
            self._ended = True
        elif self._quiet and self._taken and not self._prove and self._reach % _ROUND:
            self._ended = self.proved = True
        else:
            self._confirming = True
            self._confirmed += 1
            self._overlap = max(self._overlap_of(self._reach), 1)

    def _judge_end(self, answer: _Answer, rows: int, overlap: int) -> _Answer | None:
        """Judge a page that has nothing but the last rows."""
        if rows < overlap:
            # It does not even have all of them.
            self._quiet = False
            self._overlap = max(rows - 1, 1)
            return None
        if pending := self._pending:
            return pending
        if self._confirming:
            self._ended = self.proved = True
        elif self._is_as_told(answer) and answer.tells_of_room:
            self._ended = True
        else:
            # It may be that a page has room for so many, just now.
            self._overlap, self._quiet = 0, False
        return None

    def _matches(self, keys: list[Key], overlap: int) -> bool:
        """Return whether a page begins with the last rows, as far as it goes."""
        if not 0 < overlap <= len(self._tail):
            return False
        begin, tail = keys[:overlap], self._tail[-overlap:]
        if not self._tail_is_marks:
            return begin == tail[: len(begin)]
        if self._marks(begin) != tail[: len(begin)]:
            return False
        if len(begin) == overlap:
            self._window.new([{}] * overlap, begin)
            self._tail, self._tail_is_marks = begin, False
        return True

    def _step_back(self, overlap: int, rows: int) -> None:
        """Ask for the page before, and further back each time."""
        length = max(rows, self._length) - 1
        self._overlap = overlap + max(length, 1) * 2**self._steps
        self._steps += 1
        self._quiet = False

    def _take(self, answer: _Answer) -> list[Row]:
        """Return the rows of a page that are new, and set out for the next one."""
        keys, first, skip = answer.keys, answer.first, answer.skip
        fresh = self._window.new(answer.page.rows[skip:], keys[skip:])
        end = first + len(keys)
        if len(fresh) < len(keys) - skip:
            unseen = keys[max(self._counted - first, 0) :]
            self.without_key += unseen.count(None)
            self._rows += unseen.count(None)
        self._counted = max(self._counted, end)
        self._rows += len(fresh)
        before = self._tail if answer.aligned else []
        self._tail = [*before, *keys[skip:]][-_OVERLAP:]
        self._tail_is_marks = False
        self._start, self._reach = end, len(keys)
        self._taken += 1
        alone = self._taken == 1 and answer.aligned and not answer.full
        self._quiet = self._quiet and alone
        self._pending, self._confirming, self._steps = None, False, 0
        if fresh:
            self._idle = self._confirmed = 0
        more = (self.told or 0) >= end or self._furthest >= end
        looks_last = not (answer.full or self._followed or more)
        if looks_last and not (answer.tells_of_room and self._is_as_told(answer)):
            self._overlap = 0
        else:
            self._overlap = self._overlap_of(len(keys))
        return fresh

    def _overlap_of(self, length: int) -> int:
        """Return with how many old rows a page begins, and has yet room for another."""
        return min(_OVERLAP, length - 1, len(self._tail))

    def _foresee(self, answer: _Answer) -> None:
        if self._tells_of_more and self._overlap:
            first = self._start - self._overlap
            stride = len(answer.keys) - self._overlap
            last = (self._count or 0) - self._overlap
            self._coming.foresee(first, stride, self._pages.size, last)

    @property
    def _tells_of_more(self) -> bool:
        """Whether there seem to be rows that have not been read."""
        told = max(self.told or 0, self._expected or 0, self._furthest)
        return told >= self._start

    def _is_as_told(self, answer: _Answer) -> bool:
        """Return whether as many rows were read as an answer tells of."""
        total = answer.page.total
        exact = (self._expected if total is None else total) == self._start - 1
        return exact and not self._tells_of_more and not self._prove

    def _is_surely_last(self, answer: _Answer) -> bool:
        """Return whether a page is the last as far as can be told without asking."""
        told = answer.tells_of_room and self._is_as_told(answer)
        # Of a round page, the answer has to tell the number, too.
        is_round = len(answer.keys) % _ROUND == 0
        return told and answer.aligned and not (is_round and answer.page.total is None)

    def _see_whether_index_counts(self, answer: _Answer) -> None:
        """Find out whether old rows came since the service ignores `fromindex`.

        They also come if as many new ones have come in before them.

        Raises:
            FatalError: It does, and there are more rows than it gives.
        """
        self._idle += 1
        first, keys = self._last
        again = first != answer.first and {*keys} == {*answer.keys}
        if self._heeded or not (again or self._idle % _IDLE == 0):
            return
        rows = len(answer.keys)
        for times in _FAR:
            far = self._start + times * max(answer.size, rows)
            probe = self._note(*self._pages.ask(self._ask, far), far)
            known = [key is None or key in self._window for key in probe.keys]
            if not known or not all(known):
                self._heeded = True
                return
        told = self._expected if self._count is None else self._count
        if told != self._rows and (
            answer.full or rows % _ROUND == 0 or (told or 0) > self._rows
        ):
            msg = (
                "Zoho repeats the same page whatever `fromindex` asks for, so the rest "
                "can't be read."
            )
            raise FatalError(msg)
        self._ended = self.proved = True

    @staticmethod
    def _marks(keys: list[Key]) -> list[str]:
        """Return the marks of rows; those without a key have an empty one."""
        return ["" if key is None else fingerprint(key) for key in keys]
