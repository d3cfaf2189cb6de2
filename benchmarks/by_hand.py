"""Reads the same rows with `requests` and a loop: no types, no retries, no state."""

from __future__ import annotations

import json
import sys

import requests

PAGE = 500


def main(url: str) -> None:
    """Write every row as a Singer message."""
    session = requests.Session()
    start = 1
    while True:
        answer = session.get(
            f"{url}/api/v1.1/getcampaignrecipientsdata",
            params={"resfmt": "JSON", "fromindex": str(start), "range": str(PAGE)},
            timeout=60,
        ).json()
        rows = answer.get("list_of_details")
        if not rows:
            return
        for row in rows:
            message = {"type": "RECORD", "stream": "recipients", "record": row}
            sys.stdout.write(json.dumps(message) + "\n")
        start += PAGE


if __name__ == "__main__":
    main(sys.argv[1])
