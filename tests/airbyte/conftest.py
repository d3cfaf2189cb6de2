"""The source, run in this process or in one of its own, and what it wrote."""

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
    """Return an account that is small, as it is read many times."""
    return LivingAccount(clock=lambda: NOW, contacts=300, campaigns=12)


@pytest.fixture(scope="session")
def discovered(
    tmp_path_factory: pytest.TempPathFactory, account: LivingAccount
) -> Json:
    """Return the catalog."""
    folder = tmp_path_factory.mktemp("discover")
    with Service(account) as service:
        return source(folder, "discover", service.config | MEMORY).catalog


@pytest.fixture(scope="session")
def configure(discovered: Json) -> Callable[..., Json]:
    """Return what makes a configured catalog."""

    def made(*names: str, mode: str = "incremental", **more: t.Any) -> Json:
        return {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": mode,
                    "destination_sync_mode": "append_dedup",
                    **more,
                }
                for stream in discovered["streams"]
                if not names or stream["name"] in names
            ]
        }

    return made


@dataclass
class Image:
    """The Dockerfile, and what its steps made in a folder instead of an image."""

    root: Path
    steps: list[tuple[str, str]]
    environment: dict[str, str] = field(default_factory=dict)

    def value(self, step: str) -> str:
        """Return the last value that a step of this kind has."""
        return [value for kind, value in self.steps if kind == step][-1]

    @property
    def executable(self) -> Path:
        """The entry point."""
        (name,) = t.cast("list[str]", json.loads(self.value("ENTRYPOINT")))
        folders = map(Path, self.environment["PATH"].split(":"))
        return next(path for each in folders if (path := each / name).is_file())


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the steps of the Dockerfile in a clean folder, with a Python of its own."""
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
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("UV_", "VIRTUAL"))
    }
    image.environment = clean | {"PATH": f"{base / 'bin'}:/usr/bin:/bin"}
    place = root
    for step, value in image.steps:
        # The root of the image is a folder here.
        here = re.sub(r"(?<![\w./])/(?=build|opt)", f"{root}/", value)
        match step:
            case "WORKDIR":
                place = Path(here)
                place.mkdir(parents=True)
            case "COPY" if here.startswith("--from"):
                _, *paths = here.split()
                # All stages are in one folder.
                assert len({*paths}) == 1
            case "COPY":
                *origins, target = here.split()
                for origin in origins:
                    subprocess.run(
                        ["cp", "-rT", ROOT / origin, place / target / Path(origin).name]
                        if target == "./"
                        else ["cp", "-rT", ROOT / origin, place / target],
                        check=True,
                    )
            case "RUN":
                subprocess.run(
                    ["sh", "-euc", here],
                    check=True,
                    cwd=place,
                    env=image.environment,
                    timeout=120,
                )
            case "ENV":
                for pair in shlex.split(here):
                    name, _, told = pair.partition("=")
                    told = told.replace("$PATH", image.environment["PATH"])
                    image.environment[name] = told
            case "FROM" | "LABEL" | "USER" | "ENTRYPOINT":
                pass
            case _:
                pytest.fail(f"unknown step {step}")
    return image


@pytest.fixture(scope="session")
def airbyte_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with Airbyte's own packages alone."""
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
def apart() -> dict[str, str]:
    """Return an environment for Airbyte's packages, which asks nobody for anything."""
    # Two of the tests import Airbyte's packages, which are large: compile them once.
    left = ("PYTEST", "PYTHONDONTWRITEBYTECODE")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(left)}
    return clean | {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return what runs a command in a process of its own."""
    begun = []

    def begin(*command: t.Any, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [SOURCE, *arguments(tmp_path, *command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()
