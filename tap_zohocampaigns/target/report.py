"""What became of the records: a line per minute, and a summary at the end."""

from __future__ import annotations

import logging
import typing as t
from collections import Counter, defaultdict
from itertools import groupby

from tap_zohocampaigns.singer.progress import until_words
from tap_zohocampaigns.singer.ticker import TICK_SECONDS, Ticker

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_zohocampaigns.api.wire.types import Row

logger = logging.getLogger("target-zohocampaigns")

_MOST_RANGES = 20

SENT, ALREADY = "sent", "already in effect"
REJECTED, SKIPPED = "rejected", "skipped"
UNCHANGED, REJECTED_BEFORE = "unchanged", "rejected before"
LEFT = "left"
_OUTCOMES = (SENT, ALREADY, REJECTED, SKIPPED)
# They are named only if there are any.
_FURTHER_OUTCOMES = (UNCHANGED, REJECTED_BEFORE, LEFT)


class Report:
    """Counts records by outcome. It knows their numbers, but no address."""

    def __init__(
        self,
        waiting_until: Callable[[], float | None],
        *,
        dry: bool,
        every: float = TICK_SECONDS,
    ) -> None:
        """Start with no record.

        Args:
            waiting_until: Until when a call waits (epoch seconds); None if none does.
            dry: Whether this is a dry run.
            every: Seconds between two lines.
        """
        self.read = 0
        """Records read so far."""
        self.streams: Counter[str] = Counter()
        """Records read of each stream."""
        self.calls: Counter[str] = Counter()
        """Calls of each endpoint."""
        self.numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """Outcome and action -> the numbers of the records."""
        self._dry = dry
        self._waiting_until = waiting_until
        self._ticker = Ticker(self._log_progress, every)

    def count_record(self, outcome: str, action: str, number: int) -> None:
        """Count a record."""
        self.numbers[outcome, action].append(number)

    def count(self, outcome: str) -> int:
        """Return how many records have an outcome."""
        # Another thread may add records meanwhile.
        counted = [*self.numbers.items()]
        return sum(len(numbers) for (known, _), numbers in counted if known == outcome)

    def start(self) -> None:
        """Start to log a line per minute."""
        self._ticker.start()

    def end(self) -> bool:
        """Log the summary, once; return whether it was logged now."""
        if self._ticker.is_over:
            return False
        self._ticker.stop()
        sent = "would be sent, as `dry_run` is on" if self._dry else "sent"
        logger.info("Summary: %s", self._line().replace("sent", sent, 1))
        for outcome, action in sorted(self.numbers):
            if self._dry or outcome in (REJECTED, REJECTED_BEFORE):
                words = "to be sent" if self._dry and outcome == SENT else outcome
                numbers = self.numbers[outcome, action]
                logger.info("%s, %s: records %s", action, words, ranges(numbers))
        return True

    def figures(self) -> Row:
        """Return what the summary of a run has about records and calls."""
        outcomes = {name: self.count(name) for name in (*_OUTCOMES, *_FURTHER_OUTCOMES)}
        return {
            "sentence": f"{self._line()}.",
            "rows": self.read,
            "calls": self.calls.total(),
            "streams": {name: {"rows": rows} for name, rows in self.streams.items()},
            "outcomes": {name.replace(" ", "_"): n for name, n in outcomes.items()},
        }

    def _line(self) -> str:
        counts = [f"{self.count(outcome)} {outcome}" for outcome in _OUTCOMES]
        further = ((self.count(outcome), outcome) for outcome in _FURTHER_OUTCOMES)
        counts += [f"{count} {outcome}" for count, outcome in further if count]
        return (
            f"{self.read} records read, {', '.join(counts)}, {self.calls.total()} calls"
        )

    def _log_progress(self) -> None:
        words = [self._line(), *until_words(self._waiting_until())]
        logger.info("Progress: %s", ", ".join(words))


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers such as 1, 2, 3, 7 as `1-3, 7`; very many are cut."""
    ordered = enumerate(sorted(numbers))
    runs = [[*run] for _, run in groupby(ordered, lambda pair: pair[1] - pair[0])]
    texts = [
        f"{run[0][1]}-{run[-1][1]}" if len(run) > 1 else f"{run[0][1]}"
        for run in runs[:_MOST_RANGES]
    ]
    cut = ["…"] if len(runs) > _MOST_RANGES else []
    return ", ".join(texts + cut)
