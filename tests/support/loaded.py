"""What a pipeline loaded, beside what the account has."""

from __future__ import annotations

import re
import typing as t

import psycopg
from psycopg import sql

from tap_zohocampaigns.streams import STREAMS
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_zohocampaigns.sandbox import Service

    Keys: t.TypeAlias = dict[str, list[tuple[str, ...]]]

LOADED = [stream for stream in STREAMS if stream.selected_by_default]
# Some keys have the day of the run, which is not that of the expected rows.
DAY = re.compile(r"\d{4}-\d\d-\d\d$")


def keys_of_account(service: Service, **settings: t.Any) -> Keys:
    """Return the keys of the rows that a run with default streams reads."""
    names = [stream.name for stream in LOADED]
    records = run_tap(service, *names, **settings).records
    return {
        stream.name: sorted_keys(
            tuple(record[name] for name in stream_keys(stream, settings))
            for record in records[stream.name]
        )
        for stream in LOADED
    }


def keys_in_postgres(database: str, schema: str, **settings: str) -> Keys:
    """Return the keys of the rows in the warehouse; settings are those of the tap."""
    with psycopg.connect(database) as connection:
        return {
            stream.name: sorted_keys(
                connection.execute(
                    sql.SQL("SELECT {} FROM {}").format(
                        sql.SQL(", ").join(
                            map(sql.Identifier, stream_keys(stream, settings))
                        ),
                        sql.Identifier(schema, stream.name),
                    )
                )
            )
            for stream in LOADED
        }


def stream_keys(stream: t.Any, settings: dict[str, str]) -> list[str]:
    """Return the key of a stream, which begins with the account if that is named."""
    named = ["account_id"] if "account_id" in settings else []
    return [*named, *(key for key in stream.primary_keys if key not in named)]


def sorted_keys(rows: Iterable[tuple[t.Any, ...]]) -> list[tuple[str, ...]]:
    """Return keys as texts, without days."""
    return sorted(tuple(DAY.sub("", str(value)) for value in row) for row in rows)
