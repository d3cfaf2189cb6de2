"""Reads in threads, ahead of whoever takes what was read, which comes in order.

With a latency of 300 ms one reader makes three calls a second. So parts are read side
by side, and streams too. What is not taken yet is kept in bounded memory; a stream
whose turn has not come keeps more on disk, since its quota would pass unused.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from concurrent.futures import Future

from tap_zohocampaigns.spool import Spool, Spooled
from tap_zohocampaigns.stopping import SIGHT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_zohocampaigns.api.wire import Row

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


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Work in a thread of its own, which never keeps the program from ending."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised where it is asked for)
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class _Unit(t.Generic[Item]):
    """An item, and what has been read of it and not been taken yet."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.batches: deque[Batch] = deque()
        self.ended = False
        self.error: BaseException | None = None
        self.dropped = False


class _OnDisk(t.NamedTuple):
    """Where the rows of a batch are, and the rest of it."""

    place: Spooled
    about: t.Any


class Ahead(t.Generic[Item]):
    """What is read of items: in their order, while the next ones are being read."""

    def __init__(
        self,
        items: Callable[[], Iterable[Item]],
        read: Callable[[Item], Iterator[Batch]],
        threads: int,
    ) -> None:
        """Begin nothing yet.

        Args:
            items: Gives the items; called once.
            read: Reads one of them.
            threads: How many items are read at once; for one, no thread is started.
        """
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
        self.started = False
        self._ended = False
        self._error: BaseException | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to read; what is read waits until it is taken."""
        if not self.started and self._threads > 1:
            for _ in range(self._threads):
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
        while unit := self._begin():
            try:
                for batch in self._read(unit.item):
                    if not self._put(unit, batch):
                        break
            except BaseException as error:  # noqa: BLE001 (it is raised where it belongs)
                unit.error = error
            with self._changed:
                unit.ended = True
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
                self._changed.notify_all()
            return unit

    def _put(self, unit: _Unit[Item], batch: Batch) -> bool:
        """Keep a batch until it is taken; return whether more are wanted."""
        with self._changed:
            while not (unit.dropped or self._closed):
                urgent = unit is self._head and not unit.batches
                if self._held >= _ROOM and not urgent:
                    spilled = None if self._head else self._spill(batch)
                    if spilled is None:
                        self._changed.wait()
                        continue
                    batch = spilled
                unit.batches.append(batch)
                self._held += _size(batch)
                self._changed.notify_all()
                return True
            return False

    def _next_unit(self) -> _Unit[Item] | None:
        with self._changed:
            if self._head:
                self._head.dropped = True
                self._held -= sum(map(_size, self._head.batches))
            self._await(lambda: self._units or self._ended)
            self._head = self._units.popleft() if self._units else None
            self._changed.notify_all()
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
            yield self._load(batch)
        if unit.error:
            raise unit.error

    def _await(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._changed.wait(SIGHT)

    def _spill(self, batch: Batch) -> Batch | None:
        if self._disk is None:
            self._disk = Spool()
        if self._disk_full or self._disk.size >= _DISK:
            return None
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
