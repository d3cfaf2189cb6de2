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
from tests.support.pages import (
    SIZES,
    SMALLEST_PAGE,
    Endpoint,
    most_calls,
    numbered_rows,
    read_all,
)


@given(
    rows=st.integers(0, 300),
    size=st.integers(SMALLEST_PAGE, 1000),
    largest_range=st.integers(SMALLEST_PAGE, 1000),
)
def test_a_refused_range_is_halved_until_it_is_accepted(
    rows: int, size: int, largest_range: int
) -> None:
    endpoint = Endpoint(numbered_rows(rows), largest_range=largest_range)
    assert read_all(endpoint, size) == numbered_rows(rows)
    sizes = [size for _, size in endpoint.calls]
    refused = [size for size in sizes if size > largest_range]
    assert sizes[: len(refused)] == refused
    assert len(refused) <= 6
    final_size = sizes[-1]
    assert final_size >= min(size, SMALLEST_PAGE, largest_range)
    assert len(sizes) - len(refused) <= most_calls(rows, final_size)


def test_a_range_refused_between_pages_loses_no_row() -> None:
    endpoint = Endpoint(numbered_rows(250), largest_range=100)
    pages = Paginator(100, itemgetter("key"))
    rows = []
    for page, _ in Reading(pages, endpoint.ask):
        rows += page
        endpoint.largest_range = 40
    assert rows == numbered_rows(250)
    assert [size for _, size in endpoint.calls][:4] == [100, 100, 50, 25]


@pytest.mark.parametrize("size", [5, 20, 500])
def test_a_service_that_refuses_every_range_fails_naming_page_size(size: int) -> None:
    endpoint = Endpoint(numbered_rows(1), largest_range=0)
    with pytest.raises(FatalError, match="`page_size`"):
        read_all(endpoint, size)
    assert len(endpoint.calls) <= 6


class IgnoresFromIndex(Endpoint):
    """An endpoint that ignores `fromindex`."""

    def ask(self, fromindex: int, size: int) -> Page:
        assert fromindex >= 1
        assert len(self.calls) < 7
        return super().ask(1, size)


@pytest.mark.parametrize("clamp", [10, SMALLEST_PAGE, 500])
@pytest.mark.parametrize("rows", [20, 500, 501, 2000])
def test_a_service_that_ignores_fromindex_fails_rather_than_loses_rows(
    rows: int, clamp: int
) -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read_all(IgnoresFromIndex(numbered_rows(rows), clamp), 500)


def test_a_service_that_ignores_fromindex_fails_if_a_count_is_higher() -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read_all(IgnoresFromIndex(numbered_rows(40), clamp=37), 500, expected=40)
    with pytest.raises(FatalError, match="`fromindex`"):
        read_all(IgnoresFromIndex(numbered_rows(40), clamp=37, reports_range=True), 500)


@pytest.mark.parametrize("size", [1, 5, 19])
def test_a_service_that_ignores_fromindex_fails_with_small_pages_too(
    size: int,
) -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read_all(IgnoresFromIndex(numbered_rows(100)), size)


def test_a_repeated_page_fails_if_the_counter_reports_more_rows() -> None:
    with pytest.raises(FatalError, match="`fromindex`"):
        read_all(IgnoresFromIndex(numbered_rows(100), clamp=10, total_error=0), 500)


@pytest.mark.parametrize("rows", [0, 1, 19, 21, 137])
def test_a_service_without_pages_is_read_in_full_if_it_has_few_rows(rows: int) -> None:
    assert read_all(IgnoresFromIndex(numbered_rows(rows)), 500) == numbered_rows(rows)


@pytest.mark.parametrize("rows", [10, 20, 500])
def test_a_repeated_page_is_the_end_if_the_expected_count_matches(rows: int) -> None:
    assert read_all(
        IgnoresFromIndex(numbered_rows(rows)), 500, expected=rows
    ) == numbered_rows(rows)


def test_a_last_page_with_only_old_rows_is_the_end() -> None:
    # Thirty rows were inserted at the front between two calls.
    endpoint = Endpoint(numbered_rows(50), repeated_rows=30)
    assert read_all(endpoint, 50) == numbered_rows(50)


@pytest.mark.parametrize("clamp", [2, 7, 10, 100])
@pytest.mark.parametrize("total_error", [None, 0])
def test_a_page_repeated_because_rows_were_inserted_is_not_the_end(
    clamp: int, total_error: int | None
) -> None:
    endpoint = Endpoint(numbered_rows(137), clamp, total_error=total_error)

    def ask(fromindex: int, size: int) -> Page:
        if len(endpoint.calls) == 1:
            # Shift the rows so that the next page equals the page before.
            new_rows = [{"key": f"new {number}"} for number in range(fromindex - 1)]
            endpoint.rows = [*new_rows, *endpoint.rows]
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(500, itemgetter("key")), ask)
    rows = [row for page, _ in reading for row in page]
    assert [row for row in rows if row in numbered_rows(137)] == numbered_rows(137)


