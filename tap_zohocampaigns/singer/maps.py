"""Stream maps: made for every stream, and errors in them without their values."""

from __future__ import annotations

import logging
import traceback
import typing as t
from contextlib import contextmanager
from copy import deepcopy
from fnmatch import fnmatch

from singer_sdk import mapper
from singer_sdk.exceptions import MappingError, StreamMapConfigError

from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.singer.sdk import get_selected_schema

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk import Stream
    from singer_sdk.mapper import PluginMapper
    from singer_sdk.singerlib import Catalog


def register_maps(
    plugin_mapper: PluginMapper, catalog: Catalog, streams: Mapping[str, Stream]
) -> None:
    """Make the stream maps, for deselected streams too.

    The SDK gives deselected streams an empty schema, for which no map is valid.

    Args:
        plugin_mapper: Makes the maps.
        catalog: Selects streams and columns.
        streams: By name.

    Raises:
        StreamMapConfigError: A map fails.
    """
    for name, stream in streams.items():
        entry = catalog.get_stream(name)
        mask = entry.metadata.resolve_selection() if entry else None
        if entry and mask is not None and mask.get((), True):
            schema = get_selected_schema(name, entry.schema.to_dict(), mask)
            keys = entry.key_properties
        else:
            # A map changes the schema that it is given.
            schema, keys = deepcopy(stream.schema), [*stream.primary_keys]
        with mapping(name):
            plugin_mapper.register_raw_stream_schema(name, schema, keys)


def silence_mapper() -> None:
    """Keep the SDK from logging values: at DEBUG it logs the results of filters."""
    mapper.logger.setLevel(logging.INFO)


def idle_maps(stream_maps: Mapping[str, t.Any], streams: Iterable[str]) -> list[str]:
    """Return the names of maps that are for none of the streams."""
    names = [*streams]
    return [
        redact(name)
        for name, stream_map in stream_maps.items()
        if not name.startswith("__")
        and not any(fnmatch(stream, _source(name, stream_map)) for stream in names)
    ]


@contextmanager
def mapping(stream: str) -> Iterator[None]:
    """Report a stream map that fails, without the value that it fails with.

    Args:
        stream: The stream of the map.

    Raises:
        StreamMapConfigError: The map fails.
    """
    try:
        yield
    except MappingError as error:
        text = str(error).rstrip(".")
        msg = f"{text}, for the stream `{stream}`."
        raise StreamMapConfigError(msg) from None
    except Exception as error:
        frames = traceback.walk_tb(error.__traceback__)
        if all(frame.f_code.co_filename != mapper.__file__ for frame, _ in frames):
            raise
        msg = (
            f"an expression for the stream `{stream}` fails with "
            f"{type(error).__name__}: let it take every value, also null."
        )
        raise StreamMapConfigError(msg) from None


def _source(name: str, stream_map: object) -> str:
    """Return the stream, or the pattern of streams, that a map is for."""
    if isinstance(stream_map, dict):
        return str(stream_map.get("__source__", name))
    return name
