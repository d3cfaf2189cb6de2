"""Compare this tap with other ways to read the same rows, in one run.

    uv run --locked python benchmarks/throughput.py

Each reader gets the same rows from the same server, in turn, several times; figures are
medians. Before that, each has to deliver every row once. Rows a second are those after
start-up, which is measured alone.

`airbyte-cdk` and `dlt` can't be installed beside the tap: `uv` makes an environment for
each. What the latter is timed for stands in `dlt_rest.py`.
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import typing as t
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from benchmarks.runs import TAP, Run, catalog, lines, run, write

HERE = Path(__file__).parent
OTHERS = {"airbyte-cdk": "7.39.1", "dlt": "1.31.0"}
BASE = "bare SDK"
NUMBER = re.compile(rb"user(\d+)@example\.com")


class Reader(t.NamedTuple):
    """The command that reads all rows, and one that only starts up."""

    read: list[str]
    start: list[str]


class Bench:
    """A server, and the readers of it."""

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

    def readers(self) -> dict[str, Reader]:
        """Return the readers by name, in the order of the table."""
        return {
            BASE: self._bare(),
            "this tap, JSON": self._tap("json"),
            "this tap, XML": self._tap("xml"),
            "airbyte-cdk, a manifest": self._airbyte(),
            "dlt `rest_api`, extract": self._dlt("extract"),
            "dlt `rest_api`, extract and normalize": self._dlt("normalize"),
            "by hand, no SDK": self._by_hand(),
        }

    def _bare(self) -> Reader:
        tap = [sys.executable, str(HERE / "bare_sdk.py")]
        config = write(self.folder / "bare.json", {"api_url": self.url})
        return Reader([*tap, "--config", config], [*tap, "--discover"])

    def _tap(self, format_: str) -> Reader:
        config = {
            "client_id": "c",
            "client_secret": "s",
            "refresh_token": "r",
            "api_url": self.url,
            "accounts_url": self.url,
            "response_format": format_,
            "actions": ["sentcontacts"],
            "rate_limit_calls": 1_000_000,
        }
        files = {
            "--config": write(self.folder / f"{format_}.json", config),
            "--catalog": write(
                self.folder / "catalog.json", catalog("campaign_recipients")
            ),
        }
        read = [TAP, *(word for pair in files.items() for word in pair)]
        return Reader(read, [TAP, "--discover"])

    def _airbyte(self) -> Reader:
        source = str(self.folder / "airbyte-cdk/bin/source-declarative-manifest")
        config = write(self.folder / "airbyte.json", {"api_url": self.url})
        given = ["--config", config]
        given += ["--manifest-path", str(HERE / "airbyte_manifest.yaml")]
        stream = {
            "stream": {
                "name": "recipients",
                "json_schema": {},
                "supported_sync_modes": ["full_refresh"],
            },
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append",
        }
        configured = write(self.folder / "configured.json", {"streams": [stream]})
        return Reader(
            [source, "read", *given, "--catalog", configured],
            [source, "discover", *given],
        )

    def _dlt(self, step: str) -> Reader:
        python = str(self.folder / "dlt/bin/python")
        command = [python, str(HERE / "dlt_rest.py"), self.url]
        return Reader([*command, step], [*command, "start"])

    def _by_hand(self) -> Reader:
        read = [sys.executable, str(HERE / "by_hand.py"), self.url]
        return Reader(read, [sys.executable, "-c", "import requests, json"])

    def close(self) -> None:
        """Stop the server."""
        self.server.kill()
        self.server.wait()


def install(folder: Path) -> None:
    """Make an environment for each of the others, with this Python."""
    uv = [sys.executable, "-m", "uv"]
    for name, pin in OTHERS.items():
        place = str(folder / name)
        made = [*uv, "venv", "--quiet", "--python", sys.executable, place]
        subprocess.run(made, check=True)
        filled = [*uv, "pip", "install", "--quiet", "--python", place]
        subprocess.run([*filled, f"{name}=={pin}"], check=True)


def check(name: str, command: list[str], rows: int) -> None:
    """End the benchmark if a reader does not deliver each row once."""
    seen = bytearray(rows)
    for line in lines(command):
        for number in NUMBER.findall(line):
            seen[int(number) - 1] += 1
    if (once := seen.count(1)) != rows:
        sys.exit(f"{name} delivered {once} of {rows} rows once.")


def median(runs: list[Run]) -> Run:
    """Return the median of each figure."""
    return Run(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


def main(rows: int, times: int) -> None:
    """Measure, and print a table."""
    started: dict[str, list[Run]] = {}
    figures: dict[tuple[str, bool], list[Run]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        install(folder)
        with closing(Bench(rows // 10, folder)) as small:
            readers = small.readers()
            memory = {name: run(one.read).memory for name, one in readers.items()}
        with closing(Bench(rows, folder)) as bench:
            readers = bench.readers()
            for name, reader in readers.items():
                check(name, reader.read, rows)
            for _ in range(times * 3):
                for name, reader in readers.items():
                    started.setdefault(name, []).append(run(reader.start))
            for _ in range(times):
                for name, pipe in ((n, p) for n in readers for p in (False, True)):
                    done = run(readers[name].read, pipe=pipe)
                    figures.setdefault((name, pipe), []).append(done)

    start = {name: median(runs).seconds for name, runs in started.items()}

    def speed(name: str, *, pipe: bool) -> float:
        return rows / (median(figures[name, pipe]).seconds - start[name])

    into_nothing, into_pipe = (speed(BASE, pipe=pipe) for pipe in (False, True))
    print(f"{rows:,} rows of 12 fields, pages of 500, medians of {times}; {BASE} = 1")
    print()
    print("| reader | to /dev/null | in a pipe | start-up | peak memory | at a tenth |")
    print("|---|---|---|---|---|---|")
    for name in readers:
        ratios = (
            speed(name, pipe=False) / into_nothing,
            speed(name, pipe=True) / into_pipe,
            start[name] / start[BASE],
        )
        peaks = (median(figures[name, False]).memory, memory[name])
        cells = [f"{ratio:.2f}" for ratio in ratios]
        cells += [f"{peak:.0f} MiB" for peak in peaks]
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    print(f"{BASE}: {into_nothing:,.0f} rows/s, start-up {start[BASE]:.2f} s")
    versions = {"singer-sdk": version("singer-sdk"), **OTHERS}
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    print(f"{listed}; Python {platform.python_version()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=3)
    main(**vars(parser.parse_args()))
