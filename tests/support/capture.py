"""What a function writes to stdout."""

from __future__ import annotations

import io
import typing as t
from contextlib import redirect_stdout

if t.TYPE_CHECKING:
    from collections.abc import Callable


def captured(function: Callable[[], object]) -> str:
    """Return what a function writes."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stdout):
        function()
    stdout.seek(0)
    return stdout.read()
