"""Compare the speed of this tap with other ways to read the same rows.

    uv run --locked python benchmarks/throughput.py

Each reader reads the same rows from the same server several times, in turn; figures are
medians. Before that, each reader is checked: it must write every row once. Rows per
second and CPU seconds for a million rows do not include the start-up, which is measured
separately, also in CPU seconds. CPU seconds say more where other programs run.

`airbyte-cdk` and `dlt` can't be installed beside the tap, so `uv` makes an environment
for each. `dlt_rest.py` describes which steps of dlt are measured.
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
    """A command that reads all rows, and a command that only starts up."""

    read: list[str]
    start: list[str]


class Bench:
    """A server, and the commands that read from it."""

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
        options = ["--config", config]
        options += ["--manifest-path", str(HERE / "airbyte_manifest.yaml")]
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
            [source, "read", *options, "--catalog", configured],
            [source, "discover", *options],
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
    """Make an environment with this Python for each package in `OTHERS`."""
    uv = [sys.executable, "-m", "uv"]
    for name, pinned_version in OTHERS.items():
        environment = str(folder / name)
        create = [*uv, "venv", "--quiet", "--python", sys.executable, environment]
        subprocess.run(create, check=True)
        install_package = [*uv, "pip", "install", "--quiet", "--python", environment]
        subprocess.run([*install_package, f"{name}=={pinned_version}"], check=True)


def check(name: str, command: list[str], rows: int) -> None:
    """Exit if a reader does not write each row once."""
    counts = bytearray(rows)
    for line in lines(command):
        for number in NUMBER.findall(line):
            counts[int(number) - 1] += 1
    if (once := counts.count(1)) != rows:
        sys.exit(f"{name} wrote {once} of {rows} rows once.")


def median(runs: list[Run]) -> Run:
    """Return the median of each figure."""
    return Run(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


def main(rows: int, times: int) -> None:
    """Run the readers, and print a table."""
    start_runs: dict[str, list[Run]] = {}
    read_runs: dict[tuple[str, bool], list[Run]] = {}
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
                    start_runs.setdefault(name, []).append(run(reader.start))
            for _ in range(times):
                for name, pipe in ((n, p) for n in readers for p in (False, True)):
                    result = run(readers[name].read, pipe=pipe)
                    read_runs.setdefault((name, pipe), []).append(result)

    starts = {name: median(runs) for name, runs in start_runs.items()}
    start = {name: one.seconds for name, one in starts.items()}

    def speed(name: str, *, pipe: bool) -> float:
        return rows / (median(read_runs[name, pipe]).seconds - start[name])

    base_devnull, base_pipe = (speed(BASE, pipe=pipe) for pipe in (False, True))
    print(f"{rows:,} rows of 12 fields, pages of 500, medians of {times}; {BASE} = 1")
    print()
    print(
        "| reader | to /dev/null | in a pipe | CPU for a million rows, in a pipe "
        "| start-up | start-up, CPU | peak memory | at a tenth |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in readers:
        cpu = median(read_runs[name, True]).cpu - starts[name].cpu
        ratios = (
            speed(name, pipe=False) / base_devnull,
            speed(name, pipe=True) / base_pipe,
            start[name] / start[BASE],
            starts[name].cpu / starts[BASE].cpu,
        )
        peaks = (median(read_runs[name, False]).memory, memory[name])
        cells = [f"{ratio:.2f}" for ratio in ratios]
        cells.insert(2, f"{cpu / rows * 1_000_000:.0f} s")
        cells += [f"{peak:.0f} MiB" for peak in peaks]
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    print(f"{BASE}: {base_devnull:,.0f} rows/s, start-up {start[BASE]:.2f} s")
    versions = {"singer-sdk": version("singer-sdk"), **OTHERS}
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    print(f"{packages}; Python {platform.python_version()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=3)
    main(**vars(parser.parse_args()))
