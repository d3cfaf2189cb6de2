"""The page reader against a service that changes its rows to make the reader lose some.

The promise: a row that is always there, and is not moved itself, is read, whatever
other rows do. Two limits follow from how pages work, and the adversary respects them:

* A page of `n` rows repeats at most `n - 1` old ones. So fewer rows than that, and at
  most two, are duplicates, move or have no key.
* If pages may be as short as their overlap, rows are either inserted or deleted. Two
  changes that cancel each other out between calls can't be detected.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import Future
from contextlib import contextmanager
from random import Random
from unittest import mock

from tap_zohocampaigns.api.errors import FatalError, RangeRefused
from tap_zohocampaigns.sync import pagination
from tap_zohocampaigns.sync.pagination import Cursor, Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tests.proof.proof import Outcome, Proof, check

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.proof import Play

    Key: t.TypeAlias = str | None
    Row: t.TypeAlias = dict[str, Key]

OVERLAP = 5
SMALLEST = 20


class Adversary:
    """An account whose rows come, go, move, repeat and hide between calls."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)  # noqa: S311 (no secret)
        self.size = random.choice((*range(1, 31), 3, 7, 10, 20))
        self.largest = random.choice((10**9, 10**9, 10**9, 20, 25))
        self.caps = self._choose_caps()
        self.echo = random.choice(("honest", "false", "none"))
        self.counter = random.choice(("none", "none", "right", "low", "high", "odd"))
        self.error = random.randint(1, 12)
        self.prove = random.random() < 0.4
        self.at_once = random.choice((1, 1, 3))
        self.shortest = min(*self.caps, self.size, max(SMALLEST, 1))
        self.wild = random.random() < 0.1
        self.odd_remaining = 99 if self.wild else max(0, min(2, self.shortest - 2))
        self.number = 0
        length = random.choice((0, 1, random.randint(2, 12), random.randint(5, 90)))
        self.rows: list[Key] = [self._new() for _ in range(length)]
        self.hidden: set[Key] = set()
        self.kinds = self._choose_kinds()
        self.pace = random.choice((0.1, 0.3, 0.7))
        self.changes_remaining = random.choice((0, 1, 3, 12))
        for _ in range(random.choice((0, 0, 1, 2, 9))):
            self._odd_row()
        self.all_keys = {*self.rows}
        self.steady_keys = {key for key in self.rows if key}
        self.resized = self.changed = False
        self.expected = self._choose_expected()
        self.lengths: dict[int, int] = {}
        self.answers: list[Page] = []
        self.calls = 0
        self.asked = 1
        self.returned_keys: set[Key] = set()

    def _choose_caps(self) -> list[int]:
        random = self.random
        kind = random.choice(("none", "one", "many", "small", "fall"))
        if kind == "none":
            return [10**9]
        if kind == "one":
            return [random.choice((1, 2, 3, 5, 7, 10, 20, random.randint(1, 30)))]
        if kind == "fall":
            return [random.choice((10**9, 20, 10)), random.randint(1, 10)]
        largest = 8 if kind == "small" else 30
        return [random.randint(1, largest) for _ in range(random.randint(2, 6))]

    def _choose_kinds(self) -> list[str]:
        random = self.random
        if self.wild or self.shortest > OVERLAP:
            all_kinds = ["insert", "delete", "move", "hide", "double"]
            return random.sample(all_kinds, random.randint(1, len(all_kinds)))
        # See the second limit above.
        return [random.choice(("insert", "delete"))]

    def _choose_expected(self) -> int | None:
        right = len(self.rows)
        wrong = (right + self.error, self.error, 10, 20)
        return self.random.choice((None, None, right, self.random.choice(wrong)))

    def _new(self) -> str:
        self.number += 1
        return f"person{self.number}"

    def _odd_row(self) -> None:
        """Insert a duplicate row, or a row without a key."""
        if self.odd_remaining > 0 and self.rows:
            self.odd_remaining -= 1
            key = self.random.choice((None, self.random.choice(self.rows)))
            self.rows.insert(self.random.randint(0, len(self.rows)), key)

    def _burst(self) -> int:
        page = min(self.size, self.random.choice(self.caps))
        sizes = (1, 1, 2, self.random.randint(1, 30), page - OVERLAP, page - 1, page)
        return max(1, min(self.random.choice(sizes), 60))

    def _at(self, room: int) -> int:
        return self.random.choice(
            (0, self.random.randint(0, max(room, 0)), max(room, 0))
        )

    def _rows_to_delete(self, index: int) -> list[int]:
        """Return positions to delete, so that an old row moves to `index`."""
        for place in range(index, len(self.rows)):
            if self.rows[place] in self.returned_keys and place - index < index:
                return self.random.sample(range(index), place - index)
        return []

    def change(self, fromindex: int = 1) -> None:
        """Perhaps change the rows before a page is returned."""
        self.hidden = set()
        if self.changes_remaining > 0 and self.random.random() < self.pace:
            self.changes_remaining -= 1
            self.changed = True
            kind = self.random.choice(self.kinds)
            self.resized |= kind != "move"
            getattr(self, f"_{kind}")(fromindex)

    def _insert(self, fromindex: int) -> None:
        start, number = self._at(len(self.rows)), self._burst()
        if self.random.random() < 0.2 and fromindex > self.asked:
            # Shift the rows so that the page before is repeated.
            start, number = 0, fromindex - self.asked
        new_keys = [self._new() for _ in range(number)]
        self.all_keys |= {*new_keys}
        self.rows[start:start] = new_keys

    def _delete(self, fromindex: int) -> None:
        rows = self.rows
        number = min(self._burst(), len(rows))
        places = self.random.sample(range(len(rows)), number)
        if self.random.random() < 0.6:
            start = self._at(len(rows) - number)
            places = [*range(start, start + number)]
        if self.random.random() < 0.5 and (
            chosen := self._rows_to_delete(fromindex - 1)
        ):
            places = chosen
        for place in sorted(places, reverse=True):
            self.steady_keys.discard(rows.pop(place))

    def _move(self, _: int) -> None:
        if self.rows and self.odd_remaining > 0:
            self.odd_remaining -= 1
            key = self.rows.pop(self.random.randrange(len(self.rows)))
            self.steady_keys.discard(key)
            self.rows.insert(self.random.randint(0, len(self.rows)), key)

    def _double(self, _: int) -> None:
        self._odd_row()

    def _hide(self, _: int) -> None:
        if self.rows:
            self.hidden = {*self.random.choices(self.rows, k=self.random.randint(1, 3))}
            self.steady_keys -= self.hidden

    @property
    def one_page(self) -> bool:
        """Whether the answers end with one short page and an empty one."""
        *_, last, none = [Page([]), *self.answers]
        return (
            not none.rows and 0 < len(last.rows) < self.size and len(last.rows) % 10 > 0
        )

    def _total(self, length: int) -> int | None:
        match self.counter:
            case "right":
                return length
            case "low":
                return max(length - self.error, 0)
            case "high":
                return length + self.error
            case "odd":
                return self.random.choice((None, length, self.error))
        return None

    def ask(self, fromindex: int, size: int) -> Page:
        """Answer a call, perhaps after a change."""
        self.calls += 1
        check(self.calls < 400 + 40 * (len(self.all_keys) + 1), "reading ends")
        check(fromindex >= 1, "indexes start at 1")
        if size > self.largest:
            raise RangeRefused
        self.change(fromindex)
        self.asked = fromindex
        visible = [key for key in self.rows if key is None or key not in self.hidden]
        cap = self.random.choice(self.caps)
        keys = visible[fromindex - 1 : fromindex - 1 + min(size, cap)]
        used = {"honest": min(cap, size), "false": size, "none": None}[self.echo]
        if not keys and self.random.random() < 0.5:
            used, total = None, None
        else:
            total = self._total(len(visible))
        page = Page([{"key": key} for key in keys], total, used)
        self.answers.append(page)
        self.returned_keys |= {*keys} - {None}
        self.lengths[id(page)] = len(visible)
        return page


