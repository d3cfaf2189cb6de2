"""Programs that share a ledger: `python -m tests.support.callers HOW WHERE CALLS`.

Each says `ready`, and goes on when it reads a line.
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
from tests.support.zoho import take

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.ledger import Store

ACCOUNT = "0f1e2d3c"
THREADS = 4


def quotas_of(calls: int) -> Quotas:
    """Return a quota whose window outlasts every test."""
    return Quotas(Quota(calls, 3600, 7200))


def say(word: object) -> None:
    """Tell the test, which reads along."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def take_all(store: Store) -> None:
    """Take in several threads as long as there is something, and say how much."""

    def take_many() -> int:
        taken = 0
        while take(store, "one") is None:
            taken += 1
        return taken

    with ThreadPoolExecutor(THREADS) as threads:
        futures = [threads.submit(take_many) for _ in range(THREADS)]
        say(sum(future.result() for future in futures))


def take_and_tell(store: Store) -> None:
    """Say each call that was entered, until killed."""
    while take(store, "one") is None:
        say("taken")


def lock(store: Store) -> None:
    """Tell that the service has closed an endpoint."""
    store.lock("one")
    say("locked")


def hang(where: str, calls: int) -> None:
    """Stand still in the midst of an entry."""

    def wall() -> float:
        say("inside")
        time.sleep(600)
        return 0.0

    clocks = Clocks(wall=wall)
    SqliteStore(Path(where), ACCOUNT, quotas_of(calls), clocks=clocks).enter("one")


def main(how: str, where: str, calls: int) -> None:
    """Do one of these."""
    store = open_store(where, ACCOUNT, quotas_of(calls))
    say("ready")
    sys.stdin.readline()
    if how == "hang":
        hang(where, calls)
    else:
        {"enter": take_all, "tell": take_and_tell, "lock": lock}[how](store)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
