"""The store of the ledger of what was sent: a SQLite file.

It keeps bytes for each contact, and knows nothing of what they mean.
"""

from __future__ import annotations

import sqlite3
import time
import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.sqlite_file import SqliteFile, error_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Edit: t.TypeAlias = Callable[[bytes, bytes], bytes]

_Result = t.TypeVar("_Result")

YEAR: t.Final = 366 * 86_400
"""How long a contact is remembered without a change (seconds)."""
_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS sent (
    contact BLOB PRIMARY KEY, -- a keyed hash
    content BLOB NOT NULL,
    written REAL NOT NULL -- seconds of the epoch
) WITHOUT ROWID
""",
)
_READ = "SELECT content FROM sent WHERE contact = ?"
_WRITE = "INSERT OR REPLACE INTO sent VALUES (?, ?, ?)"
_DELETE = "DELETE FROM sent WHERE contact = ?"
_PRUNE = "DELETE FROM sent WHERE written < ?"
# What SQLite says of a file that is damaged, or is not its own.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Store(t.Protocol):
    """Keeps bytes for each contact, for all processes that use it.

    All methods raise `FatalError` if the store can't be used.
    """

    def read(self, contacts: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is kept of contacts; those of whom nothing is are left out."""

    def edit(self, contacts: Sequence[bytes], edit: Edit) -> None:
        """Change what is kept of contacts, all at once.

        Args:
            contacts: The contacts.
            edit: Takes a contact and what is kept of it, empty if nothing is. Returns
                what to keep instead; empty to forget the contact. It may be called more
                than once.
        """

    def close(self) -> None:
        """Close files and connections."""


class SqliteStore:
    """Keeps contacts in a file, for all processes of one machine."""

    def __init__(
        self, path: Path, *, wall: Callable[[], float] = time.time, create: bool
    ) -> None:
        """Open nothing yet.

        Args:
            path: The file.
            wall: Returns the seconds of the epoch.
            create: Whether to make the file if it is missing.
        """
        # Otherwise a power cut could bring back what was sent before.
        self._file = SqliteFile(path, _SCHEMA, durable=True)
        self._wall = wall
        self._create = create
        self._pruned = False

    def read(self, contacts: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is kept of contacts; those of whom nothing is are left out."""
        if not self._create and not self._file.exists:
            return {}

        def read(db: sqlite3.Connection) -> dict[bytes, bytes]:
            rows = ((c, db.execute(_READ, [c]).fetchone()) for c in contacts)
            return {contact: bytes(row[0]) for contact, row in rows if row}

        return self._in_transaction(read)

    def edit(self, contacts: Sequence[bytes], edit: Edit) -> None:
        """Change what is kept of contacts, all at once."""

        def change(db: sqlite3.Connection) -> None:
            now = self._wall()
            if not self._pruned:
                db.execute(_PRUNE, [now - YEAR])
                self._pruned = True
            for contact in contacts:
                row = db.execute(_READ, [contact]).fetchone()
                if content := edit(contact, bytes(row[0]) if row else b""):
                    db.execute(_WRITE, [contact, content, now])
                else:
                    db.execute(_DELETE, [contact])

        self._in_transaction(change)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _in_transaction(self, use: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            try:
                with self._file.transaction() as db:
                    return use(db)
            except FileNotFoundError:
                # Somebody has deleted it: all that it knew is to be sent again.
                self._file.close()
                with self._file.transaction() as db:
                    return use(db)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(error) from None


def _unusable(error: Exception) -> FatalError:
    name = error_name(error)
    if name.startswith(_DAMAGED):
        return FatalError(
            f"The file of `sent_ledger` is damaged, or no ledger ({name}): name "
            "another one, or delete it; then all records are sent once more."
        )
    return FatalError(
        f"The file of `sent_ledger` can't be used ({name}): name another one, or leave "
        "the setting out, which sends all records."
    )
