"""Settings are shown with their source, and without secrets."""

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


def test_each_setting_has_its_source(
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


def test_a_text_with_quotes_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"timezone": 'a "b"', "cvids": ["1"]}))
    rows = by_name(describe([str(path)]))
    assert rows["timezone"][0] == 'a "b"'
    assert rows["cvids"][0] == '["1"]'


def test_a_file_env_that_can_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"TAP_ZOHOCAMPAIGNS_CLIENT_ID=planted\xff")
    with pytest.raises(SettingError, match=r"\.env") as caught:
        describe(["ENV"])
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_command_reads_a_file_env(tmp_path: Path, form: str) -> None:
    (tmp_path / ".env").write_text("TAP_ZOHOCAMPAIGNS_DATA_CENTER=eu\n")
    clean: dict[str, t.Any] = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TAP_ZOHOCAMPAIGNS_")
    }
    done = subprocess.run(
        [TAP, "config", "describe", f"--format={form}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=clean,
        timeout=60,
    )
    assert done.stderr == ""
    if form == "json":
        assert by_name(json.loads(done.stdout))["data_center"] == ("eu", ".env")
    else:
        (line,) = [x for x in done.stdout.splitlines() if x.startswith("data_center")]
        assert line.split() == ["data_center", "eu", ".env"]
