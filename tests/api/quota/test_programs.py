"""Ledgers that several programs share, and their locations."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import platformdirs
import pytest

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.quota import redis as redis_module
from tap_zohocampaigns.api.quota.limits import Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tests.support.callers import ACCOUNT, quotas_of
from tests.support.ledgers import (
    QUOTA,
)
from tests.support.zoho import make_call

ROOT = Path(__file__).parents[3]


class Caller:
    """A program of its own that shares a ledger."""

    def __init__(self, how: str, where: str, calls: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.callers", how, where, str(calls)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read_line() == "ready"

    def read_line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def start(self) -> None:
        """Let it begin."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stop(self, *, kill: bool = False) -> None:
        """Wait until it ends by itself, or end it at once."""
        if kill:
            self.process.kill()
        with self.process:
            pass
        assert (self.process.returncode == 0) is not kill


@pytest.mark.slow
def test_programs_together_never_exceed_the_quota(where: str) -> None:
    # All open a new ledger at the same moment.
    callers = [Caller("enter", where, 300) for _ in range(6)]
    for caller in callers:
        caller.start()
    assert sum(int(caller.read_line()) for caller in callers) == 300
    for caller in callers:
        caller.stop()
    with closing(open_store(where, ACCOUNT, quotas_of(300))) as store:
        assert store.remaining("one") == 0


def test_all_programs_see_a_lock(where: str) -> None:
    with closing(open_store(where, ACCOUNT, quotas_of(300))) as store:
        assert make_call(store, "one") is None
        caller = Caller("lock", where, 300)
        caller.start()
        assert caller.read_line() == "locked"
        caller.stop()
        wait = make_call(store, "one")
        assert wait
        assert wait.locked
        assert make_call(store, "other") is None


@pytest.mark.slow
def test_calls_of_killed_programs_still_count(where: str) -> None:
    callers = [Caller("enter-and-print", where, 100_000) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        for _ in range(50):
            assert caller.read_line() == "taken"
    for caller in callers:
        caller.stop(kill=True)
    with closing(open_store(where, ACCOUNT, quotas_of(100_000))) as store:
        assert make_call(store, "one") is None
        assert store.remaining("one") <= 100_000 - 4 * 50 - 1


def test_the_default_is_a_file_in_the_users_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = platformdirs.user_state_path("tap-zohocampaigns", appauthor=False)
    with closing(open_store(None, ACCOUNT, Quotas(QUOTA))) as store:
        assert not folder.exists()
        assert make_call(store, "one") is None
        assert (folder / "quota.sqlite3").is_file()


def test_a_tilde_is_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(open_store("~/own.sqlite3", ACCOUNT, Quotas(QUOTA))) as store:
        assert make_call(store, "one") is None
    assert (tmp_path / "own.sqlite3").is_file()


def test_a_ledger_in_memory_is_not_shared() -> None:
    one, other = (open_store("memory", ACCOUNT, Quotas(QUOTA)) for _ in range(2))
    assert make_call(one, "one") is None
    assert (one.remaining("one"), other.remaining("one")) == (2, 3)


@pytest.mark.parametrize(
    "where",
    [
        "mysql://user:planted-password@example.com/db",
        "REDIS+x://user:planted-password@example.com",
        "redis://user:planted-password@example.com:port/0",
        "redis://user:planted-password@example.com/0?no_such_option=1",
        "redis://user:planted-password@example.com/0?socket_timeout=soon",
    ],
)
def test_an_error_about_a_malformed_url_hides_the_password(where: str) -> None:
    with pytest.raises(SettingError, match="`rate_limit_ledger`") as caught:
        open_store(where, ACCOUNT, Quotas(QUOTA))
    assert "planted" not in str(caught.value)
    assert caught.value.__suppress_context__ or not caught.value.__context__


def test_a_missing_package_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, redis_module.__name__)
    with pytest.raises(SettingError, match=r"tap-zohocampaigns\[redis\]") as caught:
        open_store("redis://:planted@localhost", ACCOUNT, Quotas(QUOTA))
    assert "planted" not in str(caught.value)
