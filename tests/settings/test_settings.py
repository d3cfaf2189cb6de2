"""Settings: mistyped names and invalid values."""

from __future__ import annotations

import json
import typing as t
from decimal import Decimal

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_zohocampaigns.airbyte.spec import flatten
from tap_zohocampaigns.settings.checks import invalid_values
from tap_zohocampaigns.tap import TapZohoCampaigns
from tap_zohocampaigns.target.target import TargetZohoCampaigns

if t.TYPE_CHECKING:
    Plugin: t.TypeAlias = type[TapZohoCampaigns | TargetZohoCampaigns]

PLUGINS: list[Plugin] = [TapZohoCampaigns, TargetZohoCampaigns]
SANDBOX = {"data_center": "sandbox"}


def config_errors(plugin: Plugin, **config: t.Any) -> list[str]:
    """Return the validation errors of a configuration."""
    try:
        plugin(config=SANDBOX | config)
    except ConfigValidationError as error:
        return [*error.errors]
    return []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lookback_day", "lookback_days"),
        ("campaign_key", "campaign_keys"),
        ("startDate", "start_date"),
        ("start-date", "start_date"),
        ("page_sise", "page_size"),
        ("PAGE_SIZE", "page_size"),
        ("list_key", "list_keys"),
        ("cvid", "cvids"),
        ("action", "actions"),
        ("stream_map", "stream_maps"),
    ],
)
def test_mistyped_setting_of_the_tap_is_an_error_with_the_correct_name(
    name: str, meant: str
) -> None:
    message = f"There is no setting `{name}`: write `{meant}`, or leave it out."
    assert config_errors(TapZohoCampaigns, **{name: "planted"}) == [message]
    assert flatten(SANDBOX | {"credentials": {name: "planted"}})[name] == "planted"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("list_keys", "list_key"), ("dryRun", "dry_run"), ("max_write", "max_writes")],
)
def test_mistyped_setting_of_the_target_is_an_error_with_the_correct_name(
    name: str, meant: str
) -> None:
    message = f"There is no setting `{name}`: write `{meant}`, or leave it out."
    assert config_errors(TargetZohoCampaigns, **{name: 1}) == [message]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_other_unknown_names_are_one_warning(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = {"colour": "planted", "owner": 1, "a@b.example": 1, "later": None}
    assert config_errors(plugin, **unknown) == []
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == ["Ignored, as there are no such settings: colour, owner, ***"]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_settings_of_the_sdk_and_meltano_are_known(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    passed = {
        "stream_maps": {},
        "stream_map_config": {},
        "faker_config": {},
        "flattening_enabled": False,
        "flattening_max_depth": 0,
        "batch_config": {},
        "batch_size_rows": 1,
        "add_record_metadata": True,
        "load_method": "upsert",
        "_select": [],
        "__injected": {},
    }
    assert config_errors(plugin, **passed) == []
    assert "no such settings" not in caplog.text


@pytest.mark.parametrize("plugin", PLUGINS)
def test_names_of_environment_variables_are_checked(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = plugin.name.upper().replace("-", "_")
    known = {
        "DATA_CENTER": "sandbox",
        "LOGLEVEL": "info",
        "_CATALOG": "catalog.json",
        "_SELECT": "[]",
        "STREAM_MAP_CONFIG_HASH_SEED": "x",
        "EMPTY": "",
    }
    for name, value in known.items():
        monkeypatch.setenv(f"{prefix}_{name}", value)
    plugin(parse_env_config=True)
    assert "no such settings" not in caplog.text
    monkeypatch.setenv(f"{prefix}_COLOUR", "planted")
    plugin(parse_env_config=True)
    assert "no such settings: colour" in caplog.text
    monkeypatch.setenv(f"{prefix}_RATE_LIMIT_CALL", "planted")
    with pytest.raises(ConfigValidationError) as raised:
        plugin(parse_env_config=True)
    (message,) = raised.value.errors
    assert "no setting `rate_limit_call`: write `rate_limit_calls`" in message


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_integer_setting_has_bounds(plugin: Plugin) -> None:
    # A plugin adds the SDK's own settings to its schema when it is created.
    plugin(config=dict(SANDBOX))
    properties = plugin.config_jsonschema["properties"]
    numbers = {
        name: schema
        for name, schema in properties.items()
        if "integer" in schema["type"]
    }
    assert {"rate_limit_calls", "retry_max_seconds", "flattening_max_depth"} <= {
        *numbers
    }
    for name, schema in numbers.items():
        minimum, maximum = schema["minimum"], schema["maximum"]
        for value in (minimum - 1, -(10**30)):
            assert config_errors(plugin, **{name: value}) == [
                f"Setting `{name}` must be at least {minimum}."
            ]
        for value in (maximum + 1, 10**30):
            assert config_errors(plugin, **{name: value}) == [
                f"Setting `{name}` must be at most {maximum}."
            ]
        for value in (float("nan"), True, "1", [1], 1.5, Decimal("NaN")):
            (message,) = config_errors(plugin, **{name: value})
            assert message == f"Setting `{name}` must be of the type integer."
        for value in (float("inf"), json.loads("1e400"), Decimal("Infinity")):
            (message,) = config_errors(plugin, **{name: value})
            assert f"`{name}`" in message
        assert config_errors(plugin, **{name: maximum}) == []


@pytest.mark.parametrize("value", [4.0, Decimal(4), Decimal("4.0")])
def test_whole_number_may_be_a_float_or_a_decimal(value: t.Any) -> None:
    tap = TapZohoCampaigns(config=SANDBOX | {"concurrency": value})
    assert type(tap.settings["concurrency"]) is int


@pytest.mark.parametrize(
    ("value", "version"), [(1.1, "1.1"), (Decimal("1.1"), "1.1"), (1, "1"), (1.0, "1")]
)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_api_version_may_be_a_number(
    plugin: Plugin, value: t.Any, version: str
) -> None:
    assert (
        plugin(config=SANDBOX | {"api_version": value}).settings["api_version"]
        == version
    )
    assert "`api_version`" in config_errors(plugin, api_version=2.5)[0]


@pytest.mark.parametrize(
    "start",
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2999-01-01",
        "1899-12-31",
    ],
)
def test_start_date_out_of_range_is_an_error(start: str) -> None:
    (message,) = config_errors(TapZohoCampaigns, start_date=start)
    assert "`start_date` must be between" in message


@pytest.mark.parametrize("start", ["1900-01-01", "2024-01-31T10:00:00+05:30"])
def test_start_date_in_range_is_accepted(start: str) -> None:
    assert TapZohoCampaigns(config=SANDBOX | {"start_date": start}).start


@pytest.mark.parametrize("start", ["yesterday", "2024-13-01", "1", 20240131, ["x"]])
def test_invalid_start_date_is_an_error(start: t.Any) -> None:
    (message,) = config_errors(TapZohoCampaigns, start_date=start)
    assert "`start_date`" in message


@pytest.mark.parametrize(
    "zone",
    [
        *(
            "/etc/localtime",
            "/etc",
            "../UTC",
            "America",
            "America/",
            ".",
            " ",
            "zone.tab",
        ),
        *("\0", "a" * 5000, "\ud800", "Mars/Phobos", "UTC\n"),
    ],
)
def test_invalid_timezone_is_an_error(zone: str) -> None:
    (message,) = config_errors(TapZohoCampaigns, timezone=zone)
    assert "`timezone`" in message


@pytest.mark.parametrize("name", ["list_keys", "cvids", "campaign_keys", "actions"])
def test_list_settings_reject_other_types_and_drop_duplicates(name: str) -> None:
    valid = "openedcontacts" if name == "actions" else "12"
    wrong_types: list[t.Any] = [1, None, {}, [], True]
    for entry in wrong_types:
        assert f"`{name}` must be of the type string" in " ".join(
            config_errors(TapZohoCampaigns, **{name: [valid, entry]})
        )
    for blank in ("", " ", "\t"):
        assert (
            f"`{name}`" in config_errors(TapZohoCampaigns, **{name: [valid, blank]})[0]
        )
    for value in (valid, {valid: 1}, 1):
        assert config_errors(TapZohoCampaigns, **{name: value}) == [
            f"Setting `{name}` must be of the type array."
        ]
    tap = TapZohoCampaigns(config=SANDBOX | {name: [valid, valid]})
    assert tap.settings[name] == [valid]


def test_errors_about_names_come_before_errors_about_values() -> None:
    schema: dict[str, t.Any] = {"properties": {"page_size": {"maximum": 1}}}
    assert invalid_values({"page_sise": 1, "page_size": 2}, schema) == [
        "There is no setting `page_sise`: write `page_size`, or leave it out.",
        "Setting `page_size` must be at most 1.",
    ]
