"""The steps of a Dockerfile, run in a folder where no engine builds an image."""

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

from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterable

UV = str(Path(sys.executable).with_name("uv"))
_FLAG = re.compile(r"^--\w+=\S+$")


@dataclass
class Image:
    """A Dockerfile, and what its steps made in a folder instead of an image."""

    root: Path
    steps: list[tuple[str, str]]
    context: Path = ROOT
    base: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    place: Path = Path("/")
    folders: t.ClassVar[tuple[str, ...]] = ("build", "opt", "project", "state")
    """Folders at the root of the image. Here they are in `root`."""

    def here(self, text: str) -> str:
        """Return a text with the paths of the image as they are here."""
        # Also in `file:///state`.
        names = "|".join(self.folders)
        pattern = rf"((?<![\w./])|(?<=file://))/(?=(?:{names})\b)"
        return re.sub(pattern, rf"\g<1>{self.root}/", text)

    def value(self, step: str) -> str:
        """Return the last value that a step of this kind has."""
        return [value for kind, value in self.steps if kind == step][-1]

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the image."""
        pairs = [value for kind, value in self.steps if kind == "LABEL"]
        return dict(pair.split("=", 1) for pair in shlex.split(" ".join(pairs)))

    @property
    def executable(self) -> Path:
        """The entry point."""
        (name,) = t.cast("list[str]", json.loads(self.value("ENTRYPOINT")))
        return self.find(name)

    def find(self, name: str) -> Path:
        """Return the executable of this name that the image would run."""
        folders = map(Path, self.environment["PATH"].split(":"))
        return next(path for each in folders if (path := each / name).is_file())

    def run(self, *command: str | Path, **environment: str) -> str:
        """Run a command as a container does; return what it wrote."""
        done = subprocess.run(
            command,
            cwd=self.place,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def do(self, steps: Iterable[tuple[str, str]]) -> None:
        """Do these steps here."""
        for step, value in steps:
            here = self.here(value)
            match step:
                case "WORKDIR":
                    self.place = Path(here)
                    self.place.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(here)
                case "RUN":
                    shell = ["sh", "-euc", here]
                    self.run(*(json.loads(here) if here[0] == "[" else shell))
                case "ENV":
                    for pair in shlex.split(here):
                        name, _, text = pair.partition("=")
                        text = text.replace("$PATH", self.environment["PATH"])
                        self.environment[name] = text
                case "FROM":
                    self.environment, self.place = {**self.base}, Path("/")
                case "LABEL" | "USER" | "ENTRYPOINT" | "CMD":
                    pass
                case _:
                    msg = f"unknown step {step}"
                    raise NotImplementedError(msg)

    def _copy(self, value: str) -> None:
        *origins, target = [one for one in value.split() if not _FLAG.match(one)]
        if "--from=" in value:
            # All stages are in one folder.
            assert origins == [target]
            return
        for origin in origins:
            name = Path(origin).name if target == "./" else target
            copied: list[str | Path] = [
                "cp",
                "-rT",
                self.context / origin,
                self.place / name,
            ]
            subprocess.run(copied, check=True)


def steps_of(text: str) -> list[tuple[str, str]]:
    """Return the steps of a Dockerfile: its keyword, and what it says."""
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        t.cast("tuple[str, str]", tuple(line.split(" ", 1)))
        for line in whole.splitlines()
    ]


def build(root: Path, dockerfile: Path) -> Image:
    """Run the steps of a Dockerfile in a clean folder, with a Python of its own."""
    image = Image(root, steps_of(dockerfile.read_text()))
    python = root / "base"
    subprocess.run(
        [UV, "venv", "--quiet", "--seed", "--python", sys.executable, python],
        check=True,
    )
    left = ("UV_", "VIRTUAL", "MELTANO", "TAP_", "TARGET_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(left)}
    image.base = clean | {"PATH": f"{python / 'bin'}:/usr/bin:/bin"}
    image.do(image.steps)
    return image
