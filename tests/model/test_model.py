"""A model test: the account changes at random, the tap is killed, and no row is lost.

`python -m tests.proof model` lives more such lives, with one thread.
"""

from __future__ import annotations

import typing as t
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.stateful import RuleBasedStateMachine

    from tests.support.model import ModelTest

EXAMPLES = 20


@pytest.mark.slow
def test_warehouse_matches_the_account_after_any_sequence_with_four_threads(
    model_test: Callable[..., ModelTest],
) -> None:
    run_state_machine_as_test(
        t.cast("type[RuleBasedStateMachine]", partial(model_test, at_once=4)),
        settings=settings(
            max_examples=EXAMPLES,
            derandomize=True,
            stateful_step_count=14,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
