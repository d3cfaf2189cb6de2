"""Pages that are refused, repeated, or whose rows move."""

from __future__ import annotations

import gc
import threading
import typing as t
import weakref
from itertools import cycle
from operator import itemgetter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tests.support.pages import DEFAULT, SIZES, Endpoint, most_calls, numbered, read


@given(
    rows=st.integers(0, 300),
    size=st.integers(DEFAULT, 1000),
    largest=st.integers(DEFAULT, 1000),
)
def test_a_range_that_is_refused_is_halved_and_reading_goes_on(
    rows: int, size: int, largest: int
) -> None:
    endpoint = Endpoint(numbered(rows), largest=largest)
    assert read(endpoint, size) == numbered(rows)
    asked = [size for _, size in endpoint.calls]
    refused = [size for size in asked if size > largest]
    assert asked[: len(refused)] == refused
    assert len(refused) <= 6
    used = asked[-1]
    assert used >= min(size, DEFAULT, largest)
    assert len(asked) - len(refused) <= most_calls(rows, used)


def test_a_range_that_is_refused_amid_the_pages_loses_no_row() -> None:
    endpoint = Endpoint(numbered(250), largest=100)
    pages = Paginator(100, itemgetter("key"))
    found = []
    for page, _ in Reading(pages, endpoint.ask):
        found += page
        endpoint.largest = 40
    assert found == numbered(250)
    assert [asked for _, asked in endpoint.calls][:4] == [100, 100, 50, 25]


@pytest.mark.parametrize("size", [5, 20, 500])
def test_a_service_that_refuses_every_range_fails_with_its_sentence(size: int) -> None:
    endpoint = Endpoint(numbered(1), largest=0)
    with pytest.raises(FatalError, match="`page_size`"):
        read(endpoint, size)
    assert len(endpoint.calls) <= 6


class Deaf(Endpoint):
    """Ignores `fromindex`, and perhaps `range`."""

    def ask(self, fromindex: int, size: int) -> Page:
        assert fromindex >= 1
        assert len(self.calls) < 7
        return super().ask(1, size)


@pytest.mark.parametrize("clamp", [10, DEFAULT, 500])
@pytest.mark.parametrize("rows", [20, 500, 501, 2000])
def test_a_service_that_ignores_fromindex_fails_rather_than_loses_rows(
    rows: int, clamp: int
) -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read(Deaf(numbered(rows), clamp), 500)


def test_a_service_that_ignores_fromindex_fails_if_a_count_tells_of_more() -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read(Deaf(numbered(40), clamp=37), 500, expected=40)
    with pytest.raises(FatalError, match="`fromindex`"):
        read(Deaf(numbered(40), clamp=37, echoed=True), 500)


@pytest.mark.parametrize("size", [1, 5, 19])
def test_small_pages_of_a_service_that_ignores_fromindex_are_not_taken_for_all(
    size: int,
) -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read(Deaf(numbered(100)), size)


def test_a_page_that_repeats_while_the_counter_tells_of_more_is_not_the_end() -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read(Deaf(numbered(100), clamp=10, off=0), 500)


@pytest.mark.parametrize("rows", [0, 1, 19, 21, 137])
def test_a_service_without_pages_that_has_few_rows_is_read_whole(rows: int) -> None:
    assert read(Deaf(numbered(rows)), 500) == numbered(rows)


@pytest.mark.parametrize("rows", [10, 20, 500])
def test_a_page_that_repeats_is_all_if_a_count_says_so(rows: int) -> None:
    assert read(Deaf(numbered(rows)), 500, expected=rows) == numbered(rows)


def test_a_last_page_of_rows_that_moved_is_the_end_and_no_failure() -> None:
    # Thirty rows came in at the front between two calls.
    endpoint = Endpoint(numbered(50), again=30)
    assert read(endpoint, 50) == numbered(50)


@pytest.mark.parametrize("clamp", [2, 7, 10, 100])
@pytest.mark.parametrize("off", [None, 0])
def test_a_burst_that_makes_a_page_come_again_is_no_end(
    clamp: int, off: int | None
) -> None:
    endpoint = Endpoint(numbered(137), clamp, off=off)

    def ask(fromindex: int, size: int) -> Page:
        if len(endpoint.calls) == 1:
            # The next page is the one before, to the row.
            new = [{"key": f"new {n}"} for n in range(fromindex - 1)]
            endpoint.rows = [*new, *endpoint.rows]
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(500, itemgetter("key")), ask)
    found = [row for page, _ in reading for row in page]
    assert [row for row in found if row in numbered(137)] == numbered(137)


