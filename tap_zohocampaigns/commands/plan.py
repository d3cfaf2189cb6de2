"""`tap-zohocampaigns plan`: what a sync would cost, without reading contacts.

The streams do a dry run, down to the last page. Where they would read contacts, the
client answers itself, with as many rows as counters, lists and the state say.
"""

from __future__ import annotations

import json
import math
import threading
import typing as t
from collections import Counter

import click

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.wire.counters import Counters, parse_counters
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_subscriber_counts
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.counters import Counts
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import ZohoStream

# These are called, since a plan needs their answers; all of them are small.
_CALLED = {
    *("getmailinglists", "recentcampaigns", "campaignreports", "getcampaigndetails"),
    *("contact/allfields", "tag/getalltags", "topics", "topics/products", "workflow"),
}
_RECIPIENTS = "getcampaignrecipientsdata"
_ROWS = {"getlistsubscribers", "getsegmentcontacts", _RECIPIENTS}


class DryRunClient:
    """Calls the small endpoints, and makes up the answers of the others."""

    def __init__(self, client: Client) -> None:
        """Wrap the client that makes the calls."""
        self.ledger = client.ledger
        self.account_id = client.account_id
        self.granted_scopes = client.granted_scopes
        self.calls: Counter[str] = Counter()
        self.members: dict[str, int] = {}
        """Number of contacts, by segment ID, and by list key and status."""
        self._client = client
        self.unsure = False
        """Whether some action has no counter of its rows, or counters that disagree."""
        self._counts: dict[str, Counts] = {}
        self._guard = threading.Lock()

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        """Return an answer of the kind that a sync would get."""
        with self._guard:
            self.calls[endpoint] += 1
        if endpoint in _CALLED:
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
            # One row; its content does not matter.
            return Envelope("0", "", "success", {}, "")
        first, size = params["fromindex"], params["range"]
        last = min(first + size - 1, self._rows(endpoint, params))
        # One event per contact, where events are asked for. There may be more.
        events = (
            {"reports": [{"time": "Jan 01, 2000 12:00 AM"}]} if "type" in params else {}
        )
        rows = [{"contact_email": str(n), **events} for n in range(first, last + 1)]
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
    """Do a dry run, and return what a sync would cost.

    Returns:
        `endpoints`: the `calls` of each, and the `minutes` that its quota makes them
        last; `streams`: the `calls` and `rows` of each; `calls`, `rows` and `minutes`
        of the whole sync; `at_most` and `at_least`: names whose figures may be too high
        or too low; `asked`: how many calls the plan itself has made.
    """
    client, settings = tap.inventory.client, tap.settings
    read = [stream for stream in tap.zoho_streams if stream.selected]
    dry_run = DryRunClient(client)
    tap.inventory.client = t.cast("Client", dry_run)
    members, guessed = _members(tap, read)
    dry_run.members |= members
    streams: list[Row] = [
        {
            "stream": stream.name,
            "rows": _rows_of(tap, stream),
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
        for endpoint, calls in sorted(dry_run.calls.items())
    ]
    minutes: list[float] = [row["minutes"] for row in endpoints]
    return {
        "endpoints": endpoints,
        "streams": streams,
        "calls": dry_run.calls.total(),
        "rows": sum(row["rows"] for row in streams),
        # Streams are read side by side, unless they may not be.
        "minutes": max(minutes, default=0)
        if settings["concurrency"] > 1
        else sum(minutes),
        "at_most": ["getsegmentcontacts", "segment_contacts"] if guessed else [],
        "at_least": [
            *((_RECIPIENTS, "campaign_recipients") if dry_run.unsure else ()),
            *(stream.name for stream in read if stream.plan_is_minimum),
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
            row["endpoint"],
            figure(row["endpoint"], row["calls"]),
            f"{row['minutes']:.0f}",
        )
        for row in plan["endpoints"]
    ]
    total = ("all", f"{plan['calls']:,}", f"{plan['minutes']:.0f}")
    streams = [
        (
            row["stream"],
            figure(row["stream"], row["calls"]),
            figure(row["stream"], row["rows"]),
        )
        for row in plan["streams"]
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
    """Return the number of contacts of segments, and whether some are guessed."""
    segments = next(
        (stream for stream in read if stream.name == "segment_contacts"), None
    )
    if segments is None:
        return {}, False
    parts = segments.known_state().get("parts", {})
    known = {name: line["rows"] for name, line in parts.items() if "rows" in line}
    inventory = tap.inventory
    try:
        lists = {row["listkey"]: row for row in inventory.lists}
    except Forbidden:
        return known, False
    guessed = {
        segment.cvid: int(lists[segment.list_key].get("noofcontacts") or 0)
        for segment in inventory.segments
        if segment.cvid not in known and segment.list_key in lists
    }
    return guessed | known, bool(guessed)


def _rows_of(tap: TapZohoCampaigns, stream: ZohoStream) -> int:
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


@click.command()
@click.option("--config", multiple=True, help="File with settings, or ENV.")
@click.option("--state", help="File with the state of the last run.")
@click.option("--catalog", help="File with the catalog.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def command(ctx: click.Context, /, form: str, **files: t.Any) -> None:
    """Show what a sync would cost, without reading contacts."""
    given = {**(ctx.obj or {})}
    if given.pop("about_format", None) == "json":
        form = "json"
    given.pop("about", None)
    if config := files.pop("config"):
        given["config"] = TapZohoCampaigns.given_config(config)
    given |= {name: path for name, path in files.items() if path}
    plan = make_plan(TapZohoCampaigns.of_files(**given))
    click.echo(json.dumps(plan) if form == "json" else as_text(plan))
