"""What became of the records: a line a minute, and a summary at the end."""

from __future__ import annotations

import logging
import threading
import time
import typing as t
from collections import Counter, defaultdict
from itertools import groupby

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger("target-zohocampaigns")

_EVERY = 60.0
_MOST_RANGES = 20

SENT, ALREADY, REJECTED, SKIPPED = "sent", "already so", "rejected", "skipped"
_ORDER = (SENT, ALREADY, REJECTED, SKIPPED)


class Report:
    """Counts records by what became of them; knows their numbers, and no address."""

    def __init__(
        self,
        waiting_until: Callable[[], float | None],
        *,
        dry: bool,
        every: float = _EVERY,
    ) -> None:
        """Begin with no record.

        Args:
            waiting_until: Until when a call waits (epoch seconds), if one does.
            dry: Whether nothing is sent.
            every: Seconds between two lines.
        """
        self.read = 0
        self.calls: Counter[str] = Counter()
        self.numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._dry = dry
        self._waiting_until = waiting_until
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def note(self, fate: str, action: str, number: int) -> None:
        """Count a record."""
        self.numbers[fate, action].append(number)

    def count(self, fate: str) -> int:
        """Return how many records have had a fate."""
        # Another thread may add to them meanwhile.
        known = [*self.numbers.items()]
        return sum(len(each) for (one, _), each in known if one == fate)

    def begin(self) -> None:
        """Begin to tell how far it is."""
        if not self._thread.is_alive() and not self._over.is_set():
            self._thread.start()

    def end(self) -> bool:
        """Tell what became of the records, once; return whether it was this time."""
        if self._over.is_set():
            return False
        self._over.set()
        sent = "would be sent, as `dry_run` is on" if self._dry else "sent"
        logger.info("Summary: %s", self._line().replace("sent", sent, 1))
        for fate, action in sorted(self.numbers):
            if self._dry or fate == REJECTED:
                told = "to be sent" if self._dry and fate == SENT else fate
                numbers = self.numbers[fate, action]
                logger.info("%s, %s: records %s", action, told, ranges(numbers))
        return True

    def _line(self) -> str:
        counts = [f"{self.count(fate)} {fate}" for fate in _ORDER]
        return (
            f"{self.read} records read, {', '.join(counts)}, {self.calls.total()} calls"
        )

    def _tell(self) -> None:
        while not self._over.wait(self._every):
            line = self._line()
            if until := self._waiting_until():
                at = time.strftime("%H:%M:%S", time.localtime(until))
                line += f", waiting until {at}"
            logger.info("Progress: %s", line)


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers such as 1, 2, 3, 7 as `1-3, 7`; very many are cut."""
    ordered = enumerate(sorted(numbers))
    runs = [[*run] for _, run in groupby(ordered, lambda pair: pair[1] - pair[0])]
    told = [
        f"{run[0][1]}-{run[-1][1]}" if len(run) > 1 else f"{run[0][1]}"
        for run in runs[:_MOST_RANGES]
    ]
    more = ["…"] if len(runs) > _MOST_RANGES else []
    return ", ".join(told + more)
