"""The page reader against a service that does what it can to make it lose rows.

PAGES_ACCOUNTS=100000 pytest tests/test_pages_adversary.py

tries as many random accounts instead of the same three thousand each time.

What is promised: each row that is there all the time, and never moves of itself, is
read, however others come and go. Some bounds are in the nature of pages, and the
adversary keeps them. Pages of `n` rows hold at most `n - 1` old ones to be known by,
so fewer than that stand twice, move or lack their key (two at most). And while pages
may be as short as what they repeat, rows do not go and come at once: two changes that
make up for each other between three calls leave no trace.
"""

from __future__ import annotations

import os
import typing as t
from concurrent.futures import Future
from random import Random

import pytest

from tap_zohocampaigns.api.errors import FatalError, RangeRefused
from tap_zohocampaigns.sync import pagination, reading
from tap_zohocampaigns.sync.pagination import Answer, Cursor, Page, Paginator
from tap_zohocampaigns.sync.reading import Reading

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Key: t.TypeAlias = str | None
    Row: t.TypeAlias = dict[str, Key]

ACCOUNTS = int(os.environ.get("PAGES_ACCOUNTS", "3000"))
OVERLAP = 5
SMALLEST = 20
# Each fault has to be found within so many accounts.
ENOUGH = 15_000


class Lost(AssertionError):
    """The reader has broken a promise."""


def check(kept: object, promise: str) -> None:
    if not kept:
        raise Lost(promise)


class Adversary:
    """An account of rows that come, go, move, double and hide between calls."""

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
        self.odd_left = 99 if self.wild else max(0, min(2, self.shortest - 2))
        self.number = 0
        length = random.choice((0, 1, random.randint(2, 12), random.randint(5, 90)))
        self.rows: list[Key] = [self._new() for _ in range(length)]
        self.hidden: set[Key] = set()
        self.kinds = self._choose_kinds()
        self.pace = random.choice((0.1, 0.3, 0.7))
        self.changes_left = random.choice((0, 1, 3, 12))
        for _ in range(random.choice((0, 0, 1, 2, 9))):
            self._odd_row()
        self.ever = {*self.rows}
        self.steady = {key for key in self.rows if key}
        self.resized = self.changed = False
        self.expected = self._choose_expected()
        self.lengths: dict[int, int] = {}
        self.answers: list[Page] = []
        self.calls = 0
        self.asked = 1
        self.granted_scopes: set[Key] = set()

    def _choose_caps(self) -> list[int]:
        random = self.random
        kind = random.choice(("none", "one", "many", "small", "fall"))
        if kind == "none":
            return [10**9]
        if kind == "one":
            return [random.choice((1, 2, 3, 5, 7, 10, 20, random.randint(1, 30)))]
        if kind == "fall":
            return [random.choice((10**9, 20, 10)), random.randint(1, 10)]
        most = 8 if kind == "small" else 30
        return [random.randint(1, most) for _ in range(random.randint(2, 6))]

    def _choose_kinds(self) -> list[str]:
        random = self.random
        if self.wild or self.shortest > OVERLAP:
            some = ["insert", "delete", "move", "hide", "double"]
            return random.sample(some, random.randint(1, len(some)))
        # What goes does not come back at once.
        return [random.choice(("insert", "delete"))]

    def _choose_expected(self) -> int | None:
        right = len(self.rows)
        wrong = (right + self.error, self.error, 10, 20)
        return self.random.choice((None, None, right, self.random.choice(wrong)))

    def _new(self) -> str:
        self.number += 1
        return f"person{self.number}"

    def _odd_row(self) -> None:
        """Put in a row that stands twice, or has no key."""
        if self.odd_left > 0 and self.rows:
            self.odd_left -= 1
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

    def _lured(self, index: int) -> list[int]:
        """Return what to delete so that an old row stands at an index."""
        for place in range(index, len(self.rows)):
            if self.rows[place] in self.granted_scopes and place - index < index:
                return self.random.sample(range(index), place - index)
        return []

    def change(self, fromindex: int = 1) -> None:
        """Change something, perhaps, before a page is given."""
        self.hidden = set()
        if self.changes_left > 0 and self.random.random() < self.pace:
            self.changes_left -= 1
            self.changed = True
            kind = self.random.choice(self.kinds)
            self.resized |= kind != "move"
            getattr(self, f"_{kind}")(fromindex)

    def _insert(self, fromindex: int) -> None:
        at, number = self._at(len(self.rows)), self._burst()
        if self.random.random() < 0.2 and fromindex > self.asked:
            # The page before comes again.
            at, number = 0, fromindex - self.asked
        fresh = [self._new() for _ in range(number)]
        self.ever |= {*fresh}
        self.rows[at:at] = fresh

    def _delete(self, fromindex: int) -> None:
        rows = self.rows
        number = min(self._burst(), len(rows))
        places = self.random.sample(range(len(rows)), number)
        if self.random.random() < 0.6:
            at = self._at(len(rows) - number)
            places = [*range(at, at + number)]
        if self.random.random() < 0.5 and (lured := self._lured(fromindex - 1)):
            places = lured
        for place in sorted(places, reverse=True):
            self.steady.discard(rows.pop(place))

    def _move(self, _: int) -> None:
        if self.rows and self.odd_left > 0:
            self.odd_left -= 1
            key = self.rows.pop(self.random.randrange(len(self.rows)))
            self.steady.discard(key)
            self.rows.insert(self.random.randint(0, len(self.rows)), key)

    def _double(self, _: int) -> None:
        self._odd_row()

    def _hide(self, _: int) -> None:
        if self.rows:
            self.hidden = {*self.random.choices(self.rows, k=self.random.randint(1, 3))}
            self.steady -= self.hidden

    @property
    def one_page(self) -> bool:
        """Whether a short page was all that came, and then nothing."""
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
        """Answer a call; something happens before it."""
        self.calls += 1
        check(self.calls < 400 + 40 * (len(self.ever) + 1), "it ends")
        check(fromindex >= 1, "indexes begin at one")
        if size > self.largest:
            raise RangeRefused
        self.change(fromindex)
        self.asked = fromindex
        seen = [key for key in self.rows if key is None or key not in self.hidden]
        cap = self.random.choice(self.caps)
        keys = seen[fromindex - 1 : fromindex - 1 + min(size, cap)]
        used = {"honest": min(cap, size), "false": size, "none": None}[self.echo]
        if not keys and self.random.random() < 0.5:
            used, total = None, None
        else:
            total = self._total(len(seen))
        page = Page([{"key": key} for key in keys], total, used)
        self.answers.append(page)
        self.granted_scopes |= {*keys} - {None}
        self.lengths[id(page)] = len(seen)
        return page


