"""`doctor` reports each fault in settings, network or account, with a fix."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import typing as t
from datetime import timedelta
from pathlib import Path

import pytest

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.commands.checks import Check, Result, worst
from tap_zohocampaigns.commands.doctor import examine
from tap_zohocampaigns.commands.network_checks import network_checks
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sandbox.server.routes import SCOPES
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call

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


@pytest.mark.parametrize(
    ("settings", "name", "text", "advice"),
    [
        ({"client_secret": "planted"}, "credentials", "client_secret", "login"),
        ({"refresh_token": "planted"}, "credentials", "refresh_token", "login"),
        ({"page_size": "x"}, "settings", "page_size", "--about"),
        ({"page_size": 0}, "settings", "page_size", "--about"),
        ({"pagesize": 3}, "settings", "page_size", "--about"),
        ({"timezone": "Mars"}, "settings", "timezone", "--about"),
        ({"start_date": "soon"}, "settings", "start_date", "--about"),
        ({"cvids": ["x"]}, "settings", "cvids", "--about"),
        ({"api_url": "ftp://planted"}, "settings", "api_url", "--about"),
        ({"account_id": "a b"}, "settings", "account_id", "--about"),
        ({"data_center": "mars"}, "settings", "data_center", "--about"),
        ({"rate_limit_ledger": "http://x"}, "ledger", "ledger", "rate_limit_ledger"),
    ],
)
def test_wrong_setting_is_named(
    account: LivingAccount,
    settings: dict[str, t.Any],
    name: str,
    text: str,
    advice: str,
) -> None:
    with Service(account) as service:
        fault = the_fault(run_checks(service, **settings))
    assert (fault.name, fault.result) == (name, Result.FAILED)
    assert text in fault.text
    assert advice in fault.advice
    assert "planted" not in fault.text


def test_unknown_setting_is_a_warning(account: LivingAccount) -> None:
    with Service(account) as service:
        fault = the_fault(run_checks(service, something_else=1))
    assert (fault.name, fault.result) == ("settings", Result.WARNING)
    assert "something_else" in fault.text


def test_client_of_another_data_center_is_found_there(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Service(account) as configured, Service(account) as other:
        data_centers = {
            "us": hosts.Hosts(configured.url, configured.url),
            "eu": hosts.Hosts(other.url, other.url),
        }
        monkeypatch.setattr(hosts, "DATA_CENTERS", data_centers)
        config = {
            name: other.config[name]
            for name in ("client_id", "client_secret", "refresh_token")
        }
        monkeypatch.setattr(
            "tap_zohocampaigns.sandbox.server.accounts._CREDENTIALS",
            {"client_id": "invalid_client"},
        )
        errors = iter(["invalid_client"])
        token_reply = "tap_zohocampaigns.sandbox.server.service.token_reply"

        def refuse_first_request(*_: object) -> Reply:
            if error := next(errors, None):
                body = json.dumps({"error": error}).encode()
                return Reply(200, body, {"Content-Type": "application/json"})
            return Reply(200, b'{"access_token":"1000.a.b","expires_in":3600}')

        monkeypatch.setattr(token_reply, refuse_first_request)
        fault = the_fault([*examine(config)])
    assert fault.name == "credentials"
    assert fault.advice == "set `data_center: eu`, which knows the client"


@pytest.mark.parametrize("scope", SCOPES[:4])
def test_missing_scope_is_a_warning_with_the_login_command(
    account: LivingAccount, scope: str
) -> None:
    scopes = [granted for granted in SCOPES if granted != scope]
    with Service(account, scopes=scopes) as service:
        scope_checks = [
            check for check in run_checks(service) if check.name == f"scope {scope}"
        ]
    (fault,) = scope_checks
    assert fault.result is Result.WARNING
    assert f"login --add-scope {scope}" in fault.advice
    assert "left out" in fault.text


def test_capped_page_size_is_reported(account: LivingAccount) -> None:
    with Service(account, clamp=200) as service:
        warnings = faults(run_checks(service))
    assert [check.name for check in warnings] == [
        "page size of getmailinglists",
        "page size of recentcampaigns",
    ]
    assert all("200 rows" in check.text for check in warnings)


def test_locked_endpoint_is_reported_without_waiting(account: LivingAccount) -> None:
    def lock(call: Call) -> Reply | None:
        return LOCKED if call.endpoint == "workflow" else None

    with Service(account, intercept=lock) as service:
        fault = the_fault(run_checks(service))
        assert "locked" in fault.text
        faults_of_second_run = faults(run_checks(service))
    assert "quota" in {check.name for check in faults_of_second_run}
    assert any("rests until" in check.text for check in faults_of_second_run)


def test_outage_of_the_service_is_reported(account: LivingAccount) -> None:
    with Service(account, intercept=lambda _: TRY_LATER) as service:
        fault = the_fault(run_checks(service))
    assert fault.name == "credentials"
    assert fault.advice == "run `doctor` again later"


def test_unreachable_host_is_reported(account: LivingAccount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Service(account) as service:
        fault = the_fault(run_checks(service, api_url=f"http://127.0.0.1:{port}"))
    assert fault.name == f"network to 127.0.0.1:{port}"
    assert "api_url" in fault.advice


def test_unreachable_proxy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    config = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    network_faults = faults([*examine(config | {"request_timeout": 2})])
    assert {check.name for check in network_faults} == {
        "network to campaigns.zoho.com",
        "network to accounts.zoho.com",
    }
    assert all("proxy" in check.advice for check in network_faults)


@pytest.mark.parametrize("hours", [-2, 2])
def test_skewed_clock_is_a_warning(account: LivingAccount, hours: int) -> None:
    now = time.time() + timedelta(hours=hours).total_seconds()
    with Service(account) as service:
        urls = hosts.Hosts(service.url, service.url)
        fault = the_fault(network_checks(urls, 30, lambda: now))
    assert fault.name == "clock"
    assert fault.result is Result.WARNING
    assert ("ahead" if hours > 0 else "behind") in fault.text


def test_ledger_in_memory_is_reported(account: LivingAccount) -> None:
    with Service(account) as service:
        fault = the_fault(run_checks(service, rate_limit_ledger="memory"))
    assert fault.name == "ledger"
    assert "this run alone" in fault.text


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
    assert {"name", "result", "text", "advice"} == checks[0].keys()
    assert as_text.stdout.startswith("check ")
    for secret in ("client_secret", "refresh_token"):
        assert (
            service.config[secret]
            not in as_json.stdout + as_json.stderr + as_text.stdout
        )


def test_wrong_token_of_version_1_is_reported(account: LivingAccount) -> None:
    with Service(account) as service:
        checks = [*examine(dict(service.config_v1))]
        assert faults(checks) == []
        assert not any("scope" in check.name for check in checks)
        checks_with_wrong_token = [
            *examine(service.config_v1 | {"auth_token": "planted"})
        ]
    fault = the_fault(checks_with_wrong_token)
    assert fault.name == "credentials"
    assert "auth_token" in fault.advice
    assert "planted" not in fault.text


def test_redirecting_host_is_no_fault(account: LivingAccount) -> None:
    redirect = Reply(302, b"", {"Location": "https://example.com/"})
    with Service(
        account, intercept=lambda call: None if call.endpoint else redirect
    ) as service:
        checks = run_checks(service)
    assert faults(checks) == []
    assert "It redirects" in {check.text for check in checks}


def test_built_in_sandbox_has_no_shared_ledger() -> None:
    checks = [*examine({"data_center": "sandbox"})]
    assert faults(checks) == []
    (ledger,) = [check for check in checks if check.name == "ledger"]
    assert "not shared" in ledger.text


def test_worst_result_without_checks_is_ok() -> None:
    assert worst([]) is Result.OK
