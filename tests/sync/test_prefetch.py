"""What is read ahead comes in the order in which it would come without."""

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
from tap_zohocampaigns.sync import prefetch
from tap_zohocampaigns.sync.notes import LineNote
from tap_zohocampaigns.sync.prefetch import Batch, Prefetch
from tap_zohocampaigns.sync.workers import Workers, begin

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.sandbox import Call, Service
    from tests.support.taps import Sync

# Long enough for a machine that is busy; nobody waits for it where all is well.
PATIENCE = 30.0

BATCHES = st.lists(st.integers(0, 3), max_size=4)


class BrokenError(Exception):
    """A read has failed."""


def rows(count: int, name: object = "") -> list[dict[str, t.Any]]:
    return [{"row": f"{name}-{number}"} for number in range(count)]


def workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if "_work" in one.name]


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    return holds()


def seen_of(reading: Prefetch[int], skipped: frozenset[int]) -> list[object]:
    """Return what comes, and the error that ends it."""
    seen: list[object] = []
    try:
        for item, batches in reading:
            seen.append(item)
            if item not in skipped:
                seen += [(batch.rows, batch.note) for batch in batches]
    except BrokenError as error:
        seen.append(str(error))
    return seen


@given(
    st.lists(BATCHES, max_size=6),
    st.none() | st.integers(0, 6),
    st.frozensets(st.integers(0, 5)),
    st.sampled_from([2, 3, 8]),
    st.sampled_from([1, 4, 10_000]),
)
def test_threads_change_nothing_of_what_comes(
    sizes: list[list[int]],
    broken: int | None,
    skipped: frozenset[int],
    threads: int,
    room: int,
) -> None:
    def items() -> Iterator[int]:
        yield from range(len(sizes))
        if broken is not None and broken >= len(sizes):
            raise BrokenError(broken)

    def read(item: int) -> Iterator[Batch]:
        for number, size in enumerate(sizes[item]):
            yield Batch(rows(size, item), LineNote({"number": number}))
        if item == broken:
            raise BrokenError(item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefetch, "_ROOM", room)
        expected = seen_of(Prefetch(items, read, 1), skipped)
        reading = Prefetch(items, read, threads)
        assert seen_of(reading, skipped) == expected
        reading.close()
        assert eventually(lambda: not workers())


def test_items_are_read_side_by_side() -> None:
    together = threading.Barrier(4)

    def read(_: int) -> Iterator[Batch]:
        together.wait(PATIENCE)
        yield Batch(rows(1))

    taken = [len([*batches]) for _, batches in Prefetch(lambda: range(8), read, 4)]
    assert taken == [1] * 8


@pytest.mark.parametrize("disk", [0, 2000])
def test_what_is_read_ahead_is_bounded(
    disk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "_ROOM", 50)
    monkeypatch.setattr(prefetch, "_DISK", disk)
    given_out = 0
    counting = threading.Lock()

    def read(item: int) -> Iterator[Batch]:
        nonlocal given_out
        for number in range(100):
            with counting:
                given_out += 10
            yield Batch(rows(10, f"{item}-{number}"))

    reading = Prefetch(lambda: range(3), read, 2)
    reading.start()
    # Pages of 10 rows have some 170 bytes on disk.
    assert eventually(lambda: given_out >= (150 if disk else 60))
    time.sleep(0.05)
    assert given_out <= (250 if disk else 80)
    for item, batches in reading:
        for number, batch in enumerate(batches):
            assert batch.rows == rows(10, f"{item}-{number}")
            assert given_out <= (item * 100 + number) * 10 + 260
        assert number == 99
    assert given_out == 3000
    assert eventually(lambda: not workers())


def test_whoever_is_not_wanted_any_more_ends() -> None:
    def read(_: int) -> Iterator[Batch]:
        while True:
            yield Batch(rows(5000))

    reading = Prefetch(lambda: range(9), read, 3)
    _, batches = next(iter(reading))
    assert len(next(batches).rows) == 5000
    assert 1 <= len(workers()) <= 3
    reading.close()
    assert eventually(lambda: not workers())