def at_once(work: Callable[[], Page]) -> Future[Page]:
    """Work now, so that what follows is the same each time."""
    future: Future[Page] = Future()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 (it is raised where it is asked for)
        future.set_exception(error)
    return future


class Read(t.NamedTuple):
    """What came of an account."""

    keys: list[Key]
    reading: Reading
    resumed: bool
    refused: bool = False


def read(account: Adversary) -> Read:
    """Read an account, perhaps in two runs."""
    random, found = account.random, list[t.Any]()

    def begin(place: Cursor | None, expected: int | None) -> Reading:
        reader = Paginator(account.size, lambda row: row.get("key"), account.at_once)
        return Reading(reader, account.ask, place, expected, prove=account.prove)

    reading = begin(None, account.expected)
    stop, place = random.choice((None, None, random.randint(0, 6))), Cursor()
    try:
        for number, (rows, behind) in enumerate(reading):
            found += [row["key"] for row in rows]
            place = behind
            if number == stop:
                break
        else:
            return Read(found, reading, resumed=False)
        for _ in range(random.choice((0, 1, 1, 4)) * (len(account.kinds) > 0)):
            account.change()
        reading = begin(place, account.expected)
        for rows, _ in reading:
            found += [row["key"] for row in rows]
    except FatalError as error:
        told = any(page.total and not page.rows for page in account.answers)
        check("gives none" in str(error) and told, f"it does not fail: {error}")
        return Read(found, reading, resumed=False, refused=True)
    return Read(found, reading, resumed=True)


def judge(account: Adversary) -> None:
    """Raise `Lost` if the reader breaks a promise."""
    keys, reading, resumed, refused = read(account)
    check({*keys} <= account.ever - {None}, "nothing is there that never was")
    if not resumed or (
        not account.changed and len({*account.rows}) == len(account.rows)
    ):
        check(len({*keys}) == len(keys), "each row comes once")
    if refused:
        return
    check(reading.proved or not account.prove, "the end is asked for")
    missing = account.steady - {*keys}
    guessed = not reading.proved and not _is_right(account, reading)
    # One short page and nothing behind it is the end, unless that is to be proved.
    guessed |= account.changed and not account.prove and account.one_page
    if not account.wild and not guessed:
        check(not missing, "each row that was there comes")
    if not account.changed and not guessed:
        check({*keys} == {*account.rows} - {None}, "all rows come")
        keyless = account.rows.count(None)
        check(resumed or reading.without_key == keyless, "rows without key are counted")
    if account.counter == "right" and not (account.resized or resumed):
        lost = {*account.rows} - {None} - {*keys}
        check(not lost or reading.short, "what is lost is told")
    if not resumed and account.at_once == 1 and reading.reported is not None:
        check(reading.reported == max(p.total or 0 for p in account.answers), "told")


