"""Time a sync of the sandbox account with concurrent calls, and compare with a bound.

    uv run --locked python benchmarks/latency.py

Each answer of the API takes 300 ms. All streams are read, and the largest stream alone:
with Zoho's quota, which one sync of this account does not exhaust, and with a scaled
quota, which it does. Times are those of the whole process with its start; each is the
least of several (`--times`), since other work on the machine only adds to it.

No sync can be faster than the bound, which is the larger of two times. Latency: all
calls take 300 ms each, divided by the concurrency. Quota: the busiest endpoint needs
some full windows, and the latency of the calls in its last window.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import typing as t
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.runs import TAP, catalog, lines, write
from tap_zohocampaigns.sandbox import LivingAccount, Service

LARGEST = "campaign_recipients"
ALL, ALONE = "all", f"`{LARGEST}`"


class Quota(t.NamedTuple):
    """The most calls of an endpoint in `seconds`: for the tap, and before a lock."""

    limit: int
    lock: int
    seconds: int


QUOTAS = {
    "Zoho's quota": Quota(490, 500, 300),
    "A scaled quota": Quota(98, 100, 20),
}


class Sync(t.NamedTuple):
    """A finished sync."""

    seconds: float
    calling: float
    """Seconds from the first call to the last answer."""
    records: int
    calls: Counter[str]


class Bench:
    """An account with a fixed clock, and syncs of it."""

    def __init__(self, folder: Path) -> None:
        """Write the catalog, and fill the caches of the account with a first sync."""
        now = datetime.now(UTC)
        self.account = LivingAccount(clock=lambda: now)
        self.folder = folder
        self.catalog_options = {
            ALL: [],
            ALONE: ["--catalog", write(folder / "catalog.json", catalog(LARGEST))],
        }
        quota = QUOTAS["Zoho's quota"]
        self.records = {
            streams: self._sync(streams, 0, quota, 1).records
            for streams in self.catalog_options
        }

    def sync(
        self, streams: str, latency: float, quota: Quota, concurrency: int, times: int
    ) -> Sync:
        """Run a sync several times; check that no record is missing.

        Returns:
            The fastest one.
        """
        results = [
            self._sync(streams, latency, quota, concurrency) for _ in range(times)
        ]
        for result in results:
            if result.records != self.records[streams]:
                msg = f"{result.records} of {self.records[streams]} records were read."
                raise SystemExit(msg)
        return min(results, key=lambda result: result.seconds)

    def _sync(
        self, streams: str, latency: float, quota: Quota, concurrency: int
    ) -> Sync:
        with Service(
            self.account,
            quota_calls=quota.lock,
            quota_seconds=quota.seconds,
            latency=latency,
        ) as service:
            config = service.config | {
                "concurrency": concurrency,
                "rate_limit_calls": quota.limit,
                "rate_limit_seconds": quota.seconds,
                "rate_limit_ledger": "memory",
                "rate_limit_on_lock": "stop",
            }
            options = ["--config", write(self.folder / "config.json", config)]
            start = time.perf_counter()
            output = lines([TAP, *options, *self.catalog_options[streams]])
            records = sum(line.startswith(b'{"type":"RECORD"') for line in output)
            seconds = time.perf_counter() - start
            times = [call.at for call in service.calls]
            calling = max(times) + latency - min(times)
            calls = Counter(call.endpoint for call in service.calls)
            return Sync(seconds, calling, records, calls)


def bound(
    calls: Counter[str], latency: float, quota: Quota, concurrency: int
) -> tuple[float, str]:
    """Return the least seconds of a sync, and whether latency or quota sets them."""
    _, busiest = calls.most_common(1)[0]
    windows = (busiest - 1) // quota.limit
    in_last_window = busiest - windows * quota.limit
    return max(
        (calls.total() * latency / concurrency, "latency"),
        (windows * quota.seconds + in_last_window * latency / concurrency, "quota"),
    )


def main(latency: float, concurrency: list[int], times: int) -> None:
    """Run the syncs, and print a table for each quota."""
    headings = (
        "concurrency",
        "streams",
        "calls",
        "of the busiest endpoint",
        f"time, concurrency {concurrency[0]} = 1",
        "time, largest alone = 1",
        "time, bound = 1",
        "first call to last answer, bound = 1",
        "bound",
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, quota in QUOTAS.items():
            scale = f"{quota.limit} calls of an endpoint in {quota.seconds} s"
            print(f"{name}: {scale}; latency {latency * 1000:.0f} ms\n")
            print(f"| {' | '.join(headings)} |")
            print(f"|{'---|' * len(headings)}")
            first: dict[str, float] = {}
            for number in concurrency:
                largest_seconds = 0.0
                for streams in (ALONE, ALL):
                    result = bench.sync(streams, latency, quota, number, times)
                    largest_seconds = largest_seconds or result.seconds
                    first.setdefault(streams, result.seconds)
                    least, limited_by = bound(result.calls, latency, quota, number)
                    ratios = (first[streams], largest_seconds, least)
                    cells = [str(number), streams, str(result.calls.total())]
                    cells += [str(max(result.calls.values()))]
                    cells += [f"{result.seconds / ratio:.2f}" for ratio in ratios]
                    cells += [f"{result.calling / least:.2f}"]
                    cells += [f"{least:.1f} s, {limited_by}"]
                    print(f"| {' | '.join(cells)} |", flush=True)
            print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--times", type=int, default=3)
    main(**vars(parser.parse_args()))
