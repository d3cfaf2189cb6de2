"""Thirty and more faults: `doctor` finds each, in a sentence with a command."""

from __future__ import annotations

import json
import socket
import ssl
import time
import typing as t
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.commands import doctor, network_checks
from tap_zohocampaigns.commands.checks import Check, Result
from tap_zohocampaigns.commands.doctor import as_parts, examine
from tap_zohocampaigns.commands.tables import as_text
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sandbox.server.routes import SCOPES
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.calls import answers_in_order
from tests.support.certificates import CERTIFICATE, PRIVATE_KEY
from tests.support.zoho import Zoho, success

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

LOGIN = "tap-zohocampaigns login"
DESCRIBE = "tap-zohocampaigns config describe"
DISCOVER = "--discover > "
AGAIN = "tap-zohocampaigns doctor"
LEDGER = 'export TAP_ZOHOCAMPAIGNS_RATE_LIMIT_LEDGER="$HOME/zoho-quota.sqlite3"'


class Fault(t.NamedTuple):
    """A fault, and how `doctor` reports it."""

    check: str
    text: str
    command: str
    settings: Mapping[str, t.Any] = {}
    service: Mapping[str, t.Any] = {}
    result: Result = Result.FAILED


def answer(
    endpoint: str, code: str, message: str = ""
) -> Callable[[Call], Reply | None]:
    """Answer an endpoint with an error; `*` is all of them."""
    body = json.dumps({"status": "error", "code": code, "message": message}).encode()

    def intercept(call: Call) -> Reply | None:
        return Reply(200, body) if endpoint in {"*", call.endpoint} else None

    return intercept


def without_scope(scope: str) -> Fault:
    scopes = [granted for granted in SCOPES if granted != scope]
    return Fault(
        f"scope {scope}",
        "left out",
        f"{LOGIN} --add-scope {scope}",
        service={"scopes": scopes},
        result=Result.WARNING,
    )


def without_right(endpoint: str, code: str) -> Fault:
    return Fault(
        f"rights for {endpoint}",
        f"code {code}",
        LOGIN,
        service={"intercept": answer(endpoint, code)},
        result=Result.WARNING,
    )


def wrong_setting(name: str, value: object) -> Fault:
    return Fault("settings", f"`{name}`", DESCRIBE, {name: value})


FAULTS = {
    "client secret wrong": Fault(
        "credentials", "`client_secret`", LOGIN, {"client_secret": "planted"}
    ),
    "refresh token revoked": Fault(
        "credentials", "`refresh_token`", LOGIN, {"refresh_token": "planted"}
    ),
    "not logged in": Fault(
        "settings", "`refresh_token`", LOGIN, {"refresh_token": None}
    ),
    "no client": Fault("settings", "`client_id`", LOGIN, {"client_id": None}),
    "scope of contacts missing": without_scope(SCOPES[0]),
    "scope of campaigns missing": without_scope(SCOPES[1]),
    "scope of workflows missing": without_scope("ZohoCampaigns.workflow.READ"),
    "no right to see contacts": without_right("getmailinglists", "2706"),
    "no right to see campaigns": without_right("recentcampaigns", "6601"),
    "no right to see workflows": without_right("workflow", "9008"),
    "service down": Fault(
        "credentials",
        "try after",
        AGAIN,
        service={"intercept": answer("*", "2603", "try after sometime")},
    ),
    "endpoint locked by another program": Fault(
        "scope ZohoCampaigns.workflow.READ",
        "locked",
        AGAIN,
        service={"intercept": answer("workflow", "Z101")},
    ),
    "small pages": Fault(
        "page size of getmailinglists",
        "200 rows, not 500",
        "export TAP_ZOHOCAMPAIGNS_PAGE_SIZE=200",
        service={"clamp": 200},
        result=Result.WARNING,
    ),
    "page size no number": wrong_setting("page_size", "x"),
    "page size out of bounds": wrong_setting("page_size", 0),
    "time zone unknown": wrong_setting("timezone", "Mars"),
    "start date no time": wrong_setting("start_date", "soon"),
    "segment no number": wrong_setting("cvids", ["x"]),
    "data center unknown": wrong_setting("data_center", "mars"),
    "API URL of another kind": wrong_setting("api_url", "ftp://planted"),
    "account ID with a space": wrong_setting("account_id", "a b"),
    "actions unknown": wrong_setting("actions", ["bounced"]),
    "format unknown": wrong_setting("response_format", "yaml"),
    "setting misspelt": Fault(
        "settings",
        "something_else",
        DESCRIBE,
        {"something_else": 1},
        result=Result.WARNING,
    ),
    "ledger of this run alone": Fault(
        "ledger",
        "this run alone",
        LEDGER,
        {"rate_limit_ledger": "memory"},
        result=Result.WARNING,
    ),
    "ledger of another kind": Fault(
        "ledger",
        "`rate_limit_ledger`",
        LEDGER,
        {"rate_limit_ledger": "https://x:planted@y"},
    ),
    "ledger in a Redis that is away": Fault(
        "ledger",
        "Redis",
        LEDGER,
        {"rate_limit_ledger": "redis://:planted@127.0.0.1:9"},
    ),
    "ledger in a folder that can't be made": Fault(
        "ledger",
        "each run counts its own",
        LEDGER,
        {"rate_limit_ledger": "/dev/null/quota.sqlite3"},
        result=Result.WARNING,
    ),
    "host name unknown": Fault(
        "DNS of nowhere.invalid",
        "name of the host",
        "unset TAP_ZOHOCAMPAIGNS_API_URL",
        {"api_url": "https://nowhere.invalid"},
    ),
    "token host name unknown": Fault(
        "DNS of nowhere.invalid",
        "name of the host",
        "unset TAP_ZOHOCAMPAIGNS_ACCOUNTS_URL",
        {"accounts_url": "https://nowhere.invalid"},
    ),
}


