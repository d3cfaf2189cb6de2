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

if t.TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib.messages import Message

FULL = 256 * 1024
STATE = StateMessage({"bookmarks": {"a": {"replication_key_value": "2013"}}})
SCHEMA = SchemaMessage("a", {"properties": {"key": {"type": "string"}}}, ["key"])
Capture = pytest.CaptureFixture[bytes]


def records(*keys: object) -> RecordMessage:
    return RecordMessage("a", page([{"key": key} for key in keys]))


def lines(written: bytes) -> list[dict[str, t.Any]]:
    assert written.endswith(b"\n") or not written
    return [*map(json.loads, written.splitlines())]


def test_records_are_gathered_until_somebody_flushes(capsysbinary: Capture) -> None:
    writer = PageWriter()
    for key in range(0, 100, 10):
        writer.write_message(records(*range(key, key + 10)))
    assert capsysbinary.readouterr().out == b""
    writer.flush()
    written = lines(capsysbinary.readouterr().out)
    assert [line["record"]["key"] for line in written] == [*range(100)]
    writer.flush()
    assert capsysbinary.readouterr().out == b""


class Trickle(io.BytesIO):
    """Takes a few bytes of each write, as a file does that a signal interrupts."""

    def write(self, told: t.Any) -> int:
        return super().write(told[:7])


def test_a_write_that_is_cut_short_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    trickle = Trickle()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(trickle))
    writer = PageWriter()
    writer.write_message(records(*range(50)))
    writer.flush()
    written = lines(trickle.getvalue())
    assert [line["record"]["key"] for line in written] == [*range(50)]


@pytest.mark.parametrize(
    "other", [STATE, SCHEMA, ActivateVersionMessage("a", 1)], ids=lambda m: m.type
)
def test_any_other_message_is_written_at_once_behind_all_records(
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


def test_no_more_is_gathered_than_a_quarter_of_a_mebibyte(
    capsysbinary: Capture,
) -> None:
    writer = PageWriter()
    count = 0
    while not (written := capsysbinary.readouterr().out):
        writer.write_message(records("x" * 1000))
        count += 1
    assert FULL < len(written) < FULL + 2000
    assert len(lines(written)) == count
    writer.write_message(records("y" * FULL))
    assert len(lines(capsysbinary.readouterr().out)) == 1


def test_a_message_that_can_not_be_written_leaves_the_others_whole(
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
    read: dict[str, t.Any] = json.loads(line, parse_float=Decimal)
    if "time_extracted" in read:
        read["time_extracted"] = datetime.fromisoformat(read["time_extracted"])
    return read


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
def test_the_records_of_a_page_are_written_as_the_sdk_writes_each(
    rows: list[dict[str, t.Any]], version: int | None, extracted: datetime | None
) -> None:
    lines = written_by(RecordMessage("a", page(rows), version, extracted))
    expected = [
        SingerWriter().serialize_message(RecordMessage("a", row, version, extracted))
        for row in rows
    ]
    assert [*map(read_back, lines)] == [*map(read_back, expected)]


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_a_state_says_what_the_writer_of_the_sdk_says(values: dict[str, t.Any]) -> None:
    message = StateMessage(values)
    (line,) = written_by(message)
    assert line + b"\n" == PageWriter().serialize_message(message)
    assert read_back(line) == read_back(SingerWriter().serialize_message(message))


def test_a_page_without_records_writes_nothing() -> None:
    assert written_by(RecordMessage("a", page([]))) == []


class Map:
    """A stream map of the SDK, as far as pages need it."""

    stream_alias = "alias"
    transformed_schema: t.ClassVar[dict[str, t.Any]] = {"properties": {}}
    transformed_key_properties = ("key",)

    def transform(self, record: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """Take odd records out and mark the others."""
        return None if record["key"] % 2 else record | {"even": True}


def test_a_map_treats_each_record_of_a_page() -> None:
    one = t.cast("StreamMap", Map())
    (mapped,) = PageMap.of("campaigns", [one])
    assert mapped.transform(page([{"key": key} for key in range(4)])) == page(
        [{"key": 0, "even": True}, {"key": 2, "even": True}]
    )
    assert mapped.transform(page([{"key": 1}])) == page([])
    assert mapped.stream_alias == "alias"
    assert mapped.transformed_schema == {"properties": {}}
    assert mapped.transformed_key_properties == ("key",)


def test_a_map_that_removes_a_stream_stays_what_it_is() -> None:
    remove = RemoveRecordTransform("a", {}, (), None)
    assert PageMap.of("campaigns", [remove]) == [remove]
