"""Kills at random points: what the next runs read or send is exact.

A killed process leaves what it has written so far, perhaps with half a line at the end.
Most runs cut the output of a whole run at a random place; some kill a real process.
"""

from __future__ import annotations

import json
import logging
import random
import tempfile
import typing as t
from contextlib import contextmanager
from pathlib import Path

from tests.proof.killed import READERS, Reader, kill_process
from tests.proof.killed_target import kill_target
from tests.proof.proof import Outcome, Proof
from tests.support.sampled_account import assert_whole, sampled_account, serving
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proof.proof import Play

KINDS: dict[str, Callable[[bytes], bool]] = {
    "at a call": lambda _: False,
    "between messages": lambda _: True,
    "inside a record": lambda line: b'"RECORD"' in line[:20],
    "inside a state": lambda line: b'"STATE"' in line[:20],
}
# One run in so many kills a real process, which takes longer.
_REAL = 10


def play(seed: int) -> Outcome:
    """Kill a run, perhaps several times, and check what the last run makes of it."""
    randomness = random.Random(seed)  # noqa: S311 (no secret)
    names = [*READERS, "target"]
    name, real = names[seed % len(names)], seed // len(names) % _REAL == 0
    with tempfile.TemporaryDirectory() as folder:
        if name == "target":
            kind, trace = kill_target(Path(folder), randomness, real=real)
        else:
            kind, trace = kill_reader(Path(folder), name, randomness, real=real)
    return Outcome(f"{name}, {kind}", "exact", trace)


def kill_reader(
    folder: Path, name: str, randomness: random.Random, *, real: bool
) -> tuple[str, str]:
    """Kill the tap or the source; return the kind of the last kill, and the trace."""
    account, warehouse, trace = sampled_account(), Warehouse(), list[t.Any]()
    with serving(account) as service:
        reader = READERS[name](folder, account, service)
        for _ in range(1 if real else randomness.choice((1, 1, 2, 3))):
            if real:
                kind, output = kill_process(reader, randomness)
            else:
                kind, output = cut(reader, randomness)
                trace.append((kind, output.count(b"\n")))
            lines = output.split(b"\n")[:-1]
            reader.load([*map(json.loads, lines)], warehouse)
        whole, _ = reader.run()
        reader.load([*map(json.loads, whole.splitlines())], warehouse)
        assert_whole(account, warehouse, f"{name} killed {kind}")
    return kind, repr(trace)


def cut(reader: Reader, randomness: random.Random) -> tuple[str, bytes]:
    """Run to the end; return what a process killed at some point had written."""
    output, calls = reader.run()
    lines = output.splitlines(keepends=True)
    kind = randomness.choice([*KINDS])
    if kind == "at a call" and calls:
        return kind, output[: randomness.choice(calls)]
    numbers = [number for number, line in enumerate(lines) if KINDS[kind](line)]
    if not numbers or kind == "between messages":
        return "between messages", b"".join(lines[: randomness.randrange(len(lines))])
    number = randomness.choice(numbers)
    part = lines[number][: randomness.randrange(1, len(lines[number]))]
    return kind, b"".join(lines[:number]) + part


@contextmanager
def _open() -> Iterator[Play]:
    # Without a handler, warnings of the runs would be printed.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield play
    finally:
        logging.getLogger().removeHandler(handler)


PROOF = Proof(
    "kills",
    "Tap, target and source are killed at any call, between messages, inside a record "
    "and inside a state; the next runs read or send exactly what is left.",
    45,
    _open,
)
