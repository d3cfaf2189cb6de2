"""What there is to read, and what of it a configured catalog and a state ask for."""

from __future__ import annotations

import typing as t

from airbyte_protocol_dataclasses.models import (
    AirbyteCatalog,
    AirbyteStateType,
    AirbyteStream,
    DestinationSyncMode,
    SyncMode,
)

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.sync.custom_fields import ACCOUNT, NAMES

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Json, Row
    from tap_zohocampaigns.sync.base import ZohoStream
    from tap_zohocampaigns.tap import TapZohoCampaigns


_REFRESH = "full_refresh"
_FILES = {"streams": "configured catalog", "states": "state"}
# What connectors of Airbyte's own kit say of a stream that has no cursor; destinations
# count the records before a state, so there has to be one.
_NO_CURSOR = {"__ab_no_cursor_state_message": True}
# Newer than the models.
_DESTINATION_MODES = [*(mode.value for mode in DestinationSyncMode), "overwrite_dedup"]
_MODES = [mode.value for mode in SyncMode]


class Resumed(t.NamedTuple):
    """What a stream begins with."""

    bookmark: Row
    complete: bool = False
    """Whether all of it has been read."""


class ConfiguredStream(t.NamedTuple):
    """What a configured catalog asks of a stream.

    Attributes:
        cursor: Whether the stream has a state of its own.
        full: Whether everything is wanted.
        sync: The sync and the generation of its records, which the attempts of one
            sync share; None outside the platform.
    """

    cursor: bool
    full: bool
    sync: list[t.Any] | None = None

    def blob(self, bookmark: Row, *, complete: bool) -> Row:
        """Return the state of the stream as it is emitted.

        Args:
            bookmark: What the Singer state has of it.
            complete: Whether the stream has been read to its end.
        """
        if not self.cursor:
            return _NO_CURSOR
        if not self.full or self.sync is None:
            return bookmark
        return bookmark | {_REFRESH: {"sync": self.sync, "complete": complete}}

    def resume(self, blob: Row) -> Resumed:
        """Return what to begin with.

        A full refresh goes on only where an earlier attempt of the same sync stopped.
        But no run may have an earlier time than the last one.
        """
        refresh = _inner(blob, _REFRESH)
        bookmark = {name: value for name, value in blob.items() if name != _REFRESH}
        if not self.cursor:
            return Resumed({})
        if not self.full:
            return Resumed(bookmark)
        if self.sync is None or refresh.get("sync") != self.sync:
            return Resumed({name: blob[name] for name in ("run",) if name in blob})
        return Resumed(bookmark, bool(refresh.get("complete")))


def make_catalog(tap: TapZohoCampaigns) -> AirbyteCatalog:
    """Return the streams with their keys, cursors and modes."""
    schemas = {
        entry["tap_stream_id"]: entry["schema"] for entry in tap.discovered()["streams"]
    }
    return AirbyteCatalog([_describe(stream, schemas) for stream in tap.zoho_streams])


def as_singer(content: Json) -> Row:
    """Return the streams of a configured catalog with their columns, for the SDK."""
    entries = content.get("streams") if isinstance(content, dict) else None
    streams = [
        _inner(entry, "stream")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    ]
    return {
        "streams": [
            {
                "tap_stream_id": entry.get("name"),
                "schema": {
                    "properties": _inner(_inner(entry, "json_schema"), "properties")
                },
            }
            for entry in streams
        ]
    }


def read_catalog(content: Json, tap: TapZohoCampaigns) -> dict[str, ConfiguredStream]:
    """Return what a configured catalog asks of each of its streams.

    Raises:
        SettingError: It is no configured catalog, or not of this source.
    """
    known = {stream.name: stream for stream in tap.zoho_streams}
    asked = {}
    for configured in _objects(content, "streams"):
        described = _inner(configured, "stream")
        name = described.get("name")
        mode = configured.get("sync_mode")
        # A file may hold a name that is no text.
        if name not in [*known]:
            msg = (
                "The configured catalog has a stream that this source does not have, "
                "or that this `api_version` does not: discover the schema again."
            )
            raise SettingError(msg)
        if (
            mode not in _MODES
            or configured.get("destination_sync_mode") not in _DESTINATION_MODES
        ):
            msg = f"The configured catalog has an unknown mode for the stream {name}."
            raise SettingError(msg)
        _check_account(described, known[name])
        numbers = [configured.get("sync_id"), configured.get("generation_id")]
        cursor = bool(known[name].replication_key)
        full = mode == SyncMode.full_refresh.value
        asked[name] = ConfiguredStream(
            cursor, full, None if None in numbers else numbers
        )
    if not asked:
        msg = "The configured catalog has no streams."
        raise SettingError(msg)
    return asked


def _check_account(described: Row, stream: ZohoStream) -> None:
    """Check that the destination has the column of the account, if records have it.

    Raises:
        SettingError: It has not, so that it would take several accounts for one; or it
            has it, and the setting is gone.
    """
    fields = _inner(_inner(described, "json_schema"), "properties")
    # A custom field of contacts may have that name, too.
    has_account = ACCOUNT in fields and NAMES not in _inner(fields, ACCOUNT)
    if fields and has_account is not (ACCOUNT in stream.primary_keys):
        msg = (
            f"The configured catalog was made with another `{ACCOUNT}`: discover the "
            "schema again."
        )
        raise SettingError(msg)


def read_states(content: Json) -> dict[str, Row]:
    """Return the blob of each stream in a state.

    Raises:
        SettingError: It is not a state of streams.
    """
    if not content:
        return {}
    blobs = {}
    for message in _objects({"states": content}, "states"):
        state = _inner(message, "stream")
        name = _inner(state, "stream_descriptor").get("name")
        kind = message.get("type")
        if kind != AirbyteStateType.STREAM.value or not isinstance(name, str):
            msg = "The state is not one of streams, so it is not of this source."
            raise SettingError(msg)
        blob = state.get("stream_state")
        if not isinstance(blob, dict | None):
            msg = (
                f"The state of {redact(name)} is no object: reset it, or give it none."
            )
            raise SettingError(msg)
        blobs[name] = blob or {}
    return blobs


def _describe(stream: ZohoStream, schemas: dict[str, Row]) -> AirbyteStream:
    # Its rows are those of the parts that were read in this run, so that to overwrite
    # would be to lose those of others.
    additions = stream.written_by_others
    # A destination that deduplicates keeps the row with the greatest cursor. A row may
    # be written again with an earlier time of its own, if a setting changed.
    cursor = "snapshot_time" if stream.has_snapshots else stream.replication_key
    modes = [SyncMode.incremental] if cursor else []
    if not additions:
        modes.insert(0, SyncMode.full_refresh)
    return AirbyteStream(
        name=stream.name,
        json_schema=schemas[stream.name],
        supported_sync_modes=modes,
        source_defined_cursor=True if cursor else None,
        default_cursor_field=[cursor] if cursor else None,
        source_defined_primary_key=[[key] for key in stream.primary_keys],
        is_resumable=bool(cursor),
    )


def _objects(content: Json, name: str) -> Iterator[Row]:
    entries = content.get(name) if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, dict):
            msg = f"The {_FILES[name]} has not the form of Airbyte's protocol."
            raise SettingError(msg)
        yield entry


def _inner(content: Row, name: str) -> Row:
    inner = content.get(name)
    return inner if isinstance(inner, dict) else {}
