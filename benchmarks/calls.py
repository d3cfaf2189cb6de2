"""Count the calls of a first and of later runs, and compare with other ways to read.

    uv run --locked python benchmarks/calls.py

It reads the sandbox account four times: for the first time; without changes; after 1 %
more of the recipients opened the two newest campaigns; and after the windows of all
open campaigns have ended, so that each gets its closing look. The streams are
`mailing_lists`, `campaigns`, `segment_contacts`, `campaign_recipients` and `snapshots`.
"""

from __future__ import annotations

import io
import json
import typing as t
from collections import Counter
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import UTC, datetime, timedelta

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.world.account import ACTIONS
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.account import Recipient

NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
STREAMS = (
    "mailing_lists",
    "campaigns",
    "segment_contacts",
    "campaign_recipients",
    "snapshots",
)
CHANGED = 2
PAGE, OTHERS_PAGE, OTHERS_ACTIONS = 500, 100, 10

State = dict[str, t.Any]


class Account(LivingAccount):
    """An account; with `more`, 1 % more recipients have opened two campaigns."""

    more = False

    def __init__(self) -> None:
        """Create the account with a fixed clock."""
        super().__init__(clock=lambda: NOW)
        sent = [one.key for one in self.campaigns() if one.sent and not one.children]
        self.changed = sent[:CHANGED]

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        """Return the rows of an action, with the late opens."""
        rows = super().recipients(campaign_key, action)
        if not self.more or campaign_key not in self.changed:
            return rows
        unopened = super().recipients(campaign_key, "unopenedcontacts")
        late = len(super().recipients(campaign_key, "sentcontacts")) // 100 or 1
        if action == "openedcontacts":
            return (*rows, *unopened[:late])
        return rows[late:] if action == "unopenedcontacts" else rows

    def report(self, campaign_key: str) -> dict[str, int]:
        """Return counters that agree with the rows."""
        counts = dict(super().report(campaign_key))
        counts["opens_count"] = len(self.recipients(campaign_key, "openedcontacts"))
        counts["unopened"] = len(self.recipients(campaign_key, "unopenedcontacts"))
        return counts


class Tap(TapZohoCampaigns):
    """The tap, with a clock that is `later` than that of the account."""

    later = timedelta()

    def now(self) -> datetime:
        """Return the current time."""
        return NOW + self.later


def run(
    account: Account, state: State | None, later: timedelta = timedelta()
) -> tuple[Counter[str], State]:
    """Read the account; return the number of calls by endpoint, and the state."""
    Tap.later = later
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with Service(account, quota_calls=100_000) as service:
        tap = Tap(config=service.config, state=deepcopy(state))
        for name, stream in tap.streams.items():
            stream.selected = name in STREAMS
        with redirect_stdout(stdout):
            tap.sync_all()
        calls = Counter(call.endpoint for call in service.calls)
    stdout.seek(0)
    last = [line for line in stdout if '"type":"STATE"' in line][-1]
    return calls, json.loads(last)["value"]


def pages(rows: int, size: int) -> int:
    """Return the number of pages of some rows; no rows cost one call, too."""
    return max(-(-rows // size), 1)


def minimum(account: Account, state: State) -> int:
    """Return the minimum of calls: everything that may have changed must be read."""
    segments = [s for one in account.lists() for s in account.segments(one.key)]
    open_campaigns = state["bookmarks"]["campaign_recipients"]["open"]
    calls = pages(len(account.lists()), PAGE) + pages(len(account.campaigns()), PAGE)
    calls += sum(1 + len(line["tests"]) for line in open_campaigns.values())
    calls += sum(pages(len(account.members(s.cvid)), PAGE) for s in segments)
    if account.more:
        calls += sum(
            pages(len(account.recipients(key, action)), PAGE)
            for key in account.changed
            for action in ("openedcontacts", "unopenedcontacts")
        )
    return calls


def others(account: Account) -> int:
    """Return the calls of a connector that reads every action of every campaign."""
    campaigns = account.campaigns()
    segments = [s for one in account.lists() for s in account.segments(one.key)]
    calls = pages(len(account.lists()), OTHERS_PAGE) + pages(
        len(campaigns), OTHERS_PAGE
    )
    calls += sum(pages(len(account.members(s.cvid)), OTHERS_PAGE) for s in segments)
    # It reads drafts, too, and a tenth action that does not exist.
    calls += len(campaigns) * (OTHERS_ACTIONS - len(ACTIONS))
    return calls + sum(
        pages(len(account.recipients(campaign.key, action)), OTHERS_PAGE)
        for campaign in campaigns
        for action in ACTIONS
    )


def main() -> None:
    """Count the calls, and print a table."""
    account = Account()
    first, state = run(account, None)
    again, _ = run(account, state)
    others_calls = others(account)
    minimum_again = minimum(account, state)
    closing, _ = run(account, state, timedelta(days=40))
    account.more = True
    changed, _ = run(account, state)
    everything, _ = run(account, None)
    rows = {
        "this tap": (first, again, changed, closing),
        "this tap without its state": (first, first, everything, first),
    }
    print(
        "| calls | first run | nothing new | 1 % more opens in two campaigns "
        "| the window of all has ended |"
    )
    print("|---|---|---|---|---|")
    for name, runs in rows.items():
        print(f"| {name} | {' | '.join(str(calls.total()) for calls in runs)} |")
    others_changed = others(account)
    cells = f"{others_calls} | {others_calls} | {others_changed} | {others_calls}"
    print(f"| every action of every campaign, {OTHERS_PAGE} a page | {cells} |")
    print(
        f"| the least that can be | | {minimum_again} | {minimum(account, state)} | |"
    )


if __name__ == "__main__":
    main()
