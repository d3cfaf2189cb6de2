"""Runs share what they know of the quota; a lock that one meets is a lock for all."""

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

from benchmarks.redis_server import RedisServer, know
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.singer.shutdown import Shutdown
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.source import MEMORY, source
from tests.support.taps import Output, run_tap
from tests.support.target import lines, record, run_target, small_account

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, LivingAccount

# Real runs that share a file or a Redis.
pytestmark = pytest.mark.slow

TAP, TARGET, SOURCE = (
    str(Path(sys.executable).with_name(f"{each}-zohocampaigns"))
    for each in ("tap", "target", "source")
)
UNAUTHORIZED = b'{"message":"Unauthorized request.","Code":"1007","status":"error"}'
RECIPIENTS = "getcampaignrecipientsdata"


class Run(t.NamedTuple):
    """A run of the tap that has ended."""

    status: int
    output: Output
    log: str


@pytest.fixture
def busy(account: LivingAccount) -> Iterator[Service]:
    """Serve an account that another program has nearly locked."""
    with Service(account, quota_calls=70) as service:
        yield service


def run(
    folder: Path, service: Service, *, known: object = True, **settings: t.Any
) -> Run:
    """Run the tap.

    Args:
        folder: Where to keep its settings.
        service: What it reads.
        known: Whether a Redis is one that has long known the account.
        settings: Besides those of the service.
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
    """Let the ledger be one that has long known the account."""
    if ledger.get("rate_limit_ledger", "").startswith("redis:"):
        full = TapZohoCampaigns(config=service.config).settings
        with closing(redis.Redis.from_url(ledger["rate_limit_ledger"])) as client:
            know(client, account_name(full))


def calls_of(service: Service) -> Counter[str]:
    found = Counter(call.endpoint for call in service.calls)
    service.calls.clear()
    return found


@pytest.fixture(params=["file", "redis"])
def ledger(
    request: pytest.FixtureRequest, state_folder: Path, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Return settings of each ledger that runs can share."""
    if request.param == "file":
        yield {}
        (file,) = state_folder.rglob("*.sqlite3")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        return
    server = RedisServer(tmp_path, password="planted-password")
    try:
        yield {"rate_limit_ledger": server.url}
    finally:
        server.stop()