@pytest.mark.parametrize("clamp", [1, 2, 3, 5, 7, 19])
def test_a_clamp_below_the_overlap_loses_no_row(clamp: int) -> None:
    for clamps in ([clamp], [100, clamp], [clamp, 1, 7, 2, 100]):
        lengths = cycle(clamps)
        endpoint = Endpoint(numbered(137))

        def ask(fromindex: int, size: int) -> Page:
            endpoint.clamp = next(lengths)  # noqa: B023 (it is called at once)
            return endpoint.ask(fromindex, size)  # noqa: B023

        reading = Reading(Paginator(500, itemgetter("key")), ask)
        assert [row for page, _ in reading for row in page] == numbered(137)
        assert reading.proved


@pytest.mark.parametrize("there", [7, 30, 60, 129])
@pytest.mark.parametrize("prove", [True, False])
def test_a_row_that_stands_twice_hides_none_between(there: int, *, prove: bool) -> None:
    rows = numbered(130)
    rows.insert(there, {"key": 1})
    endpoint = Endpoint(rows, clamp=12)
    reading = Reading(Paginator(12, itemgetter("key")), endpoint.ask, prove=prove)
    assert [row for page, _ in reading for row in page] == numbered(130)


@pytest.mark.parametrize("moved", [0, 5, 9])
@pytest.mark.parametrize("to", [12, 15, 17, 40])
def test_a_row_that_moves_down_hides_none_between(moved: int, to: int) -> None:
    endpoint = Endpoint(numbered(50), clamp=10)

    def ask(fromindex: int, size: int) -> Page:
        if len(endpoint.calls) == 1:
            endpoint.rows.insert(to, endpoint.rows.pop(moved))
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(10, itemgetter("key")), ask)
    found = [row["key"] for page, _ in reading for row in page]
    assert sorted(found) == [*range(50)]


@pytest.mark.parametrize("left", [3, 5, 8, 25])
def test_rows_that_leave_take_none_with_them(left: int) -> None:
    for before in (1, 2, 3, 4, 5):
        endpoint = Endpoint(numbered(43), clamp=10)

        def ask(fromindex: int, size: int) -> Page:
            if len(endpoint.calls) == before:  # noqa: B023 (it is called at once)
                del endpoint.rows[:left]  # noqa: B023
            return endpoint.ask(fromindex, size)  # noqa: B023

        reading = Reading(Paginator(10, itemgetter("key")), ask)
        found = {row["key"] for page, _ in reading for row in page}
        assert found >= {*range(left, 43)}


def test_rows_that_leave_while_the_end_is_asked_for_take_none_with_them() -> None:
    endpoint = Endpoint(numbered(20), clamp=17)

    def ask(fromindex: int, size: int) -> Page:
        if fromindex == 18:
            del endpoint.rows[:3]
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(500, itemgetter("key")), ask, prove=True)
    assert [row for page, _ in reading for row in page] == numbered(20)


@pytest.mark.parametrize("clamp", [1, 3, 4, 500])
@pytest.mark.parametrize("place", [0, 3, 4, 9])
def test_a_row_without_its_key_is_left_out_and_counted(place: int, clamp: int) -> None:
    rows = numbered(11)
    rows[place]["key"] = rows[5]["key"] = None
    endpoint = Endpoint(rows, clamp)
    reading = Reading(Paginator(500, itemgetter("key")), endpoint.ask)
    found = [row for page, _ in reading for row in page]
    assert found == [row for row in rows if row["key"] is not None]
    assert reading.without_key == 2
    assert not reading.short


def test_rows_without_their_key_occupy_an_index() -> None:
    rows = [{"key": None}, *numbered(6), {"key": None}]
    endpoint = Endpoint(rows, off=0, echoed=True)
    reading = Reading(Paginator(500, itemgetter("key")), endpoint.ask)
    [(found, place)] = reading
    assert found == numbered(6)
    assert place.start == 9
    assert (reading.without_key, reading.short, len(endpoint.calls)) == (2, False, 1)
    only = Endpoint([{"key": None}] * 30, clamp=7)
    reading = Reading(Paginator(500, itemgetter("key")), only.ask)
    assert [*reading] == []
    assert reading.without_key == 30


