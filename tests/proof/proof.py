"""What a proof is: a promise, and a function that tries it with a seed."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Play: t.TypeAlias = Callable[[int], "Outcome"]


class BrokenPromise(AssertionError):
    """A run broke the promise of its proof."""


def check(condition: object, promise: str) -> None:
    """Raise `BrokenPromise` if the condition is false."""
    if not condition:
        raise BrokenPromise(promise)


class Outcome(t.NamedTuple):
    """How a run ended that kept the promise."""

    case: str
    """What was tried: a row of the table."""
    result: str
    """How it ended: a column of the table."""
    trace: str
    """What happened; the same for each run with the same seed."""


@dataclass(frozen=True)
class Proof:
    """A promise that is tried by many runs; each has a seed of its own."""

    name: str
    promise: str
    """What no run may break, in one sentence."""
    sample: int
    """How many runs `.ci/run` makes: they take some seconds."""
    open: Callable[[], AbstractContextManager[Play]]
    """Prepares all runs; gives the function that makes the run of a seed.

    It raises any exception if the promise is broken.
    """


# What the SDK takes from the clock of this machine.
_WALL_TIMES = {"version", "time_extracted", "replication_key_signpost"}


def without_wall_times(value: t.Any) -> t.Any:
    """Return a message without the times that differ from run to run."""
    if isinstance(value, dict):
        names = value.keys() - _WALL_TIMES
        return {name: without_wall_times(value[name]) for name in names}
    return value
