"""What a sync would cost: the sync is rehearsed, and the big endpoints are not read.

The streams do what they always do, down to the last page, but where contacts would come
the client answers itself, with as many as counters, lists and the state tell of.
"""

from __future__ import annotations

import math
import threading
import typing as t
from collections import Counter

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.wire.counters import Counters, parse_counters
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_subscriber_counts
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.streams.events import EventStream

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.counters import Counts
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import ZohoStream
    from tap_zohocampaigns.tap import TapZohoCampaigns

# What has to be known before anything can be told; all of them are small.
_ASKED = {
    *("getmailinglists", "recentcampaigns", "campaignreports", "getcampaigndetails"),
    *("contact/allfields", "tag/getalltags", "topics", "topics/products", "workflow"),
}
_RECIPIENTS = "getcampaignrecipientsdata"
_ROWS = {"getlistsubscribers", "getsegmentcontacts", _RECIPIENTS}


class Rehearsal:
    """A client that asks for what is small, and makes up the rest."""

    def __init__(self, client: Client) -> None:
        """Take the client that asks."""
        self.ledger = client.ledger
        self.account_id = client.account_id
        self.granted_scopes = client.granted_scopes
        self.calls: Counter[str] = Counter()
        self.members: dict[str, int] = {}
        """How many contacts each segment has, by its ID; each list, in each status."""
        self._client = client
        self.unsure = False
        """Whether no counter tells how many rows an action has, or two don't agree."""
        self._counts: dict[str, Counts] = {}
        self._guard = threading.Lock()

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        """Return an answer like the one that a sync would get."""
        with self._guard:
            self.calls[endpoint] += 1
        if endpoint in _ASKED:
            envelope = self._client.call(endpoint, params, tally)
            if endpoint == "campaignreports":
                rows = as_objects(envelope.payload) if envelope else []
                counts = parse_counters(rows[0] if rows else None)
                self._counts[params["campaignkey"]] = counts
            elif endpoint == "getmailinglists" and envelope:
                for row in envelope.payload:
                    for status, count in parse_subscriber_counts(row).items():
                        self.members[f"{row.get('listkey')}/{status}"] = count or 0
            return envelope
        with self._guard:
            if tally is not None:
                tally[endpoint] += 1
        if endpoint not in _ROWS:
            # One row, whatever is in it.
            return Envelope("0", "", "success", {}, "")
        first, size = params["fromindex"], params["range"]
        last = min(first + size - 1, self._rows(endpoint, params))
        # An event each, where events are asked for: who opens once may open again.
        more = (
            {"reports": [{"time": "Jan 01, 2000 12:00 AM"}]} if "type" in params else {}
        )
        rows = [{"contact_email": str(n), **more} for n in range(first, last + 1)]
        details = {"fromindex": first, "range": size}
        body: Row = {"requestdetails": details}
        return Envelope("0", "", "success", body, rows) if rows else None

    def _rows(self, endpoint: str, params: Row) -> int:
        if endpoint == "getsegmentcontacts":
            return self.members.get(params["cvid"], 0)
        if endpoint == "getlistsubscribers":
            return self.members.get(f"{params['listkey']}/{params['status']}", 0)
        counts = self._counts.get(params["campaignkey"], parse_counters(None))
        counters = Counters.of(params["action"], counts)
        self.unsure = self.unsure or counters.unsure
        return counters.reported or 0


