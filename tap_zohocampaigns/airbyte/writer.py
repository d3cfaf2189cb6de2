"""Writes what the streams give as messages of Airbyte's protocol, one a line."""

from __future__ import annotations

import logging
import threading
import time
import traceback
import typing as t
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields, is_dataclass

import msgspec
from airbyte_protocol_dataclasses.models import (
    AirbyteErrorTraceMessage,
    AirbyteEstimateTraceMessage,
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateStats,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    AirbyteStreamStatusRateLimitedReason,
    AirbyteStreamStatusReason,
    AirbyteStreamStatusReasonType,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    Level,
    StreamDescriptor,
    TraceType,
    Type,
)
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from tap_zohocampaigns.singer.writer import RECORDS, PageWriter, write

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from singer_sdk.singerlib.messages import Message

    from tap_zohocampaigns.airbyte.catalog import ConfiguredStream

    Json: t.TypeAlias = dict[str, t.Any]

Status: t.TypeAlias = AirbyteStreamStatus
# From these calls the streams learn what there is to read.
_BEGINNINGS = {"getmailinglists", "recentcampaigns"}
# Seconds by which the ends of one wait differ.
_SAME = 1.0
_LEVELS = {
    logging.DEBUG: Level.DEBUG,
    logging.INFO: Level.INFO,
    logging.WARNING: Level.WARN,
    logging.ERROR: Level.ERROR,
    logging.CRITICAL: Level.FATAL,
}
_encoder = msgspec.json.Encoder(decimal_format="number")


def line(kind: Type, **body: t.Any) -> bytes:
    """Return the line of a message."""
    return _encoder.encode(plain(AirbyteMessage(kind, **body))) + b"\n"


def plain(value: t.Any) -> t.Any:  # noqa: ANN401 (any part of a message)
    """Return a part of a message without what it leaves open."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not is_dataclass(value):
        return value
    told = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: plain(part) for name, part in told.items() if part is not None}


def now() -> int:
    """Return the time in the protocol's terms (epoch milliseconds)."""
    return time.time_ns() // 1_000_000


def trace_of_error(message: str, kind: FailureType, stream: str = "") -> bytes:
    """Return the line that tells of an error."""
    of = StreamDescriptor(stream) if stream else None
    error = AirbyteErrorTraceMessage(message, failure_type=kind, stream_descriptor=of)
    return _trace(TraceType.ERROR, error=error)


def _trace(kind: TraceType, **body: t.Any) -> bytes:
    return line(Type.TRACE, trace=AirbyteTraceMessage(kind, now(), **body))


