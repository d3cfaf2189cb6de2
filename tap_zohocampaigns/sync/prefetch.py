"""Reads in threads, ahead of whoever takes what was read, which comes in order.

With a latency of 300 ms one reader makes three calls a second. So parts are read side
by side, and streams too. What is not taken yet is kept in bounded memory; a stream
whose turn has not come keeps more on disk, since its quota would pass unused.
"""

from __future__ import annotations

import threading
import typing as t
import weakref
from collections import deque
from concurrent.futures import Future
from contextvars import ContextVar

from tap_zohocampaigns.singer.shutdown import POLL_SECONDS
from tap_zohocampaigns.sync.spool import Spool, Spooled

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")

# Rows of a stream in memory that nobody has taken yet; a page has 500.
_ROOM = 10_000
# Bytes on disk of a stream whose turn has not come; about a million rows.
_DISK = 256 << 20


class Batch(t.NamedTuple):
    """What one call gave: rows, and what their stream has to know of them."""

    rows: list[Row]
    about: t.Any = None


class _Task(Future[Result]):
    """Work for another thread, unless its result is asked for before that begins."""

    def __init__(self, work: Callable[[], Result]) -> None:
        super().__init__()
        self._do = work
        self._claim = threading.Lock()

    def run(self) -> None:
        """Do it, unless somebody does."""
        if self._claim.acquire(blocking=False):
            try:
                self.set_result(self._do())
            except BaseException as error:  # noqa: BLE001 (it is raised where it is asked for)
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> Result:
        """Return the result; whoever asks for it never waits for a thread."""
        self.run()
        return super().result(timeout)


class Crew:
    """Threads that all streams share, besides the one that each has of its own.

    So there are about as many as calls that may be underway. Those of a stream whose
    quota is used up wait with it, while others go on with their own.
    """

    def __init__(self, threads: int) -> None:
        """Start no thread yet.

        Args:
            threads: How many there may be at once.
        """
        self._free = threads
        self._guard = threading.Lock()
        self._soon: deque[weakref.ref[_Task[t.Any]]] = deque()
        self._later: deque[Callable[[], bool]] = deque()

    def run(self, task: _Task[t.Any]) -> None:
        """Do something short before all else, unless nobody wants it any more."""
        with self._guard:
            self._soon.append(weakref.ref(task))
        self._start()

    def help(self, work: Callable[[], bool]) -> None:
        """Do something again and again, in turns with others, while it returns True."""
        with self._guard:
            self._later.append(work)
        self._start()

    def _start(self) -> None:
        with self._guard:
            if not self._free:
                return
            self._free -= 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        _crew.set(self)
        while True:
            with self._guard:
                task, work = None, None
                while self._soon and task is None:
                    task = self._soon.popleft()()
                if task is None:
                    if not self._later:
                        self._free += 1
                        return
                    work = self._later.popleft()
            if task:
                task.run()
            elif work and work():
                with self._guard:
                    self._later.append(work)


# Whose threads help the one that runs here.
_crew: ContextVar[Crew | None] = ContextVar("crew", default=None)


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Work in another thread, which never keeps the program from ending."""
    task = _Task(work)
    if crew := _crew.get():
        crew.run(task)
    else:
        threading.Thread(target=task.run, daemon=True).start()
    return task


class _Unit(t.Generic[Item]):
    """An item, and what has been read of it and not been taken yet."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.reading: Iterator[Batch] | None = None
        self.batches: deque[Batch] = deque()
        self.ended = False
        self.error: BaseException | None = None
        self.dropped = False
        self.waiting: Batch | None = None
        """What there was no room for."""


class _OnDisk(t.NamedTuple):
    """Where the rows of a batch are, and the rest of it."""

    place: Spooled
    about: t.Any


