"""Stdout, where states are passed on."""

from __future__ import annotations

import sys
import typing as t

from singer_sdk.singerlib.json import serialize_json

from tap_zohocampaigns.api.errors import FatalError


def check_stdout() -> None:
    """Check that stdout is open.

    Raises:
        FatalError: It is closed.
    """
    if sys.stdout is None:
        msg = (
            "Stdout is closed, where states are passed on: leave it open, or send "
            "it to /dev/null."
        )
        raise FatalError(msg)


def write_state(state: dict[str, t.Any]) -> None:
    """Write a state.

    Raises:
        FatalError: It can't be written.
    """
    try:
        sys.stdout.write(serialize_json(state) + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Otherwise the command line would end the program without a word.
        msg = f"The state can't be written to stdout ({type(error).__name__})."
        raise FatalError(msg) from None
