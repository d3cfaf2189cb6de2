"""Run the sandbox: `python -m tap_zohocampaigns.sandbox --port 8080`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import suppress

from tap_zohocampaigns.sandbox import serve

_WAKE_SECONDS = 0.2


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; print the URL, then a config for the tap."""
    parser = argparse.ArgumentParser(
        prog="python -m tap_zohocampaigns.sandbox",
        description="A small imitation of Zoho Campaigns, on this machine only.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument(
        "--seed", type=int, default=0, help="another is another account"
    )
    parser.add_argument("--lists", type=int, default=5)
    parser.add_argument("--segments", type=int, default=4)
    parser.add_argument("--campaigns", type=int, default=30)
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0, help="seconds per answer")
    options = parser.parse_args()
    # From here on SIGTERM is Ctrl-C, also where a shell made SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            service = serve(**vars(options))
        except (OSError, OverflowError) as error:
            sys.stderr.write(f"Port {options.port} cannot be used: {error}.\n")
            return 1
        with service:
            config = json.dumps(service.config, indent=2)
            sys.stdout.write(f"{service.url}\n{config}\n")
            sys.stdout.flush()
            # A wait without end is not woken by a signal that another thread got.
            while True:
                time.sleep(_WAKE_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
