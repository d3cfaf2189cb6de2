"""A SQLite file that several processes share, for the ledgers."""

from __future__ import annotations

import sqlite3
import typing as t
import weakref
from contextlib import contextmanager

import backoff

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# How long to wait for other processes (seconds); an entry takes under a millisecond.
_PATIENCE = 30.0


class SqliteFile:
    """A file that is created when it is first used, and that only its owner can read.

    Not safe for threads.
    """

    def __init__(self, path: Path, schema: Sequence[str], *, durable: bool) -> None:
        """Open nothing yet.

        Args:
            path: The file.
            schema: Statements that create what is missing.
            durable: Whether entries survive a power cut. All of them survive the end
                of the process.
        """
        self._path = path.absolute()
        self._schema = schema
        self._durable = durable
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lock the file for one transaction, which ends with the context.

        Raises:
            FileNotFoundError: The file was deleted or replaced; `close` forgets it.
            OSError, sqlite3.Error: The file can't be used.
        """
        if self._db is None:
            self._db = self._open()
        if self._path.stat().st_ino != self._inode:
            # SQLite would go on with the deleted file, and no other process would see
            # the entries.
            msg = "the file is another one"
            raise FileNotFoundError(msg)
        with self._db as db:
            _insist(db, "BEGIN IMMEDIATE")
            yield db

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its other files the same mode.
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
            # To survive a power cut costs each transaction milliseconds.
            _insist(db, f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            with db:
                _insist(db, "BEGIN IMMEDIATE")
                for statement in self._schema:
                    db.execute(statement)
        except BaseException:
            db.close()
            raise
        # A run within a longer program may end without `close`.
        weakref.finalize(self, db.close).atexit = False
        return db


def error_name(error: Exception) -> str:
    """Return the name of an error, as its text may quote the file."""
    return getattr(error, "sqlite_errorname", type(error).__name__)


# SQLite's own way to wait is unfair among busy programs. It also fails where several
# programs switch to the write-ahead log at once.
@backoff.on_exception(
    backoff.constant,
    sqlite3.OperationalError,
    interval=0.002,
    max_time=_PATIENCE,
    giveup=lambda error: not error_name(error).startswith("SQLITE_BUSY"),
    logger=None,
)
def _insist(db: sqlite3.Connection, statement: str) -> None:
    """Execute a statement, and try again while others lock the file."""
    db.execute(statement)
