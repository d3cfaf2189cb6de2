"""Checks that need no network: settings, ledger, state and catalog."""

from __future__ import annotations

import typing as t
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.commands.checks import Check, Result
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings.checks import unknown_names
from tap_zohocampaigns.settings.shared import SANDBOX
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.types import Row

_MOST_NAMED = 5
_DESCRIBE = "see the page of settings, or `tap-zohocampaigns --about`"


def settings_checks(config: Row, settings: Row) -> list[Check]:
    """Return a failed check for each wrong setting, and a warning for unknown ones.

    Args:
        config: The settings as given.
        settings: The settings with their defaults.
    """
    checks = [
        Check("settings", Result.FAILED, problem, _DESCRIBE)
        for problem in tap_settings.problems(settings)
    ]
    if unknown := unknown_names(config, tap_settings.SCHEMA):
        text = f"There are no such settings: {', '.join(unknown)}."
        checks.append(Check("settings", Result.WARNING, text, "remove them"))
    return checks or [Check("settings", Result.OK, f"{len(config)} settings are set")]


def ledger_checks(client: Client, settings: Row) -> list[Check]:
    """Return where calls are counted, and which endpoints have none left."""
    where = settings.get("rate_limit_ledger") or "the file in the user's state folder"
    if settings["data_center"] == SANDBOX:
        # The quota of a sandbox ends with it.
        return [Check("ledger", Result.OK, "Calls of the sandbox are not shared")]
    try:
        remaining = {name: client.ledger.remaining(name) for name in READS}
        full = client.ledger.free_at(name for name in READS if not remaining[name])
    except ZohoError as error:
        return [Check.of_error("ledger", error, "correct `rate_limit_ledger`")]
    kind = "a Redis" if where.startswith(("redis:", "rediss:")) else where
    text = f"Calls are counted in {kind}"
    if where == "memory":
        text += ", for this run alone"
        advice = "unset `rate_limit_ledger`, so that runs share it"
        return [Check("ledger", Result.WARNING, text, advice), *_full(full)]
    used = max(settings["rate_limit_calls"] - left for left in remaining.values())
    text += f"; the busiest endpoint has used {max(used, 0)} calls of its window"
    return [Check("ledger", Result.OK, text), *_full(full)]


def _full(free_at: dict[str, str]) -> list[Check]:
    return [
        Check("quota", Result.WARNING, f"{name} rests until {time}", "wait until then")
        for name, time in free_at.items()
    ]


def state_check(path: str) -> Check:
    """Return whether a state can be read, how old it is, and how much is open."""
    try:
        state = files.as_state(files.load("state", path))
    except ZohoError as error:
        return Check.of_error("state", error, "restore the state of an earlier run")
    bookmarks = state.get("bookmarks", {})
    known = {stream.name for stream in STREAMS}
    if bookmarks and not known & bookmarks.keys():
        text = "It has none of the streams of this tap."
        return Check("state", Result.FAILED, text, "use the state of this pipeline")
    opened = bookmarks.get("campaign_recipients", {}).get("open", {})
    text = (
        f"{counted(len(bookmarks), 'stream')}, {counted(len(opened), 'open campaign')}"
    )
    if age := _age(bookmarks):
        text += f", last run {counted(age.days, 'day')} ago"
    return Check("state", Result.OK, text)


def _age(bookmarks: Row) -> timedelta | None:
    """Return how long ago the last run was; None if the state does not say it."""
    runs = []
    for bookmark in bookmarks.values():
        with suppress(KeyError, TypeError, ValueError):
            runs.append(datetime.fromisoformat(bookmark["run"]))
    known = [run for run in runs if run.tzinfo]
    return datetime.now(UTC) - max(known) if known else None


def catalog_check(path: str) -> Check:
    """Return whether a catalog has the streams and columns of this version."""
    try:
        catalog = files.as_catalog(files.load("catalog", path))
    except ZohoError as error:
        return Check.of_error("catalog", error, "make a new one with `--discover`")
    columns = {
        entry["tap_stream_id"]: entry["schema"].get("properties", {}).keys()
        for entry in catalog["streams"]
    }
    missing = [stream.name for stream in STREAMS if stream.name not in columns]
    for name in columns.keys() & {stream.name for stream in STREAMS}:
        new = load_schema(name)["properties"].keys() - columns[name]
        missing += [f"{name}.{column}" for column in sorted(new)]
    if missing:
        text = f"It lacks {', '.join(missing[:_MOST_NAMED])}"
        if more := missing[_MOST_NAMED:]:
            text += f" and {len(more)} more"
        advice = "make a new one with `--discover`"
        return Check("catalog", Result.WARNING, text, advice)
    return Check("catalog", Result.OK, f"{len(columns)} streams with all columns")
