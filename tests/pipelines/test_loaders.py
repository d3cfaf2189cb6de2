"""Loaders of PyPI store every key and value of all streams, in several runs."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.streams import STREAMS
from tests.support.loading.compare import NOTHING, differences, kind_of
from tests.support.loading.feed import ODD_OBJECT, ODD_TEXT, Feed
from tests.support.loading.loaders import (
    LOADERS,
    S3_ENVIRONMENT,
    Place,
    snowflake_columns,
    target_duckdb,
)
from tests.support.loading.matrix import HEAD, feed_for, place_for, prove, row
from tests.support.loading.stores import REGION, parquet_in_bucket
from tests.support.meltano import meltano
from tests.support.taps import NOW, ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.support.loading.feed import Row, Rows

PAGE = (ROOT / "docs" / "loaders.md").read_text().splitlines()
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
def test_every_key_and_value_is_stored(name: str, tmp_path: Path) -> None:
    with place_for(name, tmp_path) as place:
        assert prove(LOADERS[name], place) in PAGE


@pytest.mark.slow
def test_the_runs_have_what_the_page_says() -> None:
    feed = feed_for(flattened=False)
    rows = feed.last_rows()
    assert rows.keys() == {stream.name for stream in STREAMS}
    assert all(rows.values())
    parts = {row["snapshot_id"]: row for row in rows["snapshots"]}
    assert any(row["deleted"] for row in parts.values())
    members = rows["segment_contacts"]
    assert any(
        row["snapshot_time"] < parts[f"segment_contacts/{row['cvid']}"]["snapshot_time"]
        for row in members
    )
    assert any(row["first_name"] == ODD_TEXT for row in members)
    assert any(
        (row["custom_fields"] or {}).get("new_field") == ODD_OBJECT for row in members
    )


@pytest.mark.slow
def test_target_duckdb_still_loses_rows(tmp_path: Path) -> None:
    # If this fails, a new version is sound: move it to the loaders that are proved.
    feed, place = feed_for(flattened=False), Place(tmp_path)
    for messages in feed.runs:
        target_duckdb.load(messages, place)
    stored = target_duckdb.read(place, feed).rows
    lost = {
        name for name, rows in feed.last_rows().items() if len(stored[name]) < len(rows)
    }
    assert len(lost) > 1


@pytest.mark.slow
def test_meltano_stores_objects_in_parquet(project: Path, tmp_path: Path) -> None:
    account = LivingAccount(clock=lambda: NOW, contacts=60, campaigns=3)
    settings = "TARGET_S3_CLOUD_PROVIDER_AWS_AWS"
    with place_for("s3-parquet", tmp_path) as place:
        with Service(account, quota_calls=100_000) as service:
            meltano(
                project,
                service,
                "",
                "--environment=parquet",
                loader="target-s3",
                **{
                    f"{settings}_BUCKET": place.bucket,
                    f"{settings}_REGION": REGION,
                    f"{settings}_ACCESS_KEY_ID": "key",
                    f"{settings}_SECRET_ACCESS_KEY": "secret",
                    f"{settings}_ENDPOINT_OVERRIDE": place.url,
                    "TARGET_S3_PREFIX": "by-meltano",
                },
                **S3_ENVIRONMENT,
            )
        feed = Feed([])
        feed.schemas = {stream.name: {} for stream in STREAMS}
        rows = parquet_in_bucket(place, feed, "by-meltano/").rows["campaign_details"]
    assert [json.loads(row["custom_fields"]).keys() for row in rows] == [
        {"webAutoStatus"}
    ] * len(rows)
    assert len(rows) == 1


@pytest.mark.slow
def test_snowflake_has_a_column_for_each_field(tmp_path: Path) -> None:
    feed = feed_for(flattened=False)
    lines = feed.runs[0].splitlines(keepends=True)
    schemas = "".join(line for line in lines if json.loads(line)["type"] == "SCHEMA")
    types: dict[str, set[str]] = {}
    found = {
        (table, column): data_type
        for table, column, data_type in snowflake_columns(schemas, tmp_path)
    }
    for name, fields in feed.schemas.items():
        for column, schema in fields.items():
            types.setdefault(kind_of(schema), set()).add(found[name, column])
    assert types == {
        "string": {"TEXT"},
        "time": {"TIMESTAMP_NTZ"},
        "date": {"DATE"},
        "integer": {"NUMBER"},
        "number": {"FLOAT"},
        "boolean": {"BOOLEAN"},
        "object": {"VARIANT"},
        "array": {"VARIANT"},
    }


def test_page_has_a_row_for_each_loader() -> None:
    start = PAGE.index(row(HEAD)) + 2
    rows = PAGE[start : PAGE.index("", start)]
    proved = [loader.package.split("==") for loader in LOADERS.values()]
    assert [line.split(" | ")[0] for line in rows] == [
        f"| `{name}` {version}" for name, version in proved
    ]


def test_loaders_of_meltano_have_the_settings_that_are_proved() -> None:
    ours = [
        one
        for one in MELTANO["plugins"]["loaders"]
        if one["name"] != "target-zohocampaigns"
    ]
    place = Place(ROOT / "output", "postgresql://user:password@host:5432/name", "zoho")
    for plugin in ours:
        (loader,) = [
            each
            for each in LOADERS.values()
            if each.package.split("==")[0] == plugin["pip_url"]
        ]
        assert loader.executable == plugin["executable"]
        proved = loader.settings(place)
        for setting in plugin["settings"]:
            if isinstance(setting.get("value"), bool) and setting["name"] in proved:
                assert setting["value"] == proved[setting["name"]], setting["name"]


def test_differences_name_what_is_lost_added_and_altered() -> None:
    fields = {
        "key": {"type": "string"},
        "time": {"type": ["string", "null"], "format": "date-time"},
        "object": {"type": ["object", "null"]},
    }
    feed = Feed([])
    feed.schemas = {"things": fields}
    first: Row = {"key": "a", "time": "2026-01-02T03:04:05.678Z", "object": {"b": 1}}
    second = first | {"key": "b", "object": None}
    same = {**first, "time": "2026-01-02T04:04:05.678+01:00", "object": '{"b": 1}'}
    rows: Rows = {"things": [first, second]}
    assert not differences(feed, rows, {"things": [second, same]}, NOTHING)
    assert len(differences(feed, rows, {"things": [first]}, NOTHING)) == 1
    assert (
        len(differences(feed, rows, {"things": [first, second, second]}, NOTHING)) == 1
    )
    for altered in ({"time": "2026-01-02T03:04:05Z"}, {"object": None}, {"key": "A"}):
        stored: Rows = {"things": [first | altered, second]}
        assert len(differences(feed, rows, stored, NOTHING)) == 2
