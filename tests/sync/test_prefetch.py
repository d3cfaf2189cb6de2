"""Prefetched batches come in the same order as without prefetch."""

from __future__ import annotations

import signal
import threading
import time
import typing as t
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns import streams
from tap_zohocampaigns.singer.shutdown import Shutdown
from tap_zohocampaigns.sync.notes import LineNote
from tap_zohocampaigns.sync.prefetch import Prefetch
from tap_zohocampaigns.sync.units import Batch
from tap_zohocampaigns.sync.workers import Workers, begin
from tests.support.taps import run_tap
from tests.support.threads import PATIENCE, eventually, reading_threads

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.sandbox import Call, Service

BATCHES = st.lists(st.integers(0, 3), max_size=4)


class BrokenError(Exception):
    """A read has failed."""


def rows(count: int, name: object = "") -> list[dict[str, t.Any]]:
    return [{"row": f"{name}-{number}"} for number in range(count)]


def collect(reading: Prefetch[int], skipped: frozenset[int]) -> list[object]:
    """Return the items and batches that come, and the error that ends them."""
    collected: list[object] = []
    try:
        for item, batches in reading:
            collected.append(item)
            if item not in skipped:
                collected += [(batch.rows, batch.note) for batch in batches]
    except BrokenError as error:
        collected.append(str(error))
    return collected


@given(
    st.lists(BATCHES, max_size=6),
    st.none() | st.integers(0, 6),
    st.frozensets(st.integers(0, 5)),
    st.sampled_from([2, 3, 8]),
    st.sampled_from([1, 4, 10_000]),
)
def test_threads_do_not_change_the_batches_or_their_order(
    sizes: list[list[int]],
    failing_item: int | None,
    skipped: frozenset[int],
    threads: int,
    room: int,
) -> None:
    def items() -> Iterator[int]:
        yield from range(len(sizes))
        if failing_item is not None and failing_item >= len(sizes):
            raise BrokenError(failing_item)

    def read(item: int) -> Iterator[Batch]:
        for number, size in enumerate(sizes[item]):
            yield Batch(rows(size, item), LineNote({"number": number}))
        if item == failing_item:
            raise BrokenError(item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tap_zohocampaigns.sync.room._ROOM", room)
        expected = collect(Prefetch(items, read, 1), skipped)
        reading = Prefetch(items, read, threads)
        assert collect(reading, skipped) == expected
        reading.close()
        assert eventually(lambda: not reading_threads())


def test_items_are_read_concurrently() -> None:
    barrier = threading.Barrier(4)

    def read(_: int) -> Iterator[Batch]:
        barrier.wait(PATIENCE)
        yield Batch(rows(1))

    batch_counts = [
        len([*batches]) for _, batches in Prefetch(lambda: range(8), read, 4)
    ]
    assert batch_counts == [1] * 8


@pytest.mark.parametrize("disk", [0, 2000])
def test_the_number_of_prefetched_rows_is_limited(
    disk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 50)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", disk)
    row_count = 0
    lock = threading.Lock()

    def read(item: int) -> Iterator[Batch]:
        nonlocal row_count
        for number in range(100):
            with lock:
                row_count += 10
            yield Batch(rows(10, f"{item}-{number}"))

    reading = Prefetch(lambda: range(3), read, 2)
    reading.start()
    # A batch of 10 rows uses about 170 bytes on disk.
    assert eventually(lambda: row_count >= (150 if disk else 60))
    time.sleep(0.05)
    assert row_count <= (250 if disk else 80)
    for item, batches in reading:
        for number, batch in enumerate(batches):
            assert batch.rows == rows(10, f"{item}-{number}")
            assert row_count <= (item * 100 + number) * 10 + 260
        assert number == 99
    assert row_count == 3000
    assert eventually(lambda: not reading_threads())


def test_closing_a_prefetch_ends_its_threads() -> None:
    def read(_: int) -> Iterator[Batch]:
        while True:
            yield Batch(rows(5000))

    reading = Prefetch(lambda: range(9), read, 3)
    _, batches = next(iter(reading))
    assert len(next(batches).rows) == 5000
    assert 1 <= len(reading_threads()) <= 3
    reading.close()
    assert eventually(lambda: not reading_threads())


def test_a_skipped_item_is_not_read_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 1)
    requested = threading.Semaphore(0)

    def read(item: int) -> Iterator[Batch]:
        while item == 0:
            requested.release()
            yield Batch(rows(10))
        yield Batch(rows(1))

    reading = Prefetch(lambda: range(2), read, 2)
    units = iter(reading)
    next(units)
    item, batches = next(units)
    assert (item, [len(batch.rows) for batch in batches]) == (1, [1])
    assert list(units) == []
    assert eventually(lambda: not reading_threads())