def test_a_lock_that_one_run_meets_is_kept_by_the_next(
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


def test_the_next_run_waits_for_the_quota_that_the_first_has_used(
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
def test_a_run_rests_for_what_a_redis_has_lost_since_the_last_one(
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
    tmp_path: Path, account: LivingAccount, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_calls": 400, "max_duration_minutes": 4}
    for _ in range(2):
        with Service(account) as service:
            assert (
                "`max_duration_minutes`" not in run(tmp_path, service, **settings).log
            )


def test_a_file_that_can_not_be_used_costs_one_warning(
    tmp_path: Path, service: Service
) -> None:
    below = tmp_path / "file" / "ledger"
    below.parent.write_text("")
    done = run(tmp_path, service, rate_limit_ledger=str(below))
    assert done.status == 0
    assert len(done.output.records["campaign_recipients"]) > 20_000
    assert done.log.count("`rate_limit_ledger`") == 1
    assert "WARNING" in done.log


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("redis://:planted-password@127.0.0.1:port", "malformed"),
        ("rediss://planted-password@[", "malformed"),
        ("memcached://planted-password@127.0.0.1", "not known"),
    ],
)
def test_a_ledger_that_is_none_is_one_sentence(
    tmp_path: Path, service: Service, where: str, told: str
) -> None:
    done = run(tmp_path, service, known=False, rate_limit_ledger=where)
    assert done.status == 1
    assert told in done.log
    assert "`rate_limit_ledger`" in done.log
    assert "planted" not in done.log
    assert not service.calls


def test_runs_at_once_keep_the_quota_together(
    tmp_path: Path, account: LivingAccount, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_calls": 490, "max_duration_minutes": 1}
    done: list[Run] = []

    def one(number: int, service: Service) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        done.append(run(folder, service, **settings))

    with Service(account, quota_calls=490) as service:
        threads = [
            threading.Thread(target=one, args=(number, service)) for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert calls_of(service)[RECIPIENTS] == 490
    assert [each.status for each in done] == [0] * 4
    for each in done:
        assert "locked" not in each.log


def test_other_endpoints_go_on_while_one_is_locked(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    asked: Counter[str] = Counter()
    others = {"getsegmentcontacts", "getsegmentdetails", "listsubscriberscount"}
    went_on = threading.Event()
    waits: list[float] = []

    def intercept(call: Call) -> Reply | None:
        asked[call.endpoint] += 1
        if others <= asked.keys():
            went_on.set()
        if call.endpoint == RECIPIENTS and asked[RECIPIENTS] == 1:
            return Reply(200, b'{"status":"error","code":"Z101","message":""}')
        return None

    def sleep(stopper: Shutdown, seconds: float) -> None:
        assert went_on.wait(60), stopper
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
def small() -> Iterator[Service]:
    """Serve an account that is read at once."""
    with Service(small_account(), quota_calls=100_000) as service:
        yield service


def token_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*token*") if path.suffix != ".lock"]


def test_thirteen_discoveries_need_one_token(
    tmp_path: Path, small: Service, ledger: dict[str, str], state_folder: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(small.config | ledger))
    know_account(small, ledger)
    for _ in range(13):
        done = subprocess.run(
            [TAP, "--config", config, "--discover"], capture_output=True, check=True
        )
        assert json.loads(done.stdout)["streams"]
    assert (small.tokens_asked, small.tokens_issued) == (1, 1)
    kept = token_files(state_folder)
    assert len(kept) == (0 if ledger else 1)
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for secret in ("client_secret", "refresh_token"):
            assert small.config[secret] not in path.read_text()


def test_twenty_starts_at_once_need_one_token(
    tmp_path: Path, small: Service, ledger: dict[str, str]
) -> None:
    config, target = tmp_path / "config.json", tmp_path / "target.json"
    config.write_text(json.dumps(small.config | ledger))
    target.write_text(json.dumps(small.config | ledger | {"dry_run": False}))
    know_account(small, ledger)
    commands: tuple[list[str | Path], ...] = (
        [TAP, "--config", config, "--discover"],
        [TARGET, "--config", target],
        [SOURCE, "check", "--config", config],
        [TAP, "--config", config, "plan"],
    )
    running = [
        subprocess.Popen(
            commands[number % 4],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(20)
    ]
    for number, each in enumerate(running):
        address = f"blocked.{number}@example.com"
        written, log = each.communicate(lines([record("do_not_mail", address)]), 300)
        assert each.returncode == 0, log
        assert "FAILED" not in written
        assert "WARNING" not in log
    assert len([c for c in small.calls if c.endpoint.endswith("contactdonotmail")]) == 5
    assert (small.tokens_asked, small.tokens_issued) == (1, 1)


def test_a_throttled_token_service_is_told_and_the_state_saved(
    tmp_path: Path, small: Service, ledger: dict[str, str]
) -> None:
    settings = ledger | {"rate_limit_on_lock": "stop"}
    with Service(small_account(), throttle_status=400) as throttled:
        for _ in range(10):
            body = {**throttled.config, "grant_type": "refresh_token"}
            requests.post(f"{throttled.url}/oauth/v2/token", data=body, timeout=30)
        assert throttled.tokens_issued == 10
        for asked in (11, 11):
            done = run(tmp_path, throttled, **settings)
            assert done.status == 0
            assert done.output.state["bookmarks"]
            assert "Zoho's token service was asked too often" in done.log
            assert throttled.tokens_asked == asked
        assert not throttled.calls
        waiting = settings | {"rate_limit_on_lock": "wait", "max_duration_minutes": 1}
        done = run(tmp_path, throttled, **waiting)
        assert "Zoho's token service: locked by Zoho, waiting until" in done.log
        assert "`max_duration_minutes`" in done.log
        assert throttled.tokens_asked == 11
    # Another account has tokens of its own.
    assert run(tmp_path, small, **settings).output.records["campaigns"]


@pytest.mark.parametrize("setting", ["client_id", "client_secret", "refresh_token"])
def test_wrong_credentials_cost_one_request(
    tmp_path: Path, small: Service, setting: str
) -> None:
    wrong: dict[str, t.Any] = {setting: "1000.planted"}
    catalog = source(tmp_path, "discover", small.config | MEMORY).catalog
    before = small.tokens_asked
    with pytest.raises(SettingError, match=f"`{setting}`"):
        run_tap(small, concurrency=4, **wrong)
    assert small.tokens_asked == before + 1
    ran = run_target(small, [record("do_not_mail", "a@example.com")] * 3, **wrong)
    assert isinstance(ran.error, SettingError)
    assert small.tokens_asked == before + 2
    config = small.config | MEMORY | wrong
    written = source(tmp_path, "read", config, configured(catalog))
    assert small.tokens_asked == before + 3
    assert {error["failure_type"] for error in written.errors} == {"config_error"}
    assert "planted" not in written.text


def configured(catalog: dict[str, t.Any]) -> dict[str, t.Any]:
    """Ask for every stream of a catalog."""
    modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    return {"streams": [{"stream": each, **modes} for each in catalog["streams"]]}


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_run_that_is_refused_everywhere_ends_after_two_tokens(  # noqa: PLR0913
    tmp_path: Path,
    ran: LivingAccount,
    discovered: dict[str, t.Any],
    concurrency: int,
    where: str,
    *,
    repeats: bool,
) -> None:
    settings: dict[str, t.Any] = {
        "rate_limit_ledger": where if where == "memory" else str(tmp_path / "ledger"),
        "concurrency": concurrency,
    }
    told = "the same access token again" if repeats else "`refresh_token`"
    with Service(ran, repeats_token=repeats) as service:
        service.intercept = lambda _: Reply(401, UNAUTHORIZED)
        written = source(
            tmp_path, "read", service.config | settings, configured(discovered)
        )
        assert service.tokens_asked == 2
        assert len(service.calls) < 60
    assert written.status == 1
    ends = {name: statuses[-1] for name, statuses in written.statuses.items()}
    assert len(ends) == 22
    assert {*ends.values()} == {"INCOMPLETE"}
    # Snapshots are what others have read.
    assert len(written.errors) == 21
    assert {error["failure_type"] for error in written.errors} == {"config_error"}
    (sentence,) = {error["message"] for error in written.errors}
    assert told in sentence
    for each in ("tap", "target"):
        with Service(ran, repeats_token=repeats) as service:
            service.intercept = lambda _: Reply(401, UNAUTHORIZED)
            if each == "tap":
                with pytest.raises(FatalError, match=told):
                    run_tap(service, **settings)
            else:
                messages = [record("do_not_mail", f"{n}@example.com") for n in range(9)]
                ended = run_target(service, messages, **settings)
                assert isinstance(ended.error, FatalError)
                assert told in str(ended.error)
            assert service.tokens_asked == 2


@pytest.fixture(scope="module")
def ran() -> LivingAccount:
    """Return an account of which nothing is read."""
    return small_account()


@pytest.fixture(scope="module")
def discovered(
    tmp_path_factory: pytest.TempPathFactory, ran: LivingAccount
) -> dict[str, t.Any]:
    """Return the catalog."""
    with Service(ran) as service:
        folder = tmp_path_factory.mktemp("discover")
        return source(folder, "discover", service.config | MEMORY).catalog


# As for the user of a container that its image does not know.
NOBODY = """
import pwd

def unknown(user):
    raise KeyError(user)

pwd.getpwuid = unknown
from tap_zohocampaigns.tap import TapZohoCampaigns
TapZohoCampaigns.cli()
"""


@pytest.mark.parametrize("home", [{}, {"HOME": ""}])
def test_a_user_without_a_home_does_without_the_ledger(
    tmp_path: Path, small: Service, home: dict[str, str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(small.config))
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, "--config", config],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=home,
    )
    assert done.returncode == 0, done.stderr
    assert Output(done.stdout).records["campaigns"]
    assert done.stderr.count("WARNING") == 1
    assert "The file of `rate_limit_ledger` can't be used" in done.stderr
    assert small.tokens_asked == 1
