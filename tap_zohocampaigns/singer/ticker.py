"""A thread that logs how far a run is, once a minute."""

from __future__ import annotations

import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

TICK_SECONDS = 60.0


class Ticker:
    """Calls a function at regular times from its own thread, until it is stopped."""

    def __init__(self, tick: Callable[[], None], every: float = TICK_SECONDS) -> None:
        """Prepare the thread.

        Args:
            tick: What is called. It must not raise.
            every: Seconds between two calls.
        """
        self._tick = tick
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether it was stopped."""
        return self._over.is_set()

    def start(self) -> None:
        """Start the thread, unless it was started or stopped before."""
        if not self._thread.is_alive() and not self.is_over:
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after a call that is underway."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            self._tick()
