"""Decides whether a run draws progress bars instead of a log."""

from __future__ import annotations

import os
import stat
import sys
import typing as t
from contextlib import contextmanager

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_zohocampaigns.singer.bars import Bars

# Who sets one of them reads the log, or has it read by a program.
_LOG_IS_WANTED = (
    "CI",
    "LOGLEVEL",
    "TAP_ZOHOCAMPAIGNS_LOGLEVEL",
    # Meltano sets it.
    "SINGER_SDK_LOG_CONFIG",
)


@contextmanager
def bars_on_terminal() -> Iterator[Bars | None]:
    """Draw bars instead of the log, where that is possible and nobody wants the log."""
    bars = _bars() if wants_bars(os.environ) else None
    if bars:
        with bars.instead_of_log():
            yield bars
    else:
        yield None


def wants_bars(environment: Mapping[str, str]) -> bool:
    """Return whether stderr is a terminal, stdout a file, and no log is wanted.

    If stdout is a pipe, the loader behind it may write to the same terminal, and the
    bars would wipe out its lines.

    Args:
        environment: The environment variables.
    """
    if sys.stderr is None or not sys.stderr.isatty() or not _is_written_to_file():
        return False
    return not any(environment.get(name) for name in _LOG_IS_WANTED)


def _is_written_to_file() -> bool:
    if sys.stdout is None or sys.stdout.isatty():
        return False
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):
        # A program that embeds the tap has put something else in its place.
        return False
    return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


def _bars() -> Bars | None:
    # Elsewhere it is not needed, and it takes a while to import.
    from tap_zohocampaigns.singer.bars import Bars  # noqa: PLC0415 (see above)

    bars = Bars(sys.stderr)
    return bars if bars.are_possible else None
