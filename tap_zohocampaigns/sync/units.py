"""Units of work that threads read, and the batches of each in order."""

from __future__ import annotations

import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.notes import Note
    from tap_zohocampaigns.sync.spool import Spooled

    Kept: t.TypeAlias = "Batch | OnDisk"
    Steps: t.TypeAlias = Iterator["Batch | Fork"]


class Batch(t.NamedTuple):
    """The result of one call."""

    rows: list[Row]
    note: Note | None = None


class OnDisk(t.NamedTuple):
    """A batch whose rows are on disk."""

    rows: tuple[()]
    note: Note | None
    place: Spooled


class Fork(t.NamedTuple):
    """Several readings that threads may go on with at once.

    Whoever yields a fork goes on when all of them have ended. Their batches come in
    this order. If one fails, its error is raised where the fork was yielded, and
    nothing comes of the readings behind it: as if they were read one by one.
    """

    readings: Sequence[Steps]


def side_by_side(readings: Sequence[Steps]) -> Steps:
    """Read several parts at once."""
    if len(readings) > 1:
        yield Fork(readings)
        return
    for reading in readings:
        yield from reading


def in_sequence(reading: Steps) -> Iterator[Batch]:
    """Yield the batches of a reading, and of its forks one after the other."""
    failure: Exception | None = None
    while True:
        try:
            step = _next(reading, failure)
        except StopIteration:
            return
        failure = None
        if isinstance(step, Batch):
            yield step
            continue
        try:
            for forked in step.readings:
                yield from in_sequence(forked)
        except Exception as error:  # noqa: BLE001 (the reading handles it)
            failure = error


def _next(reading: Steps, failure: BaseException | None) -> Batch | Fork:
    """Return the next step of a reading; only one with forks is told of failures."""
    if failure is None:
        return next(reading)
    return t.cast("t.Generator[Batch | Fork]", reading).throw(failure)


class Unit:
    """Something that one thread at a time reads, and its batches until they are taken.

    A unit whose reading has forked rests until the units of the fork have ended.
    """

    def __init__(
        self, reading: Steps, place: tuple[int, ...], parent: Unit | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            reading: Yields its batches and forks.
            place: Units with a lower place are needed earlier.
            parent: The unit that has forked.
        """
        self.place = place
        self.parent = parent
        self.entries: deque[Kept | Unit] = deque()
        """What has not been taken, in order."""
        self.children: list[Unit] = []
        """The units of its last fork that count: none behind one that has failed."""
        self.waiting: Batch | None = None
        """A batch that there was no room for."""
        self.error: BaseException | None = None
        self.ended = False
        self.dropped = False
        """Whether nobody will take its batches."""
        self._reading = reading
        self._forked = 0
        self._failure: BaseException | None = None

    def step(self) -> Batch | Fork:
        """Return what comes next.

        Raises:
            StopIteration: Nothing does.
        """
        failure, self._failure = self._failure, None
        return _next(self._reading, failure)

    def fork(self, fork: Fork) -> list[Unit]:
        """Return the units of a fork."""
        self.children = [
            Unit(reading, (*self.place, number), self)
            for number, reading in enumerate(fork.readings, start=self._forked)
        ]
        self._forked += len(self.children)
        self.entries += self.children
        return self.children

    def cut_behind(self, child: Unit) -> list[Unit]:
        """Return the units of the fork behind one that has failed; they don't count."""
        number = self.children.index(child) + 1
        behind = self.children[number:]
        del self.children[number:]
        for _ in behind:
            self.entries.pop()
        return behind

    def resume(self) -> bool:
        """Return whether the fork has ended, so that the reading goes on."""
        if not all(child.ended for child in self.children):
            return False
        self._failure = self.children[-1].error if self.children else None
        self.children = []
        return True
