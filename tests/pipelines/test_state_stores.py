"""Meltano's state for several machines: in PostgreSQL, and in a bucket of S3."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import typing as t
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tap_zohocampaigns.sandbox import Service
from tests.support.meltano import MELTANO, copy_project, settings_of
from tests.support.postgres import system_database
from tests.support.taps import ROOT
from tests.support.target import small_account

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "state.md").read_text()
LOADER = "target-jsonl"
BUSY = "pipeline is already running"


@dataclass
class Machine:
    """A project folder and a home of its own."""

    folder: Path
    home: Path

    def start(self, service: Service, state: dict[str, str]) -> subprocess.Popen[str]:
        """Start a run.

        Args:
            service: What it reads.
            state: Variables that say where Meltano keeps its state.
        """
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("UV_", "XDG_", "AWS_", "MELTANO_"))
        }
        environment |= settings_of(service, "") | {"HOME": str(self.home)}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MELTANO_AUTO_INSTALL": "false",
        }
        return subprocess.Popen(
            [MELTANO, "--environment=prod", "run", "tap-zohocampaigns", LOADER],
            cwd=self.folder,
            env=environment | state,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, service: Service, state: dict[str, str]) -> Run:
        """Run to the end; return its calls and rows."""
        for old in (self.folder / "output").glob("*.jsonl"):
            old.unlink()
        service.calls.clear()
        run = self.start(service, state)
        log, _ = run.communicate(timeout=900)
        assert run.returncode == 0, log
        return Run(Counter(call.endpoint for call in service.calls), self.rows())

    def rows(self) -> Counter[str]:
        """Return the rows of each stream that the last run has loaded."""
        return Counter(
            {
                path.stem: len(path.read_text().splitlines())
                for path in (self.folder / "output").glob("*.jsonl")
            }
        )


class Run(t.NamedTuple):
    """The calls of a run by endpoint, and its rows by stream."""

    calls: Counter[str]
    rows: Counter[str]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> list[Machine]:
    """Install the same project on two machines."""
    found = []
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp(name)
        copy_project(folder / "project")
        (folder / "home").mkdir()
        (folder / "project" / "output").mkdir()
        machine = Machine(folder / "project", folder / "home")
        for plugin in (["extractor", "tap-zohocampaigns"], ["loader", LOADER]):
            subprocess.run(
                [MELTANO, "install", *plugin],
                cwd=machine.folder,
                check=True,
                capture_output=True,
                timeout=900,
            )
        found.append(machine)
    return found


@pytest.fixture(scope="module")
def small() -> LivingAccount:
    """Return an account that is read at once."""
    return small_account()


@pytest.fixture(scope="module")
def on_one_machine(machines: list[Machine], small: LivingAccount) -> tuple[Run, Run]:
    """Run twice on the same machine, with the state in its folder."""
    with Service(small, quota_calls=100_000) as service:
        return machines[0].run(service, {}), machines[0].run(service, {})


@pytest.fixture(scope="module")
def own_database(database: str) -> str:
    """Return the URI of an empty database for Meltano."""
    return system_database(database, "meltano")


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """Serve a bucket; return the settings that lead Meltano to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "planted", "AWS_SECRET_ACCESS_KEY": "planted"}
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="planted",
        aws_secret_access_key="planted",
    )
    client.create_bucket(Bucket="states")
    yield keys | {
        "MELTANO_STATE_BACKEND_URI": "s3://states/zoho",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture(params=["postgres", "s3"])
def state(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings of a state that machines share."""
    if request.param == "s3":
        shared: dict[str, str] = request.getfixturevalue("bucket")
        return shared
    return {"MELTANO_DATABASE_URI": request.getfixturevalue("own_database")}


def test_the_second_run_may_be_on_another_machine(
    machines: list[Machine],
    small: LivingAccount,
    on_one_machine: tuple[Run, Run],
    state: dict[str, str],
) -> None:
    first, second = machines
    with Service(small, quota_calls=100_000) as service:
        assert first.run(service, state) == on_one_machine[0]
        again = second.run(service, state)
    assert again == on_one_machine[1]
    # Nothing that was read is read again.
    assert on_one_machine[0].rows["campaign_recipients"] > 0
    assert again.rows["campaign_recipients"] == 0
    assert again.calls["getcampaignrecipientsdata"] == 0


def hold(service: Service) -> tuple[threading.Event, threading.Event]:
    """Hold calls back; return what says that one came, and what lets them go."""
    came, go = threading.Event(), threading.Event()

    def intercept(_: Call) -> Reply | None:
        came.set()
        go.wait(600)
        return None

    service.intercept = intercept
    return came, go


@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_runs_at_once(
    machines: list[Machine],
    bucket: dict[str, str],
    own_database: str,
    small: LivingAccount,
    *,
    is_guarded: bool,
) -> None:
    """A bucket guards nothing; a database that they share does, beside it too."""
    state = bucket | {"MELTANO_STATE_BACKEND_URI": f"s3://states/{is_guarded}"}
    if is_guarded:
        state |= {"MELTANO_DATABASE_URI": own_database}
    first, second = machines
    with Service(small, quota_calls=100_000) as service:
        came, go = hold(service)
        running = first.start(service, state)
        assert came.wait(600)
        other = second.start(service, state)
        if is_guarded:
            log, _ = other.communicate(timeout=600)
            assert other.returncode != 0
            assert BUSY in log
            go.set()
        else:
            go.set()
            log, _ = other.communicate(timeout=600)
            assert other.returncode == 0
            assert BUSY not in log
        log, _ = running.communicate(timeout=600)
        assert running.returncode == 0, log


def test_the_page_names_the_settings_that_were_tested(
    bucket: dict[str, str],
) -> None:
    for name in {*bucket, "MELTANO_DATABASE_URI"}:
        assert name in PAGE
    assert re.search(re.escape(BUSY), PAGE)
    assert json.dumps("meltano[postgres,s3]").strip('"') in PAGE
