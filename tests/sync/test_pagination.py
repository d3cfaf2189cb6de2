"""Every row is read once, whatever the length of pages."""

from __future__ import annotations

from itertools import cycle
from operator import itemgetter

import pytest
from hypothesis import example, given
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


@pytest.mark.parametrize(
    "total_error", [None, 0], ids=["without counter", "with counter"]
)
@pytest.mark.parametrize("rows", [0, 1, 6, 7, 8, 13, 14, 15, 70])
@pytest.mark.parametrize(
    ("size", "clamp"), [(7, 7), (7, 100), (500, 7)], ids=["exact", "free", "clamped"]
)
def test_every_row_is_read_once_for_any_size_of_the_last_page(
    size: int, clamp: int, rows: int, total_error: int | None
) -> None:
    endpoint = Endpoint(numbered_rows(rows), clamp, total_error=total_error)
    assert read_all(endpoint, size) == numbered_rows(rows)
    assert len(endpoint.calls) <= most_calls(rows, size, clamp)


@given(
    rows=st.integers(0, 90) | SIZES.map(lambda size: 10 * size),
    size=SIZES,
    clamp=st.integers(1, 60),
    total_error=st.none() | st.integers(-90, 90),
)
@example(rows=20, size=20, clamp=20, total_error=-20)
@example(rows=21, size=20, clamp=20, total_error=-1)
@example(rows=50, size=30, clamp=7, total_error=1)
def test_every_row_is_read_once_for_any_clamp_and_any_counter(
    rows: int, size: int, clamp: int, total_error: int | None
) -> None:
    endpoint = Endpoint(numbered_rows(rows), clamp, total_error=total_error)
    if not rows and (total_error or 0) > 0:
        # If the counter reports rows but none come, the account is not empty.
        with pytest.raises(FatalError, match="returns none"):
            read_all(endpoint, size)
        return
    assert read_all(endpoint, size) == numbered_rows(rows)
    assert len(endpoint.calls) <= most_calls(rows, size, clamp)
    assert {requested for _, requested in endpoint.calls} == {size}


@given(
    rows=st.integers(0, 300),
    size=st.integers(SMALLEST_PAGE + 5, 60),
    clamp=st.integers(SMALLEST_PAGE + 5, 60),
    repeated_rows=st.integers(1, 10),
    total_error=st.none() | st.just(0),
)
def test_a_row_repeated_on_the_next_page_is_read_once(
    rows: int, size: int, clamp: int, repeated_rows: int, total_error: int | None
) -> None:
    # Pages are long enough that none has only old rows, as without `fromindex`.
    endpoint = Endpoint(
        numbered_rows(rows), clamp, total_error=total_error, repeated_rows=repeated_rows
    )
    assert read_all(endpoint, size) == numbered_rows(rows)


@given(rows=st.integers(0, 90), size=SIZES, clamp=st.integers(1, 60))
def test_a_row_repeated_next_to_itself_is_read_once(
    rows: int, size: int, clamp: int
) -> None:
    # With one row per page, the repeated row would look like an ignored `fromindex`.
    size, clamp = max(size, 2), max(clamp, 2)
    endpoint = Endpoint(numbered_rows(rows), clamp, repeats_each_row=True)
    assert read_all(endpoint, size) == numbered_rows(rows)


@given(
    parts=st.lists(st.integers(0, 90), max_size=5), size=SIZES, clamp=st.integers(1, 60)
)
def test_a_paginator_that_read_one_part_loses_no_row_of_another(
    parts: list[int], size: int, clamp: int
) -> None:
    paginator = Paginator(size, itemgetter("key"))
    for rows in parts:
        endpoint = Endpoint(numbered_rows(rows), clamp)
        rows_read = [
            row for page, _ in Reading(paginator, endpoint.ask) for row in page
        ]
        assert rows_read == numbered_rows(rows)
        assert len(endpoint.calls) <= most_calls(rows, size, clamp)


@given(
    rows=st.integers(0, 90), clamps=st.lists(st.integers(1, 30), min_size=1, max_size=9)
)
@example(rows=9, clamps=[7, 1, 7])
@example(rows=20, clamps=[7, 6, 7])
@example(rows=4, clamps=[2, 1, 1, 1])
def test_pages_of_changing_length_are_read_until_the_counter_is_reached(
    rows: int, clamps: list[int]
) -> None:
    lengths = cycle(clamps)
    endpoint = Endpoint(numbered_rows(rows), total_error=0)

    def ask(fromindex: int, size: int) -> Page:
        endpoint.clamp = next(lengths)
        return endpoint.ask(fromindex, size)

    pages = Paginator(500, itemgetter("key"))
    assert [row for page, _ in Reading(pages, ask) for row in page] == numbered_rows(
        rows
    )


