"""What the tap writes in three runs of an account that changes between them."""

from __future__ import annotations

import json
import typing as t
from datetime import timedelta

from tap_zohocampaigns.sandbox import LivingAccount
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.streams.test_keys import Odd
from tests.support.capture import captured
from tests.support.taps import NOW, Output

if t.TYPE_CHECKING:
    from datetime import datetime

    from tap_zohocampaigns.sandbox import Call
    from tap_zohocampaigns.sandbox.world.account import Campaign

    Row: t.TypeAlias = dict[str, t.Any]
    Rows: t.TypeAlias = dict[str, list[Row]]

RUNS = 3
# Quotes, separators, escapes, line ends and placeholders of many programs.
ODD_TEXT = 'O\'Brien "Zoë", \\N\\t;\r\n 測試 🎉 ${x} %s {{y}} | -- /* */'
ODD_OBJECT = {"a": [1, 2.5, None, {"b": "c"}], "text": ODD_TEXT}
ROWS_WITH_ODD_OBJECT = ("list_of_details", "contacts", "recent_campaigns")


class ChangingAccount(LivingAccount):
    """An account in which a campaign can be deleted."""

    deleted = ""

    def campaigns(self) -> tuple[Campaign, ...]:
        return tuple(one for one in super().campaigns() if one.key != self.deleted)

    def campaign(self, key: str) -> Campaign | None:
        return None if key == self.deleted else super().campaign(key)


class Feed:
    """The messages of the runs.

    Attributes:
        runs: What the tap wrote in each run.
        schemas: Fields of each stream.
        keys: Names of the fields of each stream's key.
    """

    def __init__(self, runs: list[str]) -> None:
        self.runs: t.Final = runs
        self._outputs = [Output(text) for text in runs]
        declared = [
            message
            for output in self._outputs
            for message in output.messages
            if message["type"] == "SCHEMA"
        ]
        self.schemas: dict[str, Row] = {
            one["stream"]: one["schema"]["properties"] for one in declared
        }
        self.keys = {one["stream"]: one["key_properties"] for one in declared}

    def all_rows(self) -> Rows:
        """Return the records of all runs: what a loader has that only adds rows."""
        return {
            name: [row for output in self._outputs for row in output.records[name]]
            for name in self.schemas
        }

    def last_rows(self) -> Rows:
        """Return the last record of each key: what a loader has that updates rows."""
        return {
            name: [
                *{
                    tuple(row[key] for key in self.keys[name]): row for row in rows
                }.values()
            ]
            for name, rows in self.all_rows().items()
        }


def make_feed(**settings: t.Any) -> Feed:
    """Run the tap three times; after the first, people leave and a campaign is gone.

    Args:
        settings: More settings of the tap.
    """
    now = NOW
    account = ChangingAccount(clock=lambda: now, contacts=60, campaigns=12)
    for mailing_list in account.lists():
        for member in account.contacts(mailing_list.key, "active")[:8]:
            account.enter(
                member.contact.email, None, "active", {"First Name": ODD_TEXT}
            )

    class Tap(TapZohoCampaigns):
        def now(self) -> datetime:
            return now

    runs: list[str] = []
    state: dict[str, t.Any] | None = None
    for number in range(RUNS):
        # Loaders differ in the fractions of seconds that they keep.
        now = NOW + timedelta(days=number, hours=number, milliseconds=678)
        if number == 1:
            account.deleted = [one for one in account.campaigns() if one.sent][1].key
        with Odd(account, quota_calls=100_000) as service:
            service.change = with_odd_objects
            limits = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
            tap = Tap(config=service.config | limits | settings, state=state)
            for stream in tap.streams.values():
                stream.selected = True
            runs.append(captured(tap.sync_all))
        state = Output(runs[-1]).state
    return Feed(runs)


def with_odd_objects(_: Call, body: bytes) -> bytes:
    """Add an object to rows, which the tap keeps in `custom_fields`."""
    answer = json.loads(body)
    for name in ROWS_WITH_ODD_OBJECT:
        rows = answer.get(name)
        for row in rows if isinstance(rows, list) else []:
            row["new_field"] = ODD_OBJECT
    return json.dumps(answer).encode()
