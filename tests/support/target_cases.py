"""Contacts and messages for tests of the target."""

from __future__ import annotations

import typing as t

from tests.support.target import (
    state,
)

if t.TYPE_CHECKING:
    from tests.support.target import Message

BAD_ADDRESS = "planted.bad@example.com"
ACTIONS = {"subscribe": "2001", "unsubscribe": "2101", "do_not_mail": "2104"}
NAME_FIELDS = {"first_name": "x"}


def with_states(records: list[Message]) -> list[Message]:
    """Return the records, each followed by a state with its number."""
    return [
        message
        for number, item in enumerate(records)
        for message in (item, state(number))
    ]
