"""`doctor` reports each fault in settings, network or account, with a fix."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.commands.checks import Check, Result, worst
from tap_zohocampaigns.commands.doctor import examine
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.tap import TapZohoCampaigns

OPEN_CAMPAIGN = {"run": "2026-01-01T00:00:00.000Z", "open": {"3z": {}}}
TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')
TRY_LATER = Reply(
    200, b'{"status":"error","code":"2603","message":"try after sometime"}'
)


def run_checks(service: Service, **settings: t.Any) -> list[Check]:
    files = {name: settings.pop(name, None) for name in ("state", "catalog")}
    return [*examine(service.config | settings, **files)]


def faults(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.result is not Result.OK]


def the_fault(checks: list[Check]) -> Check:
    (fault,) = faults(checks)
    return fault


def test_healthy_account_has_no_fault_and_needs_few_calls(
    account: LivingAccount,
) -> None:
    with Service(account) as service:
        checks = run_checks(service)
        assert faults(checks) == []
        assert len(service.calls) < 20
        assert service.tokens_asked == 1
    names = [check.name for check in checks]
    assert {"versions", "settings", "clock", "ledger", "credentials", "time zone"} <= {
        *names
    }
    assert sum("scope" in name for name in names) == 4
    # The answers of segments do not name their page size.
    (segments,) = [c for c in checks if c.name == "page size of getsegmentcontacts"]
    assert segments.text == "Zoho does not say it"


def test_capped_page_size_is_reported(account: LivingAccount) -> None:
    with Service(account, clamp=200) as service:
        warnings = faults(run_checks(service))
    assert [check.name for check in warnings] == [
        "page size of getmailinglists",
        "page size of recentcampaigns",
        "page size of getlistsubscribers",
        "page size of getcampaignrecipientsdata",
    ]
    assert all("200 rows" in check.text for check in warnings)


@pytest.mark.parametrize(
    ("content", "result", "text"),
    [
        ("{", Result.FAILED, "JSON"),
        ("[]", Result.FAILED, "state"),
        ('{"bookmarks":{"other":{}}}', Result.FAILED, "none of the streams"),
        ("{}", Result.OK, "0 streams"),
        (
            json.dumps({"bookmarks": {"campaign_recipients": OPEN_CAMPAIGN}}),
            Result.OK,
            "1 open campaign,",
        ),
        ('{"bookmarks":{"segments":{"run":"soon"}}}', Result.OK, "1 stream"),
        ('{"bookmarks":{"campaign_recipients":{"open":null}}}', Result.OK, "0 open"),
        ('{"bookmarks":{"campaign_recipients":{"open":3}}}', Result.OK, "0 open"),
        (
            '{"bookmarks":{"segment_contacts":{"selection":"x","parts":{"1":2}}}}',
            Result.FAILED,
            "`parts` of another form",
        ),
        (
            '{"bookmarks":{"campaigns":{"replication_key_value":"soon"}}}',
            Result.FAILED,
            "no time",
        ),
        (
            '{"bookmarks":{"segments":{"run":"2999-01-01T00:00:00Z"}}}',
            Result.OK,
            "last run 0 days ago",
        ),
        ('{"bookmarks":{"segments":{"run":7}}}', Result.OK, "1 stream"),
        ('{"bookmarks":{"segments":{"run":"2026-01-01"}}}', Result.OK, "1 stream"),
    ],
)
def test_state_file_is_checked(
    account: LivingAccount, tmp_path: Path, content: str, result: Result, text: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    with Service(account) as service:
        checks = run_checks(service, state=str(path))
    (check,) = [check for check in checks if check.name == "state"]
    assert check.result is result
    assert text in check.text


@pytest.mark.parametrize("content", ["{", None])
def test_command_about_a_state_leaves_one_that_can_be_read(
    account: LivingAccount, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "the state.json"
    if content:
        path.write_text(content)
    with Service(account) as service:
        fault = the_fault(run_checks(service, state=str(path)))
        subprocess.run(["sh", "-c", fault.command], check=True)
        assert faults(run_checks(service, state=str(path))) == []


def test_catalog_file_is_checked(account: LivingAccount, tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    with Service(account) as service:
        catalog = TapZohoCampaigns(config=dict(service.config)).discovered()
        path.write_text(json.dumps(catalog))
        assert faults(run_checks(service, catalog=str(path))) == []
        del catalog["streams"][0]["schema"]["properties"]["custom_fields"]
        dropped = catalog["streams"].pop()["tap_stream_id"]
        path.write_text(json.dumps(catalog))
        fault = the_fault(run_checks(service, catalog=str(path)))
        assert fault.result is Result.WARNING
        assert dropped in fault.text
        assert "custom_fields" in fault.text
        path.write_text("{")
        assert the_fault(run_checks(service, catalog=str(path))).result is Result.FAILED


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 0), ({"other": 1}, 1), ({"page_size": 0}, 2)],
)
def test_exit_status_is_that_of_the_worst_check(
    account: LivingAccount, tmp_path: Path, settings: dict[str, t.Any], status: int
) -> None:
    path = tmp_path / "config.json"
    with Service(account) as service:
        path.write_text(json.dumps(service.config | settings))
        as_json = subprocess.run(
            [TAP, "doctor", f"--config={path}", "--format=json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        as_text = subprocess.run(
            [TAP, "doctor", f"--config={path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert as_json.returncode == as_text.returncode == status, as_json.stderr
    checks = json.loads(as_json.stdout)
    assert {"name", "result", "text", "advice", "command"} == checks[0].keys()
    assert as_text.stdout.startswith("check ")
    for secret in ("client_secret", "refresh_token"):
        assert (
            service.config[secret]
            not in as_json.stdout + as_json.stderr + as_text.stdout
        )


def test_version_1_has_no_scopes(account: LivingAccount) -> None:
    with Service(account) as service:
        checks = [*examine(dict(service.config_v1))]
    assert faults(checks) == []
    assert not any("scope" in check.name for check in checks)


def test_redirecting_host_is_no_fault(account: LivingAccount) -> None:
    redirect = Reply(302, b"", {"Location": "https://example.com/"})
    with Service(
        account, intercept=lambda call: None if call.endpoint else redirect
    ) as service:
        checks = run_checks(service)
    assert faults(checks) == []
    assert any("It redirects" in check.text for check in checks)


def test_built_in_sandbox_has_no_shared_ledger() -> None:
    checks = [*examine({"data_center": "sandbox"})]
    assert faults(checks) == []
    (ledger,) = [check for check in checks if check.name == "ledger"]
    assert "not shared" in ledger.text


def test_worst_result_without_checks_is_ok() -> None:
    assert worst([]) is Result.OK