def run_now(work: Callable[[], Page]) -> Future[Page]:
    """Run the work at once, so that tests are deterministic."""
    future: Future[Page] = Future()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 (`result` raises it)
        future.set_exception(error)
    return future


class Read(t.NamedTuple):
    """The result of reading an account."""

    keys: list[Key]
    reading: Reading
    resumed: bool
    refused: bool = False


def read(account: Adversary) -> Read:
    """Read an account, perhaps in two runs."""
    random, keys = account.random, list[t.Any]()

    def begin(cursor: Cursor | None, expected: int | None) -> Reading:
        paginator = Paginator(account.size, lambda row: row.get("key"), account.at_once)
        return Reading(paginator, account.ask, cursor, expected, prove=account.prove)

    reading = begin(None, account.expected)
    stop, cursor = random.choice((None, None, random.randint(0, 6))), Cursor()
    try:
        for number, (rows, next_cursor) in enumerate(reading):
            keys += [row["key"] for row in rows]
            cursor = next_cursor
            if number == stop:
                break
        else:
            return Read(keys, reading, resumed=False)
        for _ in range(random.choice((0, 1, 1, 4)) * (len(account.kinds) > 0)):
            account.change()
        reading = begin(cursor, account.expected)
        for rows, _ in reading:
            keys += [row["key"] for row in rows]
    except FatalError as error:
        reported_but_empty = any(
            page.total and not page.rows for page in account.answers
        )
        check(
            "returns none" in str(error) and reported_but_empty,
            f"reading does not fail: {error}",
        )
        return Read(keys, reading, resumed=False, refused=True)
    return Read(keys, reading, resumed=True)


