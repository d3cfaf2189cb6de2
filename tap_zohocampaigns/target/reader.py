"""Reads messages from stdin, and reports invalid ones without their content."""

from __future__ import annotations

import io
import sys
import typing as t

from singer_sdk.singerlib.json import deserialize_json

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.singer.sdk import SdkReader

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# The types of fields that the SDK does not check.
_TYPES: t.Final = {
    "type": (str, "a text"),
    "stream": (str, "a text"),
    "record": (dict, "an object"),
    "schema": (dict, "an object"),
    "properties": (dict, "an object"),
}


class MessageReader(SdkReader):
    """Reads a message from each line. Its errors never show the line."""

    @property
    def default_input(self) -> t.IO[str]:  # type: ignore[override]
        """Stdin as UTF-8, whatever the locale is.

        Raises:
            FatalError: Stdin is closed.
        """
        if sys.stdin is None:
            msg = "Stdin is closed, where messages come from: pipe a tap into it."
            raise FatalError(msg)
        return io.TextIOWrapper(
            sys.stdin.buffer, encoding="utf-8", errors="surrogateescape"
        )

    def deserialize_json(self, line: str) -> dict[str, t.Any]:
        """Return the message of a line.

        Raises:
            FatalError: It is not JSON, or not an object.
        """
        try:
            message: object = deserialize_json(line)
        except (ValueError, RecursionError):
            msg = "A line of the input is not JSON; no pending record was sent."
            raise FatalError(msg) from None
        if not isinstance(message, dict):
            msg = "A line of the input is not a message, which is an object."
            raise FatalError(msg)
        return message

    @staticmethod
    def assert_line_requires(
        line_dict: Mapping[str, t.Any], requires: set[str]
    ) -> None:
        """Check that a message has its fields.

        Raises:
            FatalError: A field is missing, or has another type.
        """
        if missing := requires - line_dict.keys():
            msg = f"A message of the input lacks {', '.join(sorted(missing))}."
            raise FatalError(msg)
        for name in requires & _TYPES.keys():
            kind, words = _TYPES[name]
            if not isinstance(line_dict[name], kind):
                msg = f"A message of the input has a `{name}` that is not {words}."
                raise FatalError(msg)

    def on_unknown(self) -> t.NoReturn:
        """Stop at a message of an unknown type.

        Raises:
            FatalError: Always.
        """
        msg = "A message of the input has a `type` that is not known."
        raise FatalError(msg)
