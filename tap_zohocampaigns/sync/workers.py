"""Threads that all streams share."""

from __future__ import annotations

import threading
import typing as t
import weakref
from collections import deque
from concurrent.futures import Future
from contextvars import ContextVar

if t.TYPE_CHECKING:
    from collections.abc import Callable

Result = t.TypeVar("Result")


class Task(Future[Result]):
    """Work for another thread. If its result is needed earlier, the caller does it."""

    def __init__(self, work: Callable[[], Result]) -> None:
        """Keep the work.

        Args:
            work: Returns the result.
        """
        super().__init__()
        self._do = work
        self._claim = threading.Lock()

    def run(self) -> None:
        """Do the work, unless another thread does."""
        if self._claim.acquire(blocking=False):
            try:
                self.set_result(self._do())
            except BaseException as error:  # noqa: BLE001 (raised by `result`)
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> Result:
        """Return the result, without waiting for a free thread."""
        self.run()
        return super().result(timeout)


class Workers:
    """A pool of threads. Each stream also has one thread of its own.

    So there are about as many threads as calls may be underway. If the quota of a
    stream is used up, its threads wait, and other streams go on with their own.
    """

    def __init__(self, threads: int) -> None:
        """Start no thread yet.

        Args:
            threads: How many there may be at once.
        """
        self._free = threads
        self._guard = threading.Lock()
        self._tasks: deque[weakref.ref[Task[t.Any]]] = deque()
        self._helpers: deque[Callable[[], bool]] = deque()

    def run(self, task: Task[t.Any]) -> None:
        """Do a short task next, unless nobody holds it any more."""
        with self._guard:
            self._tasks.append(weakref.ref(task))
        self._start()

    def help(self, work: Callable[[], bool]) -> None:
        """Repeat some work while it returns True, in turns with other work."""
        with self._guard:
            self._helpers.append(work)
        self._start()

    def _start(self) -> None:
        with self._guard:
            if not self._free:
                return
            self._free -= 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        current_workers.set(self)
        while True:
            with self._guard:
                task, work = None, None
                while self._tasks and task is None:
                    task = self._tasks.popleft()()
                if task is None:
                    if not self._helpers:
                        self._free += 1
                        return
                    work = self._helpers.popleft()
            if task:
                task.run()
            elif work and work():
                with self._guard:
                    self._helpers.append(work)


current_workers: ContextVar[Workers | None] = ContextVar("workers", default=None)
"""The pool that the current thread belongs to."""


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Start work in another thread, which does not keep the program from ending."""
    task = Task(work)
    if workers := current_workers.get():
        workers.run(task)
    else:
        threading.Thread(target=task.run, daemon=True).start()
    return task
