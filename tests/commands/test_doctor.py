"""Each fault of settings, network and account is one line with the way out."""

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

OPENED = {"run": "2026-01-01T00:00:00.000Z", "open": {"3z": {}}}
TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
LOCKED = Reply(200, b'{"status":"error","code":"Z101","message":""}')
LATER = Reply(200, b'{"status":"error","code":"2603","message":"try after sometime"}')


def checked(service: Service, **settings: t.Any) -> list[Check]:
    files = {name: settings.pop(name, None) for name in ("state", "catalog")}
    return [*examine(service.config | settings, **files)]


def faults(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.result is not Result.OK]


def the_fault(checks: list[Check]) -> Check:
    (fault,) = faults(checks)
    return fault


def test_a_healthy_account_needs_few_calls_and_has_no_fault(
    account: LivingAccount,
) -> None:
    with Service(account) as service:
        checks = checked(service)
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
def test_a_wrong_setting_is_named(
    account: LivingAccount,
    settings: dict[str, t.Any],
    name: str,
    text: str,
    advice: str,
) -> None:
    with Service(account) as service:
        fault = the_fault(checked(service, **settings))
    assert (fault.name, fault.result) == (name, Result.FAILED)
    assert text in fault.text
    assert advice in fault.advice
    assert "planted" not in fault.text


def test_an_unknown_setting_is_a_warning(account: LivingAccount) -> None:
    with Service(account) as service:
        fault = the_fault(checked(service, something_else=1))
    assert (fault.name, fault.result) == ("settings", Result.WARNING)
    assert "something_else" in fault.text


