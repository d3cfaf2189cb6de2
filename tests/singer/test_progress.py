"""A stream logs its progress while it is read, and how it ended."""

from __future__ import annotations

import logging
import threading
import typing as t
from contextlib import suppress

import pytest

from tap_zohocampaigns.singer.progress import Progress
from tests.support.taps import FixedClockTap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.ledger import Ledger
    from tap_zohocampaigns.sandbox import Service

LOGGER = "tap-zohocampaigns.progress"
# Long enough for a busy machine; a test that passes does not wait so long.
TIMEOUT_SECONDS = 30


class FakeLedger:
    """A ledger with fixed answers."""

    def __init__(self) -> None:
        self.until: float | None = None

    def remaining(self, endpoint: str) -> int:
        return {"getsegmentcontacts": 481}[endpoint]

    def waiting_until(self) -> float | None:
        return self.until


def progress_of(
    fake_ledger: FakeLedger | None = None, every: float = 3600.0
) -> Progress:
    ledger = t.cast("Ledger", fake_ledger or FakeLedger())
    return Progress("segment_contacts", "getsegmentcontacts", ledger, every)


class Listener(logging.Handler):
    """Sets an event when a logged line contains a text."""

    def __init__(self, text: str) -> None:
        super().__init__(logging.INFO)
        self.text = text
        self.logged = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.logged.set()


def ticker_threads() -> int:
    """Return how many threads log progress."""
    return sum(thread.name == "ticker" for thread in threading.enumerate())


def test_line_shows_parts_rows_and_calls_of_the_stream() -> None:
    ledger = FakeLedger()
    progress = progress_of(ledger)
    with progress:
        progress.known = 12
        progress.done = 5
        progress.count_rows(1)
        progress.count_rows(41)
        # The SDK calls this for each page, which must not count as a row.
        progress.increment()
        progress.calls["getsegmentcontacts"] += 7
        progress.calls["recentcampaigns"] += 2
        assert progress.line() == (
            "5 of 12 parts done, 42 rows, 9 calls, 481 calls left in this window"
        )
        ledger.until = 1_700_000_000.0
        assert ", waiting until " in progress.line()
        assert progress.line().count(":") == 2


@pytest.mark.parametrize("word", ["ended", "stopped"])
def test_last_line_shows_how_the_stream_ended(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with suppress(KeyError), progress_of() as progress:
        progress.count_rows(42)
        progress.calls["getsegmentcontacts"] += 9
        if word == "stopped":
            raise KeyError
    (message,) = caplog.messages
    assert message.startswith(f"segment_contacts: {word}, 42 rows in 9 calls, ")


def test_thread_logs_lines_until_the_stream_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    listener = Listener("2 of 3 parts done, 7 rows")
    logging.getLogger(LOGGER).addHandler(listener)
    try:
        with progress_of(every=0.001) as progress:
            progress.known, progress.done = 3, 2
            progress.count_rows(7)
            assert ticker_threads() == 1
            assert listener.logged.wait(TIMEOUT_SECONDS)
    finally:
        logging.getLogger(LOGGER).removeHandler(listener)
    assert ticker_threads() == 0
    assert caplog.messages[-1].startswith("segment_contacts: ended, 7 rows in 0 calls")


def test_failed_stream_stops_its_thread() -> None:
    with suppress(KeyError), progress_of(every=0.001):
        raise KeyError
    assert ticker_threads() == 0


def test_long_interval_does_not_delay_the_end() -> None:
    with progress_of(every=1e6) as progress:
        progress.count_rows(1)
    assert ticker_threads() == 0


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.usefixtures("capsysbinary")
def test_each_part_that_is_read_is_counted(service: Service, concurrency: int) -> None:
    own = {"rate_limit_ledger": "memory", "concurrency": concurrency}
    tap = FixedClockTap(config=service.config | own)
    for name, stream in tap.streams.items():
        stream.selected = name in {"segment_contacts", "list_subscriber_counts"}
    tap.sync_all()
    progress = [stream.progress for stream in tap.zoho_streams if stream.selected]
    assert [one.parts_read for one in progress] == [one.known for one in progress]
    assert all(one.known > 1 and one.over for one in progress)
    assert not any(one.is_shown for one in progress)
