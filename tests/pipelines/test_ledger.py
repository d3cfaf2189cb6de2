"""Runs share the quota, locks and the access token through the ledger."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import time
import typing as t
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import redis
import requests

from benchmarks.redis_server import RedisServer, mark_complete
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.singer.shutdown import Shutdown
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.source import MEMORY, source
from tests.support.taps import Output, run_tap
from tests.support.target import as_lines, record, run_target, small_account

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, LivingAccount

# These tests start real runs that share a file or a Redis.
pytestmark = pytest.mark.slow

TAP, TARGET, SOURCE = (
    str(Path(sys.executable).with_name(f"{plugin}-zohocampaigns"))
    for plugin in ("tap", "target", "source")
)
UNAUTHORIZED = b'{"message":"Unauthorized request.","Code":"1007","status":"error"}'
RECIPIENTS = "getcampaignrecipientsdata"


class Run(t.NamedTuple):
    """A finished run of the tap."""

    status: int
    output: Output
    log: str


@pytest.fixture
def service(large_service: Service) -> Service:
    return large_service


@pytest.fixture
def busy(large_account: LivingAccount) -> Iterator[Service]:
    """Serve an account whose quota is nearly used up by another program."""
    with Service(large_account, quota_calls=70) as service:
        yield service


def run(
    folder: Path, service: Service, *, known: object = True, **settings: t.Any
) -> Run:
    """Run the tap.

    Args:
        folder: Where the file with its settings is written.
        service: The service that it reads.
        known: Whether a Redis has records of the account from earlier runs.
        settings: Settings that override those of the service.
    """
    config = folder / "config.json"
    config.write_text(json.dumps(service.config | settings))
    if known:
        know_account(service, settings)
    done = subprocess.run(
        [TAP, "--config", config],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    return Run(done.returncode, Output(done.stdout), done.stderr)


def know_account(service: Service, ledger: dict[str, t.Any]) -> None:
    """Mark the account in a Redis ledger as known from earlier runs."""
    if ledger.get("rate_limit_ledger", "").startswith("redis:"):
        full = TapZohoCampaigns(config=service.config).settings
        with closing(redis.Redis.from_url(ledger["rate_limit_ledger"])) as client:
            mark_complete(client, account_name(full))


def calls_of(service: Service) -> Counter[str]:
    counts = Counter(call.endpoint for call in service.calls)
    service.calls.clear()
    return counts


@pytest.fixture(params=["file", "redis"])
def ledger(
    request: pytest.FixtureRequest, state_folder: Path, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Return the settings of a ledger that runs can share."""
    if request.param == "file":
        yield {}
        (path,) = state_folder.rglob("*.sqlite3")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        return
    server = RedisServer(tmp_path, password="planted-password")
    try:
        yield {"rate_limit_ledger": server.url}
    finally:
        server.stop()


