"""Writes settings into a file `.env`, and keeps its other lines."""

from __future__ import annotations

import os
import re
import tempfile
import typing as t
from contextlib import suppress
from pathlib import Path

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_OWNER_ONLY = 0o600
_PLAIN = re.compile(r"[\w.:/@%+=,-]*")


def write(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in a file `.env`, which only its owner can read afterwards.

    The file is replaced as a whole, so a failure leaves the old one.

    Args:
        path: The file; it need not exist.
        values: Variable -> value.

    Raises:
        SettingError: The file can't be read or written.
    """
    try:
        _refuse_device(path)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        replace(path, _merged(old, values))
    except (OSError, UnicodeDecodeError) as error:
        msg = (
            f"The file of `--env-file` can't be written ({type(error).__name__}): name "
            "another one, or use `--print`."
        )
        raise SettingError(msg) from None


def _merged(old: str, values: Mapping[str, str]) -> str:
    remaining = dict(values)
    lines = []
    for line in old.splitlines():
        name = line.partition("=")[0].removeprefix("export ").strip()
        if name not in values:
            lines.append(line)
        elif name in remaining:
            lines.append(assignment(name, remaining.pop(name)))
    lines += [assignment(name, value) for name, value in remaining.items()]
    return "\n".join(lines) + "\n"


def assignment(name: str, value: str) -> str:
    """Return a line of a file `.env`."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"


def _refuse_device(path: Path) -> None:
    # Root would put a file in the place of /dev/null, and a pipe can't be read first.
    if path.exists() and not path.is_file():
        msg = "no ordinary file"
        raise FileExistsError(msg)


def replace(path: Path, text: str) -> None:
    """Write a file as a whole, which only its owner can read afterwards.

    Raises:
        OSError: It can't be written; an old file stays as it was.
    """
    # A link is followed, so that the file behind it is replaced.
    path = path.resolve()
    _refuse_device(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".env-")
    try:
        os.fchmod(handle, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
