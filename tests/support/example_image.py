"""The image of examples/meltano, made in a folder where no engine builds images."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.clean import EXAMPLES, PYTHON, UV

if t.TYPE_CHECKING:
    from tests.support.clean import CleanMachine

# Folders at the root of the image. Here they are in a folder of the test.
AT_ROOT = re.compile(r"(?<![\w./])/(?=(?:opt|project|tmp)\b)")
# Without this capability root has to keep to the modes of files too.
READ_ONLY_FOR_ROOT = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all")
WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass
class ProjectImage:
    """What the steps of the Dockerfile made, and how its container is started."""

    root: Path
    environment: dict[str, str]
    place: Path = Path("/")
    steps: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return a text with the paths of the image as they are here."""
        return AT_ROOT.sub(f"{self.root}/", text)

    def start(
        self, *arguments: str, writable: list[str], **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Start the container with only these folders writable, and empty."""
        folders = [Path(self.here(folder)) for folder in writable]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        kept = {path for each in folders for path in (each, *each.rglob("*"))}
        modes = {
            path: path.stat().st_mode
            for path in (self.root, *self.root.rglob("*"))
            if path not in kept and not path.is_symlink()
        }
        for path, mode in modes.items():
            path.chmod(mode & ~WRITE)
        try:
            return subprocess.run(
                [*READ_ONLY_FOR_ROOT * (os.getuid() == 0), self.executable, *arguments],
                cwd=self.place,
                env=self.environment | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=900,
            )
        finally:
            for path, mode in modes.items():
                path.chmod(mode)

    @property
    def executable(self) -> Path:
        """The entry point of the image."""
        name: str
        (name,) = re.findall(r'"(.+?)"', self.steps["ENTRYPOINT"])
        folders = map(Path, self.environment["PATH"].split(":"))
        return next(path for each in folders if (path := each / name).is_file())


def build_image(machine: CleanMachine) -> ProjectImage:
    """Run the steps of the Dockerfile with a Python of its own."""
    root = machine.folder / "image"
    python = root / "base"
    subprocess.run([UV, "venv", "-q", "--seed", "--python", PYTHON, python], check=True)
    image = ProjectImage(root, machine.environment)
    image.environment["PATH"] = f"{python / 'bin'}:/usr/bin:/bin"
    image.environment["UV_PYTHON"] = str(PYTHON)
    image.environment["PIP_CERT"] = machine.environment.get("SSL_CERT_FILE", "")
    text = (EXAMPLES / "meltano" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    for step, value in (line.split(" ", 1) for line in lines):
        here = image.here(value)
        image.steps[step] = value
        match step:
            case "WORKDIR":
                image.place = Path(here)
                image.place.mkdir(parents=True)
            case "COPY":
                origin, _ = value.split()
                content = (EXAMPLES / "meltano" / origin).read_bytes()
                (image.place / origin).write_bytes(content)
            case "RUN":
                subprocess.run(
                    ["sh", "-euc", here],
                    check=True,
                    cwd=image.place,
                    env=image.environment,
                    timeout=900,
                )
            case "ENV":
                for pair in shlex.split(here):
                    name, _, raw = pair.partition("=")
                    path = image.environment["PATH"]
                    image.environment[name] = raw.replace("$PATH", path)
            case "FROM" | "USER" | "ENTRYPOINT" | "CMD":
                pass
            case _:
                msg = f"unknown step {step}"
                raise NotImplementedError(msg)
    return image
