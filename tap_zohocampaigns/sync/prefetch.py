"""Reads parts in background threads and yields them in order.

With a latency of 300 ms, one thread makes three calls a second. So parts are read side
by side, and streams too. Rows that are not yet taken stay in bounded memory. A stream
whose turn has not come may keep more on disk, since its quota would pass unused.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque

from tap_zohocampaigns.singer.shutdown import POLL_SECONDS
from tap_zohocampaigns.sync.spool import Spool, Spooled
from tap_zohocampaigns.sync.workers import Workers, current_workers

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.notes import Note

Item = t.TypeVar("Item")

# How many rows of a stream may wait in memory; a page has 500.
_ROOM = 10_000
# How many bytes of a stream may wait on disk before its turn; about a million rows.
_DISK = 256 << 20


class Batch(t.NamedTuple):
    """The result of one call."""

    rows: list[Row]
    note: Note | None = None


class _Queue(t.Generic[Item]):
    """An item, and its batches that are not yet taken."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.reading: Iterator[Batch] | None = None
        self.batches: deque[Batch | _OnDisk] = deque()
        self.ended = False
        self.error: BaseException | None = None
        self.dropped = False
        self.waiting: Batch | None = None
        """A batch that there was no room for."""


class _OnDisk(t.NamedTuple):
    """A batch whose rows are on disk."""

    rows: tuple[()]
    note: Note | None
    place: Spooled


