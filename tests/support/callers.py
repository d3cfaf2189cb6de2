"""Processes that share a ledger: `python -m tests.support.callers ACTION WHERE CALLS`.

Each process prints `ready` and waits for a line on stdin before it acts.
"""

from __future__ import annotations

import os
import random
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tap_zohocampaigns.api.quota.ledger import Ledger, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tests.support.zoho import make_call

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.quota.ledger import Store

ACCOUNT = "0f1e2d3c"
THREADS = 4
CROWD, TURNS = 100, 3
PACED = Quota(100, 2, 600)
"""A quota of which the crowd uses several windows."""


def quotas_of(calls: int) -> Quotas:
    """Return a quota with a window that is longer than any test."""
    return Quotas(Quota(calls, 3600, 7200))


def print_line(text: object) -> None:
    """Print a line that the test reads."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_all_calls(store: Store) -> None:
    """Make calls in threads while the quota allows it, then print their number."""

    def make_calls() -> int:
        made = 0
        while make_call(store, "one") is None:
            made += 1
        return made

    with ThreadPoolExecutor(THREADS) as threads:
        futures = [threads.submit(make_calls) for _ in range(THREADS)]
        print_line(sum(future.result() for future in futures))


def make_calls_and_print(store: Store) -> None:
    """Make calls until the process is killed; print a line after each call."""
    while make_call(store, "one") is None:
        print_line("taken")


def lock(store: Store) -> None:
    """Lock an endpoint."""
    store.lock("one")
    print_line("locked")


def hang(where: str, calls: int) -> None:
    """Hang inside `enter`: its clock prints `inside`, then sleeps."""

    def wall() -> float:
        print_line("inside")
        time.sleep(600)
        return 0.0

    clocks = Clocks(wall=wall)
    SqliteStore(Path(where), ACCOUNT, quotas_of(calls), clocks=clocks).enter("one")


def make_paced_calls(where: str) -> None:
    """Make calls as the quota allows, and print when each reached the service."""
    store = open_store(where, ACCOUNT, Quotas(PACED))
    ledger = Ledger(store)
    for _ in range(TURNS):
        while isinstance(result := ledger.enter("one"), Wait):
            ledger.wait_out("one", result)
        time.sleep(random.uniform(0, 0.05))  # noqa: S311 (a network, no secret)
        # One write, since all print into the same pipe.
        os.write(1, f"{time.monotonic()}\n".encode())
        ledger.done(result)
    store.close()


def crowd(where: str) -> None:
    """Let a hundred processes make calls at once."""
    children = []
    for _ in range(CROWD):
        child = os.fork()
        if not child:
            make_paced_calls(where)
            os._exit(0)
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0


def main(action: str, where: str, calls: int) -> None:
    """Wait for the test, then run one action."""
    store = open_store(where, ACCOUNT, quotas_of(calls))
    print_line("ready")
    sys.stdin.readline()
    if action == "hang":
        hang(where, calls)
    elif action == "crowd":
        crowd(where)
    else:
        {
            "enter": make_all_calls,
            "enter-and-print": make_calls_and_print,
            "lock": lock,
        }[action](store)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
