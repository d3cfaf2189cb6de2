"""Short names of endpoints, and answers in a given order."""

from __future__ import annotations

import typing as t
from itertools import count

from tests.support.zoho import (
    ENDPOINT_NAMES,
    Answer,
    Request,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

LISTS, MEMBERS, SEGMENT, COUNT, CAMPAIGNS, RECIPIENTS, DETAILS = ENDPOINT_NAMES
FORMATS = ("json", "xml")


def answers_in_order(*answers: Answer | None) -> Callable[[Request], Answer | None]:
    """Return a function that gives the answers in order and then repeats the last."""
    counter = count()
    return lambda _: answers[min(next(counter), len(answers) - 1)]
