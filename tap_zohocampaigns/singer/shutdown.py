"""Stops a run in good order: on a signal, after a time, or at a lock."""

from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from contextlib import contextmanager

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Supervisors wait at least this long between SIGTERM and SIGKILL (seconds).
_GRACE = 1.8
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5
"""How long the main thread waits before it checks for signals (seconds).

Python handles signals in the main thread. A signal that arrives in another thread, or
just before a wait starts, does not wake it.
"""


class Stopped(BaseException):
    """The run stops here. Its state can be saved, and the next run goes on.

    It is not an `Exception`, because the SDK reports those as failures of a stream.
    """

    def __init__(self, reason: str, status: int, save: Callable[[], None]) -> None:
        """Keep how to end.

        Args:
            reason: For the log.
            status: Exit status after a signal; 0 if the run ends by itself.
            save: Writes the state.
        """
        super().__init__(reason)
        self._status = status
        self._save = save
        self._saved = False

    def save(self) -> None:
        """Write the state."""
        self._save()
        self._saved = True

    @property
    def message(self) -> str:
        """The log line of the stopped run."""
        end = "; the next run goes on from here" if self._saved else ""
        return f"Stopped, as {self}{end}."

    @property
    def by_signal(self) -> bool:
        """Whether a signal stopped the run."""
        return bool(self._status)

    @property
    def status(self) -> int:
        """The exit status: 0 only if the state is saved, and no signal came."""
        return self._status or int(not self._saved)


class Shutdown:
    """Turns signals and the end of the time into `Stopped`, never inside a message."""

    def __init__(self, minutes: float | None, save: Callable[[], None]) -> None:
        """Start to measure the time, if it is limited.

        Args:
            minutes: How long the run may last; None for no limit.
            save: Writes the state.
        """
        self._minutes = minutes
        self._ends = None if minutes is None else time.monotonic() + minutes * 60
        self._save = save
        self._signal: signal.Signals | None = None
        self._writing = 0
        self._over = threading.Event()
        self._stopped: Stopped | None = None

    def listen(self) -> None:
        """Handle SIGTERM and SIGINT, if called in the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)

    def stop(self, reason: str, status: int = 0) -> t.NoReturn:
        """Stop the run.

        Raises:
            Stopped: Always.
        """
        # Other threads stop for the same reason. A signal counts in any case: with
        # status 0, a run that was ending or failing would be taken for complete.
        if status or not self._stopped:
            self._stopped = Stopped(reason, status, self._save)
        self._over.set()
        raise self._stopped

    def check(self, wait: float = 0.0) -> None:
        """Stop the run if its time is over, or would be over after a wait.

        Args:
            wait: Seconds.

        Raises:
            Stopped: No time is left.
        """
        if self._ends is not None and time.monotonic() + wait > self._ends:
            self.stop(f"{self._minutes:g} minutes are over (`max_duration_minutes`)")

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds.

        Raises:
            Stopped: The time is over before, or the run stops.
        """
        self.check(seconds)
        ends = time.monotonic() + seconds
        while not self._over.wait(min(max(ends - time.monotonic(), 0), POLL_SECONDS)):
            if time.monotonic() >= ends:
                return
        self.stop("the run is over")

    def end(self) -> None:
        """Stop all waits: no thread makes calls any more."""
        self._over.set()

    @staticmethod
    def let_go() -> None:
        """Leave signals to the system, when nothing is left to save."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Handle signals only after a message was written."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
        self._handle()

    def _on_signal(self, number: int, _: object) -> None:
        self._signal = signal.Signals(number)
        # A second signal must not end the run while it saves its state.
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        # If the reader of stdout hangs, the state can't be saved.
        force = threading.Timer(_GRACE, os._exit, [128 + number])
        force.daemon = True
        force.start()
        self._handle()

    def _handle(self) -> None:
        if self._signal and not self._writing:
            number, self._signal = self._signal, None
            self.stop(f"{number.name} came", 128 + number)


@contextmanager
def saved_when_stopped() -> Iterator[None]:
    """Save the state if the run is stopped.

    Raises:
        Stopped: The run was stopped. The program ends with its message and status.
    """
    try:
        yield
    except Stopped as stopped:
        stopped.save()
        raise
