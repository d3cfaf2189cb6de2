"""Helpers that run and measure commands, and that write files for the tap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))


class Run(t.NamedTuple):
    """A finished process: its elapsed seconds, peak memory in MiB, and CPU seconds."""

    seconds: float
    memory: float
    cpu: float


def run(command: list[str], *, pipe: bool = False) -> Run:
    """Run a command; its stdout is /dev/null, or a pipe that is read."""
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE if pipe else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        if process.stdout:
            while process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
                pass
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def lines(command: list[str]) -> t.Iterator[bytes]:
    """Yield the lines that a command writes."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield from process.stdout or ()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def catalog(*selected: str) -> dict[str, t.Any]:
    """Return the tap's catalog; only these streams are selected."""
    result = subprocess.run([TAP, "--discover"], check=True, capture_output=True)
    discovered: dict[str, t.Any] = json.loads(result.stdout)
    for stream in discovered["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] in selected
    return discovered


def write(path: Path, value: object) -> str:
    """Write a value as JSON; return the path."""
    path.write_text(json.dumps(value))
    return str(path)