class Prefetch(t.Generic[Item]):
    """What is read of items: in their order, while the next ones are being read."""

    def __init__(
        self,
        items: Callable[[], Iterable[Item]],
        read: Callable[[Item], Iterator[Batch]],
        threads: int,
        crew: Crew | None = None,
    ) -> None:
        """Begin nothing yet.

        Args:
            items: Gives the items; called once.
            read: Reads one of them.
            threads: How many items are read at once; for one, no thread is started.
            crew: The threads that help; those of nobody else, if not given.
        """
        self._crew = crew or Crew(threads - 1)
        self._items = items
        self._read = read
        self._threads = threads
        self._changed = threading.Condition()
        self._beginning = threading.Lock()
        self._iterator: Iterator[Item] | None = None
        self._units: deque[_Unit[Item]] = deque()
        self._head: _Unit[Item] | None = None
        self._held = 0
        self._disk: Spool | None = None
        self._disk_full = False
        self._absent = 0
        self._underway = 0
        self._waiting: list[_Unit[Item]] = []
        self.started = False
        self._ended = False
        self._error: BaseException | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to read; what is read waits until it is taken."""
        if not self.started and self._threads > 1:
            _crew.set(self._crew)
            threading.Thread(target=self._work, daemon=True).start()
        self.started = True

    def __iter__(self) -> Iterator[tuple[Item, Iterator[Batch]]]:
        """Yield each item with what is read of it; an error comes where it belongs."""
        self.start()
        if self._threads == 1:
            for item in self._items():
                yield item, self._read(item)
            return
        while unit := self._next_unit():
            yield unit.item, self._take(unit)
        if self._error:
            raise self._error
        self.close()

    def close(self) -> None:
        """Read no more; what has not been taken is lost."""
        with self._changed:
            self._closed = True
            self._units.clear()
            if self._disk:
                self._disk.close()
            self._changed.notify_all()

    def _work(self) -> None:
        _crew.set(self._crew)
        helped = False
        while unit := self._next(stay=True):
            # None can help before it is known what there is to read.
            if not helped:
                self._call_for_help(self._threads - 1)
                helped = True
            self._read_on(unit)

    def _call_for_help(self, threads: int) -> None:
        for _ in range(threads):
            self._crew.help(self._help)

    def _help(self) -> bool:
        """Read for a while; return whether there may be more to read."""
        unit = self._next(stay=False)
        if unit:
            self._read_on(unit)
        return unit is not None

    def _next(self, *, stay: bool) -> _Unit[Item] | None:
        """Return an item to read on with, or None if there is none.

        Args:
            stay: Whether to wait until there is one, or until all have been read. So
                the one whose turn it is is read, though all others are busy elsewhere.
        """
        while True:
            with self._changed:
                while True:
                    if self._closed:
                        return None
                    if unit := self._resumed():
                        return unit
                    if self._ended and not self._underway:
                        return None
                    if not (self._ended or self._crowded()):
                        break
                    if not stay:
                        self._absent += 1
                        return None
                    self._changed.wait()
            if unit := self._begin():
                return unit

    def _resumed(self) -> _Unit[Item] | None:
        """Return an item for whose batch there is room now."""
        for unit in [*self._waiting]:
            if unit.dropped or (unit.waiting and self._put(unit, unit.waiting)):
                self._waiting.remove(unit)
                unit.waiting = None
                return unit
        return None

    def _read_on(self, unit: _Unit[Item]) -> None:
        """Read an item until it ends, or there is no room for more of it."""
        try:
            if unit.reading is None:
                unit.reading = self._read(unit.item)
            # Of what is not wanted any more, nothing is asked for.
            for batch in () if unit.dropped else unit.reading:
                with self._changed:
                    if unit.dropped or self._closed:
                        break
                    if not self._put(unit, batch):
                        unit.waiting = batch
                        self._waiting.append(unit)
                        self._changed.notify_all()
                        return
        except BaseException as error:  # noqa: BLE001 (it is raised where it belongs)
            unit.error = error
        with self._changed:
            unit.ended = True
            self._underway -= 1
            self._changed.notify_all()

    def _begin(self) -> _Unit[Item] | None:
        """Begin with the next item, if there is one."""
        with self._beginning:
            if self._ended or self._closed:
                return None
            unit = None
            try:
                if self._iterator is None:
                    self._iterator = iter(self._items())
                unit = _Unit(next(self._iterator))
            except StopIteration:
                self._ended = True
            except BaseException as error:  # noqa: BLE001 (it is raised at the end)
                self._error, self._ended = error, True
            with self._changed:
                if unit:
                    self._units.append(unit)
                    self._underway += 1
                self._changed.notify_all()
            return unit

    def _crowded(self) -> bool:
        """Return whether there is no room for what is read before its turn."""
        full_disk = self._disk_full or bool(self._disk and self._disk.size >= _DISK)
        return self._held >= _ROOM and (full_disk or self._head is not None)

    def _put(self, unit: _Unit[Item], batch: Batch) -> bool:
        """Keep a batch until it is taken, if there is room for it."""
        urgent = unit is self._head and not unit.batches
        if self._held >= _ROOM and not urgent:
            spilled = None if self._crowded() else self._spill(batch)
            if spilled is None:
                return False
            batch = spilled
        unit.batches.append(batch)
        self._held += _size(batch)
        self._changed.notify_all()
        return True

    def _next_unit(self) -> _Unit[Item] | None:
        with self._changed:
            if self._head:
                self._head.dropped = True
                self._held -= sum(map(_size, self._head.batches))
                self._changed.notify_all()
            self._await(lambda: self._units or self._ended)
            self._head = self._units.popleft() if self._units else None
            self._changed.notify_all()
            absent, self._absent = self._absent, 0
        self._call_for_help(absent)
        return self._head

    def _take(self, unit: _Unit[Item]) -> Iterator[Batch]:
        while True:
            with self._changed:
                self._await(lambda: unit.batches or unit.ended)
                if not unit.batches:
                    break
                batch = unit.batches.popleft()
                self._held -= _size(batch)
                self._changed.notify_all()
                absent = min(self._absent, 1)
                self._absent -= absent
            self._call_for_help(absent)
            yield self._load(batch)
        if unit.error:
            raise unit.error

    def _await(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._changed.wait(POLL_SECONDS)

    def _spill(self, batch: Batch) -> Batch | None:
        if self._disk is None:
            self._disk = Spool()
        place = self._disk.write_to_disk(batch.rows)
        if place is None:
            # What is read ahead can wait.
            self._disk_full = True
            return None
        return Batch([], _OnDisk(place, batch.about))

    def _load(self, batch: Batch) -> Batch:
        if not isinstance(batch.about, _OnDisk) or self._disk is None:
            return batch
        place, about = batch.about
        return Batch(self._disk.read(place), about)


def _size(batch: Batch) -> int:
    # Nothing is counted too, since it takes a place.
    return len(batch.rows) + 1