@pytest.mark.parametrize("reports_range", [True, False])
@pytest.mark.parametrize("rows", [53, 99, 130, 184])
@pytest.mark.parametrize("clamps", [(100, 50), (50, 25), (200, 7)])
def test_a_clamp_that_falls_between_parts_loses_no_row(
    clamps: tuple[int, int], rows: int, *, reports_range: bool
) -> None:
    paginator = Paginator(500, itemgetter("key"))
    for clamp in clamps:
        endpoint = Endpoint(numbered_rows(rows), clamp, reports_range=reports_range)
        assert [
            row for page, _ in Reading(paginator, endpoint.ask) for row in page
        ] == numbered_rows(rows)


@pytest.mark.parametrize("total", [None, 100])
@pytest.mark.parametrize("expected", [None, 100, 50])
def test_a_page_as_long_as_its_echoed_range_is_never_the_last(
    expected: int | None, total: int | None
) -> None:
    total_error = None if total is None else total - 130
    endpoint = Endpoint(
        numbered_rows(130), clamp=50, total_error=total_error, reports_range=True
    )
    assert read_all(endpoint, 500, expected=expected) == numbered_rows(130)


def test_an_exactly_met_count_saves_the_call_for_the_end() -> None:
    for endpoint, expected, proved in (
        (Endpoint(numbered_rows(137), reports_range=True), 137, False),
        (Endpoint(numbered_rows(137), total_error=0, reports_range=True), None, False),
        (Endpoint(numbered_rows(30), total_error=0, reports_range=True), None, False),
    ):
        reading = Reading(
            Paginator(500, itemgetter("key")), endpoint.ask, expected=expected
        )
        assert [row for page, _ in reading for row in page] == endpoint.rows
        assert reading.proved is proved
        assert not reading.short
        assert len(endpoint.calls) == 1


@pytest.mark.parametrize(
    ("rows", "expected", "calls"),
    [
        *((137, None, 2), (137, 136, 2), (137, 138, 2), (137, 137, 2)),
        *((130, 130, 2), (130, None, 3), (0, None, 1)),
    ],
)
def test_the_end_is_requested_if_the_answer_echoes_no_range(
    rows: int, expected: int | None, calls: int
) -> None:
    endpoint = Endpoint(numbered_rows(rows))
    reading = Reading(
        Paginator(500, itemgetter("key")), endpoint.ask, expected=expected
    )
    assert [row for page, _ in reading for row in page] == numbered_rows(rows)
    assert len(endpoint.calls) == calls
    assert reading.proved is (rows != expected)
    assert reading.short is ((expected or 0) > rows)


@pytest.mark.parametrize("total_error", [None, 0])
@pytest.mark.parametrize("rows", [0, 1, 5, 137, 500, 995])
def test_the_end_is_requested_if_it_must_be_proved(
    rows: int, total_error: int | None
) -> None:
    endpoint = Endpoint(
        numbered_rows(rows), total_error=total_error, reports_range=True
    )
    pages = Paginator(500, itemgetter("key"))
    reading = Reading(pages, endpoint.ask, expected=rows, prove=True)
    assert [row for page, _ in reading for row in page] == numbered_rows(rows)
    assert reading.proved
    assert reading.reported == (None if total_error is None else rows)
    assert endpoint.calls[-1][0] == rows + 1 or endpoint.calls[-2][0] == rows + 1


@pytest.mark.parametrize(("total_error", "expected"), [(3, None), (None, 40), (3, 41)])
def test_an_end_below_the_count_is_proved_and_reported_as_short(
    total_error: int | None, expected: int | None
) -> None:
    endpoint = Endpoint(numbered_rows(37), total_error=total_error, reports_range=True)
    reading = Reading(
        Paginator(500, itemgetter("key")), endpoint.ask, expected=expected
    )
    assert [row for page, _ in reading for row in page] == numbered_rows(37)
    assert (reading.proved, reading.short) == (True, True)
    assert reading.reported == (None if total_error is None else 40)
