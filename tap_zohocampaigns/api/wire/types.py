"""The types of what Zoho answers, before a schema gives it names and types."""

from __future__ import annotations

import typing as t

Json: t.TypeAlias = t.Any
"""A value of a JSON or XML answer; its type is known only when it is looked at."""
Row: t.TypeAlias = dict[str, t.Any]
"""One object of an answer, or one record of a stream."""

# How Zoho writes that there is no value.
NOTHING = frozenset({"", "null", "undefined"})


def is_nothing(value: Json) -> bool:
    """Return whether a value stands for no value."""
    return value is None or (isinstance(value, str) and value in NOTHING)
