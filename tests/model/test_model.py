"""An account that lives, and a tap that is run, killed and resumed: nothing is lost.

MODEL_EXAMPLES=20000 pytest tests/test_model.py

tries as many random lives instead of the same few hundred each time.
"""

from __future__ import annotations

import os
import typing as t
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.stateful import RuleBasedStateMachine

    from tests.support.life import Life

pytestmark = pytest.mark.slow

EXAMPLES = 100


@pytest.mark.parametrize(
    ("at_once", "share"), [(1, 1), (4, 5)], ids=["one by one", "side by side"]
)
def test_whatever_happens_the_warehouse_is_true(
    life: Callable[..., Life], at_once: int, share: int
) -> None:
    examples = os.environ.get("MODEL_EXAMPLES")
    run_state_machine_as_test(
        t.cast("type[RuleBasedStateMachine]", partial(life, at_once=at_once)),
        settings=settings(
            max_examples=int(examples or EXAMPLES) // share,
            derandomize=not examples,
            stateful_step_count=14,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
