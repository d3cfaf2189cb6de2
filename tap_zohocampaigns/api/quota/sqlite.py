"""The calls of all processes of one machine, in a file."""

from __future__ import annotations

import logging
import platform
import sqlite3
import threading
import time
import typing as t
from contextlib import contextmanager
from pathlib import Path

import backoff

from tap_zohocampaigns.api.quota.ledger import (
    TICK,
    MemoryStore,
    Ticket,
    Wait,
    kept,
    new_ticket,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.quota.ledger import Quotas

logger = logging.getLogger("tap-zohocampaigns.quota")

# How long others may hold the file; a take needs less than a millisecond.
_PATIENCE = 30.0
# Wall clocks are corrected by so much without anybody noticing.
_STEP = 2.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS noted (
    account TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL, -- a call; a lock that the service told of; a limit of a run
    name TEXT NOT NULL, -- of a call; the calls and seconds of a limit
    ticks REAL NOT NULL, -- seconds on a clock that begins with the boot
    boot TEXT NOT NULL,
    wall REAL NOT NULL, -- seconds of the epoch
    -- seconds after `ticks`: until when a call may be underway, a lock lasts, a limit
    -- is kept by others
    lasts REAL NOT NULL,
    ends REAL NOT NULL, -- `ticks` and `lasts` together
    PRIMARY KEY (account, endpoint, kind, name)
)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_end
ON noted (account, endpoint, kind, ends)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_age
ON noted (account, endpoint, ticks)
""",
    """
CREATE INDEX IF NOT EXISTS noted_by_boot
ON noted (account, endpoint, boot)
""",
)
# Each part is found by an index, since a day holds 75,000 calls of some endpoints.
# Entries made before the machine started anew, or on another one, get their place on
# the clock of this boot. What seems to come from the future was made now at the latest.
_ADOPT = """
UPDATE noted
SET boot = :boot,
    ticks = :ticks - max(:wall - :step - wall, 0),
    wall = min(wall, :wall),
    ends = :ticks - max(:wall - :step - wall, 0) + lasts
WHERE rowid IN (
    SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND boot < :boot
    UNION ALL SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND boot > :boot
    UNION ALL SELECT rowid FROM noted
    WHERE account = :account AND endpoint = :endpoint AND ticks > :ticks
)
"""
_LOCKED = """
SELECT max(ends) - :ticks FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'lock'
    AND ends > :ticks
"""
# A call may be counted as late as `ends`, yet it may also end now.
_FULL = """
SELECT min(ends, :ticks) + :window - :ticks FROM (
    SELECT ends FROM noted
    WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    ORDER BY ends DESC LIMIT 1 OFFSET :calls - 1
) WHERE ends > :ticks - :window
"""
_LEFT = """
SELECT :calls - count(*) FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    AND ends > :ticks - :window
"""
_NOTE = """
INSERT OR REPLACE INTO noted
VALUES (:account, :endpoint, :kind, :name, :ticks, :boot, :wall, :lasts,
    :ticks + :lasts)
"""
_LIMITS = """
SELECT name, lasts, ends > :ticks FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'limit'
"""
_PRUNE = """
DELETE FROM noted
WHERE account = :account AND endpoint = :endpoint AND kind = 'call'
    AND ends <= :ticks - :kept
"""

Now = dict[str, t.Any]


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Without it a restart shows by ticks that lie ahead. Those that don't lie
        # ahead belong to entries that are older than they seem, which does no harm.
        return platform.node()


class Clocks(t.NamedTuple):
    """How the time is told."""

    ticks: Callable[[], float] = time.monotonic
    """Seconds since the machine started, the same for all its processes."""
    wall: Callable[[], float] = time.time
    """Seconds of the epoch, which may step."""
    boot: Callable[[], str] = _boot
    """Names the start of the machine that the ticks count from."""


class SqliteStore:
    """Calls in a file, for all threads and processes of one machine.

    A file that can't be used costs one warning; from then on the calls of this process
    are all that is known.
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
            path: The file, made when it is missing.
            account: What the calls are counted for, without secrets.
            quotas: What each endpoint allows.
            clocks: How the time is told.
        """
        self._path = path.absolute()
        self._clocks = clocks or Clocks()
        self._terms: Now = {
            "account": account,
            "boot": self._clocks.boot(),
            "step": _STEP,
        }
        self._quotas = quotas
        self._guard = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._broken = False
        # What this process knows itself, should the file fail.
        self._own = MemoryStore(quotas, clock=self._clocks.ticks)

    def take(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait."""
        with self._guard:
            if not self._broken:
                try:
                    taken = self._take(endpoint)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
                else:
                    if isinstance(taken, Ticket):
                        self._own.note(taken)
                    return taken
            return self._own.take(endpoint)

    def done(self, ticket: Ticket) -> None:
        """Note that the answer of a call has come."""
        with self._guard:
            self._own.done(ticket)
            call = {"kind": "call", "name": ticket.name, "lasts": 0.0}
            self._note(ticket.endpoint, call)

    def lock(self, endpoint: str) -> None:
        """Note that the service has closed the endpoint: let it rest."""
        with self._guard:
            self._own.lock(endpoint)
            # Each run knows a length of its own, of which the longest counts.
            lasts = self._quotas.of(endpoint).lock_seconds
            lock = {"kind": "lock", "name": f"{lasts}", "lasts": lasts}
            self._note(endpoint, lock)

    def remaining(self, endpoint: str) -> int:
        """Return how many calls the window still allows."""
        with self._guard:
            if not self._broken:
                try:
                    return self._left(endpoint)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
            return self._own.remaining(endpoint)

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _take(self, endpoint: str) -> Ticket | Wait:
        with self._entries(endpoint) as (db, now):
            windows = self._windows(db, now)
            if locked := _locked(db, now):
                return Wait(max(locked, TICK), locked=True)
            waits = [
                wait
                for window in windows
                for (wait,) in db.execute(_FULL, now | window)
            ]
            if waits:
                return Wait(max(*waits, TICK), locked=False)
            ticket = new_ticket(endpoint)
            call = {"kind": "call", "name": ticket.name}
            db.execute(_NOTE, now | call | {"lasts": self._quotas.underway})
            return ticket

    def _note(self, endpoint: str, what: Now) -> None:
        if not self._broken:
            try:
                with self._entries(endpoint) as (db, now):
                    db.execute(_NOTE, now | what)
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)

    def _left(self, endpoint: str) -> int:
        with self._entries(endpoint) as (db, now):
            windows = self._windows(db, now)
            if _locked(db, now):
                return 0
            left = [
                int(left)
                for window in windows
                for (left,) in db.execute(_LEFT, now | window)
            ]
            return max(min(left), 0)

    def _windows(self, db: sqlite3.Connection, now: Now) -> list[Now]:
        """Return the windows to keep, without the calls that count in none of them.

        A window longer than this run's own counts too while a run that knows it is
        there. Calls are kept for the longest that any run has ever had.
        """
        quota = self._quotas.of(now["endpoint"])
        calls, longest = quota.windows[-1]
        name = f"{calls} in {longest}"
        db.execute(_NOTE, now | {"kind": "limit", "name": name, "lasts": longest})
        windows, keep = quota.windows, kept(quota)
        for limit, window, in_use in db.execute(_LIMITS, now):
            keep = max(keep, window)
            if in_use and window > longest:
                windows.append((int(limit.partition(" ")[0]), window))
        db.execute(_PRUNE, now | {"kept": keep})
        return [{"calls": calls, "window": window} for calls, window in windows]

    @contextmanager
    def _entries(self, endpoint: str) -> Iterator[tuple[sqlite3.Connection, Now]]:
        """Hold the file, and the time that it is held at."""
        if self._db is None:
            self._db = self._open()
        if self._path.stat().st_ino != self._inode:
            # It was deleted, which SQLite does not mind: nobody else would see a call.
            msg = "the file is another one"
            raise FileNotFoundError(msg)
        with self._db as db:
            _insist(db, "BEGIN IMMEDIATE")
            ticks, wall = self._clocks.ticks(), self._clocks.wall()
            now = {**self._terms, "endpoint": endpoint, "ticks": ticks, "wall": wall}
            db.execute(_ADOPT, now)
            yield db, now

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives the files beside it the same mode.
        self._path.touch(mode=0o600)
        self._inode = self._path.stat().st_ino
        db = sqlite3.connect(
            self._path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _insist(db, "PRAGMA journal_mode = WAL")
            # Kept whatever happens to the process; the last seconds before a power cut
            # may be lost, and to save those too would cost each call some milliseconds.
            _insist(db, "PRAGMA synchronous = NORMAL")
            with db:
                _insist(db, "BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        if self._db is not None:
            self._db.close()
            self._db = None
        logger.warning(
            "The file of `rate_limit_ledger` can't be used (%s): calls of other "
            "processes are not counted in this run.",
            _name(error),
        )


def _locked(db: sqlite3.Connection, now: Now) -> float | None:
    """Return how long the endpoint is locked (seconds), if it is."""
    (seconds,) = db.execute(_LOCKED, now).fetchone()
    return t.cast("float | None", seconds)


def _name(error: Exception) -> str:
    # The text of an error may quote the file.
    return getattr(error, "sqlite_errorname", type(error).__name__)


# SQLite's own way to wait lets busy programs starve one that waits, and does not work
# where several turn on the log at once.
@backoff.on_exception(
    backoff.constant,
    sqlite3.OperationalError,
    interval=0.002,
    max_time=_PATIENCE,
    giveup=lambda error: not _name(error).startswith("SQLITE_BUSY"),
    logger=None,
)
def _insist(db: sqlite3.Connection, statement: str) -> None:
    """Do what others may keep from being done for a moment."""
    db.execute(statement)
