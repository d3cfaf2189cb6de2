"""The command line: lists the proofs and runs them."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import typing as t
from collections import Counter, defaultdict
from hashlib import blake2b
from unittest import mock

from scripts.docs import table
from tap_zohocampaigns.singer.shutdown import Shutdown
from tests.proof import faults, fuzz, kills, model, pages, secrets, simulation
from tests.proof.proof import check

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.proof.proof import Play, Proof

PROOFS: t.Final[dict[str, Proof]] = {
    one.PROOF.name: one.PROOF
    for one in (pages, fuzz, model, secrets, kills, faults, simulation)
}
# After so many failures, more of them show nothing new.
MOST_FAILURES = 20


class Results:
    """Counts the outcomes of the runs of a proof.

    Attributes:
        runs: How many were made.
        failed: The seeds of those that broke the promise.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.failed: list[int] = []
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._trace = blake2b(digest_size=8)

    def play(self, play: Play, seed: int, *, twice: bool) -> None:
        """Make the run of a seed, and count its outcome.

        Args:
            play: Makes a run.
            seed: Its seed.
            twice: Make it once more, which must give the same outcome.

        Raises:
            Exception: The run broke the promise, or the two outcomes differ.
        """
        self.runs += 1
        try:
            outcome = play(seed)
            if twice:
                check(play(seed) == outcome, "The same seed gives another run.")
        except Exception:
            self.failed.append(seed)
            raise
        self._counts[outcome.case][outcome.result] += 1
        self._trace.update(repr(outcome).encode(errors="backslashreplace"))

    @property
    def trace(self) -> str:
        """A hash of the traces of all runs."""
        return self._trace.hexdigest()

    def table(self) -> str:
        """Return the table for `docs/reliability.md`."""
        results = sorted({one for counts in self._counts.values() for one in counts})
        rows = [
            [case, *(f"{counts[result]:,}" for result in results)]
            for case, counts in sorted(self._counts.items())
        ]
        return table(("", *results), rows)


def run(proof: Proof, seeds: Iterable[int], *, twice: bool = False) -> Results:
    """Make the runs of some seeds; print each that breaks the promise."""
    results = Results()
    # An interruption ends the command, not the run of a tap within it.
    with mock.patch.object(Shutdown, "listen"), proof.open() as play:
        for seed in seeds:
            try:
                results.play(play, seed, twice=twice)
            except Exception:  # noqa: BLE001 (any exception breaks the promise)
                command = f"python -m tests.proof {proof.name} --runs 1 --seed {seed}"
                show(f"{traceback.format_exc(limit=-4)}Repeat with: {command}\n")
            except KeyboardInterrupt:
                show("Interrupted.")
                break
            if len(results.failed) >= MOST_FAILURES:
                break
    return results


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has started."""
    times = os.times()
    return sum(times[:4])


def show(text: str) -> None:
    """Write a line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser("python -m tests.proof", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="proofs to run, or `all`"
    )
    parser.add_argument("--runs", type=int, help="how many; else a sample of each")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first run")
    parser.add_argument(
        "--twice", action="store_true", help="make each run twice, and compare them"
    )
    options = parser.parse_args(arguments)
    if not options.names:
        for one in PROOFS.values():
            show(f"{one.name}: {one.promise}")
        return 0
    names = [*PROOFS] if options.names == ["all"] else options.names
    if unknown := [name for name in names if name not in PROOFS]:
        parser.error(f"there is no proof {unknown[0]}; there are {', '.join(PROOFS)}")
    # Programs that are started take a third of the time with their bytecode cached.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    failed = 0
    for name in names:
        proof, started = PROOFS[name], cpu_seconds()
        runs = proof.sample if options.runs is None else options.runs
        seeds = range(options.seed, options.seed + runs)
        results = run(proof, seeds, twice=options.twice)
        failed += len(results.failed)
        seconds = cpu_seconds() - started
        show(
            f"{name}: {results.runs:,} runs from seed {options.seed}, "
            f"{len(results.failed)} failed; {seconds:.0f} s of CPU, "
            f"trace {results.trace}\n\n{results.table()}\n"
        )
    return int(bool(failed))