def test_an_item_that_is_skipped_is_read_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefetch, "_ROOM", 1)
    asked = threading.Semaphore(0)

    def read(item: int) -> Iterator[Batch]:
        while item == 0:
            asked.release()
            yield Batch(rows(10))
        yield Batch(rows(1))

    reading = Prefetch(lambda: range(2), read, 2)
    units = iter(reading)
    next(units)
    item, batches = next(units)
    assert (item, [len(batch.rows) for batch in batches]) == (1, [1])
    assert list(units) == []
    assert eventually(lambda: not workers())


def test_items_that_are_skipped_leave_threads_for_those_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefetch, "_ROOM", 1)
    monkeypatch.setattr(prefetch, "_DISK", 0)

    def read(item: int) -> Iterator[Batch]:
        for _ in range(5):
            yield Batch(rows(item))

    taken = []
    for item, batches in Prefetch(lambda: range(20), read, 3):
        if item > 15:
            taken += [len(batch.rows) for batch in batches]
    assert taken == [16] * 5 + [17] * 5 + [18] * 5 + [19] * 5


@pytest.mark.parametrize("concurrency", [2, 64])
def test_a_run_has_about_as_many_threads_as_calls_underway(
    concurrency: int, service: Service, sync: Sync
) -> None:
    most = 0

    def intercept(_: Call) -> None:
        nonlocal most
        most = max(most, len(workers()))

    service.intercept = intercept
    records = sync(concurrency=concurrency).records
    assert len(records["campaign_recipients"]) > 20_000
    assert concurrency / 2 <= most < concurrency + len(streams.STREAMS)


@pytest.mark.parametrize("concurrency", [1, 2, 4, 64])
@pytest.mark.parametrize("room", [1, 10_000])
def test_streams_share_their_threads_and_none_waits_for_ever(
    concurrency: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "_ROOM", room)
    monkeypatch.setattr(prefetch, "_DISK", 0)
    before = threading.active_count()
    pool = Workers(concurrency - 1)
    most = 0

    def ask(number: int) -> list[dict[str, t.Any]]:
        nonlocal most
        most = max(most, threading.active_count() - before)
        time.sleep(0.001)
        return rows(3, number)

    def read(item: int) -> Iterator[Batch]:
        # As the pages of one part are read.
        foreseen = [begin(partial(ask, number)) for number in range(3)]
        yield Batch(ask(-1), LineNote({"item": item}))
        for page in foreseen:
            yield Batch(page.result(), LineNote({"item": item}))

    def read_inline(item: int) -> Iterator[Batch]:
        for number in (-1, 0, 1, 2):
            yield Batch(ask(number), LineNote({"item": item}))

    each = read if concurrency > 1 else read_inline
    many = [Prefetch(lambda: range(20), each, concurrency, pool) for _ in range(12)]
    for stream in many:
        stream.start()
    for stream in many:
        seen = [
            (item, batch.note, batch.rows)
            for item, batches in stream
            for batch in batches
        ]
        assert seen == [
            (item, LineNote({"item": item}), rows(3, number))
            for item in range(20)
            for number in (-1, 0, 1, 2)
        ]
    allowed = len(many) + concurrency - 1 if concurrency > 1 else 0
    assert most <= allowed
    assert eventually(lambda: not workers())


def test_all_threads_read_what_one_stream_has_left() -> None:
    pool, together = Workers(7), threading.Barrier(8)

    def read(_: int) -> Iterator[Batch]:
        together.wait(PATIENCE)
        yield Batch(rows(1))

    short = Prefetch[int](list, read, 8, pool)
    long = Prefetch(lambda: range(16), read, 8, pool)
    for stream in (short, long):
        stream.start()
    assert [*short] == []
    assert sum(len([*batches]) for _, batches in long) == 16


