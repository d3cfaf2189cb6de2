"""The writer: rate limit statuses, state counts, and writes from several threads."""

from __future__ import annotations

import io
import os
import threading
import time
import typing as t

import pytest
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_zohocampaigns.airbyte.catalog import ConfiguredStream
from tap_zohocampaigns.airbyte.messages import Status
from tap_zohocampaigns.airbyte.writer import MessageWriter, StreamProgress
from tap_zohocampaigns.singer.writer import page
from tests.support.source import Messages

LOCK_SECONDS = 1800.0


def writer_of(**endpoints: str) -> MessageWriter:
    writer = MessageWriter()
    writer.progress = {
        name: StreamProgress(ConfiguredStream(cursor=False, full=False), endpoint)
        for name, endpoint in endpoints.items()
    }
    return writer


def begin(writer: MessageWriter, name: str, rows: int = 0) -> None:
    writer.write_message(SchemaMessage(name, {"properties": {}}, []))
    if rows:
        records = [{"key": "k" * 100} for _ in range(rows)]
        writer.write_message(RecordMessage(name, page(records)))
        writer.flush()


@pytest.fixture
def written(capsysbinary: pytest.CaptureFixture[bytes]) -> t.Callable[[], Messages]:
    """Return a function that returns the messages written so far."""
    return lambda: Messages(capsysbinary.readouterr().out.decode())


@pytest.mark.parametrize(
    ("name", "rows", "endpoint", "waits"),
    [
        ("campaigns", 1, "recentcampaigns", True),
        # No other stream uses this endpoint, so the current stream called it.
        ("campaigns", 1, "campaignreports", True),
        ("campaigns", 1, "getsegmentcontacts", False),
        # Before its first record, a stream waits for the inventory.
        ("segments", 0, "getmailinglists", True),
        ("segments", 1, "getmailinglists", False),
        ("snapshots", 1, "recentcampaigns", False),
    ],
)
def test_stream_is_rate_limited_while_its_endpoint_is_locked(  # noqa: PLR0913
    written: t.Callable[[], Messages],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    rows: int,
    endpoint: str,
    *,
    waits: bool,
) -> None:
    writer = writer_of(
        snapshots="",
        campaigns="recentcampaigns",
        segments="getsegmentdetails",
        segment_contacts="getsegmentcontacts",
        mailing_lists="getmailinglists",
    )
    begin(writer, name, rows)
    end = time.time() + LOCK_SECONDS
    writer.rest(endpoint, end)
    # Rows read before the lock are written during the lock.
    begin(writer, name, 1)
    monkeypatch.setattr(time, "time", lambda: end + 1)
    begin(writer, name, 1)
    statuses = ["STARTED", *["RUNNING"] * bool(rows)]
    statuses += ["RATE_LIMITED", "RUNNING"] if waits else ["RUNNING"] * (not rows)
    assert written().statuses == {name: statuses}


def test_stream_that_starts_during_a_lock_is_rate_limited(
    written: t.Callable[[], Messages],
) -> None:
    writer = writer_of(campaigns="recentcampaigns", segments="getsegmentdetails")
    writer.rest("getsegmentdetails", time.time() + LOCK_SECONDS)
    writer.rest("recentcampaigns", time.time() - 1)
    begin(writer, "campaigns")
    writer.end("campaigns", Status.INCOMPLETE)
    begin(writer, "segments")
    # A second thread meets the same lock; only the longer wait is reported again.
    writer.rest("getsegmentdetails", time.time() + LOCK_SECONDS)
    writer.rest("getsegmentdetails", time.time() + LOCK_SECONDS + 60)
    assert written().statuses == {
        "campaigns": ["STARTED", "INCOMPLETE"],
        "segments": ["STARTED", "RATE_LIMITED", "RATE_LIMITED"],
    }


@pytest.mark.parametrize("in_thread", [False, True])
def test_records_read_before_a_lock_are_written_before_its_status(
    written: t.Callable[[], Messages], *, in_thread: bool
) -> None:
    writer = writer_of(campaigns="recentcampaigns")
    begin(writer, "campaigns")
    writer.write_message(RecordMessage("campaigns", page([{"key": "k"}])))
    rest = threading.Thread(
        target=writer.rest, args=("recentcampaigns", time.time() + LOCK_SECONDS)
    )
    if in_thread:
        rest.start()
        rest.join()
    else:
        rest.run()
    messages = written()
    assert messages.statuses == {"campaigns": ["STARTED", "RUNNING", "RATE_LIMITED"]}
    assert len(messages.records["campaigns"]) == 1


def test_states_count_the_records_since_the_last_state(
    written: t.Callable[[], Messages],
) -> None:
    writer = writer_of(segments="getsegmentdetails")
    writer.write_message(StateMessage({"bookmarks": {}}))
    for rows in (3, 2):
        begin(writer, "segments", rows)
        writer.write_message(StateMessage({"bookmarks": {"segments": {}}}))
        writer.write_message(StateMessage({"bookmarks": {"segments": {}}}))
    writer.end("segments", Status.COMPLETE)
    counts = [state["sourceStats"]["recordCount"] for state in written().states]
    assert counts == [3, 2]


def test_threads_write_whole_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With PYTHONUNBUFFERED, as in images, stdout has no lock of its own.
    read_end, write_end = os.pipe()
    raw = t.cast("t.Any", io.FileIO(write_end, "wb"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, write_through=True))
    writer = writer_of(campaigns="recentcampaigns")
    chunks: list[bytes] = []

    def drain() -> None:
        while chunk := os.read(read_end, 1000):
            chunks.append(chunk)

    def log() -> None:
        for number in range(100):
            writer.rest("recentcampaigns", time.time() + number * 60)
            writer.write_line(
                b'{"type":"LOG","log":{"level":"INFO","message":"hello"}}\n'
            )

    threads = [threading.Thread(target=target) for target in (drain, log, log)]
    begin(writer, "campaigns")
    for thread in threads:
        thread.start()
    for _ in range(15):
        begin(writer, "campaigns", 1000)
    for thread in threads[1:]:
        thread.join()
    raw.close()
    threads[0].join()
    os.close(read_end)
    messages = Messages(b"".join(chunks).decode())
    assert len(messages.records["campaigns"]) == 15_000
    assert sum(message["type"] == "LOG" for message in messages.all) == 200
