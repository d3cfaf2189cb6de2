"""The ledger in a SQLite file, for all processes of one machine."""

from __future__ import annotations

import logging
import platform
import sqlite3
import threading
import time
import typing as t
from contextlib import contextmanager
from pathlib import Path

from tap_zohocampaigns.api.quota import sql
from tap_zohocampaigns.api.quota.ledger import TICK, Ticket, Wait, new_ticket
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tap_zohocampaigns.api.sqlite_file import SqliteFile, error_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.quota.limits import Quotas

logger = logging.getLogger("tap-zohocampaigns.quota")

# Corrections of the wall clock that are taken into account (seconds).
_STEP = 2.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Now = dict[str, t.Any]


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Then a restart shows by ticks in the future. Ticks in the past make an entry
        # look newer than it is, which does no harm.
        return platform.node()


class Clocks(t.NamedTuple):
    """The clocks of the ledger."""

    ticks: Callable[[], float] = time.monotonic
    """Seconds since the machine started, the same for all its processes."""
    wall: Callable[[], float] = time.time
    """Seconds of the epoch; this clock may be corrected."""
    boot: Callable[[], str] = _boot
    """Returns an ID of the machine's start, from which the ticks count."""


class SqliteStore:
    """Keeps calls in a file, for all threads and processes of one machine.

    If the file can't be used, there is one warning. From then on only the calls of this
    process are counted.
    """

    def __init__(
        self,
        path: Path,
        account: str,
        quotas: Quotas,
        *,
        clocks: Clocks | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            path: The file; it is created if missing.
            account: ID of the account, without secrets.
            quotas: What each endpoint allows.
            clocks: The clocks to use.
        """
        # A power cut may cost the calls of the last seconds.
        self._file = SqliteFile(path, sql.SCHEMA, durable=False)
        self._clocks = clocks or Clocks()
        self._terms: Now = {
            "account": account,
            "boot": self._clocks.boot(),
            "step": _STEP,
        }
        self._quotas = quotas
        self._guard = threading.Lock()
        self._broken = False
        # The calls of this process, in case the file fails.
        self._own = MemoryStore(quotas, clock=self._clocks.ticks)

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now; else return how long to wait."""
        with self._guard:
            if not self._broken:
                try:
                    result = self._enter(endpoint)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
                else:
                    if isinstance(result, Ticket):
                        self._own.note(result)
                    return result
            return self._own.enter(endpoint)

    def done(self, ticket: Ticket) -> None:
        """Note that a call was answered."""
        with self._guard:
            self._own.done(ticket)
            call = {"kind": "call", "name": ticket.name, "lasts": 0.0}
            self._note(ticket.endpoint, call)

    def lock(self, endpoint: str) -> None:
        """Note that the service has locked an endpoint."""
        with self._guard:
            self._own.lock(endpoint)
            # Runs may have different lengths in their settings; the longest counts.
            lasts = self._quotas.of(endpoint).lock_seconds
            lock = {"kind": "lock", "name": f"{lasts}", "lasts": lasts}
            self._note(endpoint, lock)

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the windows of an endpoint still allow."""
        with self._guard:
            if not self._broken:
                try:
                    return self._remaining(endpoint)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
            return self._own.remaining(endpoint)

    def wait_time(self, endpoint: str) -> Wait | None:
        """Return how long a call would have to wait; None if it could be sent now."""
        with self._guard:
            if not self._broken:
                try:
                    with self._entries(endpoint) as (db, now):
                        return self._wait(db, now)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
            return self._own.wait_time(endpoint)

    @property
    def is_shared(self) -> bool:
        """Whether the file is used, so that other processes count the same calls."""
        return not self._broken

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._file.close()

    def _enter(self, endpoint: str) -> Ticket | Wait:
        with self._entries(endpoint) as (db, now):
            if wait := self._wait(db, now):
                return wait
            ticket = new_ticket(endpoint)
            call = {"kind": "call", "name": ticket.name}
            db.execute(sql.NOTE, now | call | {"lasts": self._quotas.underway})
            return ticket

    def _wait(self, db: sqlite3.Connection, now: Now) -> Wait | None:
        windows = self._windows(db, now)
        if locked := _locked(db, now):
            return Wait(max(locked, TICK), locked=True)
        waits = [
            wait for window in windows for (wait,) in db.execute(sql.FULL, now | window)
        ]
        return Wait(max(*waits, TICK), locked=False) if waits else None

    def _note(self, endpoint: str, entry: Now) -> None:
        if not self._broken:
            try:
                with self._entries(endpoint) as (db, now):
                    db.execute(sql.NOTE, now | entry)
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)

    def _remaining(self, endpoint: str) -> int:
        with self._entries(endpoint) as (db, now):
            windows = self._windows(db, now)
            if _locked(db, now):
                return 0
            remaining = [
                int(calls)
                for window in windows
                for (calls,) in db.execute(sql.REMAINING, now | window)
            ]
            return max(min(remaining), 0)

    def _windows(self, db: sqlite3.Connection, now: Now) -> list[Now]:
        """Return the windows to check, and delete calls that count in none of them.

        A longer window of another run counts too, as long as that run goes on. Calls
        are kept for the longest window that any run has ever had.
        """
        quota = self._quotas.of(now["endpoint"])
        calls, longest = quota.windows[-1]
        name = f"{calls} in {longest}"
        db.execute(sql.NOTE, now | {"kind": "limit", "name": name, "lasts": longest})
        windows, keep = quota.windows, quota.kept_seconds
        for limit, window, in_use in db.execute(sql.LIMITS, now):
            keep = max(keep, window)
            if in_use and window > longest:
                windows.append((int(limit.partition(" ")[0]), window))
        db.execute(sql.PRUNE, now | {"kept": keep})
        return [{"calls": calls, "window": window} for calls, window in windows]

    @contextmanager
    def _entries(self, endpoint: str) -> Iterator[tuple[sqlite3.Connection, Now]]:
        """Lock the file; yield it with the current time.

        Raises:
            FileNotFoundError: The file was deleted or replaced.
        """
        with self._file.transaction() as db:
            ticks, wall = self._clocks.ticks(), self._clocks.wall()
            now = {**self._terms, "endpoint": endpoint, "ticks": ticks, "wall": wall}
            db.execute(sql.ADOPT, now)
            yield db, now

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        self._file.close()
        logger.warning(
            "The file of `rate_limit_ledger` can't be used (%s): calls of other "
            "processes are not counted in this run.",
            error_name(error),
        )


def _locked(db: sqlite3.Connection, now: Now) -> float | None:
    """Return how long the endpoint is locked (seconds); None if it is not."""
    (seconds,) = db.execute(sql.LOCKED, now).fetchone()
    return t.cast("float | None", seconds)
