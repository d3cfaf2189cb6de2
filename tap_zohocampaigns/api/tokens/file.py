"""The access token in a file, for all processes of one user."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import tempfile
import time
import typing as t
import weakref
from contextlib import suppress

import msgspec

from tap_zohocampaigns.api.tokens.entry import Entry
from tap_zohocampaigns.api.tokens.store import TokenStore

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger("tap-zohocampaigns.tokens")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileTokens(TokenStore):
    """Keeps the token in a file beside the ledger, for all processes of one user.

    If the file can't be used, there is one warning, and this process requests its own
    tokens.
    """

    def __init__(
        self,
        ledger: Path,
        key: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open nothing yet.

        Args:
            ledger: The file of the ledger.
            key: ID of the credentials, without secrets.
            clock: Returns the seconds of a monotonic clock.
            wall: Returns the seconds of the epoch; this clock may be corrected.
        """
        super().__init__(clock)
        path = ledger.absolute()
        self._folder = path.parent
        self._path = self._folder / f"{path.name}.token-{key}"
        self._wall = wall
        self._lock_file: sqlite3.Connection | None = None
        self._broken = False

    @property
    def is_shared(self) -> bool:
        """Whether the file is used, so that other processes use the same token."""
        return not self._broken

    def _read(self) -> tuple[Entry, float]:
        if self._broken:
            return self._entry, self._wall()
        try:
            return Entry.parse(_content(self._path)), self._wall()
        except OSError:
            return Entry(), self._wall()

    def _write(self, entry: Entry) -> None:
        super()._write(entry)
        if not self._broken:
            try:
                self._replace(msgspec.json.encode(entry))
            except OSError as error:
                self._give_up(error)

    def _replace(self, content: bytes) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        # A killed process may have left it behind.
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(content)
            new.replace(self._path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _lock(self) -> bool:
        if self._broken:
            return True
        try:
            self._lock_file = self._open_lock()
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                return False
            self._give_up(error)
        return True

    def _open_lock(self) -> sqlite3.Connection:
        """Lock an empty SQLite file. The lock ends with this process at the latest."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path.with_name(f"{self._path.name}.lock")
        # Opening and closing the file would end a lock that this process has.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if not stat.S_ISREG(path.lstat().st_mode):
            msg = "not a file"
            raise FileExistsError(msg)
        db = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("BEGIN EXCLUSIVE")
        except BaseException:
            db.close()
            raise
        weakref.finalize(self, db.close).atexit = False
        return db

    def _unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        self._unlock()
        try:
            tempfile.TemporaryFile(dir=self._folder).close()
        except OSError:
            # Then the ledger can't be kept there either, and its warning is enough.
            return
        logger.warning(
            "The file of the access token, beside that of `rate_limit_ledger`, can't "
            "be used (%s): other processes ask for tokens of their own.",
            getattr(error, "sqlite_errorname", type(error).__name__),
        )


def _content(path: Path) -> bytes:
    """Read a file that belongs to this user and that no other user can access.

    Raises:
        OSError: Others can access it, or it can't be read.
    """
    # The path may be a link, or a pipe that nobody writes to.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
        status = os.fstat(file.fileno())
        if os.name == "posix" and (
            status.st_uid != os.geteuid()
            or status.st_mode & _OTHERS
            or not stat.S_ISREG(status.st_mode)
        ):
            msg = "others can access the file"
            raise PermissionError(msg)
        return file.read(1 << 16)
