"""A check of `doctor`, and its result."""

from __future__ import annotations

import enum
import typing as t

from tap_zohocampaigns.singer.user_errors import user_message

if t.TYPE_CHECKING:
    from collections.abc import Iterable


class Result(enum.IntEnum):
    """How a check ended; a greater one is worse."""

    OK = 0
    WARNING = 1
    FAILED = 2


class Check(t.NamedTuple):
    """One line of the report.

    Attributes:
        name: What was checked.
        result: How it ended.
        text: What was found, without secrets.
        advice: What to do; empty if all is well.
    """

    name: str
    result: Result
    text: str
    advice: str = ""

    @classmethod
    def of_error(cls, name: str, error: Exception, advice: str) -> t.Self:
        """Return a failed check."""
        return cls(name, Result.FAILED, user_message(error), advice)

    def as_json(self) -> dict[str, str]:
        """Return the check for programs."""
        return {**self._asdict(), "result": self.result.name.lower()}


def worst(checks: Iterable[Check]) -> Result:
    """Return the worst result."""
    return max((check.result for check in checks), default=Result.OK)