def make_plan(tap: TapZohoCampaigns) -> Row:
    """Rehearse a sync; return what it would cost.

    Returns:
        `endpoints`: of each its `calls`, and the `minutes` that its quota makes them
        last; `streams`: of each its `calls` and `rows`; `calls`, `rows` and `minutes`
        of the whole sync; `at_most` and `at_least`: names whose figures can only be
        too high or too low; `asked`: how many calls the plan itself has cost.
    """
    client, settings = tap.inventory.client, tap.settings
    read = [stream for stream in tap.zoho_streams if stream.selected]
    rehearsal = Rehearsal(client)
    tap.inventory.client = t.cast("Client", rehearsal)
    known, guessed = _members(tap, read)
    rehearsal.members |= known
    streams: list[Row] = [
        {
            "stream": stream.name,
            "rows": _rehearse(tap, stream),
            "calls": stream.progress.calls.total(),
        }
        for stream in read
        if stream is not tap.snapshots
    ]
    tap.tell_left_out()
    endpoints: list[Row] = [
        {
            "endpoint": endpoint,
            "calls": calls,
            "minutes": _minutes(calls, client.ledger.remaining(endpoint), settings),
        }
        for endpoint, calls in sorted(rehearsal.calls.items())
    ]
    minutes: list[float] = [each["minutes"] for each in endpoints]
    return {
        "endpoints": endpoints,
        "streams": streams,
        "calls": rehearsal.calls.total(),
        "rows": sum(each["rows"] for each in streams),
        # Streams are read side by side, unless they may not be.
        "minutes": max(minutes, default=0)
        if settings["concurrency"] > 1
        else sum(minutes),
        "at_most": ["getsegmentcontacts", "segment_contacts"] if guessed else [],
        "at_least": [
            *((_RECIPIENTS, "campaign_recipients") if rehearsal.unsure else ()),
            *(each.name for each in read if isinstance(each, EventStream)),
        ],
        "asked": client.calls.total(),
    }


def as_text(plan: Row) -> str:
    """Return a plan as tables."""
    signs = dict.fromkeys(plan["at_most"], "≤ ")
    signs |= dict.fromkeys(plan["at_least"], "≥ ")

    def figure(name: str, number: int) -> str:
        return signs.get(name, "") + f"{number:,}"

    endpoints = [
        (
            each["endpoint"],
            figure(each["endpoint"], each["calls"]),
            f"{each['minutes']:.0f}",
        )
        for each in plan["endpoints"]
    ]
    total = ("all", f"{plan['calls']:,}", f"{plan['minutes']:.0f}")
    streams = [
        (
            each["stream"],
            figure(each["stream"], each["calls"]),
            figure(each["stream"], each["rows"]),
        )
        for each in plan["streams"]
    ]
    lines = [
        *_table(("endpoint", "calls", "minutes at the quota"), [*endpoints, total]),
        "",
        *_table(("stream", "calls", "rows"), streams),
        "",
        f"This plan took {plan['asked']:,} calls.",
    ]
    if plan["at_most"]:
        lines.append(
            "≤: no earlier run and no counter tells how many contacts a segment has; "
            "it has no more than its list."
        )
    if plan["at_least"]:
        lines.append(
            "≥: Zoho has no counter of these rows, or counters that do not agree; each "
            "action of a campaign costs a call, and one for each further page."
        )
    return "\n".join(lines)


def _members(
    tap: TapZohoCampaigns, read: list[ZohoStream]
) -> tuple[dict[str, int], bool]:
    """Return how many contacts segments have, and whether that is a guess for some."""
    streams = [each for each in read if each.endpoint == "getsegmentcontacts"]
    if not streams:
        return {}, False
    parts = streams[0].known_state().get("parts", {})
    known = {name: line["rows"] for name, line in parts.items() if "rows" in line}
    account = tap.inventory
    try:
        lists = {row["listkey"]: row for row in account.lists}
    except Forbidden:
        return known, False
    guessed = {
        segment.cvid: int(lists[segment.list_key].get("noofcontacts") or 0)
        for segment in account.segments
        if segment.cvid not in known and segment.list_key in lists
    }
    return guessed | known, bool(guessed)


def _rehearse(tap: TapZohoCampaigns, stream: ZohoStream) -> int:
    rows = 0
    try:
        stream.begin()
        for part, batches in stream.reading:
            with stream.skip_if_deleted(part):
                rows += sum(len(batch.rows) for batch in batches)
    except Forbidden as error:
        tap.leave_out(stream.name, str(error))
    return rows


def _minutes(calls: int, left: int, settings: Row) -> float:
    windows = math.ceil(max(calls - left, 0) / settings["rate_limit_calls"])
    minutes: float = windows * settings["rate_limit_seconds"] / 60
    return minutes


def _table(head: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]
