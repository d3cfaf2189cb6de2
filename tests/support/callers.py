"""Programs that share a ledger: `python -m tests.support.callers ACTION WHERE CALLS`.

Each prints `ready`, and goes on when it reads a line.
"""

from __future__ import annotations

import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tests.support.zoho import make_call

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.ledger import Store

ACCOUNT = "0f1e2d3c"
THREADS = 4


def quotas_of(calls: int) -> Quotas:
    """Return a quota whose window outlasts every test."""
    return Quotas(Quota(calls, 3600, 7200))


def say(text: object) -> None:
    """Print a line for the test."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_all_calls(store: Store) -> None:
    """Make calls in several threads while the quota allows it; say how many."""

    def make_many() -> int:
        made = 0
        while make_call(store, "one") is None:
            made += 1
        return made

    with ThreadPoolExecutor(THREADS) as threads:
        futures = [threads.submit(make_many) for _ in range(THREADS)]
        say(sum(future.result() for future in futures))


def make_calls_and_say(store: Store) -> None:
    """Make calls until killed; say after each of them."""
    while make_call(store, "one") is None:
        say("taken")


def lock(store: Store) -> None:
    """Lock an endpoint."""
    store.lock("one")
    say("locked")


def hang(where: str, calls: int) -> None:
    """Hang during an entry."""

    def wall() -> float:
        say("inside")
        time.sleep(600)
        return 0.0

    clocks = Clocks(wall=wall)
    SqliteStore(Path(where), ACCOUNT, quotas_of(calls), clocks=clocks).enter("one")


def main(action: str, where: str, calls: int) -> None:
    """Run one action."""
    store = open_store(where, ACCOUNT, quotas_of(calls))
    say("ready")
    sys.stdin.readline()
    if action == "hang":
        hang(where, calls)
    else:
        {"enter": make_all_calls, "tell": make_calls_and_say, "lock": lock}[action](
            store
        )
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
