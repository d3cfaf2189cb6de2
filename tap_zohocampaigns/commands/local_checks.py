"""Checks that need no network: settings, ledger, state and catalog."""

from __future__ import annotations

import shlex
import typing as t
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.api.quota.opening import REDIS, find_file
from tap_zohocampaigns.commands.checks import (
    AGAIN,
    DESCRIBE,
    LOGIN,
    Check,
    Result,
)
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings.checks import unknown_names
from tap_zohocampaigns.settings.shared import SANDBOX
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.types import Row

_MOST_NAMED = 5
_CREDENTIALS = ("`client_id`", "`client_secret`", "`refresh_token`")
_CORRECT = "correct it; this command shows where each setting comes from"
_ALONE = "without a shared count, runs at the same time can lock an endpoint"
_USE_FILE = 'export TAP_ZOHOCAMPAIGNS_RATE_LIMIT_LEDGER="$HOME/zoho-quota.sqlite3"'
_NEW_CATALOG = "make a new catalog, and select its streams again"
_DISCOVER = "tap-zohocampaigns --config=ENV --discover > {}"


def settings_checks(config: Row, settings: Row) -> list[Check]:
    """Return a failed check for each wrong setting, and a warning for unknown ones.

    Args:
        config: The settings as given.
        settings: The settings with their defaults.
    """
    checks = [_wrong_setting(problem) for problem in tap_settings.problems(settings)]
    if unknown := unknown_names(config, tap_settings.SCHEMA):
        text = f"There are no such settings: {', '.join(unknown)}."
        advice = "remove them, or correct their names"
        checks.append(Check("settings", Result.WARNING, text, advice, DESCRIBE))
    text = counted(len(config), "setting")
    return checks or [Check("settings", Result.OK, text)]


def _wrong_setting(problem: str) -> Check:
    if any(name in problem for name in _CREDENTIALS):
        advice = "log in, which writes the credentials to `.env`"
        return Check("settings", Result.FAILED, problem, advice, LOGIN)
    return Check("settings", Result.FAILED, problem, _CORRECT, DESCRIBE)


def wrong_maps(error: Exception) -> Check:
    """Return the check of stream maps that can't be used."""
    return Check.of_error("settings", error, _CORRECT, DESCRIBE)


def ledger_checks(client: Client, settings: Row) -> list[Check]:
    """Return where calls are counted, and which endpoints have none left."""
    where = settings.get("rate_limit_ledger")
    if settings["data_center"] == SANDBOX:
        # The quota of a sandbox ends with it.
        return [Check("ledger", Result.OK, "Calls of the sandbox are not shared")]
    try:
        remaining = {name: client.ledger.remaining(name) for name in READS}
        full = client.ledger.free_at(name for name in READS if not remaining[name])
    except ZohoError as error:
        return [wrong_ledger(error)]
    store = _store(where)
    if not client.ledger.is_shared:
        text = "Calls are counted for this run alone"
        if where != "memory":
            text = f"Calls can't be counted in {store}, so each run counts its own"
        ledger = Check("ledger", Result.WARNING, text, _ALONE, _USE_FILE)
    else:
        ledger = Check("ledger", Result.OK, f"Calls of all runs are counted in {store}")
    return [ledger, *_quota(remaining, full)]


def wrong_ledger(error: Exception) -> Check:
    """Return the check of a ledger that can't be opened."""
    return Check.of_error("ledger", error, "correct `rate_limit_ledger`", _USE_FILE)


def _quota(remaining: dict[str, int], free_at: dict[str, str]) -> list[Check]:
    """Return a warning for each endpoint without calls, and what the others have."""
    checks = [
        Check(
            "quota",
            Result.WARNING,
            f"{name} rests until {time}",
            "wait until then; other endpoints are read meanwhile",
            AGAIN,
        )
        for name, time in free_at.items()
    ]
    most = max(remaining.values())
    used = [f"{name} {calls}" for name, calls in remaining.items() if 0 < calls < most]
    text = "; ".join([f"{most} calls left for each endpoint", *used])
    return [*checks, Check("quota", Result.OK, text)]


def _store(where: str | None) -> str:
    """Return what `rate_limit_ledger` names, without a password."""
    if where and where.startswith(REDIS):
        return "a Redis"
    path = find_file(where)
    if path is None:
        return "a file, as there is no home folder"
    with suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)


def state_check(path: str) -> Check:
    """Return whether a state can be read, how old it is, and how much is open."""
    known = {stream.name for stream in STREAMS}
    try:
        state = files.as_state(files.load("state", path))
        bookmarks = state.get("bookmarks", {})
        for name in known & bookmarks.keys():
            fields = load_schema(name)["properties"]
            files.check_bookmark(name, bookmarks[name], fields)
    except ZohoError as error:
        return _wrong_state(path, user_message(error))
    if bookmarks and not known & bookmarks.keys():
        return _wrong_state(path, "It has none of the streams of this tap.")
    # In the notes of another version, which are not read, it may be anything.
    opened = bookmarks.get("campaign_recipients", {}).get("open")
    opened = opened if isinstance(opened, dict) else {}
    text = (
        f"{counted(len(bookmarks), 'stream')}, {counted(len(opened), 'open campaign')}"
    )
    if age := _age(bookmarks):
        # The clock of the machine of the last run may be ahead.
        text += f", last run {counted(max(age.days, 0), 'day')} ago"
    return Check("state", Result.OK, text)


def _wrong_state(path: str, text: str) -> Check:
    advice = (
        "use the state of an earlier run of this pipeline; without one, the next run "
        "reads everything once more and loses nothing"
    )
    name = shlex.quote(path)
    # The run needs a state, if one is named. An empty one reads everything.
    command = f"echo '{{}}' > {name}"
    if Path(path).exists():
        command = f"mv {name} {name}.broken && {command}"
    return Check("state", Result.FAILED, text, advice, command)


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
    discover = _DISCOVER.format(shlex.quote(path))
    try:
        catalog = files.as_catalog(files.load("catalog", path))
    except ZohoError as error:
        return Check.of_error("catalog", error, _NEW_CATALOG, discover)
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
        return Check("catalog", Result.WARNING, text, _NEW_CATALOG, discover)
    return Check("catalog", Result.OK, f"{len(columns)} streams with all columns")
