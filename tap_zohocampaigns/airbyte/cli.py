"""The source for Airbyte: the tap's own streams, in the messages of that protocol."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys

from tap_zohocampaigns.singer.start import fast_imports

_MODELS = "airbyte_protocol_dataclasses"


def main() -> None:
    """Run the command line of `source-zohocampaigns`."""
    if sys.stdout is None:
        sys.exit("Stdout is closed, so there is nowhere to write to.")
    # Until there is something to save, an interruption ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with fast_imports():
            from tap_zohocampaigns.airbyte.source import run  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != _MODELS:
            raise
        sys.exit(
            "source-zohocampaigns needs the models of Airbyte's protocol: install "
            "tap-zohocampaigns[airbyte]."
        )
    # Threads that are left at the end would have stderr to talk to.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        sys.exit(run(sys.argv[1:]))
    except OSError as error:
        # What is still to be flushed goes nowhere, instead of failing once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit("The destination stopped reading; its own last lines say why.")
        sys.exit(f"Stdout can't be written to: {error.strerror}.")
