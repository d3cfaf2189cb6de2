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
    lines,
    record,
    run_target,
    schema,
)
from tests.target.conftest import ANNA_WITH_PLUS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


def test_a_line_a_minute_and_a_summary(
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


def test_numbers_are_told_in_short() -> None:
    assert ranges([7, 1, 2, 3]) == "1-3, 7"
    assert ranges(range(1, 100, 2)).count(",") == 20
    assert ranges(range(1, 100, 2)).endswith("39, …")


def test_settings_are_told_without_their_values() -> None:
    config = complete(
        {
            "data_center": "sandbox",
            "streams": {"x": "planted"},
            "max_writes": 0,
            "client_secret": ["planted"],
        }
    )
    found = problems(config)
    assert len(found) == 3
    assert all("planted" not in sentence for sentence in found)
    assert any("`streams` must be one of: subscribe" in sentence for sentence in found)


def test_a_home_that_is_nobodys_is_told_at_once() -> None:
    files = dict.fromkeys(("rate_limit_ledger", "reject_file"), "~planted-nobody/x")
    assert problems(complete({"data_center": "sandbox"} | files)) == [
        f"Setting `{name}` is in the home of a user who is not known." for name in files
    ]


def test_maps_of_streams_that_have_no_such_form_are_told() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    config = complete({"data_center": "sandbox", "stream_maps": {"x": 3}})
    told = "Setting `stream_maps` has a value of another form than it needs."
    assert problems(config) == [told]


@pytest.mark.parametrize("plugin", [TargetZohoCampaigns, TapZohoCampaigns])
@pytest.mark.parametrize(
    ("setting", "text", "kind"),
    [
        ("rate_limit_calls", "planted", "integer"),
        ("stream_maps", "planted", "object"),
        ("flattening_enabled", "planted", "boolean"),
    ],
)
def test_a_word_of_the_environment_that_is_not_understood_is_told(
    monkeypatch: pytest.MonkeyPatch,
    plugin: type[TargetZohoCampaigns | TapZohoCampaigns],
    setting: str,
    text: str,
    kind: str,
) -> None:
    prefix = plugin.name.upper().replace("-", "_")
    monkeypatch.setenv(f"{prefix}_DATA_CENTER", "sandbox")
    monkeypatch.setenv(f"{prefix}_{setting.upper()}", text)
    with pytest.raises(ConfigValidationError) as raised:
        plugin(parse_env_config=True)
    assert raised.value.errors == [f"Setting `{setting}` must be of the type {kind}."]


@pytest.mark.parametrize(
    ("text", "dry"),
    [("", True), ("True", True), ("1", True), ("FALSE", False), ("off", False)],
)
def test_only_a_word_that_says_so_switches_the_rehearsal_off(
    monkeypatch: pytest.MonkeyPatch, text: str, *, dry: bool
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
    assert (target.settings["dry_run"], target.settings["max_writes"]) == (dry, 7)
    assert target.settings["streams"] == {"left": "unsubscribe"}


def test_settings_of_databases_are_not_offered() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    known = TargetZohoCampaigns.config_jsonschema["properties"]
    assert "stream_maps" in known
    assert not {"load_method", "batch_size_rows", "add_record_metadata"} & known.keys()


def test_a_stream_whose_keys_are_missing_breaks_the_rules(service: Service) -> None:
    text = lines([schema("subscribe", "id"), record("subscribe", ANNA_WITH_PLUS)])
    with pytest.raises(MissingKeyPropertiesError):
        run_target(service, text)