def test_a_stream_that_rests_keeps_no_other_from_reading() -> None:
    pool, over = Workers(3), threading.Event()

    def rest(_: int) -> Iterator[Batch]:
        over.wait(PATIENCE)
        yield Batch(rows(1))

    def read(item: int) -> Iterator[Batch]:
        yield Batch(begin(lambda: rows(item)).result())

    resting = Prefetch(lambda: range(9), rest, 4, pool)
    going = Prefetch(lambda: range(9), read, 4, pool)
    resting.start()
    assert eventually(lambda: len(workers()) == 4)
    taken = [len(batch.rows) for _, batches in going for batch in batches]
    assert taken == [*range(9)]
    assert not over.is_set()
    over.set()
    assert len([*resting]) == 9


def test_helpers_leave_a_stream_that_has_no_room_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefetch, "_ROOM", 4)
    monkeypatch.setattr(prefetch, "_DISK", 0)
    pool = Workers(3)
    full = Prefetch(lambda: range(40), lambda _: iter([Batch(rows(3))]), 4, pool)
    full.start()
    assert eventually(lambda: len(workers()) <= 4 and full._held >= 4)  # noqa: SLF001
    helped = threading.Event()

    def read(number: int) -> Iterator[Batch]:
        # The first one ends when somebody has come to read the second.
        if number:
            helped.set()
        assert helped.wait(PATIENCE)
        yield Batch(rows(1))

    going = Prefetch(lambda: range(8), read, 4, pool)
    assert sum(len([*batches]) for _, batches in going) == 8
    assert sum(len([*batches]) for _, batches in full) == 40
    assert eventually(lambda: not workers())


def test_what_nobody_waits_for_is_not_begun_any_more() -> None:
    pool, over, begun = Workers(1), threading.Event(), list[int]()

    def read(_: int) -> Iterator[Batch]:
        waiting = begin(partial(over.wait, PATIENCE))
        pages = [begin(partial(begun.append, 1)) for _ in range(3)]
        yield Batch(rows(1))
        del pages[1:]
        over.set()
        assert waiting.result(PATIENCE)
        pages[0].result(PATIENCE)
        yield Batch(rows(1))

    reading = Prefetch(lambda: range(1), read, 2, pool)
    assert sum(len([*batches]) for _, batches in reading) == 2
    assert eventually(lambda: not workers())
    assert begun == [1]


def test_with_one_nothing_is_read_before_it_is_asked_for() -> None:
    asked: list[int] = []

    def read(item: int) -> Iterator[Batch]:
        asked.append(item)
        yield Batch([])

    reading = Prefetch(lambda: range(3), read, 1)
    reading.start()
    for item, batches in reading:
        assert asked == [*range(item)]
        next(batches)
    assert not workers()


def test_work_in_a_thread_gives_its_result_or_its_error() -> None:
    def fail() -> None:
        raise BrokenError

    assert begin(lambda: 7).result(PATIENCE) == 7
    with pytest.raises(BrokenError):
        begin(fail).result(PATIENCE)


class Came(Exception):
    """A signal has come."""


def read_slowly(slow: threading.Event) -> None:
    def read(_: int) -> Iterator[Batch]:
        slow.wait(PATIENCE)
        yield Batch([])

    for _, batches in Prefetch(lambda: [1], read, 2):
        list(batches)


def sleep_long(_: threading.Event) -> None:
    Shutdown(None, lambda: None).sleep(PATIENCE)


@pytest.mark.parametrize("wait", [read_slowly, sleep_long])
def test_a_signal_is_obeyed_though_it_does_not_wake_the_main_thread(
    wait: Callable[[threading.Event], None],
) -> None:
    # As one does that comes just before the wait begins.
    def come(*_: object) -> None:
        raise Came

    def send() -> None:
        time.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    late = threading.Event()
    timer = threading.Timer(PATIENCE / 2, late.set)
    before = signal.signal(signal.SIGUSR1, come)
    timer.start()
    threading.Thread(target=send).start()
    try:
        with pytest.raises(Came):
            wait(late)
        assert not late.is_set()
    finally:
        timer.cancel()
        late.set()
        signal.signal(signal.SIGUSR1, before)