def test_a_client_of_another_data_center_is_found_there(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Service(account) as here, Service(account) as there:
        theirs = {
            "us": hosts.Hosts(here.url, here.url),
            "eu": hosts.Hosts(there.url, there.url),
        }
        monkeypatch.setattr(hosts, "DATA_CENTERS", theirs)
        config = {
            name: there.config[name]
            for name in ("client_id", "client_secret", "refresh_token")
        }
        monkeypatch.setattr(
            "tap_zohocampaigns.sandbox.server.accounts._CREDENTIALS",
            {"client_id": "invalid_client"},
        )
        answers = iter(["invalid_client"])
        reply = "tap_zohocampaigns.sandbox.server.service.token_reply"

        def first_refuses(*_: object) -> Reply:
            if word := next(answers, None):
                body = json.dumps({"error": word}).encode()
                return Reply(200, body, {"Content-Type": "application/json"})
            return Reply(200, b'{"access_token":"1000.a.b","expires_in":3600}')

        monkeypatch.setattr(reply, first_refuses)
        fault = the_fault([*examine(config)])
    assert fault.name == "credentials"
    assert fault.advice == "set `data_center: eu`, which knows the client"


@pytest.mark.parametrize("scope", SCOPES[:4])
def test_a_missing_scope_names_the_streams_and_the_command(
    account: LivingAccount, scope: str
) -> None:
    scopes = [one for one in SCOPES if one != scope]
    with Service(account, scopes=scopes) as service:
        found = [c for c in checked(service) if c.name == f"scope {scope}"]
    (fault,) = found
    assert fault.result is Result.WARNING
    assert f"login --add-scope {scope}" in fault.advice
    assert "left out" in fault.text


def test_a_small_page_is_told(account: LivingAccount) -> None:
    with Service(account, clamp=200) as service:
        found = faults(checked(service))
    assert [check.name for check in found] == [
        "page size of getmailinglists",
        "page size of recentcampaigns",
    ]
    assert all("200 rows" in check.text for check in found)


def test_a_locked_endpoint_is_told_without_a_wait(account: LivingAccount) -> None:
    def lock(call: Call) -> Reply | None:
        return LOCKED if call.endpoint == "workflow" else None

    with Service(account, intercept=lock) as service:
        fault = the_fault(checked(service))
        assert "locked" in fault.text
        again = faults(checked(service))
    assert "quota" in {check.name for check in again}
    assert any("rests until" in check.text for check in again)


def test_an_outage_of_the_service_is_told(account: LivingAccount) -> None:
    with Service(account, intercept=lambda _: LATER) as service:
        fault = the_fault(checked(service))
    assert fault.name == "credentials"
    assert fault.advice == "run `doctor` again later"


def test_a_host_that_does_not_answer_is_told(account: LivingAccount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Service(account) as service:
        fault = the_fault(checked(service, api_url=f"http://127.0.0.1:{port}"))
    assert fault.name == f"network to 127.0.0.1:{port}"
    assert "api_url" in fault.advice


def test_a_dead_proxy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    config = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    found = faults([*examine(config | {"request_timeout": 2})])
    assert {check.name for check in found} == {
        "network to campaigns.zoho.com",
        "network to accounts.zoho.com",
    }
    assert all("proxy" in check.advice for check in found)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_skewed_clock_is_told(account: LivingAccount, hours: int) -> None:
    now = time.time() + timedelta(hours=hours).total_seconds()
    with Service(account) as service:
        urls = hosts.Hosts(service.url, service.url)
        fault = the_fault(network_checks(urls, 30, lambda: now))
    assert fault.name == "clock"
    assert fault.result is Result.WARNING
    assert ("ahead" if hours > 0 else "behind") in fault.text


def test_a_ledger_of_this_run_alone_is_told(account: LivingAccount) -> None:
    with Service(account) as service:
        fault = the_fault(checked(service, rate_limit_ledger="memory"))
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
            json.dumps({"bookmarks": {"campaign_recipients": OPENED}}),
            Result.OK,
            "1 open campaign,",
        ),
        ('{"bookmarks":{"segments":{"run":"soon"}}}', Result.OK, "1 stream"),
        ('{"bookmarks":{"segments":{"run":7}}}', Result.OK, "1 stream"),
        ('{"bookmarks":{"segments":{"run":"2026-01-01"}}}', Result.OK, "1 stream"),
    ],
)
def test_a_state_is_checked(
    account: LivingAccount, tmp_path: Path, content: str, result: Result, text: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    with Service(account) as service:
        found = [c for c in checked(service, state=str(path)) if c.name == "state"]
    (check,) = found
    assert check.result is result
    assert text in check.text


def test_a_catalog_is_checked(account: LivingAccount, tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    with Service(account) as service:
        catalog = TapZohoCampaigns(config=dict(service.config)).discovered()
        path.write_text(json.dumps(catalog))
        assert faults(checked(service, catalog=str(path))) == []
        del catalog["streams"][0]["schema"]["properties"]["custom_fields"]
        dropped = catalog["streams"].pop()["tap_stream_id"]
        path.write_text(json.dumps(catalog))
        fault = the_fault(checked(service, catalog=str(path)))
        assert fault.result is Result.WARNING
        assert dropped in fault.text
        assert "custom_fields" in fault.text
        path.write_text("{")
        assert the_fault(checked(service, catalog=str(path))).result is Result.FAILED


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 0), ({"other": 1}, 1), ({"page_size": 0}, 2)],
)
def test_the_exit_status_is_that_of_the_worst_check(
    account: LivingAccount, tmp_path: Path, settings: dict[str, t.Any], status: int
) -> None:
    path = tmp_path / "config.json"
    with Service(account) as service:
        path.write_text(json.dumps(service.config | settings))
        done = subprocess.run(
            [TAP, "doctor", f"--config={path}", "--format=json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        table = subprocess.run(
            [TAP, "doctor", f"--config={path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == table.returncode == status, done.stderr
    checks = json.loads(done.stdout)
    assert {"name", "result", "text", "advice"} == checks[0].keys()
    assert table.stdout.startswith("check ")
    for secret in ("client_secret", "refresh_token"):
        assert service.config[secret] not in done.stdout + done.stderr + table.stdout


def test_version_1_has_its_own_advice(account: LivingAccount) -> None:
    with Service(account) as service:
        checks = [*examine(dict(service.config_v1))]
        assert faults(checks) == []
        assert not any("scope" in check.name for check in checks)
        wrong = [*examine(service.config_v1 | {"auth_token": "planted"})]
    fault = the_fault(wrong)
    assert fault.name == "credentials"
    assert "auth_token" in fault.advice
    assert "planted" not in fault.text


def test_a_host_that_redirects_answers(account: LivingAccount) -> None:
    moved = Reply(302, b"", {"Location": "https://example.com/"})
    with Service(
        account, intercept=lambda call: None if call.endpoint else moved
    ) as one:
        checks = checked(one)
    assert faults(checks) == []
    assert "It redirects" in {check.text for check in checks}


def test_a_sandbox_of_its_own_has_no_shared_ledger() -> None:
    checks = [*examine({"data_center": "sandbox"})]
    assert faults(checks) == []
    (ledger,) = [check for check in checks if check.name == "ledger"]
    assert "not shared" in ledger.text


def test_the_worst_of_no_check_is_well() -> None:
    assert worst([]) is Result.OK
