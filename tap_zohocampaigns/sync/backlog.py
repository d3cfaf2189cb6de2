"""The units of work of a stream that are known, in the order in which they are needed.

A unit is an item, such as a campaign, or what its reading forks into, such as the
actions of a campaign. Further items are begun before so few units are known that a
thread would have nothing to do. If there is no room, only the unit that is needed next
is read.
"""

from __future__ import annotations

import typing as t
from heapq import heappop, heappush

from tap_zohocampaigns.sync.room import Room
from tap_zohocampaigns.sync.units import Fork, Unit

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sync.units import Batch, Steps


class Backlog:
    """Decides what is read next; not safe for threads."""

    def __init__(self, threads: int) -> None:
        """Start without units.

        Args:
            threads: How many units should be known, so that no thread is idle.
        """
        self.room = Room()
        self.needed: Unit | None = None
        """The unit whose next batch is needed first."""
        self.all_begun = False
        """Whether there are no further items."""
        self._threads = threads
        self._begun = 0
        self._unended = 0
        self._ready: list[tuple[tuple[int, ...], Unit]] = []
        self._waiting: list[Unit] = []
        # Items of which it is not known yet what their reading forks into.
        self._opening: set[Unit] = set()

    @property
    def done(self) -> bool:
        """Whether everything has been read."""
        return self.all_begun and not self._unended

    @property
    def may_begin(self) -> bool:
        """Whether a further item may be begun."""
        return not (self.all_begun or self.room.crowded)

    def begin(self, reading: Steps) -> Unit:
        """Return the unit of the next item; the caller reads it."""
        unit = Unit(reading, (self._begun,))
        self._begun += 1
        self._unended += 1
        self._opening.add(unit)
        return unit

    def next(self) -> Unit | None:
        """Return a unit to read on with; None if an item should be begun, or none may.

        A thread that has it must read on until `keep` or `fork` returns False, or until
        it calls `end`.
        """
        return self._resumed() or self._known()

    def _resumed(self) -> Unit | None:
        """Return a unit whose waiting batch now has room."""
        for unit in sorted(self._waiting, key=lambda unit: unit.place):
            if unit.dropped or (unit.waiting and self._put(unit, unit.waiting)):
                self._waiting.remove(unit)
                unit.waiting = None
                return unit
        return None

    def _known(self) -> Unit | None:
        if not self._ready:
            return None
        _, first = self._ready[0]
        few = len(self._ready) + len(self._opening) < self._threads
        if few and self.may_begin:
            return None
        if self.room.crowded and not (first is self.needed or first.dropped):
            return None
        return heappop(self._ready)[1]

    def keep(self, unit: Unit, batch: Batch) -> bool:
        """Keep a batch until it is taken; return False if it waits for room."""
        if self._put(unit, batch):
            return True
        unit.waiting = batch
        self._waiting.append(unit)
        return False

    def _put(self, unit: Unit, batch: Batch) -> bool:
        urgent = unit is self.needed and not unit.entries
        kept = self.room.keep(batch, urgent=urgent)
        if kept is not None:
            unit.entries.append(kept)
        return kept is not None

    def fork(self, unit: Unit, fork: Fork) -> int:
        """Let a unit rest until a fork has ended; return how many units are new."""
        self._opening.discard(unit)
        children = unit.fork(fork)
        self._unended += len(children)
        for child in children:
            heappush(self._ready, (child.place, child))
        self._go_on(unit)
        return len(children)

    def end(self, unit: Unit, error: BaseException | None) -> None:
        """Note that a unit has been read.

        Args:
            unit: The unit.
            error: What has ended it before its end.
        """
        unit.ended, unit.error = True, error
        self._unended -= 1
        self._opening.discard(unit)
        parent = unit.parent
        if parent and unit in parent.children:
            if error and not unit.dropped:
                for other in parent.cut_behind(unit):
                    self.drop(other)
            self._go_on(parent)

    def _go_on(self, unit: Unit) -> None:
        """Let a unit be read on if its fork has ended."""
        if unit.resume():
            heappush(self._ready, (unit.place, unit))

    def take(self, unit: Unit) -> Batch | Unit | None:
        """Return the next batch of a unit, or the unit that has it; None at the end."""
        if not unit.entries:
            return None
        entry = unit.entries.popleft()
        return entry if isinstance(entry, Unit) else self.room.take(entry)

    def close(self) -> None:
        """Forget all units, so that no thread does what they have asked for ahead."""
        self._ready.clear()
        self._waiting.clear()
        self._opening.clear()
        self.room.close()

    def drop(self, unit: Unit) -> None:
        """Let go of a unit: nobody takes what it has."""
        unit.dropped = True
        for entry in unit.entries:
            if not isinstance(entry, Unit):
                self.room.drop(entry)
            elif entry not in unit.children:
                self.drop(entry)
        unit.entries.clear()
        for child in unit.children:
            self.drop(child)
