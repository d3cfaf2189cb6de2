"""Ends a run in good order: on a signal, after a time, at a lock."""

from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from contextlib import contextmanager

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What a supervisor grants at least between asking and killing.
_GRACE = 1.8
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5
"""How long the main thread waits at once (seconds).

Python obeys a signal when that thread runs, and one that comes to another thread, or
just before the wait begins, does not wake it.
"""


class Stopped(BaseException):
    """The run ends here; what it has read can be saved, and the next one goes on.

    Not an `Exception`, which the SDK reports as a failure of the stream.
    """

    def __init__(self, reason: str, status: int, save: Callable[[], None]) -> None:
        """Tell why, with which exit status, and how to save what has been read."""
        super().__init__(reason)
        self.status = status
        self.save = save


class Shutdown:
    """Turns signals and the end of the time into `Stopped`, never within a message."""

    def __init__(self, minutes: float | None, save: Callable[[], None]) -> None:
        """Begin to count the time, if it is limited.

        Args:
            minutes: How long the run may last.
            save: Writes the state.
        """
        self._minutes = minutes
        self._ends = None if minutes is None else time.monotonic() + minutes * 60
        self._save = save
        self._asked: signal.Signals | None = None
        self._writing = 0
        self._over = threading.Event()
        self._stopped: Stopped | None = None

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT, in the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)

    def stop(self, reason: str, status: int = 0) -> t.NoReturn:
        """End the run.

        Raises:
            Stopped: Always.
        """
        # Other threads end for the same reason.
        self._stopped = self._stopped or Stopped(reason, status, self._save)
        self._over.set()
        raise self._stopped

    def check(self, wait: float = 0.0) -> None:
        """Stop if the time is over, or will be after a wait.

        Raises:
            Stopped: There is no time left.
        """
        if self._ends is not None and time.monotonic() + wait > self._ends:
            self.stop(f"{self._minutes:g} minutes are over (`max_duration_minutes`)")

    def sleep(self, seconds: float) -> None:
        """Wait, unless the time ends before, or the run does."""
        self.check(seconds)
        ends = time.monotonic() + seconds
        while not self._over.wait(min(max(ends - time.monotonic(), 0), POLL_SECONDS)):
            if time.monotonic() >= ends:
                return
        self.stop("the run is over")

    def end(self) -> None:
        """Wake who waits: nobody asks for anything any more."""
        self._over.set()

    @staticmethod
    def let_go() -> None:
        """Leave signals to the system: there is nothing left to save."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let a message be written to its end before a signal is obeyed."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
        self._obey()

    def _on_signal(self, number: int, _: object) -> None:
        self._asked = signal.Signals(number)
        # ConfiguredStream twice, it would end while it saves.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        # When the reader of stdout hangs, nothing can be saved any more.
        force = threading.Timer(_GRACE, os._exit, [128 + number])
        force.daemon = True
        force.start()
        self._obey()

    def _obey(self) -> None:
        if self._asked and not self._writing:
            asked, self._asked = self._asked, None
            self.stop(f"{asked.name} came", 128 + asked)