class LogHandler(logging.Handler):
    """Turns what is logged into messages.

    The text of an error can hold a contact. So of a traceback the places are told, and
    those for `LOGLEVEL=DEBUG` alone.
    """

    def __init__(self) -> None:
        """Write at once, until there is a writer whose messages must not be broken."""
        super().__init__()
        self.tell: Callable[[bytes], None] = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message if that can be done; who writes others is told if not."""
        level = _LEVELS.get(record.levelno, Level.INFO)
        message = record.getMessage()
        if record.exc_info and logging.getLogger().isEnabledFor(logging.DEBUG):
            places = traceback.format_tb(record.exc_info[2])
            message = "\n".join([message, *places])
        with suppress(OSError):
            self.tell(line(Type.LOG, log=AirbyteLogMessage(level, message)))


@dataclass
class StreamProgress:
    """How far a stream is.

    Attributes:
        asked: What the catalog asks of it.
        endpoint: Where most of its rows come from.
        state: What the last state told.
        rows: Records since then.
        status: What was told last.
        limited: Whether it has been told since that it waits.
    """

    asked: ConfiguredStream
    endpoint: str
    state: bytes = b""
    rows: int = 0
    status: Status | None = None
    limited: bool = False

    @property
    def underway(self) -> bool:
        """Whether it has begun, and has not ended."""
        return self.status in {Status.STARTED, Status.RUNNING}

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in {Status.COMPLETE, Status.INCOMPLETE}


class MessageWriter(PageWriter):
    """Writes records, and states and statuses of each stream.

    Records are put into lines by hand: a model for each of them would take longer than
    all the rest.
    """

    def __init__(self) -> None:
        """Begin without streams."""
        super().__init__()
        self.courses: dict[str, StreamProgress] = {}
        """The streams that are read, those first that others write to."""
        self.known: Callable[[str], int] = lambda _: 0
        """Tells how many parts a stream has, if that tells how many rows it has."""
        self._resting: dict[str, float] = {}
        self._guard = threading.RLock()

    def write_message(self, message: Message) -> None:
        """Write a message; what threads have to say comes before or behind it."""
        with self._guard:
            super().write_message(message)

    def serialize_message(self, message: Message) -> bytes:
        """Return the lines that stand for a message of Singer."""
        if isinstance(message, SchemaMessage):
            return self._begun(message.stream)
        if isinstance(message, StateMessage):
            bookmarks = message.value.get("bookmarks", {})
            return b"".join(
                self._state(name, bookmarks.get(name, {}))
                for name, course in self.courses.items()
                if course.underway
            )
        return b""

    def tell(self, told: bytes) -> None:
        """Write a line at once; threads do."""
        with self._guard, self._unbroken():
            write(told)

    def flush(self) -> None:
        """Write what has been gathered."""
        with self._guard:
            super().flush()

    def end(self, name: str, status: Status, bookmark: Json | None = None) -> None:
        """Tell how a stream has ended, behind its last state.

        Args:
            name: Name of the stream.
            status: How it has ended.
            bookmark: What the Singer state has of it.
        """
        course, complete = self.courses[name], status is Status.COMPLETE
        with self._guard, self.writing():
            if complete:
                self._gathered += self._begun(name)
            if course.underway:
                self._gathered += self._state(name, bookmark or {}, complete=complete)
            course.status = status
            self._gathered += _status(name, status)
            self.flush()

    def rest(self, endpoint: str, until: float) -> None:
        """Tell that an endpoint may not be called for a while; threads do.

        Args:
            endpoint: Name of the call.
            until: When it may be again (epoch seconds).
        """
        with self._guard, self._unbroken():
            later = until > self._resting.get(endpoint, 0.0) + _SAME
            self._resting[endpoint] = until
            for name, course in self.courses.items():
                if not course.underway or not self._waits(course, endpoint):
                    continue
                # Threads that find the same lock are a hair apart.
                if later or not course.limited:
                    course.limited = True
                    self._gathered += _limited(name, until)
            # What was read before does not wait.
            gathered, self._gathered = self._gathered, bytearray()
            write(gathered)

    def _unbroken(self) -> AbstractContextManager[None]:
        main = threading.current_thread() is threading.main_thread()
        # Signals come to that thread only.
        return self.writing() if main else nullcontext()

    def _begun(self, name: str) -> bytes:
        course = self.courses[name]
        if course.status:
            return b""
        course.status = Status.STARTED
        until = self._rests_until(course)
        course.limited = bool(until)
        told = _status(name, Status.STARTED)
        return told + (_limited(name, until) if until else b"")

    def _rests_until(self, course: StreamProgress) -> float:
        """Return until when a stream can't go on; 0 if it can."""
        ends = (
            until
            for endpoint, until in self._resting.items()
            if until > time.time() and self._waits(course, endpoint)
        )
        return max(ends, default=0.0)

    def _waits(self, course: StreamProgress, endpoint: str) -> bool:
        """Return whether a stream can't go on while an endpoint rests.

        A call that is no other stream's is made for the one that is underway.
        """
        if not course.endpoint or endpoint == course.endpoint:
            return bool(course.endpoint)
        if endpoint in _BEGINNINGS:
            return course.status is Status.STARTED
        return all(endpoint != other.endpoint for other in self.courses.values())

    def _lines(self, message: RecordMessage) -> Iterator[Json]:
        name, records = message.stream, message.record[RECORDS]
        if not records:
            return
        course = self.courses[name]
        self._gathered += self._begun(name)
        if course.status is Status.STARTED and (parts := self.known(name)):
            self._gathered += _estimate(name, parts * len(records))
        news = course.status is Status.STARTED or course.limited
        course.status = Status.RUNNING
        # What had been read before the endpoint was locked does not open it.
        course.limited = course.limited and bool(self._rests_until(course))
        if news and not course.limited:
            self._gathered += _status(name, Status.RUNNING)
        course.rows += len(records)
        record: Json = {"stream": name, "data": None, "emitted_at": now()}
        told = {"type": Type.RECORD.value, "record": record}
        for record["data"] in records:
            yield told

    def _state(self, name: str, bookmark: Json, *, complete: bool = False) -> bytes:
        course = self.courses[name]
        blob = course.asked.blob(bookmark, complete=complete)
        state = _encoder.encode(blob)
        if state == course.state and not course.rows:
            return b""
        told = AirbyteStateMessage(
            AirbyteStateType.STREAM,
            # The blob of the models has no fields, though any are allowed.
            AirbyteStreamState(
                StreamDescriptor(name), t.cast("AirbyteStateBlob", blob)
            ),
            sourceStats=AirbyteStateStats(recordCount=course.rows),
        )
        course.state, course.rows = state, 0
        return line(Type.STATE, state=told)


def _status(name: str, status: Status) -> bytes:
    told = AirbyteStreamStatusTraceMessage(StreamDescriptor(name), status)
    return _trace(TraceType.STREAM_STATUS, stream_status=told)


def _limited(name: str, until: float) -> bytes:
    reset = AirbyteStreamStatusRateLimitedReason(quota_reset=int(until * 1000))
    reason = AirbyteStreamStatusReason(
        AirbyteStreamStatusReasonType.RATE_LIMITED, rate_limited=reset
    )
    told = AirbyteStreamStatusTraceMessage(
        StreamDescriptor(name), Status.RUNNING, [reason]
    )
    return _trace(TraceType.STREAM_STATUS, stream_status=told)


def _estimate(name: str, rows: int) -> bytes:
    told = AirbyteEstimateTraceMessage(name, EstimateType.STREAM, row_estimate=rows)
    return _trace(TraceType.ESTIMATE, estimate=told)
