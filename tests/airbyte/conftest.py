"""Fixtures that run the source and read its output."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.source import MEMORY, SOURCE, Json, arguments, source
from tests.support.taps import NOW, ROOT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UV = str(Path(sys.executable).with_name("uv"))
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


@dataclass
class Image:
    """A Dockerfile whose steps ran in a folder instead of an image."""

    root: Path
    steps: list[tuple[str, str]]
    environment: dict[str, str] = field(default_factory=dict)

    def value(self, step: str) -> str:
        """Return the value of the last step of this kind."""
        return [value for kind, value in self.steps if kind == step][-1]

    @property
    def executable(self) -> Path:
        """The executable that the entry point names."""
        (name,) = t.cast("list[str]", json.loads(self.value("ENTRYPOINT")))
        folders = map(Path, self.environment["PATH"].split(":"))
        return next(path for folder in folders if (path := folder / name).is_file())


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the steps of the Dockerfile in an empty folder with its own Python."""
    root = tmp_path_factory.mktemp("image")
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    image = Image(
        root, [t.cast("tuple[str, str]", line.split(" ", 1)) for line in lines]
    )
    base = root / "base"
    subprocess.run(
        [UV, "venv", "--quiet", "--seed", "--python", sys.executable, base], check=True
    )
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("UV_", "VIRTUAL"))
    }
    image.environment = environment | {"PATH": f"{base / 'bin'}:/usr/bin:/bin"}
    workdir = root
    for step, value in image.steps:
        # `root` takes the place of the root directory of the image.
        local_value = re.sub(r"(?<![\w./])/(?=build|opt)", f"{root}/", value)
        match step:
            case "WORKDIR":
                workdir = Path(local_value)
                workdir.mkdir(parents=True)
            case "COPY" if local_value.startswith("--from"):
                _, *paths = local_value.split()
                # All stages share `root`, so there is nothing to copy.
                assert len({*paths}) == 1
            case "COPY":
                *origins, target = local_value.split()
                for origin in origins:
                    subprocess.run(
                        [
                            "cp",
                            "-rT",
                            ROOT / origin,
                            workdir / target / Path(origin).name,
                        ]
                        if target == "./"
                        else ["cp", "-rT", ROOT / origin, workdir / target],
                        check=True,
                    )
            case "RUN":
                subprocess.run(
                    ["sh", "-euc", local_value],
                    check=True,
                    cwd=workdir,
                    env=image.environment,
                    timeout=120,
                )
            case "ENV":
                for pair in shlex.split(local_value):
                    name, _, raw = pair.partition("=")
                    path = image.environment["PATH"]
                    image.environment[name] = raw.replace("$PATH", path)
            case "FROM" | "LABEL" | "USER" | "ENTRYPOINT":
                pass
            case _:
                pytest.fail(f"unknown step {step}")
    return image


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
    # Airbyte's packages are large, so let Python cache their bytecode.
    removed = ("PYTEST", "PYTHONDONTWRITEBYTECODE")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(removed)}
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
