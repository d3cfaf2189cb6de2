"""The file of rejected records. If the target makes it, only the user can read it."""

from __future__ import annotations

import fcntl
import os
import stat
import typing as t
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from platformdirs import user_state_path
from singer_sdk.singerlib.json import serialize_json

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.wire.times import rfc3339

_OWNER_ONLY = 0o600
_OTHERS = 0o077


class Reject(t.NamedTuple):
    """A rejected record, and the reason."""

    number: int
    stream: str
    code: str
    """Zoho's code; empty if the record was not sent."""
    reason: str
    record: dict[str, t.Any]


class RejectFile:
    """Adds records to a file, one line of JSON each.

    The state does not wait for rejected records, so no run may overwrite those of an
    earlier one. Only a new file gets a mode: an existing one may be a device or shared.
    """

    def __init__(self, path: str | None) -> None:
        """Keep the path; nothing is opened yet.

        Args:
            path: The setting `reject_file`.
        """
        self._path = path
        self._pipe: int | None = None

    @cached_property
    def path(self) -> Path:
        """The path of the file.

        Raises:
            SettingError: `reject_file` is not set, and the user has no home folder.
        """
        if self._path:
            return Path(self._path).expanduser()
        with suppress(RuntimeError, KeyError):
            folder = user_state_path("tap-zohocampaigns", appauthor=False)
            if folder.is_absolute():
                return folder / "rejected.jsonl"
        msg = (
            "A record is rejected, and there is no home folder for the file of such "
            "records: set `reject_file`."
        )
        raise SettingError(msg)

    @property
    def private(self) -> bool:
        """Whether only the owner can read the file."""
        with suppress(OSError):
            return not self.path.stat().st_mode & _OTHERS
        return False

    def add(self, reject: Reject) -> None:
        """Add a record.

        Raises:
            SettingError: The file can't be written.
        """
        entry = {"rejected_at": rfc3339(datetime.now(UTC)), **reject._asdict()}
        line = serialize_json(entry).encode(errors="surrogatepass") + b"\n"
        try:
            self._add(line)
        except OSError as error:
            msg = (
                f"The file of `reject_file` can't be written ({type(error).__name__}): "
                "set it to one that can."
            )
            raise SettingError(msg) from None

    def end(self) -> None:
        """Close the file, if it is a device or a pipe."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _add(self, line: bytes) -> None:
        if self._pipe is not None:
            _write(self._pipe, line)
            return
        file = self._open()
        if not stat.S_ISREG(os.fstat(file).st_mode):
            # Closing a pipe would end the program that reads it.
            self._pipe = file
            _write(file, line)
            return
        try:
            # Not every file system has locks. Closing the file releases the lock.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            _write(file, b"\n" + line if _cut(file) else line)
        finally:
            os.close(file)

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.path.stat().st_mode):
                # Without this, a pipe without a reader would block.
                file = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(file, True)
                return file
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            file = os.open(self.path, flags | os.O_EXCL, _OWNER_ONLY)
        except FileExistsError:
            return os.open(self.path, flags, _OWNER_ONLY)
        os.fchmod(file, _OWNER_ONLY)
        return file


def _cut(file: int) -> bool:
    """Return whether the last line is incomplete, as the disk was full."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _write(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
