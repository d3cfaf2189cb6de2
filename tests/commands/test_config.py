"""`config describe` shows settings with their source and without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.commands.config import describe
from tap_zohocampaigns.settings import tap as tap_settings

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))


def by_name(rows: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["value"], row["source"]) for row in rows}


def test_each_setting_is_shown_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"page_size": 200, "client_secret": "planted"}))
    monkeypatch.setenv("TAP_ZOHOCAMPAIGNS_PAGE_SIZE", "300")
    monkeypatch.setenv("TAP_ZOHOCAMPAIGNS_LOOKBACK_DAYS", "7")
    monkeypatch.setenv("TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN", "planted")
    rows = by_name(describe(["ENV", str(path)]))
    assert rows.keys() == tap_settings.SCHEMA["properties"].keys()
    assert rows["page_size"] == ("200", str(path))
    assert rows["lookback_days"] == ("7", "environment")
    assert rows["refresh_token"] == ("********", "environment")
    assert rows["client_secret"] == ("********", str(path))
    assert rows["data_center"] == ("us", "default")
    assert rows["timezone"] == ("", "default")


def test_quotes_in_a_value_are_shown_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"timezone": 'a "b"', "cvids": ["1"]}))
    rows = by_name(describe([str(path)]))
    assert rows["timezone"][0] == 'a "b"'
    assert rows["cvids"][0] == '["1"]'


def test_unreadable_env_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"TAP_ZOHOCAMPAIGNS_CLIENT_ID=planted\xff")
    with pytest.raises(SettingError, match=r"\.env") as caught:
        describe(["ENV"])
    assert "planted" not in str(caught.value)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_command_reads_the_env_file(tmp_path: Path, format_: str) -> None:
    (tmp_path / ".env").write_text("TAP_ZOHOCAMPAIGNS_DATA_CENTER=eu\n")
    environment: dict[str, t.Any] = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TAP_ZOHOCAMPAIGNS_")
    }
    done = subprocess.run(
        [TAP, "config", "describe", f"--format={format_}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
    )
    assert done.stderr == ""
    if format_ == "json":
        assert by_name(json.loads(done.stdout))["data_center"] == ("eu", ".env")
    else:
        (line,) = [
            line for line in done.stdout.splitlines() if line.startswith("data_center")
        ]
        assert line.split() == ["data_center", "eu", ".env"]
