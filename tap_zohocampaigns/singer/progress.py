"""One line when a stream ends, and one a minute while it goes on."""

from __future__ import annotations

import logging
import threading
import time
import typing as t
from collections import Counter
from contextlib import suppress

from singer_sdk import metrics

from tap_zohocampaigns.api.errors import ZohoError

if t.TYPE_CHECKING:
    from types import TracebackType

    from tap_zohocampaigns.api.quota.ledger import Ledger

logger = logging.getLogger("tap-zohocampaigns.progress")

_EVERY = 60.0


class Progress(metrics.Counter):
    """Counts the records of a stream; tells of them from a thread of its own.

    The line must come while a call waits for the quota too.
    """

    def __init__(
        self, stream: str, endpoint: str, ledger: Ledger, every: float = _EVERY
    ) -> None:
        """Start to count at nothing; nothing is told before the counter is entered."""
        super().__init__(metrics.Metric.RECORD_COUNT, {metrics.Tag.STREAM: stream})
        self.ended = False
        self.done = 0
        self.known = 0
        self._stream = stream
        self._endpoint = endpoint
        self.calls: Counter[str] = Counter()
        """The calls that the stream has made."""
        self._ledger = ledger
        self._every = every
        self._since = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def increment(self, value: int = 1) -> None:
        """Do nothing: what the SDK counts are pages."""

    def add(self, rows: int) -> None:
        """Count rows."""
        self.value += rows

    def __enter__(self) -> t.Self:
        """Begin to tell."""
        self._since = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Tell how it ended."""
        self.ended = exc_type is None
        self._over.set()
        self._thread.join()
        logger.info(
            "%s: %s, %d rows in %d calls, %.1f s",
            self._stream,
            "ended" if exc_type is None else "stopped",
            self.value,
            self.calls.total(),
            time.monotonic() - self._since,
        )

    def _tell(self) -> None:
        while not self._over.wait(self._every):
            # A ledger that fails is told of by the call that needs it.
            with suppress(ZohoError):
                logger.info("%s: %s", self._stream, self.line())

    @property
    def told(self) -> str:
        """How much of it is done, if it is known how much there is."""
        return f" ({self.done} of {self.known} done)" if self.known else ""

    def line(self) -> str:
        """Return how far the stream is."""
        said = [
            f"{self.done} of {self.known} parts done",
            f"{self.value} rows",
            f"{self.calls.total()} calls",
            f"{self._ledger.remaining(self._endpoint)} calls left in this window",
        ]
        if until := self._ledger.waiting_until():
            said.append(
                f"waiting until {time.strftime('%H:%M:%S', time.localtime(until))}"
            )
        return ", ".join(said)
