"""Random lives of an account: it changes, and the tap is stopped and killed.

`tests/support/model.py` has the rules of a life, and what is checked after each run.
"""

from __future__ import annotations

import json
import random
import typing as t
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b

from hypothesis import HealthCheck, settings
from hypothesis.stateful import get_state_machine_test

from tests.proof.proof import Outcome, Proof, without_wall_times
from tests.support.model import ModelTest, model_tests

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.stateful import RuleBasedStateMachine

    from tests.proof.proof import Play
    from tests.support.model_checks import Run

STEPS = 14
# A life needs some thousand random bytes; hypothesis rejects what it can't use.
_BYTES = 8192


class Life:
    """Plays lives; each is drawn from the random bytes of its seed."""

    def __init__(self, create: Callable[..., ModelTest]) -> None:
        """Prepare the state machine."""
        self._create = partial(create, at_once=1)
        self._machine: ModelTest | None = None
        self._test = get_state_machine_test(
            t.cast("type[RuleBasedStateMachine]", self._begin),
            settings=settings(
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=[*HealthCheck],
            ),
        )

    def _begin(self) -> ModelTest:
        self._machine = self._create()
        return self._machine

    def play(self, seed: int) -> Outcome:
        """Live the life of a seed; an error is raised if a check fails."""
        randomness = random.Random(seed)  # noqa: S311 (no secret)
        fuzz_one_input = self._test.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
        while fuzz_one_input(randomness.randbytes(_BYTES)) is None:
            pass  # the bytes were no life
        assert self._machine
        runs = self._machine.runs
        ended = any(not run.completed for run in runs)
        case = "some runs end early" if ended else "all runs are complete"
        return Outcome(case, "the warehouse equals the account", _trace(runs))


def _trace(runs: list[Run]) -> str:
    """Return a hash of what runs wrote, without times of this machine's clock."""
    lines = [without_wall_times(message) for run in runs for message in run.messages]
    text = json.dumps(lines, sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


@contextmanager
def _open() -> Iterator[Play]:
    with model_tests() as create:
        yield Life(create).play


PROOF = Proof(
    "model",
    "After each complete run the warehouse equals the account, whatever happened to "
    "the account, the settings, the counters, the clock and earlier runs.",
    100,
    _open,
)