def faults_of(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.result is not Result.OK]


def check_fault(fault: Fault, checks: list[Check]) -> None:
    """Check that the report has the fault, a way out for each, and no secret."""
    found = faults_of(checks)
    report = as_text(as_parts(checks))
    assert "planted" not in report
    for check in found:
        assert check.advice, check
        assert f"{check.name}: {check.advice}\n    {check.command}" in report
    named = {check.name: check for check in found}
    assert fault.check in named, found
    check = named[fault.check]
    assert check.result is fault.result
    assert fault.text in check.text
    assert fault.command in check.command


@pytest.mark.parametrize("name", FAULTS)
def test_fault_has_a_sentence_and_a_command(account: LivingAccount, name: str) -> None:
    fault = FAULTS[name]
    with Service(account, **fault.service) as service:
        config = {**service.config, **fault.settings}
        check_fault(fault, [*examine(config)])


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("name", ["api_url", "accounts_url"])
def test_closed_port_is_found(account: LivingAccount, name: str) -> None:
    port = closed_port()
    fault = Fault(f"network of 127.0.0.1:{port}", "refused", f"{name.upper()}")
    with Service(account) as service:
        url = {name: f"http://127.0.0.1:{port}"}
        check_fault(fault, [*examine(service.config | url)])


def test_host_that_never_answers_is_found(account: LivingAccount) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        service = stack.enter_context(Service(account))
        port = silent.getsockname()[1]
        settings = {"api_url": f"http://127.0.0.1:{port}", "request_timeout": 1}
        fault = Fault(
            f"network of 127.0.0.1:{port}",
            "`request_timeout`",
            "export TAP_ZOHOCAMPAIGNS_REQUEST_TIMEOUT=300",
        )
        check_fault(fault, [*examine(service.config | settings)])


def test_certificate_that_is_not_trusted_is_found(
    account: LivingAccount, tmp_path: Path
) -> None:
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with (
        Zoho(answers_in_order(success()), tls=tls) as zoho,
        Service(account) as service,
    ):
        host = zoho.url.removeprefix("https://")
        fault = Fault(f"TLS of {host}", "not trusted", "export REQUESTS_CA_BUNDLE=")
        check_fault(fault, [*examine(service.config | {"api_url": zoho.url})])


def test_host_without_tls_is_found(account: LivingAccount) -> None:
    with Service(account) as service:
        url = service.url.replace("http:", "https:")
        fault = Fault(
            f"TLS of {url.removeprefix('https://')}",
            "no secure connection",
            "unset TAP_ZOHOCAMPAIGNS_API_URL",
        )
        check_fault(fault, [*examine(service.config | {"api_url": url})])


def test_dead_proxy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:planted@127.0.0.1:9")
    fault = Fault("proxy of campaigns.zoho.com", "proxy", "unset https_proxy")
    config = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    check_fault(fault, [*examine(config | {"request_timeout": 2})])


@pytest.mark.parametrize(("hours", "text"), [(-2, "s behind"), (2, "s ahead")])
def test_skewed_clock_is_found(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch, hours: int, text: str
) -> None:
    # The sandbox has the clock of this machine, so the clock of the check is wrong.
    now = time.time() + timedelta(hours=hours).total_seconds()
    skewed = partial(network_checks.network_checks, wall=lambda: now)
    monkeypatch.setattr(doctor, "network_checks", skewed)
    fault = Fault("clock", text, "timedatectl set-ntp", result=Result.WARNING)
    with Service(account) as service:
        check_fault(fault, [*examine(dict(service.config))])


