"""A model test: the account changes at random, the tap is killed, and no row is lost.

MODEL_EXAMPLES=20000 pytest -m slow tests/model/test_model.py

tries that many random sequences, instead of the same hundred each time.
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

    from tests.support.model import ModelTest

pytestmark = pytest.mark.slow

EXAMPLES = 100


@pytest.mark.parametrize(
    ("at_once", "divisor"), [(1, 1), (4, 5)], ids=["one thread", "four threads"]
)
def test_warehouse_matches_the_account_after_any_sequence(
    model_test: Callable[..., ModelTest], at_once: int, divisor: int
) -> None:
    examples = os.environ.get("MODEL_EXAMPLES")
    run_state_machine_as_test(
        t.cast("type[RuleBasedStateMachine]", partial(model_test, at_once=at_once)),
        settings=settings(
            max_examples=int(examples or EXAMPLES) // divisor,
            derandomize=not examples,
            stateful_step_count=14,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
