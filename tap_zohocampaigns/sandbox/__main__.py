"""Serve the sandbox: `tap-zohocampaigns sandbox --port 8080`.

It also runs as `python -m tap_zohocampaigns.sandbox`.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import typing as t
from contextlib import suppress

import click

from tap_zohocampaigns.sandbox import serve

_WAKE_SECONDS = 0.2


@click.command()
@click.option("--port", default=0, help="Port; 0 takes a free one.")
@click.option("--seed", default=0, help="Another number is another account.")
@click.option("--lists", default=5, show_default=True, help="Mailing lists.")
@click.option("--segments", default=4, show_default=True, help="Segments.")
@click.option("--campaigns", default=30, show_default=True, help="Campaigns.")
@click.option("--contacts", default=2000, show_default=True, help="Contacts.")
@click.option("--latency", type=float, default=0, help="Seconds per answer.")
def command(**options: t.Any) -> None:
    """Serve a small imitation of Zoho Campaigns, on this machine only.

    It prints its URL and settings for the tap, and ends at Ctrl-C or SIGTERM.
    """
    # From here on SIGTERM is like Ctrl-C, also if a shell has made SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            service = serve(**options)
        except (OSError, OverflowError) as error:
            sys.stderr.write(f"Port {options['port']} cannot be used: {error}.\n")
            sys.exit(1)
        with service:
            config = json.dumps(service.config, indent=2)
            sys.stdout.write(f"{service.url}\n{config}\n")
            sys.stdout.flush()
            # An endless wait would not notice a signal that another thread received.
            while True:
                time.sleep(_WAKE_SECONDS)


if __name__ == "__main__":
    command(prog_name="python -m tap_zohocampaigns.sandbox")
