"""The entry points of tap and target.

Imports take a while. Until there is something to save, an interruption ends the program
without a traceback.
"""

from __future__ import annotations

import signal

from tap_zohocampaigns.singer.start import fast_imports


def tap() -> None:
    """Run the command line of `tap-zohocampaigns`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with fast_imports():
        from tap_zohocampaigns.commands.group import (  # noqa: PLC0415 (see above)
            tap_command,
        )

    tap_command().main()


def target() -> None:
    """Run the command line of `target-zohocampaigns`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with fast_imports():
        from tap_zohocampaigns.target.target import (  # noqa: PLC0415 (see above)
            TargetZohoCampaigns,
        )

    TargetZohoCampaigns.cli()
