"""What the source tells of itself: its settings, and what there is to read."""

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

OURS = [
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
    found: Json = message["spec"]["connectionSpecification"]
    Draft7Validator.check_schema(found)
    return found


def fields(level: Json) -> dict[str, Json]:
    """Return the fields of a specification, those of alternatives too."""
    found: dict[str, Json] = {}
    for name, about in level["properties"].items():
        found[name] = about
        for alternative in about.get("oneOf", ()):
            found |= fields(alternative)
    return found


def test_the_spec_asks_for_every_setting_of_the_tap_and_for_nothing_else(
    spec: Json,
) -> None:
    assert fields(spec).keys() == {*OURS, "credentials"}


@pytest.mark.parametrize("name", OURS)
def test_a_setting_is_told_as_the_tap_has_it(spec: Json, name: str) -> None:
    about, field = tap_settings.SCHEMA["properties"][name], fields(spec)[name]
    assert field.get("airbyte_secret", False) is about.get("secret", False)
    if "const" in field:
        return
    assert field["title"][0].isupper()
    assert field["type"] == about["type"][0]
    for told in ("description", "default", "enum", "minimum", "format"):
        assert field.get(told) == about.get(told)
    if field["type"] == "array":
        assert field["items"]["type"] == "string"


def test_the_form_has_an_order_and_groups(spec: Json) -> None:
    groups = {group["id"] for group in spec["groups"]}
    top = spec["properties"].values()
    assert [about["order"] for about in top] == [*range(len(top))]
    assert {about["group"] for about in top} == groups
    for alternative in spec["properties"]["credentials"]["oneOf"]:
        about = alternative["properties"].values()
        assert [each["order"] for each in about] == [*range(len(about))]


def test_each_version_of_the_api_has_its_own_credentials(spec: Json) -> None:
    alternatives = {
        each["properties"]["api_version"]["const"]: {*each["required"]}
        for each in spec["properties"]["credentials"]["oneOf"]
    }
    assert alternatives == {
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
def test_a_config_that_the_spec_allows_is_good_for_the_tap(
    spec: Json, config: Json
) -> None:
    Draft7Validator(spec).validate(config)
    assert not tap_settings.problems(tap_settings.complete(flatten(config)))


def test_the_spec_refuses_half_an_alternative(spec: Json) -> None:
    config = {"credentials": {"api_version": "1.1", "client_id": "a"}}
    assert not Draft7Validator(spec).is_valid(config)


def test_what_the_sdk_adds_to_each_tap_is_left_to_airbyte() -> None:
    maps = {"stream_maps": {"campaigns": None}, "flattening_enabled": True}
    assert flatten(maps | {"page_size": 3, "credentials": None}) == {"page_size": 3}


def test_what_a_form_leaves_empty_is_unset() -> None:
    empty = {"timezone": None, "response_format": "", "max_duration_minutes": ""}
    credentials = {"client_id": "", "client_secret": None, "refresh_token": "c"}
    assert flatten({"client_id": "a", "credentials": credentials, **empty}) == {
        "client_id": "a",
        "refresh_token": "c",
    }


def test_the_catalog_has_the_streams_as_the_tap_has_them(discovered: Json) -> None:
    found = {stream["name"]: stream for stream in discovered["streams"]}
    assert found.keys() == {stream.name for stream in streams.STREAMS}
    for stream in streams.STREAMS:
        told = found[stream.name]
        assert told["source_defined_primary_key"] == [[k] for k in stream.primary_keys]
        properties = told["json_schema"]["properties"]
        assert "x-wire" not in json.dumps(told)
        assert "x-calls" not in json.dumps(told)
        cursor = told.get("default_cursor_field", [])
        assert all(field in properties for field in cursor)
        incremental = "incremental" in told["supported_sync_modes"]
        assert incremental is bool(cursor)
        assert incremental is told["is_resumable"]
        assert incremental is told.get("source_defined_cursor", False)


def test_streams_are_incremental_where_the_tap_is_and_snapshots_never_overwritten(
    discovered: Json,
) -> None:
    modes = {s["name"]: s["supported_sync_modes"] for s in discovered["streams"]}
    assert modes.pop("snapshots") == ["incremental"]
    for stream in streams.STREAMS:
        if stream.name in modes:
            incremental = issubclass(stream, StatefulStream)
            modes_of = ["full_refresh", *["incremental"] * incremental]
            assert modes[stream.name] == modes_of


def test_version_1_has_the_streams_that_it_can_read(tmp_path: Path) -> None:
    config = {"credentials": {"api_version": "1", "auth_token": AUTH_TOKEN}}
    found = source(tmp_path, "discover", config).catalog["streams"]
    assert {stream["name"] for stream in found} == {
        stream.name
        for stream in streams.STREAMS
        if versions.VERSIONS["1"].has_call(stream.endpoint)
    }


def test_without_the_models_one_sentence_says_what_to_install() -> None:
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
    ("files", "said"),
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
def test_a_file_that_can_not_be_used_is_told_in_one_sentence(
    tmp_path: Path, discovered: Json, files: Json, said: str
) -> None:
    (campaigns,) = (s for s in discovered["streams"] if s["name"] == "campaigns")
    good: Json = {
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
    written: Messages = source(tmp_path, "read", **good | files)
    assert written.status == 1
    (error,) = written.errors
    assert said in error["message"]
    assert error["failure_type"] == "config_error"
    assert not written.records


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
def test_a_file_that_can_not_be_read_is_told_by_its_option(
    tmp_path: Path, configure: t.Any, option: str
) -> None:
    good = {"config": {"data_center": "sandbox"}, "catalog": configure("campaigns")}
    line = arguments(tmp_path, "read", **good, state=[])
    place = line.index(f"--{option}") + 1
    # A folder, and nothing.
    for path in (tmp_path, tmp_path / "nowhere"):
        line[place] = str(path)
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(written):
            assert run(line) == 1
        written.seek(0)
        (error,) = Messages(written.read()).errors
        assert f"--{option}" in error["message"]
        assert error["failure_type"] == "config_error"


@pytest.mark.parametrize("properties", [None, [], {"x": None}])
def test_a_schema_without_columns_is_none_of_ours(
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
def test_a_catalog_of_another_source_or_mode_is_refused(
    tmp_path: Path, configure: t.Any, change: Json
) -> None:
    catalog = configure("campaigns", **change)
    written = source(tmp_path, "read", {"data_center": "sandbox"}, catalog)
    assert written.status == 1
    assert [error["failure_type"] for error in written.errors] == ["config_error"]
