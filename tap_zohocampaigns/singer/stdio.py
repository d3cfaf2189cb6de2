"""Standard streams that nobody reads any more."""

from __future__ import annotations

import os
import sys
import typing as t
from contextlib import suppress


def discard(stream: t.TextIO) -> None:
    """Send what a stream still has to the null device.

    Otherwise Python would fail to flush it at the end, and exit with status 120.

    Args:
        stream: A stream whose writing has failed.
    """
    # A program that embeds the tap may have put something without a file in its place.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def settle_stderr() -> None:
    """Let a log that can't be written not become the exit status of a run."""
    if sys.stderr is not None:
        try:
            sys.stderr.flush()
        except OSError:
            discard(sys.stderr)
