"""The log of a run, and errors in the settings."""

from __future__ import annotations

import logging
import time
import typing as t

import pytest
from singer_sdk.exceptions import (
    ConfigValidationError,
    MissingKeyPropertiesError,
)

from tap_zohocampaigns.settings.target import complete, problems
from tap_zohocampaigns.tap import TapZohoCampaigns
from tap_zohocampaigns.target.report import Report, ranges
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.target import (
    as_lines,
    record,
    run_target,
    schema,
)
from tests.target.conftest import ANNA_WITH_PLUS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


def test_a_line_per_minute_and_one_summary_are_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(time, "localtime", lambda _: (2024, *[1] * 8))
    report = Report(lambda: 1.0, dry=False, every=0.001)
    report.read = 3
    report.count_record("rejected", "subscribe", 2)
    report.start()
    while "Progress" not in caplog.text:
        pass
    assert report.end()
    assert not report.end()
    progress = (
        "3 records read, 0 sent, 0 already in effect, 1 rejected, 0 skipped, 0 calls"
    )
    assert f"Progress: {progress}, waiting until 01:01:01" in caplog.text
    assert caplog.text.count("Summary: 3 records read, 0 sent") == 1
    assert "subscribe, rejected: records 2" in caplog.text


def test_numbers_of_records_are_shortened_to_ranges() -> None:
    assert ranges([7, 1, 2, 3]) == "1-3, 7"
    assert ranges(range(1, 100, 2)).count(",") == 20
    assert ranges(range(1, 100, 2)).endswith("39, …")


def test_errors_of_settings_do_not_show_their_values() -> None:
    config = complete(
        {
            "data_center": "sandbox",
            "streams": {"x": "planted"},
            "max_writes": 0,
            "client_secret": ["planted"],
        }
    )
    messages = problems(config)
    assert len(messages) == 3
    assert all("planted" not in message for message in messages)
    assert any("`streams` must be one of: subscribe" in message for message in messages)


def test_a_path_in_the_home_of_an_unknown_user_is_a_setting_error() -> None:
    files = dict.fromkeys(("rate_limit_ledger", "reject_file"), "~planted-nobody/x")
    assert problems(complete({"data_center": "sandbox"} | files)) == [
        f"Setting `{name}` is in the home of a user who is not known." for name in files
    ]


def test_stream_maps_of_a_wrong_type_are_a_setting_error() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    config = complete({"data_center": "sandbox", "stream_maps": {"x": 3}})
    message = "Setting `stream_maps` has a value of another form than it needs."
    assert problems(config) == [message]


@pytest.mark.parametrize("plugin", [TargetZohoCampaigns, TapZohoCampaigns])
@pytest.mark.parametrize(
    ("setting", "text", "expected_type"),
    [
        ("rate_limit_calls", "planted", "integer"),
        ("stream_maps", "planted", "object"),
        ("flattening_enabled", "planted", "boolean"),
    ],
)
def test_an_environment_variable_of_a_wrong_type_is_a_setting_error(
    monkeypatch: pytest.MonkeyPatch,
    plugin: type[TargetZohoCampaigns | TapZohoCampaigns],
    setting: str,
    text: str,
    expected_type: str,
) -> None:
    prefix = plugin.name.upper().replace("-", "_")
    monkeypatch.setenv(f"{prefix}_DATA_CENTER", "sandbox")
    monkeypatch.setenv(f"{prefix}_{setting.upper()}", text)
    with pytest.raises(ConfigValidationError) as raised:
        plugin(parse_env_config=True)
    assert raised.value.errors == [
        f"Setting `{setting}` must be of the type {expected_type}."
    ]


@pytest.mark.parametrize(
    ("text", "dry_run"),
    [("", True), ("True", True), ("1", True), ("FALSE", False), ("off", False)],
)
def test_only_a_false_value_switches_the_dry_run_off(
    monkeypatch: pytest.MonkeyPatch, text: str, *, dry_run: bool
) -> None:
    settings = {
        "DATA_CENTER": "sandbox",
        "DRY_RUN": text,
        "MAX_WRITES": "7",
        "STREAMS": '{"left": "unsubscribe"}',
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"TARGET_ZOHOCAMPAIGNS_{name}", value)
    target = TargetZohoCampaigns(parse_env_config=True)
    assert (target.settings["dry_run"], target.settings["max_writes"]) == (dry_run, 7)
    assert target.settings["streams"] == {"left": "unsubscribe"}


def test_sdk_settings_for_databases_are_not_listed() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    properties = TargetZohoCampaigns.config_jsonschema["properties"]
    assert "stream_maps" in properties
    assert (
        not {"load_method", "batch_size_rows", "add_record_metadata"}
        & properties.keys()
    )


def test_a_record_without_a_key_property_is_an_error(service: Service) -> None:
    text = as_lines([schema("subscribe", "id"), record("subscribe", ANNA_WITH_PLUS)])
    with pytest.raises(MissingKeyPropertiesError):
        run_target(service, text)
