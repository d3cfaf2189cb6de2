"""Lines of Airbyte's protocol."""

from __future__ import annotations

import logging
import time
import traceback
import typing as t
from contextlib import suppress
from dataclasses import fields, is_dataclass

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

from tap_zohocampaigns.singer.writer import write

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.wire.types import Json, Row


Status: t.TypeAlias = AirbyteStreamStatus
_LEVELS = {
    logging.DEBUG: Level.DEBUG,
    logging.INFO: Level.INFO,
    logging.WARNING: Level.WARN,
    logging.ERROR: Level.ERROR,
    logging.CRITICAL: Level.FATAL,
}
encode = msgspec.json.Encoder(decimal_format="number").encode


def line(kind: Type, **body: t.Any) -> bytes:
    """Return the line of a message."""
    return encode(plain(AirbyteMessage(kind, **body))) + b"\n"


def plain(value: Json) -> Json:
    """Return a part of a message without fields that are null."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not is_dataclass(value):
        return value
    values = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: plain(part) for name, part in values.items() if part is not None}


def now() -> int:
    """Return the time in epoch milliseconds, as the protocol wants it."""
    return time.time_ns() // 1_000_000


def trace_of_error(message: str, kind: FailureType, stream: str = "") -> bytes:
    """Return the line of an error; `stream` is the one that failed, if one did."""
    descriptor = StreamDescriptor(stream) if stream else None
    error = AirbyteErrorTraceMessage(
        message, failure_type=kind, stream_descriptor=descriptor
    )
    return _trace(TraceType.ERROR, error=error)


def _trace(kind: TraceType, **body: t.Any) -> bytes:
    return line(Type.TRACE, trace=AirbyteTraceMessage(kind, now(), **body))


class LogHandler(logging.Handler):
    """Turns log lines into messages.

    The text of an error can hold a contact. So only the places of a traceback are
    written, and only with `LOGLEVEL=DEBUG`.
    """

    def __init__(self) -> None:
        """Write at once, until a run has a writer that keeps messages whole."""
        super().__init__()
        self.write_line: Callable[[bytes], None] = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message. If stdout fails, the next other message reports it."""
        level = _LEVELS.get(record.levelno, Level.INFO)
        message = record.getMessage()
        if record.exc_info and logging.getLogger().isEnabledFor(logging.DEBUG):
            places = traceback.format_tb(record.exc_info[2])
            message = "\n".join([message, *places])
        with suppress(OSError):
            self.write_line(line(Type.LOG, log=AirbyteLogMessage(level, message)))


def state_line(name: str, blob: Row, rows: int) -> bytes:
    """Return the line of a stream's state, with the records since the last one."""
    message = AirbyteStateMessage(
        AirbyteStateType.STREAM,
        # The blob of the models has no fields, though any are allowed.
        AirbyteStreamState(StreamDescriptor(name), t.cast("AirbyteStateBlob", blob)),
        sourceStats=AirbyteStateStats(recordCount=rows),
    )
    return line(Type.STATE, state=message)


def status_line(name: str, status: Status) -> bytes:
    """Return the line of a stream's status."""
    message = AirbyteStreamStatusTraceMessage(StreamDescriptor(name), status)
    return _trace(TraceType.STREAM_STATUS, stream_status=message)


def limited_line(name: str, until: float) -> bytes:
    """Return the line of a stream that waits until a time (epoch seconds)."""
    reset = AirbyteStreamStatusRateLimitedReason(quota_reset=int(until * 1000))
    reason = AirbyteStreamStatusReason(
        AirbyteStreamStatusReasonType.RATE_LIMITED, rate_limited=reset
    )
    message = AirbyteStreamStatusTraceMessage(
        StreamDescriptor(name), Status.RUNNING, [reason]
    )
    return _trace(TraceType.STREAM_STATUS, stream_status=message)


def estimate_line(name: str, rows: int) -> bytes:
    """Return the line of an estimated number of rows."""
    message = AirbyteEstimateTraceMessage(name, EstimateType.STREAM, row_estimate=rows)
    return _trace(TraceType.ESTIMATE, estimate=message)
