"""Writes Singer messages: records a page at a time, everything else at once.

The SDK handles each record alone, though nearly all that it does is the same for all of
a page: it takes more time than reading, renaming and typing it. So streams hand the SDK
a whole page as if it were one record, and here it becomes records again.
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
from tap_zohocampaigns.singer.plugin import mapping

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib.messages import Message

    Record: t.TypeAlias = dict[str, t.Any]
    Page: t.TypeAlias = dict[str, list[Record]]

RECORDS = "records"
_FULL = 256 * 1024
# How many times as large as the last state the records have to be for another one.
_STATE_SHARE = 4
# A state is due after this time (seconds), however few records came.
_STATE_SECONDS = 10.0


def page(records: list[Record]) -> Page:
    """Return records in the form in which the SDK passes them on together."""
    return {RECORDS: records}


def write(told: bytes | bytearray) -> None:
    """Write to stdout, all of it.

    With PYTHONUNBUFFERED a write that a signal interrupts is cut short.
    """
    rest = memoryview(told)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.flush()


class PageMap:
    """A stream map that is given pages; it treats each of their records."""

    def __init__(self, stream: str, record_map: StreamMap) -> None:
        """Take the map that is meant for the records of a stream."""
        self._stream = stream
        self.stream_alias = record_map.stream_alias
        self.transformed_schema = record_map.transformed_schema
        self.transformed_key_properties = record_map.transformed_key_properties
        self._transform = record_map.transform

    def transform(self, records: Page) -> Page:
        """Return the page without the records that the map filters out."""
        with mapping(self._stream):
            mapped = [*map(self._transform, records[RECORDS])]
        return page([record for record in mapped if record is not None])

    @classmethod
    def of(cls, stream: str, record_maps: list[StreamMap]) -> list[StreamMap]:
        """Return the maps of a stream, made for pages."""
        return [
            each if _takes_pages(each) else cls(stream, each)  # type: ignore[misc]
            for each in record_maps
        ]


def _takes_pages(record_map: StreamMap) -> bool:
    """Return whether a map does to a page what it does to each of its records."""
    if isinstance(record_map, SameRecordTransform):
        return not record_map.flattening_enabled
    # The SDK looks for this class, too.
    return isinstance(record_map, RemoveRecordTransform)


class PageWriter(GenericSingerWriter[bytes, "Message"]):
    """Writes pages to stdout in large pieces.

    A state is written only behind all records before it, since it claims them.
    """

    def __init__(self) -> None:
        """Begin with nothing to write.

        Raises:
            FatalError: There is nowhere to write to.
        """
        if sys.stdout is None:
            msg = "Stdout is closed, so there is nowhere to write to: connect a loader."
            raise FatalError(msg)
        self.writing: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered while a message is written, which must not end within it."""
        self._encoder = msgspec.json.Encoder(decimal_format="number")
        self._gathered = bytearray()
        self._state_bytes = 0
        self._state_written = 0.0
        self._record_bytes = 0

    @property
    def state_is_due(self) -> bool:
        """Whether a state is worth its space.

        The state of a large account is larger than a page of records. So that states
        take a part of the output that does not grow with the account, one is due when
        some times as many bytes of records were written, or after some seconds.
        """
        waited = time.monotonic() - self._state_written
        enough = self._record_bytes >= _STATE_SHARE * self._state_bytes
        return enough or waited >= _STATE_SECONDS

    def serialize_message(self, message: Message) -> bytes:
        """Return the line of a message."""
        return self._encoder.encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write a message, or keep records until there are enough of them."""
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
        """Write what has been gathered."""
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
            # What can't be written leaves no half a line behind.
            del gathered[written:]

    def _lines(self, message: RecordMessage) -> Iterator[Record]:
        """Yield what stands for each record of a page; the next one changes it."""
        line = message.to_dict()
        for line["record"] in message.record[RECORDS]:
            yield line
