"""Logs a line when a stream ends, and one per minute while it is read."""

from __future__ import annotations

import logging
import threading
import time
import typing as t
from collections import Counter
from contextlib import suppress

from singer_sdk import metrics

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.singer.ticker import TICK_SECONDS, Ticker

if t.TYPE_CHECKING:
    from types import TracebackType

    from tap_zohocampaigns.api.quota.ledger import Ledger

logger = logging.getLogger("tap-zohocampaigns.progress")


class Progress(metrics.Counter):
    """Counts rows, parts and calls of a stream, and logs them from its own thread.

    The line is also logged while a call waits for the quota.
    """

    def __init__(
        self, stream: str, endpoint: str, ledger: Ledger, every: float = TICK_SECONDS
    ) -> None:
        """Start at zero. Logging starts when the counter is entered.

        Args:
            stream: Name of the stream.
            endpoint: Its endpoint, whose quota is logged.
            ledger: Knows the quota.
            every: Seconds between two lines.
        """
        super().__init__(metrics.Metric.RECORD_COUNT, {metrics.Tag.STREAM: stream})
        self.begun = False
        """Whether the turn of the stream has come."""
        self.over = False
        """Whether its turn is over."""
        self.ended = False
        """Whether it was read to its end."""
        self.done = 0
        """How many parts have been written."""
        self.parts_read = 0
        """How many parts have been read, perhaps before the turn of the stream."""
        self.known = 0
        """How many parts there are; 0 if that is not known."""
        self.stream = stream
        self._endpoint = endpoint
        self.calls: Counter[str] = Counter()
        """How often the stream called each endpoint for itself."""
        self.shared_calls: Counter[str] = Counter()
        """Its share of the calls that several streams need."""
        self._ledger = ledger
        self._since = 0.0
        self._counting = threading.Lock()
        self._ticker = Ticker(self._log, every)

    def increment(self, value: int = 1) -> None:
        """Do nothing: the SDK would count pages."""

    def count_rows(self, rows: int) -> None:
        """Count rows."""
        self.value += rows

    def count_part(self) -> None:
        """Count a part that was read; background threads call this."""
        with self._counting:
            self.parts_read += 1

    @property
    def is_shown(self) -> bool:
        """Whether the stream is being read, perhaps before its turn."""
        if self.begun:
            return not self.over
        unread = not self.known or self.parts_read < self.known
        return bool(self.calls) and unread

    def __enter__(self) -> t.Self:
        """Start to log."""
        self.begun = True
        self._since = time.monotonic()
        self._ticker.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Log how the stream ended."""
        self.over, self.ended = True, exc_type is None
        self._ticker.stop()
        logger.info(
            "%s: %s, %s in %s, %.1f s",
            self.stream,
            "ended" if exc_type is None else "stopped",
            counted(self.value, "row"),
            counted(self.call_count, "call"),
            time.monotonic() - self._since,
        )

    def _log(self) -> None:
        # If the ledger fails, the next call that needs it reports that.
        with suppress(ZohoError):
            logger.info("%s: %s", self.stream, self.line())

    @property
    def call_count(self) -> int:
        """How many calls were made for the stream."""
        return self.calls.total() + self.shared_calls.total()

    @property
    def fraction(self) -> str:
        """How many parts are done of all, in words; empty if that is not known."""
        return f" ({self.done} of {self.known} done)" if self.known else ""

    def line(self) -> str:
        """Return how far the stream is, in words."""
        calls = self._ledger.remaining(self._endpoint)
        words = [
            f"{self.done} of {self.known} parts done",
            counted(self.value, "row"),
            counted(self.call_count, "call"),
            f"{counted(calls, 'call')} left in this window",
        ]
        words += until_words(self._ledger.waiting_until())
        return ", ".join(words)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 call` or `2 calls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def until_words(until: float | None) -> list[str]:
    """Return until when a call waits (epoch seconds) in words; none if none waits."""
    if not until:
        return []
    return [f"waiting until {time.strftime('%H:%M:%S', time.localtime(until))}"]