def test_endpoint_at_rest_is_found(account: LivingAccount) -> None:
    with Service(account, intercept=answer("workflow", "Z101")) as service:
        assert faults_of([*examine(dict(service.config))])
        service.intercept = None
        fault = Fault("quota", "workflow rests until", AGAIN, result=Result.WARNING)
        checks = [*examine(dict(service.config))]
    named = [check for check in checks if check.name != "quota" or check.command]
    check_fault(fault, named)
    # The other endpoints have been called too.
    (left,) = {check.text for check in checks} - {check.text for check in named}
    assert "calls left for each endpoint; getmailinglists " in left


def test_ledger_that_is_no_database_is_found(
    account: LivingAccount, tmp_path: Path
) -> None:
    path = tmp_path / "quota.sqlite3"
    path.write_bytes(b"no database " * 100)
    fault = Fault("ledger", "each run counts its own", LEDGER, result=Result.WARNING)
    with Service(account) as service:
        config = service.config | {"rate_limit_ledger": str(path)}
        check_fault(fault, [*examine(config)])


def test_token_that_runs_cannot_share_is_found(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> t.NoReturn:
        raise PermissionError

    monkeypatch.setattr("tap_zohocampaigns.api.tokens.file.FileTokens._replace", refuse)
    fault = Fault("access token", "its own", DESCRIBE, result=Result.WARNING)
    with Service(account) as service:
        check_fault(fault, [*examine(dict(service.config))])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "JSON"),
        ("[]", "state"),
        ('{"bookmarks":{"x":{}}}', "none"),
        (None, "state"),
    ],
)
def test_state_that_does_not_fit_is_found(
    account: LivingAccount, tmp_path: Path, content: str | None, text: str
) -> None:
    path = tmp_path / "the state.json"
    if content is not None:
        path.write_text(content)
    command = f"echo '{{}}' > '{path}'"
    if content is not None:
        command = f"mv '{path}' '{path}'.broken && {command}"
    with Service(account) as service:
        checks = [*examine(dict(service.config), state=str(path))]
    check_fault(Fault("state", text, command), checks)


def test_stale_catalog_is_found(account: LivingAccount, tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    with Service(account) as service:
        catalog = TapZohoCampaigns(config=dict(service.config)).discovered()
        del catalog["streams"][0]["schema"]["properties"]["custom_fields"]
        path.write_text(json.dumps(catalog))
        checks = [*examine(dict(service.config), catalog=str(path))]
    fault = Fault("catalog", "custom_fields", DISCOVER, result=Result.WARNING)
    check_fault(fault, checks)


def test_broken_catalog_is_found(account: LivingAccount, tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_text("{")
    with Service(account) as service:
        checks = [*examine(dict(service.config), catalog=str(path))]
    check_fault(Fault("catalog", "JSON", DISCOVER), checks)


def test_client_of_another_data_center_is_found(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Service(account) as here, Service(account) as there:
        known = {"us": here, "eu": there}
        monkeypatch.setattr(
            hosts,
            "DATA_CENTERS",
            {name: hosts.Hosts(s.url, s.url) for name, s in known.items()},
        )
        sent: list[Mapping[str, str]] = []

        def refuse(*arguments: t.Any) -> Reply:
            sent.append(arguments[-1])
            error = "invalid_client" if len(sent) == 1 else "invalid_client_secret"
            return Reply(200, json.dumps({"error": error}).encode())

        token_reply = "tap_zohocampaigns.sandbox.server.service.token_reply"
        monkeypatch.setattr(token_reply, refuse)
        names = ("client_id", "client_secret", "refresh_token")
        checks = [*examine({name: there.config[name] for name in names})]
    # The other data center learns the client alone.
    assert sent[1]["client_id"] == there.config["client_id"]
    secrets = {there.config["client_secret"], there.config["refresh_token"]}
    assert not secrets & {*sent[1].values()}
    command = "export TAP_ZOHOCAMPAIGNS_DATA_CENTER=eu"
    check_fault(Fault("credentials", "invalid_client", command), checks)


def test_wrong_token_of_version_1_is_found(account: LivingAccount) -> None:
    with Service(account) as service:
        checks = [*examine(service.config_v1 | {"auth_token": "planted"})]
    check_fault(Fault("credentials", "`auth_token`", DESCRIBE), checks)
