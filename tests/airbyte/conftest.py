"""Fixtures that run the source and read its output."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.image import UV, build
from tests.support.source import MEMORY, SOURCE, Json, arguments, source
from tests.support.taps import NOW, ROOT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.image import Image

PYAIRBYTE = ("airbyte==0.71.3", "airbyte-cdk==7.39.1", "pytest==9.0.2")


@pytest.fixture(scope="session")
def account() -> LivingAccount:
    """Return a small account, because it is read many times."""
    return LivingAccount(clock=lambda: NOW, contacts=300, campaigns=12)


@pytest.fixture(scope="session")
def discovered(
    tmp_path_factory: pytest.TempPathFactory, account: LivingAccount
) -> Json:
    """Return the discovered catalog."""
    folder = tmp_path_factory.mktemp("discover")
    with Service(account) as service:
        return source(folder, "discover", service.config | MEMORY).catalog


@pytest.fixture(scope="session")
def configure(discovered: Json) -> Callable[..., Json]:
    """Return a function that makes a configured catalog."""

    def configured_catalog(
        *names: str, mode: str = "incremental", **fields: t.Any
    ) -> Json:
        return {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": mode,
                    "destination_sync_mode": "append_dedup",
                    **fields,
                }
                for stream in discovered["streams"]
                if not names or stream["name"] in names
            ]
        }

    return configured_catalog


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the steps of the Dockerfile for the platform."""
    root = tmp_path_factory.mktemp("image")
    return build(root, ROOT / "packaging" / "airbyte" / "Dockerfile")


@pytest.fixture(scope="session")
def airbyte_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has only Airbyte's packages."""
    folder = tmp_path_factory.mktemp("airbyte") / "venv"
    subprocess.run(
        [UV, "venv", "--quiet", "--python", sys.executable, folder], check=True
    )
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", folder, *PYAIRBYTE],
        check=True,
        timeout=300,
    )
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def offline_environment() -> dict[str, str]:
    """Return environment variables that keep Airbyte's packages offline."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return clean | {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts a command in a new process."""
    processes = []

    def start(*command: t.Any, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [SOURCE, *arguments(tmp_path, *command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
