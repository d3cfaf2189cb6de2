"""What is read next, and what there is room for."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sync.backlog import Backlog
from tap_zohocampaigns.sync.room import Room
from tap_zohocampaigns.sync.units import Batch, Fork, OnDisk, Unit

if t.TYPE_CHECKING:
    import pytest

    from tap_zohocampaigns.sync.units import Steps


def batch(count: int = 10) -> Batch:
    return Batch([{"row": number} for number in range(count)])


def pages(count: int) -> Steps:
    for _ in range(count):
        yield batch()


def forking(*sizes: int) -> Steps:
    yield Fork([*map(pages, sizes)])


def begin_and_fork(backlog: Backlog, *sizes: int) -> Unit:
    item = backlog.begin(forking(*sizes))
    step = item.step()
    assert isinstance(step, Fork)
    assert backlog.fork(item, step) == len(sizes)
    return item


def places(backlog: Backlog) -> list[tuple[int, ...]]:
    found = []
    while unit := backlog.next():
        found.append(unit.place)
    return found


def test_what_is_needed_first_is_read_first() -> None:
    backlog = Backlog(threads=2)
    begun = [backlog.begin(forking(1, 1)) for _ in range(3)]
    for item in reversed(begun):
        step = item.step()
        assert isinstance(step, Fork)
        backlog.fork(item, step)
    backlog.all_begun = True
    assert places(backlog) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_items_are_begun_before_known_work_runs_out() -> None:
    backlog = Backlog(threads=3)
    begin_and_fork(backlog, 1, 1, 1, 1)
    assert places(backlog) == [(0, 0), (0, 1)]
    assert backlog.may_begin
    # Until its reading forks or ends, the next item may bring work.
    item = backlog.begin(forking(1))
    assert places(backlog) == [(0, 2)]
    backlog.end(item, None)
    assert places(backlog) == []
    backlog.all_begun = True
    assert places(backlog) == [(0, 3)]


def test_without_room_only_what_is_needed_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 10)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 0)
    backlog = Backlog(threads=1)
    item = begin_and_fork(backlog, 2, 1)
    late = backlog.begin(pages(1))
    assert backlog.keep(late, batch())
    assert places(backlog) == []
    assert not backlog.may_begin
    first = backlog.take(item)
    assert isinstance(first, Unit)
    backlog.needed = first
    assert backlog.next() is first
    assert backlog.keep(first, batch())
    # Its second page is not needed yet.
    assert not backlog.keep(first, batch())
    assert backlog.next() is None
    assert backlog.take(first) == batch()
    assert backlog.next() is first


def test_rows_go_to_disk_only_while_nobody_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 10)
    room = Room()
    room.idle = False
    assert room.keep(batch(), urgent=False) == batch()
    assert room.keep(batch(), urgent=False) is None
    assert room.keep(batch(), urgent=True) == batch()
    room.idle = True
    assert not room.crowded
    assert isinstance(room.keep(batch(), urgent=False), OnDisk)
    room.close()


def test_room_on_disk_comes_back_when_all_of_it_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_zohocampaigns.sync.room._ROOM", 1)
    monkeypatch.setattr("tap_zohocampaigns.sync.room._DISK", 150)
    room = Room()
    in_memory = room.keep(batch(), urgent=False)
    assert in_memory
    for _ in range(3):
        first, second = (room.keep(batch(20), urgent=False) for _ in range(2))
        assert isinstance(first, OnDisk)
        assert second is None
        assert room.crowded
        assert room.take(first) == batch(20)
        assert not room.crowded
    assert room.take(in_memory) == batch()
    room.close()
