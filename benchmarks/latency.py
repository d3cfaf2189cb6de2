"""Time a sync of the sandbox account with calls in flight, against the least there is.

    uv run --locked python benchmarks/latency.py

Each answer of the API takes 300 ms. All streams are read, and the largest alone, with
Zoho's quota, which one sync of this account does not use up, and with one scaled so
that it binds. Times are those of the whole process, start-up included.

No sync can end before its bound. Of an endpoint's calls, so many pass in each window;
those of the last one, and all calls together, take the latency, shared by those that
are in flight at once.
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
    """Calls of an endpoint in so many seconds: the tap's limit, and the service's."""

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
    records: int
    calls: Counter[str]


class Bench:
    """An account that stands still, and syncs of it."""

    def __init__(self, folder: Path) -> None:
        """Write the catalog, and fill the caches of the account with a first sync."""
        now = datetime.now(UTC)
        self.account = LivingAccount(clock=lambda: now)
        self.folder = folder
        self.chosen = {
            ALL: [],
            ALONE: ["--catalog", write(folder / "catalog.json", catalog(LARGEST))],
        }
        quota = QUOTAS["Zoho's quota"]
        self.records = {
            streams: self._sync(streams, 0, quota, 1).records for streams in self.chosen
        }

    def sync(self, streams: str, latency: float, quota: Quota, flying: int) -> Sync:
        """Sync, and see that nothing is missing."""
        done = self._sync(streams, latency, quota, flying)
        if done.records != self.records[streams]:
            msg = f"{done.records} of {self.records[streams]} records were read."
            raise SystemExit(msg)
        return done

    def _sync(self, streams: str, latency: float, quota: Quota, flying: int) -> Sync:
        with Service(
            self.account,
            quota_calls=quota.lock,
            quota_seconds=quota.seconds,
            latency=latency,
        ) as service:
            config = service.config | {
                "concurrency": flying,
                "rate_limit_calls": quota.limit,
                "rate_limit_seconds": quota.seconds,
                "rate_limit_ledger": "memory",
                "rate_limit_on_lock": "stop",
            }
            given = ["--config", write(self.folder / "config.json", config)]
            began = time.perf_counter()
            written = lines([TAP, *given, *self.chosen[streams]])
            records = sum(line.startswith(b'{"type":"RECORD"') for line in written)
            seconds = time.perf_counter() - began
            return Sync(
                seconds, records, Counter(call.endpoint for call in service.calls)
            )


def bound(
    calls: Counter[str], latency: float, quota: Quota, flying: int
) -> tuple[float, str]:
    """Return the seconds that no sync can do without, and what sets them."""
    _, busiest = calls.most_common(1)[0]
    windows = (busiest - 1) // quota.limit
    last = busiest - windows * quota.limit
    return max(
        (calls.total() * latency / flying, "latency"),
        (windows * quota.seconds + last * latency / flying, "quota"),
    )


def main(latency: float, concurrency: list[int]) -> None:
    """Measure, and print a table for each quota."""
    heads = (
        "concurrency",
        "streams",
        "calls",
        "of the busiest endpoint",
        f"time, concurrency {concurrency[0]} = 1",
        "time, largest alone = 1",
        "time, bound = 1",
        "bound",
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, quota in QUOTAS.items():
            scale = f"{quota.limit} calls of an endpoint in {quota.seconds} s"
            print(f"{name}: {scale}; latency {latency * 1000:.0f} ms\n")
            print(f"| {' | '.join(heads)} |")
            print(f"|{'---|' * len(heads)}")
            first: dict[str, float] = {}
            for flying in concurrency:
                alone = 0.0
                for streams in (ALONE, ALL):
                    done = bench.sync(streams, latency, quota, flying)
                    alone = alone or done.seconds
                    first.setdefault(streams, done.seconds)
                    least, by = bound(done.calls, latency, quota, flying)
                    ratios = (first[streams], alone, least)
                    cells = [str(flying), streams, str(done.calls.total())]
                    cells += [str(max(done.calls.values()))]
                    cells += [f"{done.seconds / ratio:.2f}" for ratio in ratios]
                    cells += [f"{least:.1f} s, {by}"]
                    print(f"| {' | '.join(cells)} |", flush=True)
            print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8])
    main(**vars(parser.parse_args()))
