"""The spec and the catalog of the source, and checks of its input files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import typing as t
from contextlib import redirect_stdout

import pytest
from jsonschema import Draft7Validator

from tap_zohocampaigns import streams
from tap_zohocampaigns.airbyte.source import run
from tap_zohocampaigns.airbyte.spec import flatten
from tap_zohocampaigns.api import versions
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.sync.incremental import StatefulStream
from tests.support.source import Messages, arguments, source
from tests.support.zoho import AUTH_TOKEN

if t.TYPE_CHECKING:
    from pathlib import Path

    Json: t.TypeAlias = dict[str, t.Any]

TAP_SETTINGS = [
    name
    for name in tap_settings.SCHEMA["properties"]
    if not name.startswith(("stream_map", "faker", "flattening"))
]
OAUTH = {
    "api_version": "1.1",
    "client_id": "1000.A",
    "client_secret": "b",
    "refresh_token": "c",
}


NAMELESS = {"stream_descriptor": {"name": ["campaigns"]}, "stream_state": {}}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Json:
    written = source(tmp_path_factory.mktemp("spec"), "spec")
    (message,) = written.all
    specification: Json = message["spec"]["connectionSpecification"]
    Draft7Validator.check_schema(specification)
    return specification


def fields(specification: Json) -> dict[str, Json]:
    """Return the fields of a specification and of its alternatives."""
    all_fields: dict[str, Json] = {}
    for name, schema in specification["properties"].items():
        all_fields[name] = schema
        for alternative in schema.get("oneOf", ()):
            all_fields |= fields(alternative)
    return all_fields


def test_spec_has_exactly_the_settings_of_the_tap(
    spec: Json,
) -> None:
    assert fields(spec).keys() == {*TAP_SETTINGS, "credentials"}


@pytest.mark.parametrize("name", TAP_SETTINGS)
def test_setting_has_the_same_schema_as_in_the_tap(spec: Json, name: str) -> None:
    schema, field = tap_settings.SCHEMA["properties"][name], fields(spec)[name]
    assert field.get("airbyte_secret", False) is schema.get("secret", False)
    if "const" in field:
        return
    assert field["title"][0].isupper()
    assert field["type"] == schema["type"][0]
    for keyword in ("description", "default", "enum", "minimum", "format"):
        assert field.get(keyword) == schema.get(keyword)
    if field["type"] == "array":
        assert field["items"]["type"] == "string"


def test_fields_of_the_form_are_ordered_and_grouped(spec: Json) -> None:
    groups = {group["id"] for group in spec["groups"]}
    top = spec["properties"].values()
    assert [field["order"] for field in top] == [*range(len(top))]
    assert {field["group"] for field in top} == groups
    for alternative in spec["properties"]["credentials"]["oneOf"]:
        fields = alternative["properties"].values()
        assert [field["order"] for field in fields] == [*range(len(fields))]


def test_each_api_version_requires_its_own_credentials(spec: Json) -> None:
    required = {
        alternative["properties"]["api_version"]["const"]: {*alternative["required"]}
        for alternative in spec["properties"]["credentials"]["oneOf"]
    }
    assert required == {
        name: {"api_version", *version.credentials}
        for name, version in versions.VERSIONS.items()
    }


@pytest.mark.parametrize(
    "config",
    [
        {"credentials": OAUTH, "page_size": 7},
        {**OAUTH, "page_size": 7},
        {"credentials": {"api_version": "1", "auth_token": "a"}, "timezone": "UTC"},
        {"data_center": "sandbox"},
    ],
)
def test_config_that_the_spec_accepts_is_valid_for_the_tap(
    spec: Json, config: Json
) -> None:
    Draft7Validator(spec).validate(config)
    assert not tap_settings.problems(tap_settings.complete(flatten(config)))


def test_spec_rejects_incomplete_credentials(spec: Json) -> None:
    config = {"credentials": {"api_version": "1.1", "client_id": "a"}}
    assert not Draft7Validator(spec).is_valid(config)


def test_settings_that_airbyte_replaces_are_dropped() -> None:
    sdk_settings = {"stream_maps": {"campaigns": None}, "flattening_enabled": True}
    assert flatten(sdk_settings | {"page_size": 3, "credentials": None}) == {
        "page_size": 3
    }


def test_empty_fields_of_the_form_are_unset() -> None:
    empty = {"timezone": None, "response_format": "", "max_duration_minutes": ""}
    credentials = {"client_id": "", "client_secret": None, "refresh_token": "c"}
    assert flatten({"client_id": "a", "credentials": credentials, **empty}) == {
        "client_id": "a",
        "refresh_token": "c",
    }


def test_catalog_describes_each_stream_of_the_tap(discovered: Json) -> None:
    catalog = {stream["name"]: stream for stream in discovered["streams"]}
    assert catalog.keys() == {stream.name for stream in streams.STREAMS}
    for stream in streams.STREAMS:
        entry = catalog[stream.name]
        assert entry["source_defined_primary_key"] == [[k] for k in stream.primary_keys]
        properties = entry["json_schema"]["properties"]
        assert "x-wire" not in json.dumps(entry)
        assert "x-calls" not in json.dumps(entry)
        cursor = entry.get("default_cursor_field", [])
        assert all(field in properties for field in cursor)
        incremental = "incremental" in entry["supported_sync_modes"]
        assert incremental is bool(cursor)
        assert incremental is entry["is_resumable"]
        assert incremental is entry.get("source_defined_cursor", False)


def test_sync_modes_are_those_of_the_tap_and_snapshots_are_incremental_only(
    discovered: Json,
) -> None:
    modes = {s["name"]: s["supported_sync_modes"] for s in discovered["streams"]}
    assert modes.pop("snapshots") == ["incremental"]
    for stream in streams.STREAMS:
        if stream.name in modes:
            incremental = issubclass(stream, StatefulStream)
            expected = ["full_refresh", *["incremental"] * incremental]
            assert modes[stream.name] == expected


def test_version_1_lists_only_the_streams_that_it_can_read(tmp_path: Path) -> None:
    config = {"credentials": {"api_version": "1", "auth_token": AUTH_TOKEN}}
    entries = source(tmp_path, "discover", config).catalog["streams"]
    assert {stream["name"] for stream in entries} == {
        stream.name
        for stream in streams.STREAMS
        if versions.VERSIONS["1"].has_call(stream.endpoint)
    }


def test_missing_airbyte_package_is_one_line_with_the_extra_to_install() -> None:
    program = (
        "import sys; sys.modules['airbyte_protocol_dataclasses'] = None; "
        "from tap_zohocampaigns.airbyte.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "spec"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "tap-zohocampaigns[airbyte]" in done.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config": "{no json"}, "--config"),
        ({"config": "[" * 100_000}, "--config"),
        ({"config": f'{{"page_size": {"9" * 5000}}}'}, "--config"),
        ({"config": "null"}, "configuration"),
        ({"config": []}, "configuration"),
        ({"config": {"credentials": {"api_version": []}}}, "`api_version`"),
        ({"config": {"credentials": 1}}, "`credentials`"),
        ({"config": {"credentials": {}}}, "`client_id`"),
        ({"config": {"data_center": "sandbox"}, "catalog": {}}, "configured catalog"),
        ({"config": {"data_center": "sandbox"}, "catalog": {"streams": []}}, "streams"),
        ({"config": {"data_center": "sandbox"}, "catalog": "["}, "--catalog"),
        ({"state": {"bookmarks": {}}}, "state"),
        ({"state": [{"type": "STREAM"}]}, "state"),
        ({"state": [{"type": "STREAM", "stream": NAMELESS}]}, "state"),
        ({"state": [{"type": "GLOBAL"}]}, "state"),
        ({"state": "{"}, "--state"),
    ],
)
def test_invalid_file_is_one_config_error(
    tmp_path: Path, discovered: Json, files: Json, expected: str
) -> None:
    (campaigns,) = (s for s in discovered["streams"] if s["name"] == "campaigns")
    valid: Json = {
        "config": {"data_center": "sandbox"},
        "catalog": {
            "streams": [
                {
                    "stream": campaigns,
                    "sync_mode": "full_refresh",
                    "destination_sync_mode": "append",
                }
            ]
        },
    }
    written: Messages = source(tmp_path, "read", **valid | files)
    assert written.status == 1
    (error,) = written.errors
    assert expected in error["message"]
    assert error["failure_type"] == "config_error"
    assert not written.records


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
def test_unreadable_file_is_reported_with_its_option(
    tmp_path: Path, configure: t.Any, option: str
) -> None:
    valid = {"config": {"data_center": "sandbox"}, "catalog": configure("campaigns")}
    line = arguments(tmp_path, "read", **valid, state=[])
    index = line.index(f"--{option}") + 1
    # A directory and a missing file.
    for path in (tmp_path, tmp_path / "nowhere"):
        line[index] = str(path)
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(written):
            assert run(line) == 1
        written.seek(0)
        (error,) = Messages(written.read()).errors
        assert f"--{option}" in error["message"]
        assert error["failure_type"] == "config_error"


@pytest.mark.parametrize("properties", [None, [], {"x": None}])
def test_catalog_schema_without_columns_is_ignored(
    tmp_path: Path, configure: t.Any, properties: t.Any
) -> None:
    catalog = configure("campaigns")
    (configured,) = catalog["streams"]
    schema = {"json_schema": {"properties": properties}}
    configured["stream"] = configured["stream"] | schema
    written = source(tmp_path, "read", {"data_center": "sandbox"}, catalog)
    assert written.status == 0
    assert written.records["campaigns"]


@pytest.mark.parametrize(
    "change",
    [
        {"stream": {"name": "nowhere"}},
        {"stream": {"name": ["campaigns"]}},
        {"sync_mode": "INVALID"},
        {"sync_mode": ["incremental"]},
        {"destination_sync_mode": "INVALID"},
        {"destination_sync_mode": {"append": True}},
    ],
)
def test_unknown_stream_or_sync_mode_in_the_catalog_is_rejected(
    tmp_path: Path, configure: t.Any, change: Json
) -> None:
    catalog = configure("campaigns", **change)
    written = source(tmp_path, "read", {"data_center": "sandbox"}, catalog)
    assert written.status == 1
    assert [error["failure_type"] for error in written.errors] == ["config_error"]
