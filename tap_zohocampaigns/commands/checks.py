"""A check of `doctor`, and its result."""

from __future__ import annotations

import enum
import shlex
import typing as t

from tap_zohocampaigns.singer.user_errors import user_message

if t.TYPE_CHECKING:
    from collections.abc import Iterable

LOGIN: t.Final = "tap-zohocampaigns login"
DESCRIBE: t.Final = "tap-zohocampaigns config describe"
AGAIN: t.Final = "tap-zohocampaigns doctor"


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
        command: A command for the shell that corrects it, or shows where it is wrong;
            empty if all is well.
    """

    name: str
    result: Result
    text: str
    advice: str = ""
    command: str = ""

    @classmethod
    def of_error(cls, name: str, error: Exception, advice: str, command: str) -> t.Self:
        """Return a failed check."""
        return cls(name, Result.FAILED, user_message(error), advice, command)

    def as_json(self) -> dict[str, str]:
        """Return the check for programs."""
        return {**self._asdict(), "result": self.result.name.lower()}


def worst(checks: Iterable[Check]) -> Result:
    """Return the worst result."""
    return max((check.result for check in checks), default=Result.OK)


def set_variable(setting: str, value: object) -> str:
    """Return the command that sets a setting in the environment."""
    return f"export {_variable(setting)}={shlex.quote(str(value))}"


def unset_variable(setting: str) -> str:
    """Return the command that removes a setting from the environment."""
    return f"unset {_variable(setting)}"


def _variable(setting: str) -> str:
    return f"TAP_ZOHOCAMPAIGNS_{setting.upper()}"