class Prefetch(t.Generic[Item]):
    """Reads items ahead: they come in order, while the next ones are being read."""

    def __init__(
        self,
        items: Callable[[], Iterable[Item]],
        read: Callable[[Item], Iterator[Batch]],
        threads: int,
        workers: Workers | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            items: Returns the items; called once.
            read: Reads one of them.
            threads: How many items are read at once. With one, no thread is started.
            workers: Threads that help; an own pool, if not given.
        """
        self._workers = workers or Workers(threads - 1)
        self._items = items
        self._read = read
        self._threads = threads
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._iterator: Iterator[Item] | None = None
        self._queues: deque[_Queue[Item]] = deque()
        self._head: _Queue[Item] | None = None
        self._held = 0
        self._disk: Spool | None = None
        self._disk_full = False
        self._absent = 0
        self._underway = 0
        self._waiting: list[_Queue[Item]] = []
        self.started = False
        self._ended = False
        self._error: BaseException | None = None
        self._closed = False

    def start(self) -> None:
        """Start to read; the rows wait until they are taken."""
        if not self.started and self._threads > 1:
            current_workers.set(self._workers)
            threading.Thread(target=self._work, daemon=True).start()
        self.started = True

    def __iter__(self) -> Iterator[tuple[Item, Iterator[Batch]]]:
        """Yield each item with its batches. An error is raised in its place."""
        self.start()
        if self._threads == 1:
            for item in self._items():
                yield item, self._read(item)
            return
        while queue := self._next_queue():
            yield queue.item, self._take(queue)
        if self._error:
            raise self._error
        self.close()

    def close(self) -> None:
        """Stop reading, and drop what is not taken."""
        with self._changed:
            self._closed = True
            self._queues.clear()
            if self._disk:
                self._disk.close()
            self._changed.notify_all()

    def _work(self) -> None:
        current_workers.set(self._workers)
        has_help = False
        while queue := self._next(stay=True):
            # Before the first item is known, helpers would find nothing to do.
            if not has_help:
                self._call_for_help(self._threads - 1)
                has_help = True
            self._read_on(queue)

    def _call_for_help(self, threads: int) -> None:
        for _ in range(threads):
            self._workers.help(self._help)

    def _help(self) -> bool:
        """Read for a while; return whether there may be more to read."""
        queue = self._next(stay=False)
        if queue:
            self._read_on(queue)
        return queue is not None

    def _next(self, *, stay: bool) -> _Queue[Item] | None:
        """Return an item to read on with; None if there is none.

        Args:
            stay: Whether to wait for one until all have been read. So the item whose
                turn it is gets read, even if all helpers are busy elsewhere.
        """
        while True:
            with self._changed:
                while True:
                    if self._closed:
                        return None
                    if queue := self._resumed():
                        return queue
                    if self._ended and not self._underway:
                        return None
                    if not (self._ended or self._crowded()):
                        break
                    if not stay:
                        self._absent += 1
                        return None
                    self._changed.wait()
            if queue := self._begin():
                return queue

    def _resumed(self) -> _Queue[Item] | None:
        """Return an item whose waiting batch now has room."""
        for queue in [*self._waiting]:
            if queue.dropped or (queue.waiting and self._put(queue, queue.waiting)):
                self._waiting.remove(queue)
                queue.waiting = None
                return queue
        return None

    def _read_on(self, queue: _Queue[Item]) -> None:
        """Read an item until it ends, or until there is no room for more of it."""
        try:
            if queue.reading is None:
                queue.reading = self._read(queue.item)
            # Nothing is read for an item that was dropped.
            for batch in () if queue.dropped else queue.reading:
                with self._changed:
                    if queue.dropped or self._closed:
                        break
                    if not self._put(queue, batch):
                        queue.waiting = batch
                        self._waiting.append(queue)
                        self._changed.notify_all()
                        return
        except BaseException as error:  # noqa: BLE001 (raised in its place)
            queue.error = error
        with self._changed:
            queue.ended = True
            self._underway -= 1
            self._changed.notify_all()

    def _begin(self) -> _Queue[Item] | None:
        """Begin with the next item, if there is one."""
        with self._starting:
            if self._ended or self._closed:
                return None
            queue = None
            try:
                if self._iterator is None:
                    self._iterator = iter(self._items())
                queue = _Queue[Item](next(self._iterator))
            except StopIteration:
                self._ended = True
            except BaseException as error:  # noqa: BLE001 (raised at the end)
                self._error, self._ended = error, True
            with self._changed:
                if queue:
                    self._queues.append(queue)
                    self._underway += 1
                self._changed.notify_all()
            return queue

    def _crowded(self) -> bool:
        """Return whether there is no room for items before their turn."""
        full_disk = self._disk_full or bool(self._disk and self._disk.size >= _DISK)
        return self._held >= _ROOM and (full_disk or self._head is not None)

    def _put(self, queue: _Queue[Item], batch: Batch) -> bool:
        """Keep a batch until it is taken; return False if there is no room for it."""
        urgent = queue is self._head and not queue.batches
        kept: Batch | _OnDisk | None = batch
        if self._held >= _ROOM and not urgent:
            kept = None if self._crowded() else self._spill(batch)
        if kept is None:
            return False
        queue.batches.append(kept)
        self._held += _size(kept)
        self._changed.notify_all()
        return True

    def _next_queue(self) -> _Queue[Item] | None:
        with self._changed:
            if self._head:
                self._head.dropped = True
                self._held -= sum(map(_size, self._head.batches))
                self._changed.notify_all()
            self._await(lambda: self._queues or self._ended)
            self._head = self._queues.popleft() if self._queues else None
            self._changed.notify_all()
            absent, self._absent = self._absent, 0
        self._call_for_help(absent)
        return self._head

    def _take(self, queue: _Queue[Item]) -> Iterator[Batch]:
        while True:
            with self._changed:
                self._await(lambda: queue.batches or queue.ended)
                if not queue.batches:
                    break
                batch = queue.batches.popleft()
                self._held -= _size(batch)
                self._changed.notify_all()
                absent = min(self._absent, 1)
                self._absent -= absent
            self._call_for_help(absent)
            yield self._load(batch)
        if queue.error:
            raise queue.error

    def _await(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._changed.wait(POLL_SECONDS)

    def _spill(self, batch: Batch) -> _OnDisk | None:
        if self._disk is None:
            self._disk = Spool()
        place = self._disk.write_to_disk(batch.rows)
        if place is None:
            # Reading ahead can wait.
            self._disk_full = True
            return None
        return _OnDisk((), batch.note, place)

    def _load(self, batch: Batch | _OnDisk) -> Batch:
        if isinstance(batch, _OnDisk):
            rows = self._disk.load(batch.place) if self._disk else []
            return Batch(rows, batch.note)
        return batch


def _size(batch: Batch | _OnDisk) -> int:
    # A batch without rows takes memory too.
    return len(batch.rows) + 1
