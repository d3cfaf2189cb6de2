"""Reads a part page by page, although its rows change meanwhile.

Contacts come and go while pages are read, so rows move. From one call to the next, the
service may give fewer rows than asked for, and may say so or not. So a page proves only
its rows and their order. Each page begins with the last rows of the page before. If too
few of them are there, the reader steps back until the pages connect.
"""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.pagination import (
    Answer,
    Cursor,
    IndexCheck,
    Lookahead,
    Tail,
    Window,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.pagination import Ask, Page, Paginator

# How many rows of a page must be known: one or two may have moved, or stand twice.
_ANCHORS = 3
# Page sizes that the service does not report are round numbers: 20, 50, 100, 200.
_ROUND = 10
# An end that looks different each time is accepted after so many times.
_PATIENCE = 5


class Reading:
    """The rows of a part, page by page, and what is known about them at the end.

    Iterating yields new rows and the cursor behind them, or raises `FatalError` if the
    service gives the same rows for every index.

    An end is asked for, unless a counter agrees to the row. First the reader asks
    behind the last row, where nothing must be. Then it asks for the last rows again. If
    they are gone, rows have left, and later ones have moved up, past the reader.
    """

    def __init__(
        self,
        paginator: Paginator,
        ask: Ask,
        cursor: Cursor | None = None,
        expected: int | None = None,
        *,
        prove: bool = False,
    ) -> None:
        """Ask for nothing yet.

        Args:
            paginator: Asks for pages in a size that the service accepts.
            ask: Called with the first row and the number of rows, perhaps from several
                threads. An empty page means that no rows follow.
            cursor: Where to go on; the beginning if not given.
            expected: How many rows there are, if known.
            prove: Whether to ask for the end in any case.
        """
        self.proved = False
        """Whether the end was asked for, so that no counter was needed."""
        self.without_key = 0
        """How many rows came without their key. They are left out."""
        self.reported: int | None = None
        """The greatest number of rows that an answer reported."""
        self._paginator = paginator
        self._ask = ask
        self._lookahead = Lookahead(ask, paginator.at_once - 1)
        self._expected = expected
        self._prove = prove
        # Without a tail there is nothing to connect the next page to.
        start, tail = cursor if cursor and cursor.tail else Cursor()
        self._start = self._counted = start
        self._rows = start - 1
        self._window = Window(tail)
        self._tail = Tail(tail, self._window)
        self._overlap = min(len(tail), paginator.size - 1)
        self._count = expected
        self._reach, self._taken = paginator.size, 0
        self._length, self._furthest = paginator.size, 0
        self._index = IndexCheck()
        self._pending: Answer | None = None
        self._confirming = self._ended = self._followed = False
        # Whether there was only one page so far, with room for more rows.
        self._quiet = True
        self._steps = self._confirmed = 0
        self._iterator = self._read()

    @property
    def short(self) -> bool:
        """Whether fewer rows came than were reported, or else expected."""
        number = self._expected if self.reported is None else self.reported
        return self._rows < (number or 0)

    def __iter__(self) -> Iterator[tuple[list[Row], Cursor]]:
        """Return itself: a part is read once."""
        return self

    def __next__(self) -> tuple[list[Row], Cursor]:
        """Return the next rows, and the cursor behind them."""
        return next(self._iterator)

    def _read(self) -> Iterator[tuple[list[Row], Cursor]]:
        while True:
            answer = self._answer(max(self._start - self._overlap, 1))
            accepted = self._judge(answer)
            if accepted:
                fresh = self._accept(accepted)
                if not fresh:
                    self._check_index(answer)
                surely = accepted.page is answer.page and self._is_surely_last(accepted)
                inferred = bool(fresh) and surely
                if not (inferred or self._ended):
                    self._look_ahead(accepted)
                if fresh:
                    yield fresh, Cursor(self._start, self._tail.fingerprints())
                if inferred:
                    return
            if self._ended:
                return
            # One shorter page may be the last; several mean that pages have less room.
            self._length = max(len(answer.keys), self._length // 2)
            self._index.note(answer.first, answer.keys)

    def _answer(self, first: int) -> Answer:
        page, size = self._paginator.ask(self._lookahead.ask, first)
        return self._note(page, size, first)

    def _note(self, page: Page, size: int, first: int) -> Answer:
        if page.total is not None:
            self._count = page.total
            self.reported = max(page.total, self.reported or 0)
        keys = [*map(self._paginator.identity, page.rows)]
        return Answer(page, keys, first, size)

    def _judge(self, answer: Answer) -> Answer | None:
        """Return the page that continues the rows that were read, if there is one.

        Otherwise this is the end, or it is decided where to ask next.
        """
        keys, rows = answer.keys, len(answer.keys)
        overlap = self._start - answer.first
        self._furthest = max(self._furthest, answer.first + rows - 1)
        if not rows:
            self._judge_nothing(answer, overlap)
            return None
        # A page that is short when asked for again has lost rows at its end.
        if self._tail.begins(keys, overlap) and (rows >= overlap or not self._steps):
            if rows > overlap:
                return answer._replace(skip=overlap)
            return self._judge_end(answer, rows, overlap)
        self._pending, self._confirming = None, False
        old = {key for key in keys if key in self._window}
        least = min(_ANCHORS, overlap or _ANCHORS, max(rows, self._length) - 1)
        if answer.first == 1 or len(old) >= max(least, 1):
            return answer._replace(aligned=self._start == 1)
        if overlap:
            self._step_back(overlap, rows)
        else:
            # There are more rows, but some may have been passed over: ask for the last
            # one again.
            self._pending, self._followed, self._quiet = answer, True, False
            self._overlap = max(self._tail.overlap(self._reach), 1)
        return None

    def _judge_nothing(self, answer: Answer, overlap: int) -> None:
        if self._start == 1 and (answer.page.total or 0) > 0:
            msg = f"Zoho reports {answer.page.total} rows and returns none of them."
            raise FatalError(msg)
        if answer.first == 1 or (not overlap and self._confirmed >= _PATIENCE):
            self._ended = self.proved = True
        elif overlap:
            self._pending, self._confirming = None, False
            self._step_back(overlap, 0)
        elif self._is_as_reported(answer):
            self._ended = True
        elif self._quiet and self._taken and not self._prove and self._reach % _ROUND:
            self._ended = self.proved = True
        else:
            self._confirming = True
            self._confirmed += 1
            self._overlap = max(self._tail.overlap(self._reach), 1)

    def _judge_end(self, answer: Answer, rows: int, overlap: int) -> Answer | None:
        """Judge a page that has only the last rows."""
        if rows < overlap:
            # It does not have all of them.
            self._quiet = False
            self._overlap = max(rows - 1, 1)
            return None
        if pending := self._pending:
            return pending
        if self._confirming:
            self._ended = self.proved = True
        elif self._is_as_reported(answer) and answer.had_room:
            self._ended = True
        else:
            # Perhaps pages have no room for more rows just now.
            self._overlap, self._quiet = 0, False
        return None

    def _step_back(self, overlap: int, rows: int) -> None:
        """Ask for the page before; each time further back."""
        length = max(rows, self._length) - 1
        self._overlap = overlap + max(length, 1) * 2**self._steps
        self._steps += 1
        self._quiet = False

    def _accept(self, answer: Answer) -> list[Row]:
        """Return the new rows of a page, and decide where the next one begins."""
        keys, first, skip = answer.keys, answer.first, answer.skip
        fresh = self._window.new(answer.page.rows[skip:], keys[skip:])
        end = first + len(keys)
        if len(fresh) < len(keys) - skip:
            unseen = keys[max(self._counted - first, 0) :]
            self.without_key += unseen.count(None)
            self._rows += unseen.count(None)
        self._counted = max(self._counted, end)
        self._rows += len(fresh)
        self._tail.extend(keys[skip:], aligned=answer.aligned)
        self._start, self._reach = end, len(keys)
        self._taken += 1
        alone = self._taken == 1 and answer.aligned and not answer.full
        self._quiet = self._quiet and alone
        self._pending, self._confirming, self._steps = None, False, 0
        if fresh:
            self._confirmed = 0
            self._index.reset()
        more = (self.reported or 0) >= end or self._furthest >= end
        looks_last = not (answer.full or self._followed or more)
        if looks_last and not (answer.had_room and self._is_as_reported(answer)):
            self._overlap = 0
        else:
            self._overlap = self._tail.overlap(len(keys))
        return fresh

    def _look_ahead(self, answer: Answer) -> None:
        if self._has_more and self._overlap:
            first = self._start - self._overlap
            stride = len(answer.keys) - self._overlap
            last = (self._count or 0) - self._overlap
            self._lookahead.start(first, stride, self._paginator.size, last)

    @property
    def _has_more(self) -> bool:
        """Whether there seem to be unread rows."""
        number = max(self.reported or 0, self._expected or 0, self._furthest)
        return number >= self._start

    def _is_as_reported(self, answer: Answer) -> bool:
        """Return whether as many rows were read as the answer reports."""
        total = answer.page.total
        exact = (self._expected if total is None else total) == self._start - 1
        return exact and not self._has_more and not self._prove

    def _is_surely_last(self, answer: Answer) -> bool:
        """Return whether a page is the last, as far as is known without asking."""
        as_reported = answer.had_room and self._is_as_reported(answer)
        # If its length is a round number, the answer must report the total too.
        is_round = len(answer.keys) % _ROUND == 0
        return (
            as_reported
            and answer.aligned
            and not (is_round and answer.page.total is None)
        )

    def _check_index(self, answer: Answer) -> None:
        """Find out whether a page has only old rows because `fromindex` is ignored.

        Raises:
            FatalError: `fromindex` is ignored, and there are more rows.
        """
        rows = len(answer.keys)
        size = max(answer.size, rows)
        if not self._index.is_due(answer.first, answer.keys):
            return
        if not self._index.is_ignored(self._start, size, self._has_only_old):
            return
        number = self._expected if self._count is None else self._count
        if number != self._rows and (
            answer.full or rows % _ROUND == 0 or (number or 0) > self._rows
        ):
            msg = (
                "Zoho repeats the same page whatever `fromindex` asks for, so the rest "
                "can't be read."
            )
            raise FatalError(msg)
        self._ended = self.proved = True

    def _has_only_old(self, first: int) -> bool:
        page, size = self._paginator.ask(self._ask, first)
        keys = self._note(page, size, first).keys
        return bool(keys) and all(key is None or key in self._window for key in keys)