@pytest.mark.parametrize("clamp", [1, 2, 3, 5, 7, 19])
def test_a_clamp_below_the_overlap_loses_no_row(clamp: int) -> None:
    for clamps in ([clamp], [100, clamp], [clamp, 1, 7, 2, 100]):
        lengths = cycle(clamps)
        endpoint = Endpoint(numbered_rows(137))

        def ask(fromindex: int, size: int) -> Page:
            endpoint.clamp = next(lengths)  # noqa: B023 (it is called at once)
            return endpoint.ask(fromindex, size)  # noqa: B023

        reading = Reading(Paginator(500, itemgetter("key")), ask)
        assert [row for page, _ in reading for row in page] == numbered_rows(137)
        assert reading.proved


@pytest.mark.parametrize("position", [7, 30, 60, 129])
@pytest.mark.parametrize("prove", [True, False])
def test_a_duplicate_row_hides_no_row_between(position: int, *, prove: bool) -> None:
    rows = numbered_rows(130)
    rows.insert(position, {"key": 1})
    endpoint = Endpoint(rows, clamp=12)
    reading = Reading(Paginator(12, itemgetter("key")), endpoint.ask, prove=prove)
    assert [row for page, _ in reading for row in page] == numbered_rows(130)


@pytest.mark.parametrize("old_position", [0, 5, 9])
@pytest.mark.parametrize("new_position", [12, 15, 17, 40])
def test_a_row_that_moves_down_hides_no_row_between(
    old_position: int, new_position: int
) -> None:
    endpoint = Endpoint(numbered_rows(50), clamp=10)

    def ask(fromindex: int, size: int) -> Page:
        if len(endpoint.calls) == 1:
            endpoint.rows.insert(new_position, endpoint.rows.pop(old_position))
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(10, itemgetter("key")), ask)
    keys = [row["key"] for page, _ in reading for row in page]
    assert sorted(keys) == [*range(50)]


@pytest.mark.parametrize("deleted", [3, 5, 8, 25])
def test_rows_deleted_between_pages_hide_no_other_row(deleted: int) -> None:
    for calls_before in (1, 2, 3, 4, 5):
        endpoint = Endpoint(numbered_rows(43), clamp=10)

        def ask(fromindex: int, size: int) -> Page:
            if len(endpoint.calls) == calls_before:  # noqa: B023 (it is called at once)
                del endpoint.rows[:deleted]  # noqa: B023
            return endpoint.ask(fromindex, size)  # noqa: B023

        reading = Reading(Paginator(10, itemgetter("key")), ask)
        keys = {row["key"] for page, _ in reading for row in page}
        assert keys >= {*range(deleted, 43)}


def test_rows_deleted_while_the_end_is_requested_hide_no_other_row() -> None:
    endpoint = Endpoint(numbered_rows(20), clamp=17)

    def ask(fromindex: int, size: int) -> Page:
        if fromindex == 18:
            del endpoint.rows[:3]
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(500, itemgetter("key")), ask, prove=True)
    assert [row for page, _ in reading for row in page] == numbered_rows(20)


@pytest.mark.parametrize("clamp", [1, 3, 4, 500])
@pytest.mark.parametrize("position", [0, 3, 4, 9])
def test_a_row_without_key_is_skipped_and_counted(position: int, clamp: int) -> None:
    rows = numbered_rows(11)
    rows[position]["key"] = rows[5]["key"] = None
    endpoint = Endpoint(rows, clamp)
    reading = Reading(Paginator(500, itemgetter("key")), endpoint.ask)
    rows_read = [row for page, _ in reading for row in page]
    assert rows_read == [row for row in rows if row["key"] is not None]
    assert reading.without_key == 2
    assert not reading.short


def test_rows_without_key_count_in_the_cursor() -> None:
    rows = [{"key": None}, *numbered_rows(6), {"key": None}]
    endpoint = Endpoint(rows, total_error=0, reports_range=True)
    reading = Reading(Paginator(500, itemgetter("key")), endpoint.ask)
    [(page, cursor)] = reading
    assert page == numbered_rows(6)
    assert cursor.start == 9
    assert (reading.without_key, reading.short, len(endpoint.calls)) == (2, False, 1)
    keyless = Endpoint([{"key": None}] * 30, clamp=7)
    reading = Reading(Paginator(500, itemgetter("key")), keyless.ask)
    assert [*reading] == []
    assert reading.without_key == 30


