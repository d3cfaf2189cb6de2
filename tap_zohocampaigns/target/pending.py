"""Pending changes, and the states that wait until they are answered."""

from __future__ import annotations

import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.target.changes import Change

    StateValue: t.TypeAlias = dict[str, t.Any]


class Claim:
    """A record that later states wait for."""

    def __init__(self) -> None:
        """Start unanswered."""
        self.answered = False


class PendingChange(Claim):
    """A change that is not answered yet. A later one of the same key replaces it."""

    def __init__(self, change: Change) -> None:
        """Keep the first change of the key."""
        super().__init__()
        self.change = change


class _State(t.NamedTuple):
    value: StateValue


class StateQueue:
    """Passes on a state when all records before it are answered."""

    def __init__(self, emit: Callable[[StateValue], None]) -> None:
        """Start empty.

        Args:
            emit: Passes a state on.
        """
        self._emit = emit
        self._queue: deque[Claim | _State] = deque()

    def add_claim(self, claim: Claim) -> None:
        """Let later states wait for a record."""
        self._queue.append(claim)

    def add_state(self, value: StateValue) -> None:
        """Add a state; it replaces one that no record follows."""
        if self._queue and isinstance(self._queue[-1], _State):
            self._queue.pop()
        self._queue.append(_State(value))
        self.pass_on()

    def pass_on(self) -> None:
        """Pass on the last state before which everything is answered."""
        passed = None
        while self._queue:
            first = self._queue[0]
            if isinstance(first, _State):
                passed = first
            elif not first.answered:
                break
            self._queue.popleft()
        if passed:
            self._emit(passed.value)
