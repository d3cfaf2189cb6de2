"""A property that one thread computes, while others wait for its value."""

from __future__ import annotations

import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

Owner = t.TypeVar("Owner")
Value = t.TypeVar("Value")


class Once(t.Generic[Owner, Value]):
    """Works like `functools.cached_property`, but is safe for threads."""

    def __init__(self, compute: Callable[[Owner], Value]) -> None:
        """Wrap a method."""
        self._compute = compute
        self._name = compute.__name__

    def __get__(self, owner: Owner, _: type[Owner]) -> Value:
        """Return the value, and compute it at the first access."""
        values = owner.__dict__
        guards = values.setdefault("_once_guards", {})
        with guards.setdefault(self._name, threading.RLock()):
            name = f"_once_{self._name}"
            if name not in values:
                values[name] = self._compute(owner)
            return t.cast("Value", values[name])