@pytest.mark.parametrize("clamp", [1, 2, 7, 10])
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_reading_resumes_where_it_was_stopped(stop: int, clamp: int) -> None:
    rows = numbered_rows(40)
    paginator = Paginator(20, itemgetter("key"))
    first = Reading(paginator, Endpoint(rows, clamp).ask)
    pages = [next(first) for _ in range(stop)]
    first_rows = [row for page, _ in pages for row in page]
    cursor = pages[-1][1]
    assert cursor.start == len(first_rows) + 1
    assert len(cursor.tail) == min(5, len(first_rows))
    endpoint = Endpoint(rows, clamp)
    later_rows = [
        row for page, _ in Reading(paginator, endpoint.ask, cursor) for row in page
    ]
    assert first_rows + later_rows == rows
    assert endpoint.calls[0][0] > cursor.start - 6
    for deleted in range(1, cursor.start):
        # Rows were deleted between the two runs.
        smaller = Endpoint(rows[deleted:], clamp)
        later_rows = [
            row for page, _ in Reading(paginator, smaller.ask, cursor) for row in page
        ]
        assert {row["key"] for row in first_rows + later_rows} == {*range(40)}


class Row(dict[str, t.Any]):
    """A row that supports weak references."""


class Key(str):
    """A key that supports weak references."""

    __slots__ = ("__weakref__",)


@pytest.mark.slow
def test_memory_is_limited_to_the_rows_of_a_page_and_the_keys_of_a_window(
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
        end = min(fromindex + size, 1001)
        new_rows = [Row(number=number) for number in range(fromindex, end)]
        rows.update({id(row): row for row in new_rows})
        return Page([*new_rows])

    def key_of(row: dict[str, t.Any]) -> Key:
        key = Key(row["number"])
        keys.add(key)
        return key

    row_count = 0
    for page, _ in Reading(Paginator(size, key_of), ask):
        row_count += len(page)
    assert row_count == 1000
    assert max(count for count, _ in alive) <= size
    assert window < max(count for _, count in alive) <= 2 * window + 3 * size


@given(
    rows=st.integers(0, 90) | SIZES.map(lambda size: 10 * size),
    size=SIZES,
    clamp=st.integers(1, 60),
    errors=st.tuples(*[st.none() | st.integers(-90, 90)] * 2),
    at_once=st.sampled_from([2, 4, 9]),
)
def test_every_row_is_read_once_with_lookahead(
    rows: int,
    size: int,
    clamp: int,
    errors: tuple[int | None, int | None],
    at_once: int,
) -> None:
    total_error, count_error = errors
    assume(rows or (total_error or 0) <= 0)
    sequential = Endpoint(numbered_rows(rows), clamp, total_error=total_error)
    assert read_all(sequential, size) == numbered_rows(rows)
    expected = None if count_error is None else rows + count_error
    concurrent = Endpoint(numbered_rows(rows), clamp, total_error=total_error)
    assert read_all(concurrent, size, at_once, expected) == numbered_rows(rows)
    # A right counter costs no extra call; a wrong one costs the calls in flight.
    extra_calls = 0 if not total_error and not count_error else 2 * (at_once - 1)
    assert len({*concurrent.calls}) <= len({*sequential.calls}) + extra_calls


def test_pages_are_requested_concurrently_if_their_number_is_known() -> None:
    endpoint = Endpoint(numbered_rows(95), clamp=10, total_error=0)
    barrier = threading.Barrier(3)

    def ask(fromindex: int, size: int) -> Page:
        if 1 < fromindex < 80:
            barrier.wait(30)
        return endpoint.ask(fromindex, size)

    pages = Paginator(10, itemgetter("key"), 4)
    keys = [row["key"] for page, _ in Reading(pages, ask) for row in page]
    assert keys == [*range(95)]


def test_lookahead_pages_that_do_not_fit_are_requested_again() -> None:
    rows = numbered_rows(60)
    endpoint = Endpoint(rows, clamp=10, total_error=0)

    def ask(fromindex: int, size: int) -> Page:
        page = endpoint.ask(fromindex, size)
        if fromindex == 6:
            # Cut the page, so that the next one begins at another index.
            return Page(page.rows[:7], page.total)
        return page

    pages = Paginator(10, itemgetter("key"), 3)
    assert [row["key"] for page, _ in Reading(pages, ask) for row in page] == [
        *range(60)
    ]


def test_an_error_of_a_page_is_raised_when_its_turn_comes() -> None:
    endpoint = Endpoint(numbered_rows(60), clamp=10, total_error=0)

    def ask(fromindex: int, size: int) -> Page:
        if fromindex > 20:
            raise FatalError
        return endpoint.ask(fromindex, size)

    reading = Reading(Paginator(10, itemgetter("key"), 4), ask)
    assert [row["key"] for _ in range(4) for row in next(reading)[0]] == [*range(25)]
    with pytest.raises(FatalError):
        next(reading)
