"""Writes the records, states and statuses of streams in Airbyte's protocol."""

from __future__ import annotations

import threading
import time
import typing as t
from contextlib import nullcontext
from dataclasses import dataclass

from airbyte_protocol_dataclasses.models import Type
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_zohocampaigns.airbyte.messages import (
    Status,
    encode,
    estimate_line,
    limited_line,
    now,
    state_line,
    status_line,
)
from tap_zohocampaigns.singer.writer import RECORDS, PageWriter, write
from tap_zohocampaigns.sync.inventory import INVENTORY_ENDPOINTS

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from singer_sdk.singerlib.messages import Message

    from tap_zohocampaigns.airbyte.catalog import ConfiguredStream

    Json: t.TypeAlias = dict[str, t.Any]

# Seconds by which the ends of one wait differ.
_SAME = 1.0


@dataclass
class StreamProgress:
    """How far a stream is.

    Attributes:
        configured: The stream in the configured catalog.
        endpoint: Where most of its rows come from.
        state: The last state that was written.
        rows: Records since then.
        status: The last status that was written.
        limited: Whether a wait was written since then.
    """

    configured: ConfiguredStream
    endpoint: str
    state: bytes = b""
    rows: int = 0
    status: Status | None = None
    limited: bool = False

    @property
    def underway(self) -> bool:
        """Whether it has started and not ended."""
        return self.status in {Status.STARTED, Status.RUNNING}

    @property
    def ended(self) -> bool:
        """Whether it has ended, completely or not."""
        return self.status in {Status.COMPLETE, Status.INCOMPLETE}


class MessageWriter(PageWriter):
    """Writes records, and the states and statuses of each stream.

    Records are written without the models of the protocol, which would take longer
    than everything else.
    """

    def __init__(self) -> None:
        """Start without streams."""
        super().__init__()
        self.progress: dict[str, StreamProgress] = {}
        """The streams of the run. Those that others write to come first."""
        self.known: Callable[[str], int] = lambda _: 0
        """Returns the number of parts of a stream; 0 if it is not known."""
        self._resting: dict[str, float] = {}
        self._guard = threading.RLock()

    def write_message(self, message: Message) -> None:
        """Write a message. Lines of other threads come before or after it."""
        with self._guard:
            super().write_message(message)

    def serialize_message(self, message: Message) -> bytes:
        """Return the lines for a Singer message."""
        if isinstance(message, SchemaMessage):
            return self._start(message.stream)
        if isinstance(message, StateMessage):
            bookmarks = message.value.get("bookmarks", {})
            return b"".join(
                self._state(name, bookmarks.get(name, {}))
                for name, stream in self.progress.items()
                if stream.underway
            )
        return b""

    def write_line(self, line: bytes) -> None:
        """Write a line at once. Threads may call it."""
        with self._guard, self._unbroken():
            write(line)

    def flush(self) -> None:
        """Write the gathered lines."""
        with self._guard:
            super().flush()

    def end(self, name: str, status: Status, bookmark: Json | None = None) -> None:
        """Write the last state of a stream, and then its status.

        Args:
            name: Name of the stream.
            status: `COMPLETE` or `INCOMPLETE`.
            bookmark: Its bookmark in the Singer state.
        """
        stream, complete = self.progress[name], status is Status.COMPLETE
        with self._guard, self.writing():
            if complete:
                self._gathered += self._start(name)
            if stream.underway:
                self._gathered += self._state(name, bookmark or {}, complete=complete)
            stream.status = status
            self._gathered += status_line(name, status)
            self.flush()

    def rest(self, endpoint: str, until: float) -> None:
        """Write which streams wait for an endpoint. Threads may call it.

        Args:
            endpoint: Name of the endpoint.
            until: When it can be called again (epoch seconds).
        """
        with self._guard, self._unbroken():
            later = until > self._resting.get(endpoint, 0.0) + _SAME
            self._resting[endpoint] = until
            for name, stream in self.progress.items():
                if not stream.underway or not self._waits(stream, endpoint):
                    continue
                # Threads that meet the same lock differ by milliseconds.
                if later or not stream.limited:
                    stream.limited = True
                    self._gathered += limited_line(name, until)
            # Rows that were read before do not wait.
            gathered, self._gathered = self._gathered, bytearray()
            write(gathered)

    def _unbroken(self) -> AbstractContextManager[None]:
        main = threading.current_thread() is threading.main_thread()
        # Only the main thread gets signals.
        return self.writing() if main else nullcontext()

    def _start(self, name: str) -> bytes:
        stream = self.progress[name]
        if stream.status:
            return b""
        stream.status = Status.STARTED
        until = self._rests_until(stream)
        stream.limited = bool(until)
        started = status_line(name, Status.STARTED)
        return started + (limited_line(name, until) if until else b"")

    def _rests_until(self, stream: StreamProgress) -> float:
        """Return until when a stream waits (epoch seconds); 0 if it does not."""
        ends = (
            until
            for endpoint, until in self._resting.items()
            if until > time.time() and self._waits(stream, endpoint)
        )
        return max(ends, default=0.0)

    def _waits(self, stream: StreamProgress, endpoint: str) -> bool:
        """Return whether a stream waits while an endpoint rests.

        An endpoint of no other stream was called for the stream that is read now.
        """
        if not stream.endpoint or endpoint == stream.endpoint:
            return bool(stream.endpoint)
        if endpoint in INVENTORY_ENDPOINTS:
            return stream.status is Status.STARTED
        return all(endpoint != other.endpoint for other in self.progress.values())

    def _lines(self, message: RecordMessage) -> Iterator[Json]:
        name, records = message.stream, message.record[RECORDS]
        if not records:
            return
        stream = self.progress[name]
        self._gathered += self._start(name)
        if stream.status is Status.STARTED and (parts := self.known(name)):
            self._gathered += estimate_line(name, parts * len(records))
        is_new = stream.status is Status.STARTED or stream.limited
        stream.status = Status.RUNNING
        # Rows that were read before the lock do not end it.
        stream.limited = stream.limited and bool(self._rests_until(stream))
        if is_new and not stream.limited:
            self._gathered += status_line(name, Status.RUNNING)
        stream.rows += len(records)
        record: Json = {"stream": name, "data": None, "emitted_at": now()}
        line = {"type": Type.RECORD.value, "record": record}
        for record["data"] in records:
            yield line

    def _state(self, name: str, bookmark: Json, *, complete: bool = False) -> bytes:
        stream = self.progress[name]
        blob = stream.configured.blob(bookmark, complete=complete)
        state = encode(blob)
        if state == stream.state and not stream.rows:
            return b""
        rows, stream.state, stream.rows = stream.rows, state, 0
        return state_line(name, blob, rows)
