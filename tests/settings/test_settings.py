"""Settings: names that are mistyped, and values that make no sense."""

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


def told(plugin: Plugin, **config: t.Any) -> list[str]:
    """Return what is wrong with settings."""
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
def test_a_name_that_resembles_a_setting_ends_the_run_and_both_are_named(
    name: str, meant: str
) -> None:
    sentence = f"There is no setting `{name}`: write `{meant}`, or leave it out."
    assert told(TapZohoCampaigns, **{name: "planted"}) == [sentence]
    assert flatten(SANDBOX | {"credentials": {name: "planted"}})[name] == "planted"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("list_keys", "list_key"), ("dryRun", "dry_run"), ("max_write", "max_writes")],
)
def test_so_does_one_of_the_target(name: str, meant: str) -> None:
    sentence = f"There is no setting `{name}`: write `{meant}`, or leave it out."
    assert told(TargetZohoCampaigns, **{name: 1}) == [sentence]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_any_other_name_is_told_in_one_warning(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    others = {"colour": "planted", "owner": 1, "a@b.example": 1, "later": None}
    assert told(plugin, **others) == []
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == ["Ignored, as there are no such settings: colour, owner, ***"]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_what_the_sdk_and_meltano_pass_is_known(
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
    assert told(plugin, **passed) == []
    assert "no such settings" not in caplog.text


@pytest.mark.parametrize("plugin", PLUGINS)
def test_names_of_the_environment_are_judged_too(
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
    (sentence,) = raised.value.errors
    assert "no setting `rate_limit_call`: write `rate_limit_calls`" in sentence


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_number_has_bounds(plugin: Plugin) -> None:
    told(plugin)
    properties = plugin.config_jsonschema["properties"]
    numbers = {
        n: about for n, about in properties.items() if "integer" in about["type"]
    }
    assert {"rate_limit_calls", "retry_max_seconds", "flattening_max_depth"} <= {
        *numbers
    }
    for name, about in numbers.items():
        least, most = about["minimum"], about["maximum"]
        for value in (least - 1, -(10**30)):
            assert told(plugin, **{name: value}) == [
                f"Setting `{name}` must be at least {least}."
            ]
        for value in (most + 1, 10**30):
            assert told(plugin, **{name: value}) == [
                f"Setting `{name}` must be at most {most}."
            ]
        for value in (float("nan"), True, "1", [1], 1.5, Decimal("NaN")):
            (sentence,) = told(plugin, **{name: value})
            assert sentence == f"Setting `{name}` must be of the type integer."
        for value in (float("inf"), json.loads("1e400"), Decimal("Infinity")):
            (sentence,) = told(plugin, **{name: value})
            assert f"`{name}`" in sentence
        assert told(plugin, **{name: most}) == []


@pytest.mark.parametrize("value", [4.0, Decimal(4), Decimal("4.0")])
def test_a_whole_number_is_one_however_it_is_written(value: t.Any) -> None:
    tap = TapZohoCampaigns(config=SANDBOX | {"concurrency": value})
    assert type(tap.settings["concurrency"]) is int


@pytest.mark.parametrize(
    ("value", "version"), [(1.1, "1.1"), (Decimal("1.1"), "1.1"), (1, "1"), (1.0, "1")]
)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_version_may_be_a_number(
    plugin: Plugin, value: t.Any, version: str
) -> None:
    assert (
        plugin(config=SANDBOX | {"api_version": value}).settings["api_version"]
        == version
    )
    assert "`api_version`" in told(plugin, api_version=2.5)[0]


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
def test_a_start_outside_of_time_is_told(start: str) -> None:
    (sentence,) = told(TapZohoCampaigns, start_date=start)
    assert "`start_date` must be between" in sentence


@pytest.mark.parametrize("start", ["1900-01-01", "2024-01-31T10:00:00+05:30"])
def test_a_start_in_time_is_taken(start: str) -> None:
    assert TapZohoCampaigns(config=SANDBOX | {"start_date": start}).start


@pytest.mark.parametrize("start", ["yesterday", "2024-13-01", "1", 20240131, ["x"]])
def test_a_start_that_is_no_time_is_told(start: t.Any) -> None:
    (sentence,) = told(TapZohoCampaigns, start_date=start)
    assert "`start_date`" in sentence


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
def test_what_is_no_zone_is_told(zone: str) -> None:
    (sentence,) = told(TapZohoCampaigns, timezone=zone)
    assert "`timezone`" in sentence


@pytest.mark.parametrize("name", ["list_keys", "cvids", "campaign_keys", "actions"])
def test_lists_have_texts_and_none_twice(name: str) -> None:
    good = "openedcontacts" if name == "actions" else "12"
    odd: list[t.Any] = [1, None, {}, [], True]
    for entry in odd:
        assert f"`{name}` must be of the type string" in " ".join(
            told(TapZohoCampaigns, **{name: [good, entry]})
        )
    for blank in ("", " ", "\t"):
        assert f"`{name}`" in told(TapZohoCampaigns, **{name: [good, blank]})[0]
    for value in (good, {good: 1}, 1):
        assert told(TapZohoCampaigns, **{name: value}) == [
            f"Setting `{name}` must be of the type array."
        ]
    tap = TapZohoCampaigns(config=SANDBOX | {name: [good, good]})
    assert tap.settings[name] == [good]


def test_the_sentences_of_names_come_before_those_of_values() -> None:
    schema: dict[str, t.Any] = {"properties": {"page_size": {"maximum": 1}}}
    assert invalid_values({"page_sise": 1, "page_size": 2}, schema) == [
        "There is no setting `page_sise`: write `page_size`, or leave it out.",
        "Setting `page_size` must be at most 1.",
    ]
