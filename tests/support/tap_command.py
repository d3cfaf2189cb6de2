"""The command `tap-zohocampaigns`, run in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))


def run_tap_command(
    folder: Path,
    config: dict[str, t.Any] | str,
    *arguments: str,
    level: str = "INFO",
    status: int = 0,
) -> tuple[str, str]:
    """Run the executable; return its stdout and stderr."""
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAP_")}
    result = subprocess.run(
        [TAP, "--config", str(path), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env=environment | {"LOGLEVEL": level},
        timeout=120,
    )
    assert result.returncode == status, result.stderr
    return result.stdout, result.stderr


def error_messages(stderr: str) -> list[str]:
    lines = stderr.splitlines()
    return [line.split(" | ", 3)[-1] for line in lines if "| ERROR" in line]
