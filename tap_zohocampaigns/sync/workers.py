"""Threads that all streams share."""

from __future__ import annotations

import threading
import typing as t
import weakref
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        with instead_of_this_thread(self):
            return super().result(timeout)


class Workers:
    """A pool of threads. Each stream also has one thread of its own.

    So there are about as many threads as calls may be underway. While a thread waits
    for the result of another one, a further thread replaces it, up to twice as many. If
    the quota of a stream is used up, its threads wait, and other streams go on with
    their own.
    """

    def __init__(self, threads: int) -> None:
        """Start no thread yet.

        Args:
            threads: How many there may be at once.
        """
        self._free = threads
        self._most_replaced = threads + 1
        self._replaced = 0
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

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let another thread work while the current one waits for a result."""
        with self._guard:
            replaced = self._replaced < self._most_replaced
            self._replaced += replaced
            self._free += replaced
        self._start()
        try:
            yield
        finally:
            with self._guard:
                self._replaced -= replaced
                self._free -= replaced

    def _start(self) -> None:
        with self._guard:
            if self._free <= 0 or not (self._tasks or self._helpers):
                return
            self._free -= 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        current_workers.set(self)
        while True:
            with self._guard:
                task, work = None, None
                if self._free < 0:
                    # The thread that this one has replaced is back.
                    self._free += 1
                    return
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


@contextmanager
def instead_of_this_thread(future: Future[t.Any]) -> Iterator[None]:
    """Let another thread work while the current one waits for a future."""
    workers = current_workers.get()
    with nullcontext() if workers is None or future.done() else workers.away():
        yield


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Start work in another thread, which does not keep the program from ending."""
    task = Task(work)
    if workers := current_workers.get():
        workers.run(task)
    else:
        threading.Thread(target=task.run, daemon=True).start()
    return task
