"""Compare this tap with a bare stream of the SDK and a loop by hand, in one run.

    uv run --locked python benchmarks/throughput.py

Each reader gets the same rows from the same server, in turn, several times; figures are
medians. Rows a second are those after start-up, which is measured alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
READERS = ("bare SDK", "this tap, JSON", "this tap, XML", "by hand, no SDK")


class Run(t.NamedTuple):
    """One finished process: seconds on the wall, and the most memory it had (MiB)."""

    seconds: float
    memory: float


def run(command: list[str], *, pipe: bool = False) -> Run:
    """Run a reader to its end, into nothing or into a pipe that is read."""
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE if pipe else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        if process.stdout:
            while process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
                pass
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, usage.ru_maxrss / 1024)


class Bench:
    """A server, and the commands that read it."""

    def __init__(self, rows: int, folder: Path) -> None:
        """Start the server and wait until its pages are rendered."""
        self.rows = rows
        self.server = subprocess.Popen(
            [sys.executable, HERE / "server.py", str(rows)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout  # noqa: S101 (for the type checker)
        self.url = self.server.stdout.readline().strip()
        self.folder = folder

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each reader's command."""
        catalog = self._catalog()
        for name, format_ in (("this tap, JSON", "json"), ("this tap, XML", "xml")):
            config = self._write(
                f"{format_}.json",
                {
                    "client_id": "c",
                    "client_secret": "s",
                    "refresh_token": "r",
                    "api_url": self.url,
                    "accounts_url": self.url,
                    "response_format": format_,
                    "actions": ["sentcontacts"],
                    "rate_limit_calls": 1_000_000,
                },
            )
            tap = str(BIN / "tap-zohocampaigns")
            yield name, [tap, "--config", config, "--catalog", catalog]
        config = self._write("bare.json", {"api_url": self.url})
        yield "bare SDK", [*bare(), "--config", config]
        by_hand = [sys.executable, str(HERE / "by_hand.py"), self.url]
        yield "by hand, no SDK", by_hand

    def _catalog(self) -> str:
        discover = [str(BIN / "tap-zohocampaigns"), "--discover"]
        done = subprocess.run(discover, check=True, capture_output=True)
        catalog = json.loads(done.stdout)
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    chosen = stream["stream"] == "campaign_recipients"
                    entry["metadata"]["selected"] = chosen
        return self._write("catalog.json", catalog)

    def _write(self, name: str, value: object) -> str:
        path = self.folder / name
        path.write_text(json.dumps(value))
        return str(path)

    def close(self) -> None:
        """Stop the server."""
        self.server.kill()
        self.server.wait()


def bare() -> list[str]:
    """Return the command of the bare tap."""
    return [sys.executable, str(HERE / "bare_sdk.py")]


def median(runs: list[Run]) -> Run:
    """Return the median of each figure."""
    return Run(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


def main(rows: int, times: int) -> None:
    """Measure, and print a table."""
    starts = {
        "bare SDK": [*bare(), "--discover"],
        "this tap, JSON": [str(BIN / "tap-zohocampaigns"), "--discover"],
        "by hand, no SDK": [sys.executable, "-c", "import requests, json"],
    }
    started: dict[str, list[Run]] = {name: [] for name in starts}
    for _ in range(times * 3):
        for name, command in starts.items():
            started[name].append(run(command))
    start = {name: median(runs).seconds for name, runs in started.items()}
    start["this tap, XML"] = start["this tap, JSON"]

    figures: dict[tuple[str, bool], list[Run]] = {}
    memory: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        small = Bench(rows // 10, Path(folder))
        memory = {name: [run(command)] for name, command in small.commands()}
        small.close()
        bench = Bench(rows, Path(folder))
        commands = dict(bench.commands())
        for _ in range(times):
            for name, pipe in ((n, p) for n in READERS for p in (False, True)):
                done = run(commands[name], pipe=pipe)
                figures.setdefault((name, pipe), []).append(done)
        bench.close()

    def speed(name: str, *, pipe: bool) -> float:
        return rows / (median(figures[name, pipe]).seconds - start[name])

    into_nothing, into_pipe = (speed("bare SDK", pipe=pipe) for pipe in (False, True))
    print(f"{rows:,} rows of 12 fields, pages of 500, medians of {times}; bare SDK = 1")
    print()
    print("| reader | to /dev/null | in a pipe | start-up | peak memory | at a tenth |")
    print("|---|---|---|---|---|---|")
    for name in READERS:
        ratios = (
            speed(name, pipe=False) / into_nothing,
            speed(name, pipe=True) / into_pipe,
            start[name] / start["bare SDK"],
        )
        peaks = (median(figures[name, False]).memory, median(memory[name]).memory)
        cells = [f"{ratio:.2f}" for ratio in ratios]
        cells += [f"{peak:.0f} MiB" for peak in peaks]
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    print(f"bare SDK: {into_nothing:,.0f} rows/s, start-up {start['bare SDK']:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=3)
    main(**vars(parser.parse_args()))
