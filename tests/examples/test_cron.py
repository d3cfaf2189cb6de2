"""The line of examples/cron, with nothing but cron's bare environment."""

from __future__ import annotations

import fcntl
import subprocess
import typing as t

import pytest

from tests.support.clean import EXAMPLES, account_settings, write_env
from tests.support.loaded import keys_in_postgres, keys_of_account

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service

pytestmark = pytest.mark.slow


class Cron:
    """Runs the crontab's line as cron does."""

    def __init__(self, project: Path, home: Path) -> None:
        self.project, self.home = project, home
        (line,) = [
            line
            for line in (EXAMPLES / "cron" / "crontab").read_text().splitlines()
            if line.startswith("15 ")
        ]
        # A % would be a new line to cron.
        assert "%" not in line
        self.command = line.split(maxsplit=5)[5].replace("/srv/zoho", str(project))

    def run(self) -> tuple[int, str]:
        """Return the status, and what cron would mail."""
        home = f"HOME={self.home}"
        bare = [
            "env",
            "-i",
            home,
            "LOGNAME=zoho",
            "SHELL=/bin/sh",
            "PATH=/usr/bin:/bin",
        ]
        done = subprocess.run(
            [*bare, "/bin/sh", "-c", self.command],
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        return done.returncode, done.stdout


@pytest.fixture
def cron(project: Path, tmp_path: Path) -> Cron:
    (project / "zoho.log").unlink(missing_ok=True)
    home = tmp_path / "home"
    home.mkdir()
    return Cron(project, home)


def test_two_runs_load_every_row_once(
    cron: Cron, service: Service, database: str
) -> None:
    settings = account_settings(service) | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": database,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "cron",
    }
    write_env(cron.project, settings)
    expected = keys_of_account(service)
    for _ in range(2):
        service.calls.clear()
        assert cron.run() == (0, "")
        assert keys_in_postgres(database, "cron") == expected
        calls = len(service.calls)
    assert "calls" in (cron.project / "zoho.log").read_text()
    first = (cron.project / "zoho.log").read_text()

    # While another run goes on, nothing happens.
    with (cron.project / "zoho.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cron.run() == (0, "")
    assert len(service.calls) == calls
    assert (cron.project / "zoho.log").read_text() == first


def test_a_run_that_fails_is_mailed_with_its_cause(
    cron: Cron, service: Service, database: str
) -> None:
    wrong = {"TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN": "of-another-client"}
    settings = account_settings(service) | wrong
    write_env(cron.project, settings | {"TARGET_POSTGRES_SQLALCHEMY_URL": database})
    status, mail = cron.run()
    assert status == 1
    assert "refresh_token" in mail
    assert settings["TAP_ZOHOCAMPAIGNS_CLIENT_SECRET"] not in mail
    assert wrong["TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN"] not in mail
