"""The file of records that can't be applied; nobody else may read it."""

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

_MODE = 0o600
_OTHERS = 0o077


class Reject(t.NamedTuple):
    """A record that can't be applied, and why."""

    number: int
    stream: str
    code: str
    """Zoho's code; empty when the record was not sent."""
    reason: str
    record: dict[str, t.Any]


class RejectFile:
    """Adds records to a file, a line of JSON each.

    The state passes them by, so a later run must not overwrite what this one has added.
    Only a file that is made here gets a mode: another may be a device, or be shared.
    """

    def __init__(self, where: str | None) -> None:
        """Open nothing yet.

        Args:
            where: The setting `reject_file`.
        """
        self._where = where
        self._pipe: int | None = None

    @cached_property
    def path(self) -> Path:
        """Where the file is.

        Raises:
            SettingError: Nobody has said it, and the user has no home folder.
        """
        if self._where:
            return Path(self._where).expanduser()
        with suppress(RuntimeError, KeyError):
            folder = user_state_path("tap-zohocampaigns", appauthor=False)
            if folder.is_absolute():
                return folder / "rejected.jsonl"
        msg = (
            "A record can't be applied, and there is no home folder for the file of "
            "such records: set `reject_file`."
        )
        raise SettingError(msg)

    @property
    def private(self) -> bool:
        """Whether nobody else may read it."""
        with suppress(OSError):
            return not self.path.stat().st_mode & _OTHERS
        return False

    def add(self, reject: Reject) -> None:
        """Add a record.

        Raises:
            SettingError: The file can't be written.
        """
        told = {"rejected_at": rfc3339(datetime.now(UTC)), **reject._asdict()}
        line = serialize_json(told).encode(errors="surrogatepass") + b"\n"
        try:
            self._add(line)
        except OSError as error:
            msg = (
                f"The file of `reject_file` can't be written ({type(error).__name__}): "
                "set it to one that can."
            )
            raise SettingError(msg) from None

    def end(self) -> None:
        """Close what is kept open."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _add(self, line: bytes) -> None:
        if self._pipe is not None:
            _write(self._pipe, line)
            return
        file = self._open()
        if not stat.S_ISREG(os.fstat(file).st_mode):
            # Closed, a pipe would end for whoever reads it.
            self._pipe = file
            _write(file, line)
            return
        try:
            # Not every file system has locks. It ends with the closing.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            _write(file, b"\n" + line if _cut(file) else line)
        finally:
            os.close(file)

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.path.stat().st_mode):
                # A pipe that nobody reads is an error, not a wait.
                file = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(file, True)
                return file
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            file = os.open(self.path, flags | os.O_EXCL, _MODE)
        except FileExistsError:
            return os.open(self.path, flags, _MODE)
        os.fchmod(file, _MODE)
        return file


def _cut(file: int) -> bool:
    """Return whether the last line was not written to its end: the disk was full."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _write(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
