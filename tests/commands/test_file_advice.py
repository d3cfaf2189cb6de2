"""The commands of `doctor`, if the settings come from files."""

from __future__ import annotations

import json
import shlex
import typing as t

import pytest
from click.testing import CliRunner

from tap_zohocampaigns.commands.checks import AGAIN, DESCRIBE, LOGIN, Check, Result
from tap_zohocampaigns.commands.doctor import command as doctor
from tap_zohocampaigns.commands.file_advice import for_files
from tap_zohocampaigns.sandbox import LivingAccount, Service

if t.TYPE_CHECKING:
    from pathlib import Path

SET = "export TAP_ZOHOCAMPAIGNS_PAGE_SIZE=200"
UNSET = "unset TAP_ZOHOCAMPAIGNS_API_URL"
LEDGER = 'export TAP_ZOHOCAMPAIGNS_RATE_LIMIT_LEDGER="$HOME/quota.sqlite3"'
SHOW = f"{DESCRIBE} --config=a.json"
BOTH = "--config=a.json --config=ENV"


@pytest.mark.parametrize(
    ("command", "paths", "expected", "advice"),
    [
        (SET, [], SET, "do it"),
        (SET, ["ENV"], SET, "do it"),
        (SET, ["a.json"], SHOW, "do it: set `page_size` to 200 in a.json"),
        (SET, ["a.json", "ENV"], SET, "do it"),
        (UNSET, ["a.json"], SHOW, "do it: remove `api_url` from a.json"),
        (
            UNSET,
            ["a.json", "ENV"],
            f"{DESCRIBE} {BOTH}",
            "do it: remove `api_url` from a.json",
        ),
        (
            LEDGER,
            ["a.json"],
            SHOW,
            "do it: set `rate_limit_ledger` to /me/quota.sqlite3 in a.json",
        ),
        (
            LOGIN,
            ["a.json"],
            f"{LOGIN} --config=a.json --print",
            "do it; put what it prints into a.json",
        ),
        (LOGIN, ["a.json", "ENV"], f"{LOGIN} {BOTH}", "do it"),
        (AGAIN, ["a b.json"], f"{AGAIN} --config='a b.json'", "do it"),
        (DESCRIBE, ["a.json"], SHOW, "do it"),
        (
            "tap-zohocampaigns --config=ENV --discover > c",
            ["a.json"],
            "tap-zohocampaigns --config=a.json --discover > c",
            "do it",
        ),
        ("unset https_proxy", ["a.json"], "unset https_proxy", "do it"),
    ],
)
def test_commands_reach_the_settings_that_were_read(
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    paths: list[str],
    expected: str,
    *,
    advice: str,
) -> None:
    monkeypatch.setenv("HOME", "/me")
    check = Check("x", Result.FAILED, "y", "do it", command)
    new = for_files(check, paths, {"api_url"})
    assert (new.command, new.advice) == (expected, advice)


def test_report_about_a_file_names_the_file(
    account: LivingAccount, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    with Service(account) as service:
        path.write_text(json.dumps(service.config | {"page_size": 0}))
        arguments = [f"--config={path}", "--format=json"]
        output = CliRunner().invoke(doctor, arguments).stdout
    (fault,) = [check for check in json.loads(output) if check["command"]]
    assert fault["command"] == f"{DESCRIBE} --config={shlex.quote(str(path))}"
