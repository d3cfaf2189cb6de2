"""The file of records that can't be applied; nobody else may read it."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_state_path
from singer_sdk.singerlib.json import serialize_json

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.times import rfc3339

_MODE = 0o600


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
    """

    def __init__(self, where: str | None) -> None:
        """Open nothing yet.

        Args:
            where: The setting `reject_file`.
        """
        folder = user_state_path("tap-zohocampaigns", appauthor=False)
        self.path = Path(where).expanduser() if where else folder / "rejected.jsonl"

    def add(self, reject: Reject) -> None:
        """Add a record.

        Raises:
            SettingError: The file can't be written.
        """
        told = {"rejected_at": rfc3339(datetime.now(UTC)), **reject._asdict()}
        line = serialize_json(told).encode(errors="surrogatepass") + b"\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path, flags, _MODE)
            try:
                # One that was there before may be open to others.
                self.path.chmod(_MODE)
                if _cut(file):
                    line = b"\n" + line
                while line:
                    line = line[os.write(file, line) :]
            finally:
                os.close(file)
        except OSError as error:
            msg = (
                f"The file of `reject_file` can't be written ({type(error).__name__}): "
                "set it to one that can."
            )
            raise SettingError(msg) from None


def _cut(file: int) -> bool:
    """Return whether the last line was not written to its end: the disk was full."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
