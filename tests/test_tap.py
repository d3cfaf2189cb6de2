"""The command line: errors have a message and an exit status, and show no secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t

import pytest

from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.tap_command import TAP, error_messages, run_tap_command
from tests.support.taps import Output

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
MOST_LOG_LINES = 40


def test_sandbox_is_read_without_credentials(tmp_path: Path) -> None:
    stdout, stderr = run_tap_command(tmp_path, {"data_center": "sandbox"})
    records = Output(stdout).records
    assert {name: len(rows) for name, rows in records.items()}.items() >= {
        "mailing_lists": 5,
        "segments": 4,
        "campaigns": 30,
        "list_subscriber_counts": 20,
    }.items()
    assert len(stderr.splitlines()) < MOST_LOG_LINES
    assert not ADDRESS.search(stderr)
    assert "campaign_recipients: ended" in stderr
    assert "Skipping" not in stderr
    assert " 1 calls" not in stderr


def test_every_record_follows_the_schema_of_its_stream(
    tmp_path: Path,
) -> None:
    stdout, _ = run_tap_command(
        tmp_path, {"data_center": "sandbox", "actions": ["spamcontacts"]}
    )
    announced = set()
    for message in Output(stdout).messages:
        if message["type"] == "SCHEMA":
            announced.add(message["stream"])
            assert "x-wire" not in json.dumps(message)
            assert "x-calls" not in json.dumps(message)
        elif message["type"] == "RECORD":
            assert message["stream"] in announced


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"data_center": "uk"}, "data_center"),
        ({"client_secret": ""}, "client_secret"),
        ({"refresh_token": None}, "refresh_token"),
        ({"client_secret": 424242424242}, "client_secret"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": "many"}, "page_size"),
        ({"timezone": "Mars/Phobos"}, "timezone"),
        ({"cvids": ["abc"]}, "cvids"),
        ({"actions": ["sentleads"]}, "actions"),
        ({"api_url": "http://campaigns.zoho.com"}, "api_url"),
        ({"accounts_url": "https://me:secret@accounts.zoho.com"}, "accounts_url"),
    ],
)
def test_error_names_the_wrong_setting_and_hides_its_value(
    tmp_path: Path, settings: dict[str, t.Any], named: str
) -> None:
    good = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    _, stderr = run_tap_command(tmp_path, good | settings, status=1)
    assert f"`{named}`" in error_messages(stderr)[0]
    assert "Traceback" not in stderr
    assert "424242424242" not in stderr
    assert "secret@" not in stderr


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"client_id": "1000.WRONG"}, "`client_id`"),
        ({"client_secret": "planted-wrong-secret"}, "`client_secret`"),
        ({"refresh_token": "1000.planted.wrong"}, "`refresh_token`"),
        ({"list_keys": ["3zcut"]}, "`list_keys`"),
        ({"campaign_keys": ["3zcut"]}, "`campaign_keys`"),
        ({"cvids": ["1"], "retry_max_seconds": 0}, "`cvids`"),
    ],
)
def test_error_names_the_setting_that_zoho_refuses(
    tmp_path: Path, service: Service, wrong: dict[str, t.Any], named: str
) -> None:
    stdout, stderr = run_tap_command(tmp_path, service.config | wrong, status=1)
    assert named in error_messages(stderr)[-1]
    assert "Traceback" not in stderr
    assert "planted" not in stderr
    for secret in ("client_secret", "refresh_token"):
        assert service.config[secret] not in stderr + stdout


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("argument", ["--config", "--state", "--catalog"])
def test_invalid_json_file_causes_one_error(tmp_path: Path, argument: str) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{not json")
    _, stderr = run_tap_command(
        tmp_path, {"data_center": "sandbox"}, argument, str(broken), status=1
    )
    assert len(error_messages(stderr)) == 1
    assert argument in error_messages(stderr)[0]
    assert "Traceback" not in stderr


def unknown_code_with_address(call: Call) -> Reply | None:
    if call.endpoint == "recentcampaigns":
        message = (
            "Contact jane.doe@example.com of 1000.aaaabbbbccccddddeeeeffff is odd."
        )
        body = {"status": "error", "code": "9999", "message": message}
        return Reply(200, json.dumps(body).encode())
    return None


def test_unknown_code_fails_the_run_and_shows_no_address(
    tmp_path: Path, service: Service
) -> None:
    service.intercept = unknown_code_with_address
    _, stderr = run_tap_command(tmp_path, service.config, status=1)
    assert "9999" in error_messages(stderr)[-1]
    assert not ADDRESS.search(stderr)
    assert "aaaabbbb" not in stderr


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_no_log_level_shows_a_secret(
    tmp_path: Path, service: Service, format_: str
) -> None:
    config = service.config | {"response_format": format_, "actions": ["spamcontacts"]}
    stdout, stderr = run_tap_command(tmp_path, config, level="DEBUG")
    assert service.tokens_issued == 1
    for secret in ("client_secret", "refresh_token"):
        assert service.config[secret] not in stderr + stdout
    # The sandbox's access tokens have the form of Zoho's.
    assert not re.search(r"1000\.[0-9a-f]{8,}", stderr + stdout)


def test_message_of_an_unexpected_exception_is_not_shown(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from tap_zohocampaigns.streams import campaigns  # noqa: PLC0415
    from tap_zohocampaigns.tap import TapZohoCampaigns  # noqa: PLC0415

    def fail(*_: object) -> None:
        raise KeyError("jane.doe@example.com")  # noqa: EM101

    monkeypatch.setattr(campaigns.Campaigns, "records", fail)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(service.config))
    result = CliRunner().invoke(TapZohoCampaigns.cli, ["--config", str(path)])
    assert result.exit_code == 1
    assert "jane" not in result.stderr


def test_locked_endpoint_fails_the_run_and_is_not_read_as_empty(
    tmp_path: Path, account: LivingAccount
) -> None:
    with Service(account, quota_calls=1, lock_form="2008") as service:
        config = service.config | {
            "rate_limit_lock_seconds": 1,
            "rate_limit_on_lock": "wait",
            "page_size": 10,
        }
        stdout, stderr = run_tap_command(tmp_path, config, status=1)
    assert "locked" in error_messages(stderr)[-1]
    assert '"stream":"campaigns","record"' not in stdout


def test_connection_test_writes_a_record(tmp_path: Path) -> None:
    stdout, _ = run_tap_command(tmp_path, {"data_center": "sandbox"}, "--test")
    assert Output(stdout).records["campaigns"]


def test_settings_are_read_from_the_environment(tmp_path: Path) -> None:
    environment = dict(os.environ) | {
        "TAP_ZOHOCAMPAIGNS_DATA_CENTER": "sandbox",
        "TAP_ZOHOCAMPAIGNS_ACTIONS": '["spamcontacts"]',
    }
    result = subprocess.run(
        [TAP, "--config", "ENV"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
        timeout=120,
    )
    actions = {
        r["action"] for r in Output(result.stdout).records["campaign_recipients"]
    }
    assert actions == {"spamcontacts"}
