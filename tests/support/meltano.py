"""Pipelines run by Meltano."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

MELTANO = str(Path(sys.executable).with_name("meltano"))


def copy_project(folder: Path) -> None:
    """Copy the project that Meltano runs in, without what it has made there."""
    folder.mkdir(exist_ok=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "meltano.yml"):
        shutil.copy(ROOT / name, folder)
    for name in ("tap_zohocampaigns", "schemas"):
        shutil.copytree(ROOT / name, folder / name)


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
    inherited = {k: v for k, v in os.environ.items() if k != "UV_PROJECT_ENVIRONMENT"}
    result = subprocess.run(
        [MELTANO, *arguments, "run", extractor, loader],
        cwd=project,
        env=inherited
        | settings_of(service, database)
        | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stderr + result.stdout


def settings_of(service: Service, database: str) -> dict[str, str]:
    """Return the variables that lead plugins to the service and to the database."""
    settings = {
        f"{plugin}_ZOHOCAMPAIGNS_{name.upper()}": value
        # A ledger that all runs share would allow fewer calls than the service.
        for name, value in (service.config | {"rate_limit_ledger": "memory"}).items()
        for plugin in ("TAP", "TARGET")
    }
    return settings | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": database,
        # It requires a host and a password, although a socket needs neither.
        "TAP_POSTGRES_SQLALCHEMY_URL": database.replace(":@/", ":-@localhost/"),
    }