def test_next_run_respects_a_lock_met_by_the_first(
    tmp_path: Path, busy: Service, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_on_lock": "stop"}
    first = run(tmp_path, busy, **settings)
    assert first.status == 0
    assert f"Zoho has locked {RECIPIENTS}" in first.log
    assert first.output.state["bookmarks"]["campaign_recipients"]
    assert calls_of(busy)[RECIPIENTS] > 70
    second = run(tmp_path, busy, **settings)
    assert second.status == 0
    assert f"Zoho has locked {RECIPIENTS}" in second.log
    calls = calls_of(busy)
    assert calls[RECIPIENTS] == 0
    assert calls["campaignreports"] > 0
    for log in (first.log, second.log):
        assert "planted" not in log
        assert "@" not in log


def test_next_run_waits_for_the_quota_used_by_the_first(
    tmp_path: Path, service: Service, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_calls": 400, "max_duration_minutes": 1}
    assert run(tmp_path, service, **settings).status == 0
    used = calls_of(service)[RECIPIENTS]
    assert used > 250
    second = run(tmp_path, service, **settings)
    assert used + calls_of(service)[RECIPIENTS] <= 400
    assert "`max_duration_minutes`" in second.log


@pytest.mark.parametrize("lose", ["flush", "restart"])
def test_run_makes_no_calls_after_redis_has_lost_its_data(
    lose: str, tmp_path: Path, service: Service
) -> None:
    server = RedisServer(tmp_path)
    settings = {
        "rate_limit_ledger": server.url,
        "rate_limit_calls": 400,
        "max_duration_minutes": 1,
    }
    try:
        assert run(tmp_path, service, **settings).status == 0
        assert calls_of(service)[RECIPIENTS] > 250
        if lose == "restart":
            server.stop()
            server.start()
        else:
            server.client.flushall()
        second = run(tmp_path, service, known=False, **settings)
    finally:
        server.kill()
    assert second.status == 0
    assert "does not know which calls were made" in second.log
    assert not calls_of(service).keys() - {"oauth/v2/token"}


def test_accounts_do_not_share_a_quota(
    tmp_path: Path, large_account: LivingAccount, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_calls": 400, "max_duration_minutes": 4}
    for _ in range(2):
        with Service(large_account) as service:
            assert (
                "`max_duration_minutes`" not in run(tmp_path, service, **settings).log
            )


def test_unusable_ledger_file_is_one_warning(tmp_path: Path, service: Service) -> None:
    below = tmp_path / "file" / "ledger"
    below.parent.write_text("")
    done = run(tmp_path, service, rate_limit_ledger=str(below))
    assert done.status == 0
    assert len(done.output.records["campaign_recipients"]) > 20_000
    assert done.log.count("`rate_limit_ledger`") == 1
    assert "WARNING" in done.log


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:planted-password@127.0.0.1:port", "malformed"),
        ("rediss://planted-password@[", "malformed"),
        ("memcached://planted-password@127.0.0.1", "not known"),
    ],
)
def test_invalid_ledger_setting_fails_the_run(
    tmp_path: Path, service: Service, url: str, reason: str
) -> None:
    done = run(tmp_path, service, known=False, rate_limit_ledger=url)
    assert done.status == 1
    assert reason in done.log
    assert "`rate_limit_ledger`" in done.log
    assert "planted" not in done.log
    assert not service.calls


def test_concurrent_runs_share_one_quota(
    tmp_path: Path, large_account: LivingAccount, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_calls": 490, "max_duration_minutes": 1}
    runs: list[Run] = []

    def start_run(number: int, service: Service) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        runs.append(run(folder, service, **settings))

    with Service(large_account, quota_calls=490) as service:
        threads = [
            threading.Thread(target=start_run, args=(number, service))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert calls_of(service)[RECIPIENTS] == 490
    assert [finished.status for finished in runs] == [0] * 4
    for finished in runs:
        assert "locked" not in finished.log


def test_other_endpoints_are_read_while_one_is_locked(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    calls: Counter[str] = Counter()
    others = {"getsegmentcontacts", "getsegmentdetails", "listsubscriberscount"}
    others_called = threading.Event()
    waits: list[float] = []

    def intercept(call: Call) -> Reply | None:
        calls[call.endpoint] += 1
        if others <= calls.keys():
            others_called.set()
        if call.endpoint == RECIPIENTS and calls[RECIPIENTS] == 1:
            return Reply(200, b'{"status":"error","code":"Z101","message":""}')
        return None

    def sleep(shutdown: Shutdown, seconds: float) -> None:
        assert others_called.wait(60), shutdown
        waits.append(seconds)
        time.sleep(seconds)

    service.intercept = intercept
    monkeypatch.setattr(Shutdown, "sleep", sleep)
    output = run_tap(service, rate_limit_lock_seconds=1)
    assert waits
    assert max(waits) <= 1
    assert len(output.records["campaign_recipients"]) > 20_000
    assert f"Zoho has locked {RECIPIENTS}" in caplog.text


# The access token.


@pytest.fixture
def small_service() -> Iterator[Service]:
    """Serve an account that is so small that reading it takes no time."""
    with Service(small_account(), quota_calls=100_000) as service:
        yield service


def token_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*token*") if path.suffix != ".lock"]


def test_thirteen_discoveries_need_one_token(
    tmp_path: Path, small_service: Service, ledger: dict[str, str], state_folder: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(small_service.config | ledger))
    know_account(small_service, ledger)
    for _ in range(13):
        done = subprocess.run(
            [TAP, "--config", config, "--discover"], capture_output=True, check=True
        )
        assert json.loads(done.stdout)["streams"]
    assert (small_service.tokens_asked, small_service.tokens_issued) == (1, 1)
    files = token_files(state_folder)
    assert len(files) == (0 if ledger else 1)
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for secret in ("client_secret", "refresh_token"):
            assert small_service.config[secret] not in path.read_text()


def test_twenty_concurrent_starts_need_one_token(
    tmp_path: Path, small_service: Service, ledger: dict[str, str]
) -> None:
    config, target = tmp_path / "config.json", tmp_path / "target.json"
    config.write_text(json.dumps(small_service.config | ledger))
    target.write_text(json.dumps(small_service.config | ledger | {"dry_run": False}))
    know_account(small_service, ledger)
    commands: tuple[list[str | Path], ...] = (
        [TAP, "--config", config, "--discover"],
        [TARGET, "--config", target],
        [SOURCE, "check", "--config", config],
        [TAP, "--config", config, "plan"],
    )
    processes = [
        subprocess.Popen(
            commands[number % 4],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(20)
    ]
    for number, process in enumerate(processes):
        address = f"blocked.{number}@example.com"
        stdout, log = process.communicate(
            as_lines([record("do_not_mail", address)]), 300
        )
        assert process.returncode == 0, log
        assert "FAILED" not in stdout
        assert "WARNING" not in log
    endpoints = [call.endpoint.rpartition("/")[2] for call in small_service.calls]
    assert endpoints.count("contactdonotmail") == 5
    assert (small_service.tokens_asked, small_service.tokens_issued) == (1, 1)


def test_throttled_token_service_is_reported_and_the_state_saved(
    tmp_path: Path, small_service: Service, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_on_lock": "stop"}
    with Service(small_account(), throttle_status=400) as throttled:
        for _ in range(10):
            body = {**throttled.config, "grant_type": "refresh_token"}
            requests.post(f"{throttled.url}/oauth/v2/token", data=body, timeout=30)
        assert throttled.tokens_issued == 10
        for tokens_asked in (11, 11):
            done = run(tmp_path, throttled, **settings)
            assert done.status == 0
            assert done.output.state["bookmarks"]
            assert "Zoho's token service was asked too often" in done.log
            assert throttled.tokens_asked == tokens_asked
        assert not throttled.calls
        waiting = settings | {"rate_limit_on_lock": "wait", "max_duration_minutes": 1}
        done = run(tmp_path, throttled, **waiting)
        assert "Zoho's token service: locked by Zoho, waiting until" in done.log
        assert "`max_duration_minutes`" in done.log
        assert throttled.tokens_asked == 11
    # Another account has its own tokens, so it is not throttled.
    assert run(tmp_path, small_service, **settings).output.records["campaigns"]


@pytest.mark.parametrize("setting", ["client_id", "client_secret", "refresh_token"])
def test_wrong_credentials_are_sent_once_per_run(
    tmp_path: Path, small_service: Service, setting: str
) -> None:
    wrong: dict[str, t.Any] = {setting: "1000.planted"}
    catalog = source(tmp_path, "discover", small_service.config | MEMORY).catalog
    tokens_before = small_service.tokens_asked
    with pytest.raises(SettingError, match=f"`{setting}`"):
        run_tap(small_service, concurrency=4, **wrong)
    assert small_service.tokens_asked == tokens_before + 1
    target_run = run_target(
        small_service, [record("do_not_mail", "a@example.com")] * 3, **wrong
    )
    assert isinstance(target_run.error, SettingError)
    assert small_service.tokens_asked == tokens_before + 2
    config = small_service.config | MEMORY | wrong
    written = source(tmp_path, "read", config, configured(catalog))
    assert small_service.tokens_asked == tokens_before + 3
    assert {error["failure_type"] for error in written.errors} == {"config_error"}
    assert "planted" not in written.text


def configured(catalog: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a configured catalog with every stream."""
    modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    return {"streams": [{"stream": stream, **modes} for stream in catalog["streams"]]}


@pytest.mark.parametrize("repeats_token", [False, True])
@pytest.mark.parametrize("ledger_kind", ["memory", "file"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_run_ends_after_two_tokens_if_every_call_is_unauthorized(  # noqa: PLR0913
    tmp_path: Path,
    small_living_account: LivingAccount,
    discovered: dict[str, t.Any],
    concurrency: int,
    ledger_kind: str,
    *,
    repeats_token: bool,
) -> None:
    settings: dict[str, t.Any] = {
        "rate_limit_ledger": ledger_kind
        if ledger_kind == "memory"
        else str(tmp_path / "ledger"),
        "concurrency": concurrency,
    }
    reason = "the same access token again" if repeats_token else "`refresh_token`"
    with Service(small_living_account, repeats_token=repeats_token) as service:
        service.intercept = lambda _: Reply(401, UNAUTHORIZED)
        written = source(
            tmp_path, "read", service.config | settings, configured(discovered)
        )
        assert service.tokens_asked == 2
        assert len(service.calls) < 60
    assert written.status == 1
    last_statuses = {name: statuses[-1] for name, statuses in written.statuses.items()}
    assert len(last_statuses) == 22
    assert {*last_statuses.values()} == {"INCOMPLETE"}
    # `snapshots` makes no calls of its own, so it reports no error.
    assert len(written.errors) == 21
    assert {error["failure_type"] for error in written.errors} == {"config_error"}
    (message,) = {error["message"] for error in written.errors}
    assert reason in message
    for plugin in ("tap", "target"):
        with Service(small_living_account, repeats_token=repeats_token) as service:
            service.intercept = lambda _: Reply(401, UNAUTHORIZED)
            if plugin == "tap":
                with pytest.raises(FatalError, match=reason):
                    run_tap(service, **settings)
            else:
                messages = [record("do_not_mail", f"{n}@example.com") for n in range(9)]
                target_run = run_target(service, messages, **settings)
                assert isinstance(target_run.error, FatalError)
                assert reason in str(target_run.error)
            assert service.tokens_asked == 2


@pytest.fixture(scope="module")
def small_living_account() -> LivingAccount:
    """Return a small account for runs in which every read fails."""
    return small_account()


@pytest.fixture(scope="module")
def discovered(
    tmp_path_factory: pytest.TempPathFactory, small_living_account: LivingAccount
) -> dict[str, t.Any]:
    """Return the catalog."""
    with Service(small_living_account) as service:
        folder = tmp_path_factory.mktemp("discover")
        return source(folder, "discover", service.config | MEMORY).catalog


# A program that runs as a user without a passwd entry, as containers may.
WITHOUT_PASSWD_ENTRY = """
import pwd

def unknown(user):
    raise KeyError(user)

pwd.getpwuid = unknown
from tap_zohocampaigns.tap import TapZohoCampaigns
TapZohoCampaigns.cli()
"""


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_user_without_a_home_runs_without_a_ledger(
    tmp_path: Path, small_service: Service, environment: dict[str, str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(small_service.config))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PASSWD_ENTRY, "--config", config],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert Output(done.stdout).records["campaigns"]
    assert done.stderr.count("WARNING") == 1
    assert "The file of `rate_limit_ledger` can't be used" in done.stderr
    assert small_service.tokens_asked == 1
