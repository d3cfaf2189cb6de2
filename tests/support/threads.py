"""What the tap's threads do, seen from outside."""

from __future__ import annotations

import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

# A timeout for busy machines; a passing test does not reach it (seconds).
PATIENCE = 30.0


def reading_threads() -> list[threading.Thread]:
    """Return the threads of this process that read ahead."""
    return [thread for thread in threading.enumerate() if "_work" in thread.name]


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until a condition is met; return whether it is."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()
