"""The entry points of tap and target.

What is imported takes a while: until there is something to save, an interruption ends
the program without a traceback.
"""

from __future__ import annotations

import signal


def tap() -> None:
    """Run the command line of `tap-zohocampaigns`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_zohocampaigns.tap import TapZohoCampaigns  # noqa: PLC0415 (see above)

    TapZohoCampaigns.cli()


def target() -> None:
    """Run the command line of `target-zohocampaigns`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_zohocampaigns.target.target import TargetZohoCampaigns  # noqa: PLC0415 (see above)

    TargetZohoCampaigns.cli()
