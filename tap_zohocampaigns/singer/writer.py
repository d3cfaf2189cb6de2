"""Writes Singer messages: records a page at a time, everything else at once.

The SDK handles each record alone, which takes more time than reading and converting it.
So streams hand the SDK a whole page as if it were one record. The writer turns it into
records again.
"""

from __future__ import annotations

import sys
import time
import typing as t
from contextlib import nullcontext

import msgspec
from singer_sdk.io_base import GenericSingerWriter
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.singer.maps import mapping

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib.messages import Message

    Record: t.TypeAlias = dict[str, t.Any]
    Records: t.TypeAlias = dict[str, list[Record]]

RECORDS = "records"
_FULL = 256 * 1024
# Another state is written after records of so many times its size.
_STATE_SHARE = 4
# Another state is written after this time (seconds), however few the records.
_STATE_SECONDS = 10.0


def page(records: list[Record]) -> Records:
    """Return a page of records in a form that the SDK passes on as one record."""
    return {RECORDS: records}


def write(content: bytes | bytearray) -> None:
    """Write all of it to stdout.

    With PYTHONUNBUFFERED, a write that a signal interrupts writes only a part.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.flush()


class PageMap:
    """A stream map for pages: it maps each of their records."""

    def __init__(self, stream: str, record_map: StreamMap) -> None:
        """Wrap the map for the records of a stream."""
        self._stream = stream
        self.stream_alias = record_map.stream_alias
        self.transformed_schema = record_map.transformed_schema
        self.transformed_key_properties = record_map.transformed_key_properties
        self._transform = record_map.transform

    def transform(self, records: Records) -> Records:
        """Return the mapped page, without the records that the map filters out."""
        with mapping(self._stream):
            mapped = [*map(self._transform, records[RECORDS])]
        return page([record for record in mapped if record is not None])

    @classmethod
    def of(cls, stream: str, record_maps: list[StreamMap]) -> list[StreamMap]:
        """Return the maps of a stream, made for pages."""
        return [
            one if _maps_pages(one) else t.cast("StreamMap", cls(stream, one))
            for one in record_maps
        ]


def _maps_pages(record_map: StreamMap) -> bool:
    """Return whether a map can be applied to a page as a whole."""
    if isinstance(record_map, SameRecordTransform):
        return not record_map.flattening_enabled
    # The SDK itself looks for this class.
    return isinstance(record_map, RemoveRecordTransform)


class PageWriter(GenericSingerWriter[bytes, "Message"]):
    """Writes messages to stdout, records in large pieces.

    A state is written only after all records that it covers.
    """

    def __init__(self) -> None:
        """Start with nothing to write.

        Raises:
            FatalError: Stdout is closed.
        """
        if sys.stdout is None:
            msg = "Stdout is closed, so there is nowhere to write to: connect a loader."
            raise FatalError(msg)
        self.writing: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered while a message is written, so that no signal interrupts it."""
        self._encoder = msgspec.json.Encoder(decimal_format="number")
        self._gathered = bytearray()
        self._state_bytes = 0
        self._state_written = 0.0
        self._record_bytes = 0

    @property
    def state_is_due(self) -> bool:
        """Whether a state is worth its space.

        The state of a large account is larger than a page of records. So that states do
        not outgrow the records, one is due after records of four times its size, or
        after ten seconds.
        """
        seconds = time.monotonic() - self._state_written
        is_small = self._record_bytes >= _STATE_SHARE * self._state_bytes
        return is_small or seconds >= _STATE_SECONDS

    def serialize_message(self, message: Message) -> bytes:
        """Return the line of a message."""
        if isinstance(message, StateMessage):
            # The SDK would copy the state first, which takes many times as long.
            content = {"type": message.type, "value": message.value}
        else:
            content = message.to_dict()
        return self._encoder.encode(content) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write a message. Records wait until there are enough of them."""
        with self.writing():
            if isinstance(message, RecordMessage):
                before = len(self._gathered)
                self._gather(message)
                self._record_bytes += len(self._gathered) - before
            else:
                line = self.serialize_message(message)
                self._gathered += line
                if isinstance(message, StateMessage):
                    self._state_bytes, self._record_bytes = len(line), 0
                    self._state_written = time.monotonic()
            if len(self._gathered) > _FULL or not isinstance(message, RecordMessage):
                self.flush()

    def flush(self) -> None:
        """Write the records that wait."""
        with self.writing():
            gathered, self._gathered = self._gathered, bytearray()
            write(gathered)

    def _gather(self, message: RecordMessage) -> None:
        gathered, encode_into = self._gathered, self._encoder.encode_into
        written = len(gathered)
        try:
            for line in self._lines(message):
                encode_into(line, gathered, -1)
                gathered += b"\n"
                written = len(gathered)
        finally:
            # A record that can't be encoded must not leave a part of its line behind.
            del gathered[written:]

    def _lines(self, message: RecordMessage) -> Iterator[Record]:
        """Yield the message of each record of a page. It is one object, used again."""
        line = message.to_dict()
        for line["record"] in message.record[RECORDS]:
            yield line