def test_skipped_items_free_their_threads_for_later_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 1)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)

    def read(item: int) -> Iterator[Batch]:
        for _ in range(5):
            yield Batch(rows(item))

    row_counts = []
    for item, batches in Prefetch(lambda: range(20), read, 3):
        if item > 15:
            row_counts += [len(batch.rows) for batch in batches]
    assert row_counts == [16] * 5 + [17] * 5 + [18] * 5 + [19] * 5


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [2, 64])
def test_a_run_has_about_as_many_threads_as_concurrent_calls(
    concurrency: int, large_service: Service
) -> None:
    max_threads = 0

    def intercept(_: Call) -> None:
        nonlocal max_threads
        max_threads = max(max_threads, len(reading_threads()))

    large_service.intercept = intercept
    records = run_tap(large_service, concurrency=concurrency).records
    assert len(records["campaign_recipients"]) > 20_000
    assert concurrency / 2 <= max_threads < 2 * concurrency + len(streams.STREAMS)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "concurrency", [1, 2, 4, pytest.param(64, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("room", [1, 10_000])
def test_streams_share_their_threads_without_deadlock(
    concurrency: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", room)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)
    threads_before = threading.active_count()
    pool = Workers(concurrency - 1)
    max_threads = 0

    def ask(number: int) -> list[dict[str, t.Any]]:
        nonlocal max_threads
        max_threads = max(max_threads, threading.active_count() - threads_before)
        time.sleep(0.001)
        return rows(3, number)

    def read(item: int) -> Iterator[Batch]:
        # Request pages concurrently, as a part does.
        pages = [begin(partial(ask, number)) for number in range(3)]
        yield Batch(ask(-1), LineNote({"item": item}))
        for page in pages:
            yield Batch(page.result(), LineNote({"item": item}))

    def read_inline(item: int) -> Iterator[Batch]:
        for number in (-1, 0, 1, 2):
            yield Batch(ask(number), LineNote({"item": item}))

    read_item = read if concurrency > 1 else read_inline
    prefetches = [
        Prefetch(lambda: range(20), read_item, concurrency, pool) for _ in range(12)
    ]
    for stream in prefetches:
        stream.start()
    for stream in prefetches:
        batches_read = [
            (item, batch.note, batch.rows)
            for item, batches in stream
            for batch in batches
        ]
        assert batches_read == [
            (item, LineNote({"item": item}), rows(3, number))
            for item in range(20)
            for number in (-1, 0, 1, 2)
        ]
    limit = len(prefetches) + 2 * concurrency - 1 if concurrency > 1 else 0
    assert max_threads <= limit
    assert eventually(lambda: not reading_threads())


def test_all_threads_help_the_last_unfinished_stream() -> None:
    pool, barrier = Workers(7), threading.Barrier(8)

    def read(_: int) -> Iterator[Batch]:
        barrier.wait(PATIENCE)
        yield Batch(rows(1))

    short = Prefetch[int](list, read, 8, pool)
    long = Prefetch(lambda: range(16), read, 8, pool)
    for stream in (short, long):
        stream.start()
    assert [*short] == []
    assert sum(len([*batches]) for _, batches in long) == 16


def test_a_blocked_stream_does_not_block_others() -> None:
    pool, released = Workers(3), threading.Event()

    def wait(_: int) -> Iterator[Batch]:
        released.wait(PATIENCE)
        yield Batch(rows(1))

    def read(item: int) -> Iterator[Batch]:
        yield Batch(begin(lambda: rows(item)).result())

    blocked = Prefetch(lambda: range(9), wait, 4, pool)
    active = Prefetch(lambda: range(9), read, 4, pool)
    blocked.start()
    assert eventually(lambda: len(reading_threads()) == 4)
    row_counts = [len(batch.rows) for _, batches in active for batch in batches]
    assert row_counts == [*range(9)]
    assert not released.is_set()
    released.set()
    assert len([*blocked]) == 9


def test_workers_leave_a_stream_without_room_and_return_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 4)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)
    pool = Workers(3)
    full = Prefetch(lambda: range(40), lambda _: iter([Batch(rows(3))]), 4, pool)
    full.start()
    assert eventually(lambda: full._backlog.room.crowded)  # noqa: SLF001
    helped = threading.Event()

    def read(number: int) -> Iterator[Batch]:
        # The first item ends only when another thread reads a second one.
        if number:
            helped.set()
        assert helped.wait(PATIENCE)
        yield Batch(rows(1))

    active = Prefetch(lambda: range(8), read, 4, pool)
    assert sum(len([*batches]) for _, batches in active) == 8
    assert sum(len([*batches]) for _, batches in full) == 40
    assert eventually(lambda: not reading_threads())


def test_work_whose_result_is_dropped_is_not_started() -> None:
    pool, released, started = Workers(1), threading.Event(), list[int]()

    def read(_: int) -> Iterator[Batch]:
        waiting = begin(partial(released.wait, PATIENCE))
        pages = [begin(partial(started.append, 1)) for _ in range(3)]
        yield Batch(rows(1))
        del pages[1:]
        released.set()
        assert waiting.result(PATIENCE)
        pages[0].result(PATIENCE)
        yield Batch(rows(1))

    reading = Prefetch(lambda: range(1), read, 2, pool)
    assert sum(len([*batches]) for _, batches in reading) == 2
    assert eventually(lambda: not reading_threads())
    assert started == [1]


def test_with_one_thread_nothing_is_prefetched() -> None:
    read_items: list[int] = []

    def read(item: int) -> Iterator[Batch]:
        read_items.append(item)
        yield Batch([])

    reading = Prefetch(lambda: range(3), read, 1)
    reading.start()
    for item, batches in reading:
        assert read_items == [*range(item)]
        next(batches)
    assert not reading_threads()


def test_work_in_a_thread_returns_its_result_or_raises_its_error() -> None:
    def fail() -> None:
        raise BrokenError

    assert begin(lambda: 7).result(PATIENCE) == 7
    with pytest.raises(BrokenError):
        begin(fail).result(PATIENCE)


class SignalReceived(Exception):
    """The signal handler was called."""


def read_slowly(slow: threading.Event) -> None:
    def read(_: int) -> Iterator[Batch]:
        slow.wait(PATIENCE)
        yield Batch([])

    for _, batches in Prefetch(lambda: [1], read, 2):
        list(batches)


def sleep_long(_: threading.Event) -> None:
    Shutdown(None, lambda: None).sleep(PATIENCE)


@pytest.mark.parametrize("wait", [read_slowly, sleep_long])
def test_a_signal_is_handled_even_if_it_does_not_wake_the_main_thread(
    wait: Callable[[threading.Event], None],
) -> None:
    # Simulate a signal that arrives just before the wait begins.
    def handle(*_: object) -> None:
        raise SignalReceived

    def send() -> None:
        time.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    timed_out = threading.Event()
    timer = threading.Timer(PATIENCE / 2, timed_out.set)
    previous_handler = signal.signal(signal.SIGUSR1, handle)
    timer.start()
    threading.Thread(target=send).start()
    try:
        with pytest.raises(SignalReceived):
            wait(timed_out)
        assert not timed_out.is_set()
    finally:
        timer.cancel()
        timed_out.set()
        signal.signal(signal.SIGUSR1, previous_handler)
