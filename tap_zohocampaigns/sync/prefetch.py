"""Reads parts in background threads and yields them in order.

With a latency of 300 ms, one thread makes three calls a second. So parts are read side
by side, and streams too. What is not yet taken stays in bounded memory, or on disk.
`backlog` decides what is read next.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque

from tap_zohocampaigns.singer.shutdown import POLL_SECONDS
from tap_zohocampaigns.sync.backlog import Backlog
from tap_zohocampaigns.sync.units import Batch, Fork, Unit, in_sequence
from tap_zohocampaigns.sync.workers import Workers, current_workers

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_zohocampaigns.sync.units import Steps

Item = t.TypeVar("Item")


class Prefetch(t.Generic[Item]):
    """Reads items ahead: they come in order, while the next ones are being read."""

    def __init__(
        self,
        items: Callable[[], Iterable[Item]],
        read: Callable[[Item], Steps],
        threads: int,
        workers: Workers | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            items: Returns the items; called once.
            read: Reads one of them; it may yield forks.
            threads: How many units are read at once. With one, no thread is started.
            workers: Threads that help; an own pool, if not given.
        """
        self._workers = workers or Workers(threads - 1)
        self._items = items
        self._read = read
        self._threads = threads
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._iterator: Iterator[Item] | None = None
        self._backlog = Backlog(threads)
        self._queue: deque[tuple[Item, Unit]] = deque()
        self._head: Unit | None = None
        self._absent = 0
        self.started = False
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
                yield item, in_sequence(self._read(item))
            return
        while begun := self._next_item():
            item, unit = begun
            yield item, self._take(unit)
        if self._error:
            raise self._error
        self.close()

    def close(self) -> None:
        """Stop reading, and drop what is not taken."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._backlog.close()
            self._changed.notify_all()

    def _work(self) -> None:
        current_workers.set(self._workers)
        has_help = False
        while unit := self._next(stay=True):
            # Before the first item is known, helpers would find nothing to do.
            if not has_help:
                self._call_for_help(self._threads - 1)
                has_help = True
            self._read_on(unit)

    def _call_for_help(self, threads: int) -> None:
        for _ in range(threads):
            self._workers.help(self._help)

    def _recall(self, threads: int) -> None:
        """Call for helpers that found nothing to do before."""
        threads = min(threads, self._absent)
        self._absent -= threads
        self._call_for_help(threads)
        self._changed.notify_all()

    def _help(self) -> bool:
        """Read for a while; return whether there may be more to read."""
        unit = self._next(stay=False)
        if unit:
            self._read_on(unit)
        return unit is not None

    def _next(self, *, stay: bool) -> Unit | None:
        """Return a unit to read on with; None if there is none.

        Args:
            stay: Whether to wait for one until all have been read. So the unit that is
                needed next gets read, even if all helpers are busy elsewhere.
        """
        while True:
            with self._changed:
                while True:
                    if self._closed:
                        return None
                    if unit := self._backlog.next():
                        return unit
                    if self._backlog.done:
                        return None
                    if self._backlog.may_begin:
                        break
                    if not stay:
                        self._absent += 1
                        return None
                    self._changed.wait()
            if unit := self._begin():
                return unit

    def _begin(self) -> Unit | None:
        """Begin with the next item, if there is one."""
        with self._starting:
            if self._backlog.all_begun or self._closed:
                return None
            error: BaseException | None = None
            try:
                if self._iterator is None:
                    self._iterator = iter(self._items())
                item = next(self._iterator)
            except BaseException as ended:  # noqa: BLE001 (raised at the end)
                error = ended
            with self._changed:
                self._changed.notify_all()
                if error:
                    self._backlog.all_begun = True
                    self._error = None if isinstance(error, StopIteration) else error
                    return None
                unit = self._backlog.begin(self._reading(item))
                self._queue.append((item, unit))
                return unit

    def _reading(self, item: Item) -> Steps:
        yield from self._read(item)

    def _read_on(self, unit: Unit) -> None:
        """Read a unit until it ends or forks, or until there is no room for more."""
        failure: BaseException | None = None
        try:
            while self._wants(unit):
                step = unit.step()
                with self._changed:
                    if not self._wants(unit):
                        break
                    if isinstance(step, Fork):
                        self._recall(self._backlog.fork(unit, step))
                        return
                    kept = self._backlog.keep(unit, step)
                    self._changed.notify_all()
                    if not kept:
                        return
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 (raised in its place)
            failure = error
        with self._changed:
            self._backlog.end(unit, failure)
            self._changed.notify_all()

    def _wants(self, unit: Unit) -> bool:
        """Return whether somebody may take what is read of a unit."""
        return not (unit.dropped or self._closed)

    def _next_item(self) -> tuple[Item, Unit] | None:
        with self._changed:
            if self._head:
                self._backlog.drop(self._head)
            self._await(lambda: self._queue or self._backlog.all_begun)
            begun = self._queue.popleft() if self._queue else None
            self._head = self._backlog.needed = begun[1] if begun else None
            self._recall(self._absent)
        return begun

    def _take(self, unit: Unit) -> Iterator[Batch]:
        """Yield the batches of a unit in order, and at its end the error of an item."""
        while entry := self._next_entry(unit):
            if isinstance(entry, Unit):
                yield from self._take(entry)
            else:
                yield entry
        if unit.error and not unit.parent:
            raise unit.error

    def _next_entry(self, unit: Unit) -> Batch | Unit | None:
        with self._changed:
            self._backlog.needed = unit
            self._await(lambda: unit.entries or unit.ended)
            was_crowded = self._backlog.room.crowded
            entry = self._backlog.take(unit)
            if was_crowded:
                self._recall(1)
            return entry

    def _await(self, ready: Callable[[], object]) -> None:
        room = self._backlog.room
        if not ready():
            was_crowded, room.idle = room.crowded, True
            self._recall(self._absent if was_crowded else 0)
        while not ready():
            self._changed.wait(POLL_SECONDS)
        room.idle = False
