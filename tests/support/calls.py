"""Clients on a service of our own."""

from __future__ import annotations

import typing as t
from itertools import count

from tests.support.zoho import (
    NAMES,
    Answer,
    Request,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

LISTS, MEMBERS, SEGMENT, COUNT, CAMPAIGNS, RECIPIENTS, DETAILS = NAMES
FORMS = ("json", "xml")


def in_turn(*answers: Answer | None) -> Callable[[Request], Answer | None]:
    """Return what gives these answers one after the other, the last again and again."""
    numbers = count()
    return lambda _: answers[min(next(numbers), len(answers) - 1)]
