"""`tap-zohocampaigns plan`: what a sync would cost, without reading contacts.

The streams do a dry run, down to the last page. Where they would read contacts, the
client answers itself, with as many rows as counters, lists and the state say.
"""

from __future__ import annotations

import json
import math
import typing as t

import click

from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.commands import tables
from tap_zohocampaigns.commands.dry_run import DryRunClient
from tap_zohocampaigns.commands.options import (
    catalog_option,
    config_option,
    form_option,
    state_option,
)
from tap_zohocampaigns.commands.tables import Table
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import ZohoStream

_RECIPIENTS = "getcampaignrecipientsdata"


def make_plan(tap: TapZohoCampaigns) -> Row:
    """Do a dry run, and return what a sync would cost.

    Returns:
        `endpoints`: the `calls` of each, and the `minutes` that its quota makes them
        last; `streams`: the `calls` and `rows` of each; `actions`: the `calls` and
        `rows` of each action of recipients, which you save if you leave it out of
        `actions`; `calls`, `rows` and `minutes` of the whole sync; `at_most` and
        `at_least`: names whose figures may be too high or too low; `asked`: how many
        calls the plan itself has made.
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
            "calls": stream.progress.call_count,
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
        "actions": [
            {"action": action, "calls": calls, "rows": dry_run.action_rows[action]}
            for action, calls in sorted(dry_run.action_calls.items())
        ],
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


def as_parts(plan: Row) -> list[Table | str]:
    """Return a plan as tables and sentences."""
    signs = dict.fromkeys(plan["at_most"], "≤ ")
    signs |= dict.fromkeys(plan["at_least"], "≥ ")

    def figures(kind: str, *names: str) -> list[tuple[str, ...]]:
        return [
            (row[kind], *(f"{signs.get(row[kind], '')}{row[n]:,}" for n in names))
            for row in plan[kind + "s"]
        ]

    minutes = [f"{row['minutes']:.0f}" for row in plan["endpoints"]]
    endpoints = [
        (*row, minute)
        for row, minute in zip(figures("endpoint", "calls"), minutes, strict=True)
    ]
    total = ("all", f"{plan['calls']:,}", f"{plan['minutes']:.0f}")
    parts: list[Table | str] = [
        Table(("endpoint", "calls", "minutes at the quota"), [*endpoints, total]),
        Table(("stream", "calls", "rows"), figures("stream", "calls", "rows")),
    ]
    if plan["actions"]:
        head = ("action of recipients", "calls", "rows")
        parts.append(Table(head, figures("action", "calls", "rows")))
    notes = [f"This plan took {plan['asked']:,} calls."]
    if plan["at_most"]:
        notes.append(
            "≤: no earlier run and no counter has the number of contacts of a "
            "segment; it has no more than its list."
        )
    if plan["at_least"]:
        notes.append(
            "≥: Zoho has no counter of these rows, or counters that do not agree; each "
            "action of a campaign costs a call, and one for each further page."
        )
    return [*parts, "\n".join(notes)]


def as_text(plan: Row) -> str:
    """Return a plan as plain text."""
    return tables.as_text(as_parts(plan))


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


@click.command()
@config_option
@state_option
@catalog_option
@form_option
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
    if form == "json":
        click.echo(json.dumps(plan))
    else:
        tables.show(as_parts(plan))
