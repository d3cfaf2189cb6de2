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

from tap_zohocampaigns.api import name_account
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.stopping import Stopper
from tap_zohocampaigns.tap import TapZohoCampaigns

from .api.conftest import RedisServer, know
from .conftest import Output, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, LivingAccount

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
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
    if known and settings.get("rate_limit_ledger", "").startswith("redis:"):
        full = TapZohoCampaigns(config=service.config).settings
        with closing(redis.Redis.from_url(settings["rate_limit_ledger"])) as client:
            know(client, name_account(full))
    done = subprocess.run(
        [TAP, "--config", config],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    return Run(done.returncode, Output(done.stdout), done.stderr)


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
    settings = ledger | {"rate_limit_calls": 300, "max_duration_minutes": 1}
    assert run(tmp_path, service, **settings).status == 0
    used = calls_of(service)[RECIPIENTS]
    assert used > 250
    second = run(tmp_path, service, **settings)
    assert used + calls_of(service)[RECIPIENTS] <= 300
    assert "`max_duration_minutes`" in second.log


@pytest.mark.parametrize("lose", ["flush", "restart"])
def test_a_run_rests_for_what_a_redis_has_lost_since_the_last_one(
    lose: str, tmp_path: Path, service: Service
) -> None:
    server = RedisServer(tmp_path)
    settings = {
        "rate_limit_ledger": server.url,
        "rate_limit_calls": 300,
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
    settings = ledger | {"rate_limit_calls": 300, "max_duration_minutes": 1}
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

    def sleep(stopper: Stopper, seconds: float) -> None:
        assert went_on.wait(60), stopper
        waits.append(seconds)
        time.sleep(seconds)

    service.intercept = intercept
    monkeypatch.setattr(Stopper, "sleep", sleep)
    output = run_tap(service, rate_limit_lock_seconds=1)
    assert waits
    assert max(waits) <= 1
    assert len(output.records["campaign_recipients"]) > 20_000
    assert f"Zoho has locked {RECIPIENTS}" in caplog.text
