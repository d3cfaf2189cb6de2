"""The writer buffers records, and writes all messages in order and as the SDK does."""

from __future__ import annotations

import io
import json
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.io_base import SingerWriter
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.singerlib import (
    ActivateVersionMessage,
    RecordMessage,
    SchemaMessage,
    StateMessage,
)

from tap_zohocampaigns.singer.writer import PageMap, PageWriter, page
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib.messages import Message

BUFFER_SIZE = 256 * 1024
STATE = StateMessage({"bookmarks": {"a": {"replication_key_value": "2013"}}})
SCHEMA = SchemaMessage("a", {"properties": {"key": {"type": "string"}}}, ["key"])
Capture = pytest.CaptureFixture[bytes]


def records(*keys: object) -> RecordMessage:
    return RecordMessage("a", page([{"key": key} for key in keys]))


def lines(written: bytes) -> list[dict[str, t.Any]]:
    assert written.endswith(b"\n") or not written
    return [*map(json.loads, written.splitlines())]


def test_records_are_buffered_until_a_flush(capsysbinary: Capture) -> None:
    writer = PageWriter()
    for key in range(0, 100, 10):
        writer.write_message(records(*range(key, key + 10)))
    assert capsysbinary.readouterr().out == b""
    writer.flush()
    written = lines(capsysbinary.readouterr().out)
    assert [line["record"]["key"] for line in written] == [*range(100)]
    writer.flush()
    assert capsysbinary.readouterr().out == b""


class ShortWriteFile(io.BytesIO):
    """A file that writes a few bytes per call, as if a signal had interrupted it."""

    def write(self, data: t.Any) -> int:
        return super().write(data[:7])


def test_partial_write_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    file = ShortWriteFile()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(file))
    writer = PageWriter()
    writer.write_message(records(*range(50)))
    writer.flush()
    written = lines(file.getvalue())
    assert [line["record"]["key"] for line in written] == [*range(50)]


@pytest.mark.parametrize(
    "other", [STATE, SCHEMA, ActivateVersionMessage("a", 1)], ids=lambda m: m.type
)
def test_other_messages_are_written_at_once_after_buffered_records(
    other: Message, capsysbinary: Capture
) -> None:
    writer = PageWriter()
    writer.write_message(records(1))
    writer.write_message(records(2))
    writer.write_message(other)
    first, second, third = lines(capsysbinary.readouterr().out)
    assert (first["record"]["key"], second["record"]["key"]) == (1, 2)
    assert third["type"] == other.type
    writer.write_message(records(3))
    assert capsysbinary.readouterr().out == b""


def test_buffer_is_written_above_256_kib(
    capsysbinary: Capture,
) -> None:
    writer = PageWriter()
    count = 0
    while not (written := capsysbinary.readouterr().out):
        writer.write_message(records("x" * 1000))
        count += 1
    assert BUFFER_SIZE < len(written) < BUFFER_SIZE + 2000
    assert len(lines(written)) == count
    writer.write_message(records("y" * BUFFER_SIZE))
    assert len(lines(capsysbinary.readouterr().out)) == 1


def test_unserializable_message_does_not_damage_others(
    capsysbinary: Capture,
) -> None:
    writer = PageWriter()
    writer.write_message(records(1))
    with pytest.raises(TypeError):
        writer.write_message(records(object()))
    writer.write_message(records(2))
    writer.write_message(STATE)
    written = lines(capsysbinary.readouterr().out)
    assert [line.get("record") for line in written] == [{"key": 1}, {"key": 2}, None]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=6,
)
TIMES = st.none() | st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    min_value=datetime.fromisoformat("1000-01-01"),
    max_value=datetime.fromisoformat("9000-01-01"),
)


def read_back(line: bytes | str) -> dict[str, t.Any]:
    message: dict[str, t.Any] = json.loads(line, parse_float=Decimal)
    if "time_extracted" in message:
        extracted = datetime.fromisoformat(message["time_extracted"])
        message["time_extracted"] = extracted
    return message


def written_by(*messages: Message) -> list[bytes]:
    """Return the lines that a writer writes for some messages."""
    stdout = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(stdout):
        writer = PageWriter()
        for message in messages:
            writer.write_message(message)
        writer.flush()
    stdout.seek(0)
    written = stdout.buffer.read()
    assert written.endswith(b"\n") or not written
    return written.split(b"\n")[:-1]


@given(
    st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4),
    st.none() | st.integers(0, 2**53),
    TIMES,
)
def test_page_is_written_like_single_records_by_the_sdk(
    rows: list[dict[str, t.Any]], version: int | None, extracted: datetime | None
) -> None:
    lines = written_by(RecordMessage("a", page(rows), version, extracted))
    expected = [
        SingerWriter().serialize_message(RecordMessage("a", row, version, extracted))
        for row in rows
    ]
    assert [*map(read_back, lines)] == [*map(read_back, expected)]


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_state_is_written_as_by_the_sdk(values: dict[str, t.Any]) -> None:
    message = StateMessage(values)
    (line,) = written_by(message)
    assert line + b"\n" == PageWriter().serialize_message(message)
    assert read_back(line) == read_back(SingerWriter().serialize_message(message))


def test_state_is_written_again_when_it_has_changed(capsysbinary: Capture) -> None:
    tap = TapZohoCampaigns(config={"data_center": "sandbox"})
    # It is one object, which streams change.
    bookmarks: dict[str, t.Any] = {"a": {}}
    for version in (1, 1, 2):
        bookmarks["a"]["version"] = version
        tap.state_writer.write_state({"bookmarks": bookmarks})
    written = lines(capsysbinary.readouterr().out)
    states = [line["value"]["bookmarks"]["a"]["version"] for line in written]
    assert states == [1, 2]


def test_empty_page_writes_nothing() -> None:
    assert written_by(RecordMessage("a", page([]))) == []


class Map:
    """A stream map with only what pages use."""

    stream_alias = "alias"
    transformed_schema: t.ClassVar[dict[str, t.Any]] = {"properties": {}}
    transformed_key_properties = ("key",)

    def transform(self, record: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """Drop records with odd keys, and mark the others."""
        return None if record["key"] % 2 else record | {"even": True}


def test_map_is_applied_to_each_record_of_a_page() -> None:
    stream_map = t.cast("StreamMap", Map())
    (page_map,) = PageMap.of("campaigns", [stream_map])
    assert page_map.transform(page([{"key": key} for key in range(4)])) == page(
        [{"key": 0, "even": True}, {"key": 2, "even": True}]
    )
    assert page_map.transform(page([{"key": 1}])) == page([])
    assert page_map.stream_alias == "alias"
    assert page_map.transformed_schema == {"properties": {}}
    assert page_map.transformed_key_properties == ("key",)


def test_map_that_removes_a_stream_is_unchanged() -> None:
    remove = RemoveRecordTransform("a", {}, (), None)
    assert PageMap.of("campaigns", [remove]) == [remove]
