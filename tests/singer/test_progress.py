from __future__ import annotations

import logging
import threading
import typing as t
from contextlib import suppress

import pytest

from tap_zohocampaigns.singer.progress import Progress

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.ledger import Ledger

LOGGER = "tap-zohocampaigns.progress"
# Long enough for a machine that is busy; nobody waits for it where all is well.
PATIENCE = 30


class Told:
    """A ledger that says what it is told to."""

    def __init__(self) -> None:
        self.until: float | None = None

    def remaining(self, endpoint: str) -> int:
        return {"getsegmentcontacts": 481}[endpoint]

    def waiting_until(self) -> float | None:
        return self.until


def progress_of(told: Told | None = None, every: float = 3600.0) -> Progress:
    ledger = t.cast("Ledger", told or Told())
    return Progress("segment_contacts", "getsegmentcontacts", ledger, every)


class Listener(logging.Handler):
    """Tells when a line came that is waited for."""

    def __init__(self, word: str) -> None:
        super().__init__(logging.INFO)
        self.word = word
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.heard.set()


def tickers() -> int:
    """Return how many threads log progress."""
    return sum(thread.name == "ticker" for thread in threading.enumerate())


def test_a_line_tells_parts_rows_and_calls_since_the_stream_began() -> None:
    told = Told()
    progress = progress_of(told)
    with progress:
        progress.known = 12
        progress.done = 5
        progress.count_rows(1)
        progress.count_rows(41)
        # The SDK counts pages.
        progress.increment()
        progress.calls["getsegmentcontacts"] += 7
        progress.calls["recentcampaigns"] += 2
        assert progress.line() == (
            "5 of 12 parts done, 42 rows, 9 calls, 481 calls left in this window"
        )
        told.until = 1_700_000_000.0
        assert ", waiting until " in progress.line()
        assert progress.line().count(":") == 2


@pytest.mark.parametrize("word", ["ended", "stopped"])
def test_one_line_tells_how_a_stream_ended(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with suppress(KeyError), progress_of() as progress:
        progress.count_rows(42)
        progress.calls["getsegmentcontacts"] += 9
        if word == "stopped":
            raise KeyError
    (told,) = caplog.messages
    assert told.startswith(f"segment_contacts: {word}, 42 rows in 9 calls, ")


def test_lines_come_from_a_thread_while_the_stream_is_at_work_and_then_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    listener = Listener("2 of 3 parts done, 7 rows")
    logging.getLogger(LOGGER).addHandler(listener)
    try:
        with progress_of(every=0.001) as progress:
            progress.known, progress.done = 3, 2
            progress.count_rows(7)
            assert tickers() == 1
            assert listener.heard.wait(PATIENCE)
    finally:
        logging.getLogger(LOGGER).removeHandler(listener)
    assert tickers() == 0
    assert caplog.messages[-1].startswith("segment_contacts: ended, 7 rows in 0 calls")


def test_a_stream_that_fails_stops_its_thread() -> None:
    with suppress(KeyError), progress_of(every=0.001):
        raise KeyError
    assert tickers() == 0


def test_a_long_pause_between_lines_does_not_hold_up_the_end() -> None:
    with progress_of(every=1e6) as progress:
        progress.count_rows(1)
    assert tickers() == 0
