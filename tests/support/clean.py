"""A machine with nothing set up, on which a reader follows an example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import typing as t
from dataclasses import dataclass
from pathlib import Path

from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

EXAMPLES = ROOT / "examples"
UV = str(Path(sys.executable).with_name("uv"))
PYTHON = Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info))
# How this machine reaches PyPI, which no example has to know.
NETWORK = re.compile(r"SSL_CERT_(FILE|DIR)|(?i:(https?|no|all)_proxy)|UV_.*INDEX.*")


@dataclass
class CleanMachine:
    """A folder with an empty home, uv and Python on the PATH, and the wheel of the tap.

    Attributes:
        folder: Where the home and the copies of examples are.
        wheels: Folder with the wheel, which stands in for the release on PyPI.
        cache: Files that uv has downloaded before; they change nothing but the time.
    """

    folder: Path
    wheels: Path
    cache: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables; only those of the network are inherited."""
        home, tools = self.folder / "home", self.folder / "tools"
        for each in (home, tools):
            each.mkdir(exist_ok=True)
        for name, program in {"uv": Path(UV), "python3": PYTHON}.items():
            if not (tools / name).exists():
                (tools / name).symlink_to(program)
        network = {k: v for k, v in os.environ.items() if NETWORK.fullmatch(k)}
        return network | {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{tools}:/usr/bin:/bin",
            "UV_CACHE_DIR": self.cache,
            "UV_FIND_LINKS": str(self.wheels),
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def copy(self, example: str) -> Path:
        """Copy the folder of an example, without what is in no commit."""
        target = self.folder / example
        ignored = shutil.ignore_patterns(".venv", ".meltano", ".env", "output")
        return Path(shutil.copytree(EXAMPLES / example, target, ignore=ignored))

    def clone(self, *names: str) -> Path:
        """Copy files and folders of the repository, as a clone has them."""
        target = self.folder / "clone"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "--", *names],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in listed.stdout.splitlines():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
        return target

    def run(
        self, command: str, folder: Path, *, by: str = "/bin/sh", **more: str
    ) -> str:
        """Run a command; return its output.

        Raises:
            AssertionError: It failed.
        """
        done = self.start(command, folder, by=by, **more)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def start(
        self, command: str, folder: Path, *, by: str = "/bin/sh", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends; stdout has stderr too."""
        return subprocess.run(
            [by, "-euc", command],
            cwd=folder,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout in a folder."""
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True
    )
    return folder


def cache_folder() -> str:
    """Return uv's cache of downloads."""
    command = [UV, "cache", "dir"]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()


def commands(example: str, language: str = "sh") -> list[str]:
    """Return the commands of an example's README that a test runs, by block."""
    text = (EXAMPLES / example / "README.md").read_text()
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    blocks = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in blocks]


def account_settings(service: Service) -> dict[str, str]:
    """Return environment variables that name a served account."""
    settings = service.config | {"data_center": "us"}
    return {f"TAP_ZOHOCAMPAIGNS_{k.upper()}": v for k, v in settings.items()}


def write_env(project: Path, settings: dict[str, str]) -> None:
    """Write the file of secrets, as a reader fills in the one of the example."""
    lines = [f"{name}='{value}'\n" for name, value in settings.items()]
    path = project / ".env"
    path.touch(mode=0o600)
    path.write_text("".join(lines))


def variables(example: str) -> set[str]:
    """Return the names in an example's file of environment variables."""
    text = (EXAMPLES / example / ".env.example").read_text()
    return {*re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE)}
