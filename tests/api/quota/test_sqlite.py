"""The ledger in a file: access, faults, and clocks that step."""

from __future__ import annotations

import logging
import os
import resource
import stat
import typing as t
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.quota import sqlite
from tap_zohocampaigns.api.quota.ledger import Ledger
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tests.api.quota.test_programs import Caller
from tests.support.callers import ACCOUNT, quotas_of
from tests.support.zoho import Clock, make_call, wait_and_call, wait_near

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUOTA = Quota(3, 300, 1800)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "quota.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, ACCOUNT, Quotas(QUOTA))) as store:
        yield store


def test_only_the_user_can_read_the_file(path: Path, store: SqliteStore) -> None:
    before = os.umask(0)
    try:
        make_call(store, "one")
    finally:
        os.umask(before)
    files = sorted(path.parent.iterdir())
    assert [file.name.removeprefix(path.name) for file in files] == ["", "-shm", "-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_program_killed_during_an_entry_blocks_nobody(
    path: Path, store: SqliteStore
) -> None:
    assert make_call(store, "one") is None
    caller = Caller("hang", str(path), 3)
    caller.start()
    assert caller.read_line() == "inside"
    caller.stop(kill=True)
    assert store.remaining("one") == 2
    assert make_call(store, "one") is None


def test_an_interrupted_entry_is_rolled_back(path: Path) -> None:
    def interrupted() -> float:
        raise KeyboardInterrupt

    with ExitStack() as stack:
        broken, whole = (
            stack.enter_context(
                closing(SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=clocks))
            )
            for clocks in (Clocks(wall=interrupted), None)
        )
        for use in (broken.enter, broken.lock, broken.remaining):
            with pytest.raises(KeyboardInterrupt):
                use("one")
        assert whole.remaining("one") == 3


def ruin_at_start(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"planted-content " * 500)


