"""Discovery: custom fields of contacts become columns of the catalog."""

from __future__ import annotations

import json
import typing as t

import msgspec

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.sync import custom_fields

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import ZohoStream

_NO_COLUMNS = "Custom fields have no columns of their own: %s"


def add_custom_fields(
    catalog: Row,
    streams: Mapping[str, ZohoStream],
    problems: list[str],
    logger: logging.Logger,
) -> Row:
    """Return the catalog with a column for each custom field, if they may be read.

    Args:
        catalog: In Singer's form; it is changed.
        streams: By name.
        problems: What is wrong with the settings; then nothing is read.
        logger: Gets the reason if there are no columns.
    """
    columns: Mapping[str, Row] = {}
    if problems:
        logger.warning(_NO_COLUMNS, " ".join(problems))
    else:
        try:
            columns = _columns(streams)
        except Forbidden as error:
            logger.warning(_NO_COLUMNS, error)
    for entry in catalog["streams"]:
        stream = streams[entry["tap_stream_id"]]
        if stream.has_custom_fields:
            fitting = custom_fields.fit(columns, stream.annotated["properties"])
            custom_fields.add_to_catalog(entry, fitting)
    return catalog


def as_text(catalog: Row) -> str:
    """Return a catalog as indented JSON; `json` alone would take five times as long."""
    return msgspec.json.format(json.dumps(catalog))


def _columns(streams: Mapping[str, ZohoStream]) -> Mapping[str, Row]:
    """Read the fields of contacts, and return their columns."""
    fields = streams.get("contact_fields")
    if fields is None:
        return {}
    (part,) = fields.parts()
    records = [row for rows in fields.records(part) for row in rows]
    names = {
        name
        for stream in streams.values()
        if stream.has_custom_fields
        for name in stream.annotated["properties"]
    }
    return custom_fields.make_columns(records, names)
