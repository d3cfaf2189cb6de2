"""Times the README's first command against other ways to the same rows.

    python3 -m benchmarks.first_command [--times N]

Each way starts from a new clone of this repository, with an empty home folder, so that
nothing is in a cache; one of them needs uv on the PATH. It prints a table for
docs/benchmarks.md: the least times, as ratios to the README's command.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = "run tap-zohocampaigns target-jsonl"
TOOLS = "python3 -m venv .tools && .tools/bin/pip install -q"
WAYS: t.Final = {
    "the README's command": "",
    "pip installs uv, and uv runs Meltano": (
        f"{TOOLS} uv && .tools/bin/uv tool run -q --with uv meltano {RUN}"
    ),
    "uv is there already (`uvx --with uv meltano …`)": (
        f"uvx -q --with uv meltano {RUN}"
    ),
    "pip alone installs Meltano": f"{TOOLS} meltano && .tools/bin/meltano {RUN}",
}


def first_command() -> str:
    """Return the README's first command."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("```sh\n")[2].partition("\n")[0]


def seconds_of(command: str) -> float:
    """Run a command in a new clone; return its seconds.

    Raises:
        RuntimeError: It failed, or it wrote no rows.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name, "clone"), Path(name, "home")
        home.mkdir()
        _sh(f"git clone -q {ROOT} {folder}", cwd=home)
        since = time.monotonic()
        _sh(command, cwd=folder, HOME=str(home))
        seconds = time.monotonic() - since
        if not (folder / "output" / "campaigns.jsonl").exists():
            msg = f"No rows were written by {command}"
            raise RuntimeError(msg)
    return seconds


def _sh(command: str, cwd: Path, **environment: str) -> None:
    # Neither the virtual environment of this program nor a cache is a new user's.
    own = str(Path(sys.executable).parent)
    path = [one for one in os.environ["PATH"].split(os.pathsep) if one != own]
    inherited = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env=inherited | {"PATH": os.pathsep.join(path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=1, help="tries of each way")
    tries = range(parser.parse_args().times)
    ways = WAYS | {next(iter(WAYS)): first_command()}
    least = {name: min(seconds_of(way) for _ in tries) for name, way in ways.items()}
    first = next(iter(least.values()))
    lines = ["| way | time |", "|---|---|"]
    lines += [f"| {name} | {each / first:.2f} |" for name, each in least.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
