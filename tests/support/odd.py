"""Helpers for tests of accounts with odd rows."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.airbyte.catalog import make_catalog
from tap_zohocampaigns.airbyte.messages import plain
from tap_zohocampaigns.airbyte.tap import AirbyteTap
from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service
    from tests.support.taps import Output

    Record: t.TypeAlias = dict[str, t.Any]
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]
ALL = [stream.name for stream in STREAMS]


def columns_of(output: Output) -> dict[str, list[str]]:
    """Return the fields of each stream, as its SCHEMA message lists them."""
    return {
        message["stream"]: [*message["schema"]["properties"]]
        for message in output.messages
        if message["type"] == "SCHEMA"
    }


def assert_records_match_schemas(output: Output) -> None:
    """Check that every record has exactly the fields of its schema, in order."""
    columns = columns_of(output)
    assert output.records
    for stream, records in output.records.items():
        for record in records:
            assert [*record] == columns[stream], stream


def tap_with_full_catalog(
    service: Service, **settings: str
) -> tuple[AirbyteTap, Record]:
    """Return an Airbyte tap, and a configured catalog with all of its streams."""
    config = service.config | {"rate_limit_ledger": "memory"} | settings
    tap = AirbyteTap(config=config)
    catalog = plain(make_catalog(tap))
    return tap, {
        "streams": [
            {
                "stream": stream,
                "sync_mode": stream["supported_sync_modes"][0].value,
                "destination_sync_mode": "append",
            }
            for stream in catalog["streams"]
        ]
    }