def check_promises(account: Adversary) -> Read:
    """Read an account; raise `BrokenPromise` if the reader breaks a promise."""
    result = read(account)
    keys, reading, resumed, refused = result
    check({*keys} <= account.all_keys - {None}, "only rows of the account are read")
    if not resumed or (
        not account.changed and len({*account.rows}) == len(account.rows)
    ):
        check(len({*keys}) == len(keys), "each row is read once")
    if refused:
        return result
    check(reading.proved or not account.prove, "the end is requested")
    missing = account.steady_keys - {*keys}
    guessed = not reading.proved and not _is_right(account, reading)
    # A short page followed by an empty one is the end, unless it must be proved.
    guessed |= account.changed and not account.prove and account.one_page
    if not account.wild and not guessed:
        check(not missing, "each row that was always there is read")
    if not account.changed and not guessed:
        check({*keys} == {*account.rows} - {None}, "all rows are read")
        keyless = account.rows.count(None)
        check(resumed or reading.without_key == keyless, "rows without key are counted")
    if account.counter == "right" and not (account.resized or resumed):
        missing_keys = {*account.rows} - {None} - {*keys}
        check(not missing_keys or reading.short, "missing rows are reported")
    if not resumed and account.at_once == 1 and reading.reported is not None:
        check(
            reading.reported == max(p.total or 0 for p in account.answers),
            "the total is reported",
        )
    return result


def _is_right(account: Adversary, reading: Reading) -> bool:
    """Check that an inferred end matches the counters; return whether it is right."""
    if account.at_once > 1:
        # With lookahead, it is unknown which page was the last.
        return not (account.changed or account.counter in {"low", "odd"}) and (
            account.counter in {"right", "high"}
            or account.expected == len(account.rows)
        )
    last = account.answers[-1]
    count = account.expected if last.total is None else last.total
    rows = len(last.rows)
    check(rows < account.size, "a full page is never the last")
    check(
        rows < (last.used or 0) or not rows,
        "a page as long as its echo is never the last",
    )
    check(
        rows % 10 or last.total is not None or not rows,
        "a page of a round length is never the last",
    )
    check(
        max(reading.reported or 0, account.expected or 0) <= (count or 0),
        "no counter is higher",
    )
    return count == account.lengths[id(last)]


def play(seed: int) -> Outcome:
    """Read the account of a seed."""
    account = Adversary(seed)
    keys, reading, resumed, refused = check_promises(account)
    changes = "rows change" if account.changed else "rows stay"
    case = f"{changes}, {'two runs' if resumed else 'one run'}"
    if refused:
        result = "refused with an error"
    elif reading.proved:
        result = "read, end asked for"
    else:
        result = "read, end by counters"
    return Outcome(case, result, repr((keys, account.calls)))


@contextmanager
def _open() -> Iterator[Play]:
    with mock.patch.object(pagination, "begin", run_now):
        yield play


PROOF = Proof(
    "pages",
    "A row that is always there, and is not moved itself, is read, whatever other rows "
    "do between calls.",
    20_000,
    _open,
)
