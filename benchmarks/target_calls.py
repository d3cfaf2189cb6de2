"""Count the calls of the target for a view that is read in full in each run.

    uv run --locked python benchmarks/target_calls.py

The view has 2,000 contacts, who are to leave 10 lists. It is sent three times: for the
first time; without changes; and after 1 % of the contacts have been replaced by others.
Once the target has no ledger of what was sent, and once it has one.
"""

from __future__ import annotations

import io
import json
import tempfile
import typing as t
from contextlib import redirect_stdout
from pathlib import Path

from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.target.target import TargetZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Sequence

CONTACTS, LISTS = 2_000, 10
CHANGED = CONTACTS // 100
DONE = Reply(200, b'{"status":"success","code":"0","message":"Done."}')


def view(contacts: Sequence[int], list_keys: Sequence[str]) -> str:
    """Return the input: each contact leaves each list."""
    lines: list[dict[str, t.Any]] = [
        {
            "type": "SCHEMA",
            "stream": "unsubscribe",
            "schema": {"properties": {}},
            "key_properties": [],
        }
    ]
    lines += [
        {
            "type": "RECORD",
            "stream": "unsubscribe",
            "record": {"contact_email": f"{n}@example.com", "list_key": list_key},
        }
        for n in contacts
        for list_key in list_keys
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def count_calls(service: Service, text: str, **settings: str) -> int:
    """Run the target; return how many calls it made."""
    before = len(service.calls)
    own = {"dry_run": False, "rate_limit_ledger": "memory", "rate_limit_calls": 10**6}
    target = TargetZohoCampaigns(config=service.config | own | settings)
    with redirect_stdout(io.StringIO()):
        target.listen(io.StringIO(text))
    target.end()
    return len(service.calls) - before


def runs(contacts: int, lists: int, changed: int, **settings: str) -> list[int]:
    """Return the calls of the first, second and third run.

    Args:
        contacts: How many contacts are in the view.
        lists: How many lists they leave.
        changed: How many contacts are others in the third run.
        settings: Further settings of the target.
    """
    list_keys = [f"3z{number}" for number in range(lists)]
    first = view(range(contacts), list_keys)
    third = view(range(changed, contacts + changed), list_keys)
    with Service(LivingAccount(), quota_calls=10**9) as service:
        # The account of the sandbox has not as many lists.
        service.intercept = lambda _: DONE
        return [
            count_calls(service, text, **settings) for text in (first, first, third)
        ]


def main() -> None:
    """Count the calls, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = str(Path(folder) / "sent.sqlite3")
        rows = {
            "without `sent_ledger`": runs(CONTACTS, LISTS, CHANGED),
            "with `sent_ledger`": runs(CONTACTS, LISTS, CHANGED, sent_ledger=ledger),
        }
    print("| calls | first run | nothing has changed | 1 % has changed |")
    print("| --- | --- | --- | --- |")
    for name, calls in rows.items():
        print(f"| {name} | {' | '.join(f'{number:,}' for number in calls)} |")


if __name__ == "__main__":
    main()
