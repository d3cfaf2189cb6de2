"""Messages of several threads on one stdout, and who is told that an endpoint rests."""

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

SOON = 1800.0


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
    """Return what gives all that has been written."""
    return lambda: Messages(capsysbinary.readouterr().out.decode())


@pytest.mark.parametrize(
    ("name", "rows", "endpoint", "told"),
    [
        ("campaigns", 1, "recentcampaigns", True),
        # No other stream's, so it is asked for this one.
        ("campaigns", 1, "campaignreports", True),
        ("campaigns", 1, "getsegmentcontacts", False),
        # From the lists each stream learns what there is to read.
        ("segments", 0, "getmailinglists", True),
        ("segments", 1, "getmailinglists", False),
        ("snapshots", 1, "recentcampaigns", False),
    ],
)
def test_a_stream_is_told_of_an_endpoint_that_it_waits_for(  # noqa: PLR0913
    written: t.Callable[[], Messages],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    rows: int,
    endpoint: str,
    *,
    told: bool,
) -> None:
    writer = writer_of(
        snapshots="",
        campaigns="recentcampaigns",
        segments="getsegmentdetails",
        segment_contacts="getsegmentcontacts",
        mailing_lists="getmailinglists",
    )
    begin(writer, name, rows)
    ends = time.time() + SOON
    writer.rest(endpoint, ends)
    # What had been read before comes while it rests.
    begin(writer, name, 1)
    monkeypatch.setattr(time, "time", lambda: ends + 1)
    begin(writer, name, 1)
    statuses = ["STARTED", *["RUNNING"] * bool(rows)]
    statuses += ["RATE_LIMITED", "RUNNING"] if told else ["RUNNING"] * (not rows)
    assert written().statuses == {name: statuses}


def test_a_stream_is_told_of_a_rest_that_began_before_its_turn(
    written: t.Callable[[], Messages],
) -> None:
    writer = writer_of(campaigns="recentcampaigns", segments="getsegmentdetails")
    writer.rest("getsegmentdetails", time.time() + SOON)
    writer.rest("recentcampaigns", time.time() - 1)
    begin(writer, "campaigns")
    writer.end("campaigns", Status.INCOMPLETE)
    begin(writer, "segments")
    # Another thread finds the same; a longer rest is news.
    writer.rest("getsegmentdetails", time.time() + SOON)
    writer.rest("getsegmentdetails", time.time() + SOON + 60)
    assert written().statuses == {
        "campaigns": ["STARTED", "INCOMPLETE"],
        "segments": ["STARTED", "RATE_LIMITED", "RATE_LIMITED"],
    }


@pytest.mark.parametrize("in_thread", [False, True])
def test_what_was_read_before_a_rest_is_told_before_it(
    written: t.Callable[[], Messages], *, in_thread: bool
) -> None:
    writer = writer_of(campaigns="recentcampaigns")
    begin(writer, "campaigns")
    writer.write_message(RecordMessage("campaigns", page([{"key": "k"}])))
    rest = threading.Thread(
        target=writer.rest, args=("recentcampaigns", time.time() + SOON)
    )
    if in_thread:
        rest.start()
        rest.join()
    else:
        rest.run()
    told = written()
    assert told.statuses == {"campaigns": ["STARTED", "RUNNING", "RATE_LIMITED"]}
    assert len(told.records["campaigns"]) == 1


def test_states_count_the_records_since_the_last_one(
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


def test_threads_never_write_into_each_others_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With PYTHONUNBUFFERED, as images have it, nothing but us keeps them apart."""
    reader, end = os.pipe()
    raw = t.cast("t.Any", io.FileIO(end, "wb"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, write_through=True))
    writer = writer_of(campaigns="recentcampaigns")
    read: list[bytes] = []

    def drain() -> None:
        while told := os.read(reader, 1000):
            read.append(told)

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
    os.close(reader)
    found = Messages(b"".join(read).decode())
    assert len(found.records["campaigns"]) == 15_000
    assert sum(message["type"] == "LOG" for message in found.all) == 200
