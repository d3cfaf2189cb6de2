"""Airflow, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from tests.support.taps import ROOT

EXAMPLES = ROOT / "examples" / "airflow"
HERE = Path(sys.executable).parent
_UV = str(HERE / "uv")
# Waits of tests end at the latest now (seconds).
LONG = 1800


def environment(name: str, *requirements: str | Path) -> Path:
    """Return the folder of programs of an environment in the user's cache.

    It is made once, and brought up to date with its requirements each time.
    """
    folder = user_cache_path("tap-zohocampaigns") / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run side by side.
    with FileLock(f"{folder}.lock"):
        if not (folder / "bin" / "python").exists():
            make = (_UV, "venv", "--quiet", "--python", sys.executable, folder)
            subprocess.run(make, check=True)
        python = f"--python={folder / 'bin' / 'python'}"
        install = (_UV, "pip", "install", "--quiet", python, *requirements)
        subprocess.run(install, check=True)
    return folder / "bin"


class Airflow:
    """An installation with a home of its own."""

    def __init__(self, home: Path, dags: Path, meltano: Path, **settings: str) -> None:
        """Make the tables of Airflow's database.

        Args:
            home: Folder of its logs, and of its database by default.
            dags: Folder of its DAGs.
            meltano: Folder of Meltano's programs, in an environment of its own.
            settings: Environment of all its programs.
        """
        self.bin = environment("airflow", "-r", EXAMPLES / "requirements.txt")
        self.settings = {
            # Nothing of the developer's own environment, whatever it sets.
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{meltano}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **settings,
        }
        self.run("db", "migrate")

    def run(self, *arguments: str) -> str:
        """Run a command to its end; return its output."""
        result = subprocess.run(
            [self.bin / "airflow", *arguments],
            env=self.settings,
            cwd=self.settings["AIRFLOW_HOME"],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=LONG,
        )
        assert result.returncode == 0, result.stdout
        return result.stdout