def _is_right(account: Adversary, reading: Reading) -> bool:
    """Check that an inferred end is exactly as told; return whether it is right."""
    if account.at_once > 1:
        # Pages come before their turn, so it is not known which was the last.
        return not (account.changed or account.counter in {"low", "odd"}) and (
            account.counter in {"right", "high"}
            or account.expected == len(account.rows)
        )
    last = account.answers[-1]
    count = account.expected if last.total is None else last.total
    rows = len(last.rows)
    check(rows < account.size, "a full page is never the last")
    check(rows < (last.used or 0) or not rows, "nor one as its echo")
    check(rows % 10 or last.total is not None or not rows, "nor a round one")
    check(
        max(reading.reported or 0, account.expected or 0) <= (count or 0),
        "more is told",
    )
    return count == account.lengths[id(last)]


def hunt(seeds: range) -> None:
    for seed in seeds:
        try:
            judge(Adversary(seed))
        except Lost as lost:
            msg = f"seed {seed}: not kept: {lost}"
            raise Lost(msg) from None


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "begin", at_once)


def test_no_row_is_lost_to_an_adversary() -> None:
    hunt(range(ACCOUNTS))


# The faults that readers have had, each put back. The adversary has to find all.


def _remembered(self: Reading, answer: t.Any) -> bool:
    """Believe that a page shorter than another one is the last."""
    rows, longest = len(answer.keys), getattr(self._paginator, "longest", 0)
    self._paginator.longest = max(rows, longest)  # type: ignore[attr-defined]
    return rows < longest


def _lowest_match(self: Reading, answer: t.Any) -> t.Any:
    """Skip what stands before the last old row of a page."""
    accepted = JUDGE(self, answer)
    if not accepted or accepted.first == 1:
        return accepted
    old = [place for place, key in enumerate(accepted.keys) if key in self._window]
    return accepted._replace(skip=max(old, default=-1) + 1)


def _repeated(self: Reading, answer: t.Any) -> None:
    """Take a page that comes twice for a service that ignores `fromindex`."""
    first, keys = self._index._last  # noqa: SLF001 (what is taken out)
    if first != answer.first and keys == answer.keys:
        if len(keys) >= SMALLEST:
            msg = "Zoho repeats the same page."
            raise FatalError(msg)
        self._ended = True


def _against_counter(_: Reading, answer: t.Any) -> bool:
    """Believe that a page with room for more is the last, whatever is told."""
    return bool(answer.aligned and answer.had_room)


def _round(self: Reading, answer: t.Any) -> bool:
    """Believe that a round page is the last if a counter agrees."""
    return bool(answer.had_room and self._is_as_reported(answer))


def _first_sight(self: Reading, *_: object) -> None:
    """Believe that there is nothing behind a page of old rows only."""
    self._ended = self.proved = True


def _any_page(self: Reading, answer: t.Any) -> t.Any:
    """Go on with any page, whether it is connected or not."""
    return JUDGE(self, answer) or (answer if answer.keys and not self._ended else None)


def _nothing(self: Reading, *_: object) -> None:
    """Believe in the end where nothing comes."""
    self._ended = self.proved = True


def _as_long_as_its_echo(answer: t.Any) -> bool:
    """Believe that there was room for more, though the answer does not say so."""
    return bool(len(answer.keys) >= answer.size)


JUDGE = Reading._judge  # noqa: SLF001
FAULTS: dict[str, tuple[object, str, object]] = {
    "lengths that are remembered": (Reading, "_is_surely_last", _remembered),
    "a cut at the lowest match": (Reading, "_judge", _lowest_match),
    "a page as long as its echo": (
        Answer,
        "full",
        property(_as_long_as_its_echo),
    ),
    "a repeated page": (Reading, "_check_index", _repeated),
    "an end against a counter": (Reading, "_is_surely_last", _against_counter),
    "a round page": (Reading, "_is_surely_last", _round),
    "a page of old rows": (Reading, "_judge_end", _first_sight),
    "a page that is not connected": (Reading, "_judge", _any_page),
    "one old row": (reading, "_ANCHORS", 1),
    "an empty page": (Reading, "_judge_nothing", _nothing),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_adversary_finds_a_reader_that_believes(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises(Lost):
        hunt(range(ENOUGH))
