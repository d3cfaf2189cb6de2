"""Names and values that are hard to load, in a real PostgreSQL."""

from __future__ import annotations

import json
import typing as t

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.streams import STREAMS
from tests.streams.test_keys import Odd, rows_in
from tests.support.meltano import meltano

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

pytestmark = pytest.mark.slow
OFF_BY_DEFAULT = [stream.name for stream in STREAMS if not stream.selected_by_default]
LONG_NAME = "Wie oft " + "x" * 82


def test_two_accounts_share_a_schema(
    project: Path, database: str, account: LivingAccount
) -> None:
    # Both have the same lists, campaigns and contacts, so only `account_id` differs.
    names = ("north", "south")
    for name in names:
        for database_file in (project / ".meltano").glob("meltano.db*"):
            database_file.unlink()
        with Service(account, quota_calls=100_000) as service:
            meltano(
                project,
                service,
                database,
                "--environment=prod",
                TAP_ZOHOCAMPAIGNS_ACCOUNT_ID=name,
                TAP_ZOHOCAMPAIGNS__SELECT=json.dumps(
                    [f"{stream}.*" for stream in ("*", *OFF_BY_DEFAULT)]
                ),
                TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="two_accounts",
            )
    with psycopg.connect(database) as connection:
        for stream in STREAMS:
            other_keys = [key for key in stream.primary_keys if key != "account_id"]
            keys = ", ".join(["account_id", *other_keys])
            table = f"two_accounts.{stream.name}"
            duplicates = connection.execute(
                f"SELECT {keys} FROM {table} GROUP BY {keys} "  # noqa: S608
                "HAVING count(*) > 1".encode()
            ).fetchall()
            assert not duplicates, stream.name
            query = (
                f"SELECT account_id, count(*) FROM {table} "  # noqa: S608
                "GROUP BY account_id ORDER BY account_id"
            )
            counts = connection.execute(query.encode()).fetchall()
            assert tuple(name for name, _ in counts) == names, stream.name
            assert len({number for _, number in counts}) == 1, stream.name


def with_odd_fields(call: Call, body: bytes) -> bytes:
    """Add fields whose names and values are hard to load."""
    answer = json.loads(body)
    if call.endpoint == "contact/allfields":
        fields = next(value for value in all_values(answer) if is_fields(value))
        for number, name in enumerate(("Straße", LONG_NAME, LONG_NAME + "y")):
            names = {"FIELD_ID": 10**18 + number, "FIELD_NAME": f"odd_{number}"}
            names |= {"FIELD_DISPLAY_NAME": name, "DISPLAY_NAME": name}
            fields.append(fields[-1] | {"UITYPE": "Text"} | names)
    elif call.endpoint == "getsegmentcontacts" and answer["status"] == "success":
        for row in rows_in(answer):
            row |= {"straße": "Allee", LONG_NAME.lower(): "long", "lastname": "A\x00B"}
            row[LONG_NAME.lower() + "y"] = "longer"
            del row["firstname"]
    else:
        return body
    return json.dumps(answer).encode()


def all_values(value: t.Any) -> t.Iterator[t.Any]:
    """Yield all values inside a value."""
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from all_values(inner)


def is_fields(value: t.Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and "FIELD_NAME" in value[0]
    )


def test_odd_field_names_values_and_stream_maps_load(
    project: Path, database: str, account: LivingAccount
) -> None:
    maps = {
        "segment_contacts": {"first_name": "md5(first_name) if first_name else None"}
    }
    with Odd(account, quota_calls=100_000) as service:
        service.change = with_odd_fields
        meltano(
            project,
            service,
            database,
            "--environment=prod",
            TAP_ZOHOCAMPAIGNS__SELECT='["segment_contacts.*"]',
            TAP_ZOHOCAMPAIGNS_STREAM_MAPS=json.dumps(maps),
            TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="odd",
        )
    with psycopg.connect(database) as connection:
        cursor = connection.execute(b"SELECT * FROM odd.segment_contacts")
        rows = cursor.fetchall()
        assert cursor.description
        names = [column.name for column in cursor.description]
    assert rows
    long_names = sorted(name for name in names if name.startswith("wie_oft_"))
    assert len(long_names) == 2
    assert all(len(name.encode()) <= 63 for name in names)
    for row in rows:
        record = dict(zip(names, row, strict=True))
        assert {record[name] for name in long_names} == {"long", "longer"}
        assert (record["straße"], record["last_name"]) == ("Allee", "AB")
        assert record["first_name"] is None
