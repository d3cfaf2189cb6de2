"""Reads and checks the files of the command line; each error is one sentence."""

from __future__ import annotations

import json
import sys
import typing as t
from datetime import datetime
from pathlib import Path

from singer_sdk.singerlib import Catalog

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.redact import redact

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zohocampaigns.api.wire.types import Json, Row


_STDIN = "-"
_KINDS = (
    (bool, "true or false"),
    (dict, "an object"),
    (list, "a list"),
    (str, "a text"),
    (int | float, "a number"),
)
_FROM_A_RUN = "give the last state that a run wrote, or none to read everything"
_FROM_DISCOVERY = "discover it again"
_OF_THE_SDK = (("partitions", list), ("progress_markers", dict))
# Keys of what streams keep about their parts.
_NOTES: dict[str, type] = {
    **dict.fromkeys(("open", "closed", "parts"), dict),
    "missing": list,
    **dict(_OF_THE_SDK),
}
_OF_PARTS = {"open", "parts"}
# Programs that save states may wrap them in these keys.
_WRAPPED_IN = ("singer_state", "value")


def load(name: str, path: str) -> Json:
    """Return the content of a file of the command line.

    Args:
        name: `config`, `catalog` or `state`.
        path: Its path; `-` is stdin.

    Raises:
        SettingError: It can't be read, or is not JSON.
    """
    which = f"The {name} file given as --{name}"
    try:
        content = sys.stdin.buffer.read() if path == _STDIN else Path(path).read_bytes()
    except FileNotFoundError:
        msg = f"{which} is missing: {path}"
        raise SettingError(msg) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path of a file"
        msg = f"{which} can't be read ({why}): {path}"
        raise SettingError(msg) from None
    if not content.strip():
        msg = f"{which} is empty; the least is an object of JSON, {{}}: {path}"
        raise SettingError(msg)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        msg = f"{which} is not JSON: {path}"
        raise SettingError(msg) from None


def as_config(value: Json) -> Row:
    """Return settings.

    Raises:
        SettingError: They are not an object.
    """
    if not isinstance(value, dict):
        msg = f"The config is {_kind(value)}, where an object with settings is needed."
        raise SettingError(msg)
    return value


def as_state(value: Json) -> Row:
    """Return a state, without what programs wrap it in.

    Raises:
        SettingError: It is not a state.
    """
    while isinstance(value, dict) and "bookmarks" not in value:
        inner = [
            value[name]
            for name in _WRAPPED_IN
            if name in value and (name != "value" or value.get("type") == "STATE")
        ]
        if not inner:
            break
        value = inner[0]
    if why := _fault_of_state(value):
        msg = f"The state {why}: {_FROM_A_RUN}."
        raise SettingError(msg)
    state: Row = value
    return state


def _fault_of_state(value: Json) -> str:
    if not isinstance(value, dict):
        return f"is {_kind(value)}, where an object is needed"
    if "bookmarks" not in value:
        others = value.keys() - {"currently_syncing"}
        return "has no `bookmarks`" if others else ""
    bookmarks = value["bookmarks"]
    if not isinstance(bookmarks, dict):
        return f"has `bookmarks` that are {_kind(bookmarks)}"
    return next(
        (
            f"has {_kind(bookmark)} for {redact(stream)}, where an object is needed"
            for stream, bookmark in bookmarks.items()
            if not isinstance(bookmark, dict)
        ),
        "",
    )


def without_old_notes(state: Row) -> Row:
    """Return a state without the notes of another version, whose form was different.

    Streams that note what they wrote also note their selection. If that is missing,
    everything is read again.
    """
    bookmarks = {
        name: bookmark
        if "selection" in bookmark
        else {key: value for key, value in bookmark.items() if key not in _NOTES}
        for name, bookmark in state.get("bookmarks", {}).items()
    }
    return {**state, "bookmarks": bookmarks}


def check_bookmark(stream: str, bookmark: Row, fields: Mapping[str, t.Any]) -> None:
    """Check the bookmark of a stream.

    Args:
        stream: Its name.
        bookmark: Its bookmark in the state.
        fields: The fields of its schema.

    Raises:
        SettingError: It is not a bookmark of this stream.
    """
    if why := _fault_of_bookmark(bookmark, fields):
        msg = f"The state of {stream} has {why}: {_FROM_A_RUN}."
        raise SettingError(msg)


def _fault_of_bookmark(bookmark: Row, fields: Mapping[str, t.Any]) -> str:
    key, value = (
        bookmark.get(name) for name in ("replication_key", "replication_key_value")
    )
    if key is not None and not (isinstance(key, str) and key in fields):
        return "a `replication_key` that the stream lacks"
    if value is not None and not _is_time(value):
        return "a `replication_key_value` that is no time"
    for name, kind in _NOTES.items() if "selection" in bookmark else _OF_THE_SDK:
        notes: t.Any = bookmark.get(name, kind())
        parts = notes.values() if name in _OF_PARTS and isinstance(notes, dict) else ()
        if not isinstance(notes, kind) or {*map(type, parts)} - {dict}:
            return f"`{name}` of another form"
    return ""


def as_catalog(value: Json) -> Row:
    """Return a catalog.

    Raises:
        SettingError: It is not a catalog.
    """
    if why := _fault_of_catalog(value):
        msg = f"The catalog {why}: {_FROM_DISCOVERY}."
        raise SettingError(msg)
    catalog: Row = value
    return catalog


def _fault_of_catalog(value: Json) -> str:
    if not isinstance(value, dict):
        return f"is {_kind(value)}, where an object is needed"
    if not isinstance(value.get("streams"), list):
        return "has no list of `streams`"
    for entry in value["streams"]:
        if why := _fault_of_entry(entry):
            return why
    try:
        Catalog.from_dict(value)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return "has a stream of another form than Singer's"
    return ""


def _fault_of_entry(entry: Json) -> str:
    if not isinstance(entry, dict):
        return f"has {_kind(entry)} among its `streams`"
    name = entry.get("tap_stream_id")
    if not isinstance(name, str):
        return "has a stream without `tap_stream_id`"
    schema = entry.get("schema")
    fields = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(fields, dict) or not all(
        isinstance(field, dict) for field in fields.values()
    ):
        return f"has no `schema` with `properties` for {redact(name)}"
    if not _is_metadata(entry.get("metadata", [])):
        return f"has `metadata` of another form for {redact(name)}"
    return ""


def _is_metadata(value: Json) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("breadcrumb"), list)
        and all(isinstance(name, str) for name in entry["breadcrumb"])
        and isinstance(entry.get("metadata"), dict)
        for entry in value
    )


def _is_time(value: Json) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _kind(value: Json) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")