@pytest.mark.parametrize("clamp", [1, 2, 7, 10])
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_reading_goes_on_where_it_was_stopped(stop: int, clamp: int) -> None:
    rows = numbered(40)
    pages = Paginator(20, itemgetter("key"))
    first = Reading(pages, Endpoint(rows, clamp).ask)
    pieces = [next(first) for _ in range(stop)]
    found = [row for page, _ in pieces for row in page]
    place = pieces[-1][1]
    assert place.start == len(found) + 1
    assert len(place.tail) == min(5, len(found))
    endpoint = Endpoint(rows, clamp)
    rest = [row for page, _ in Reading(pages, endpoint.ask, place) for row in page]
    assert found + rest == rows
    assert endpoint.calls[0][0] > place.start - 6
    for left in range(1, place.start):
        # Some have left in between.
        later = Endpoint(rows[left:], clamp)
        rest = [row for page, _ in Reading(pages, later.ask, place) for row in page]
        assert {row["key"] for row in found + rest} == {*range(40)}


class Row(dict[str, t.Any]):
    """A row whose end of life can be seen."""


class Key(str):
    """A key whose end of life can be seen."""

    __slots__ = ("__weakref__",)


@pytest.mark.slow
def test_memory_holds_the_rows_of_one_page_and_the_keys_of_a_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size, window = 50, 100
    monkeypatch.setattr("tap_zohocampaigns.sync.pagination._WINDOW", window)
    rows: weakref.WeakValueDictionary[int, Row] = weakref.WeakValueDictionary()
    keys: weakref.WeakSet[Key] = weakref.WeakSet()
    alive: list[tuple[int, int]] = []

    def ask(fromindex: int, size: int) -> Page:
        gc.collect()
        alive.append((len(rows), len(keys)))
        ends = min(fromindex + size, 1001)
        made = [Row(number=number) for number in range(fromindex, ends)]
        rows.update({id(row): row for row in made})
        return Page([*made])

    def key_of(row: dict[str, t.Any]) -> Key:
        key = Key(row["number"])
        keys.add(key)
        return key

    found = 0
    for page, _ in Reading(Paginator(size, key_of), ask):
        found += len(page)
    assert found == 1000
    assert max(count for count, _ in alive) <= size
    assert window < max(count for _, count in alive) <= 2 * window + 3 * size


@given(
    rows=st.integers(0, 90) | SIZES.map(lambda size: 10 * size),
    size=SIZES,
    clamp=st.integers(1, 60),
    errors=st.tuples(*[st.none() | st.integers(-90, 90)] * 2),
    at_once=st.sampled_from([2, 4, 9]),
)
def test_every_row_comes_once_when_pages_are_asked_for_before_their_turn(
    rows: int,
    size: int,
    clamp: int,
    errors: tuple[int | None, int | None],
    at_once: int,
) -> None:
    off, wrong = errors
    assume(rows or (off or 0) <= 0)
    one_by_one = Endpoint(numbered(rows), clamp, off=off)
    assert read(one_by_one, size) == numbered(rows)
    expected = None if wrong is None else rows + wrong
    ahead = Endpoint(numbered(rows), clamp, off=off)
    assert read(ahead, size, at_once, expected) == numbered(rows)
    # A counter that is right costs no call; one that is wrong, those underway.
    too_many = 0 if not off and not wrong else 2 * (at_once - 1)
    assert len({*ahead.calls}) <= len({*one_by_one.calls}) + too_many


def test_pages_are_underway_at_once_where_their_number_is_known() -> None:
    endpoint = Endpoint(numbered(95), clamp=10, off=0)
    together = threading.Barrier(3)

    def ask(fromindex: int, size: int) -> Page:
        if 1 < fromindex < 80:
            together.wait(30)
        return endpoint.ask(fromindex, size)

    pages = Paginator(10, itemgetter("key"), 4)
    came = [row["key"] for page, _ in Reading(pages, ask) for row in page]
    assert came == [*range(95)]


def test_pages_that_were_foreseen_in_vain_are_asked_for_anew() -> None:
    rows = numbered(60)
    endpoint = Endpoint(rows, clamp=10, off=0)

    def ask(fromindex: int, size: int) -> Page:
        page = endpoint.ask(fromindex, size)
        if fromindex == 6:
            # Half of it is left out, so that the next begins elsewhere.
            return Page(page.rows[:7], page.total)
        return page

    pages = Paginator(10, itemgetter("key"), 3)
    assert [r["key"] for page, _ in Reading(pages, ask) for r in page] == [*range(60)]


def test_an_error_of_a_page_comes_at_its_turn() -> None:
    endpoint = Endpoint(numbered(60), clamp=10, off=0)

    def ask(fromindex: int, size: int) -> Page:
        if fromindex > 20:
            raise FatalError
        return endpoint.ask(fromindex, size)

    told = Reading(Paginator(10, itemgetter("key"), 4), ask)
    assert [row["key"] for _ in range(4) for row in next(told)[0]] == [*range(25)]
    with pytest.raises(FatalError):
        next(told)
