"""The image of examples/meltano, made in a folder where no engine builds images."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import typing as t
from pathlib import Path

from tests.support.clean import EXAMPLES, PYTHON, UV
from tests.support.image import Image, steps_of

if t.TYPE_CHECKING:
    from tests.support.clean import CleanMachine

# Without this capability root has to keep to the modes of files too.
READ_ONLY_FOR_ROOT = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all")
WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class ProjectImage(Image):
    """What the steps of the Dockerfile made, and how its container is started."""

    folders = ("opt", "project", "tmp")

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


def build_image(machine: CleanMachine) -> ProjectImage:
    """Run the steps of the Dockerfile with a Python of its own."""
    root, context = machine.folder / "image", EXAMPLES / "meltano"
    python = root / "base"
    subprocess.run([UV, "venv", "-q", "--seed", "--python", PYTHON, python], check=True)
    steps = steps_of((context / "Dockerfile").read_text())
    image = ProjectImage(root, steps, context)
    image.base = machine.environment | {
        "PATH": f"{python / 'bin'}:/usr/bin:/bin",
        "UV_PYTHON": str(PYTHON),
        "PIP_CERT": machine.environment.get("SSL_CERT_FILE", ""),
    }
    image.do(image.steps)
    return image