def below_a_file(path: Path) -> None:
    path.parent.write_text("not a folder")


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("prepare", [ruin_at_start, below_a_file, a_folder])
def test_an_unusable_file_costs_one_warning(
    prepare: Callable[[Path], None],
    path: Path,
    store: SqliteStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prepare(path)
    assert [make_call(store, "one") for _ in range(3)] == [None] * 3
    wait = make_call(store, "one")
    assert wait
    assert not wait.locked
    assert store.remaining("other") == 3
    store.lock("other")
    assert store.remaining("other") == 0
    assert_one_warning(caplog)


def assert_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "`rate_limit_ledger`" in warning.getMessage()
    assert "planted" not in warning.getMessage()


@contextmanager
def ruined(path: Path) -> Iterator[None]:
    # SQLite reads the file again after another process has written to it.
    with closing(SqliteStore(path, "other account", Quotas(QUOTA))) as other:
        make_call(other, "one")
    for file in (path, path.with_name(f"{path.name}-wal")):
        file.write_bytes(b"planted-content " * (file.stat().st_size // 16))
    yield


@contextmanager
def deleted(path: Path) -> Iterator[None]:
    for file in path.parent.iterdir():
        file.unlink()
    yield


@contextmanager
def replaced(path: Path) -> Iterator[None]:
    path.rename(path.with_name("old"))
    path.touch()
    yield


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(f"{path.name}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mishap", [ruined, deleted, replaced, full_disk])
@pytest.mark.parametrize("first", ["enter", "lock", "remaining"])
def test_a_file_that_fails_during_a_run_costs_one_warning_and_no_call(
    mishap: Callable[[Path], AbstractContextManager[None]],
    first: str,
    path: Path,
    store: SqliteStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert [make_call(store, "one") for _ in range(2)] == [None] * 2
    store.lock("other")
    with mishap(path):
        getattr(store, first)("third")
        assert store.remaining("one") == 1
        assert make_call(store, "one") is None
        assert store.remaining("one") == 0
        wait = make_call(store, "one")
        assert wait
        assert wait.seconds > 290
        locked = make_call(store, "other")
        assert locked
        assert locked.locked
        assert (
            store.remaining("third") == {"enter": 2, "lock": 0, "remaining": 3}[first]
        )
    assert_one_warning(caplog)


class Machine:
    """A machine that restarts, with a wall clock that may be ahead of the true time."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.ahead = 0.0
        self.started = 900_000.0

    def clocks(self) -> Clocks:
        """Return the clocks of a process that starts now."""
        started = self.started
        return Clocks(
            ticks=lambda: self.now - started,
            wall=lambda: self.now + self.ahead,
            boot=lambda: f"boot at {started}",
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_steps_of_the_wall_clock_change_nothing(path: Path) -> None:
    machine = Machine()
    with closing(
        SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=machine.clocks())
    ) as store:
        for machine.ahead in (-2, 2, 3600):
            assert make_call(store, "one") is None
            machine.now += 10
        for machine.ahead in (-86400, -2, 0, 2, 86400):
            assert make_call(store, "one") == wait_near(271, locked=False)
            assert store.remaining("one") == 0


STEPS = st.tuples(st.floats(0, 200), st.floats(0, 2), st.integers(0, 9))


@pytest.mark.slow
@given(st.lists(STEPS, max_size=30))
def test_restarts_and_clock_steps_never_allow_a_call_too_early(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, float, int]]
) -> None:
    path = tmp_path_factory.mktemp("file") / "quota.sqlite3"
    machine = Machine()
    entered: list[float] = []
    with ExitStack() as stack:

        def start() -> Ledger:
            store = SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=machine.clocks())
            return Ledger(stack.enter_context(closing(store)), sleep=machine.sleep)

        ledger = start()
        for pause, machine.ahead, event in steps:
            machine.now += pause
            if event == 0:
                machine.started = machine.now
            if event <= 1:
                ledger = start()
            asked = machine.now
            wait_and_call(ledger, "one")
            entered.append(machine.now)
            if len(entered) > QUOTA.calls:
                earliest = max(asked, entered[-1 - QUOTA.calls] + QUOTA.window)
                # Two seconds of margin, and two by which the clock may be wrong.
                assert earliest - 1e-5 <= machine.now <= earliest + 4 + 1e-5
            else:
                assert machine.now == asked


def test_a_lock_outlasts_a_restart(path: Path) -> None:
    machine = Machine()
    with closing(
        SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=machine.clocks())
    ) as store:
        store.lock("one")
    machine.now += 100
    machine.started = machine.now
    with closing(
        SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=machine.clocks())
    ) as store:
        assert make_call(store, "one") == wait_near(1702, locked=True)


def test_entries_from_the_future_expire_in_due_time(path: Path) -> None:
    machine = Machine()
    machine.ahead = 86400
    with closing(
        SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=machine.clocks())
    ) as store:
        assert [make_call(store, "one") for _ in range(3)] == [None] * 3
    machine.ahead = 0
    # Each restart reads the wall clock again, with two seconds of margin.
    for waits in (301, 203, 103):
        machine.started = machine.now
        clocks = machine.clocks()
        with closing(SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=clocks)) as store:
            assert make_call(store, "one") == wait_near(waits, locked=False)
        machine.now += 100


def test_without_a_boot_id_ticks_in_the_future_show_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sqlite, "_BOOT_ID", tmp_path / "none")
    ticks, wall = Clock(), Clock()
    clocks = Clocks(ticks=ticks, wall=wall)
    with closing(SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=clocks)) as store:
        assert [make_call(store, "one") for _ in range(3)] == [None] * 3
    ticks.now = 7
    wall.advance(100)
    with closing(SqliteStore(path, ACCOUNT, Quotas(QUOTA), clocks=clocks)) as store:
        assert make_call(store, "one") == wait_near(203, locked=False)
        ticks.advance(203)
        assert make_call(store, "one") is None


def test_calls_outside_the_window_are_deleted(path: Path) -> None:
    clock = Clock()
    clocks = Clocks(ticks=clock, wall=clock)
    with closing(SqliteStore(path, ACCOUNT, quotas_of(500), clocks=clocks)) as store:
        for _ in range(500):
            make_call(store, "one")
        size = path.stat().st_size
        for _ in range(5):
            clock.advance(3601)
            for _ in range(500):
                assert make_call(store, "one") is None
    assert path.stat().st_size <= max(2 * size, 200_000)


def test_the_file_contains_the_account_and_no_path(path: Path) -> None:
    with closing(open_store(str(path), ACCOUNT, Quotas(QUOTA))) as store:
        make_call(store, "getmailinglists")
    content = path.read_bytes()
    assert ACCOUNT.encode() in content
    assert str(path.parent).encode() not in content
