"""`tap-zohocampaigns doctor`: checks everything that a sync needs, in some 20 calls."""

from __future__ import annotations

import json
import platform
import sys
import time
import typing as t
from importlib.metadata import version
from pathlib import Path

import click
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.api.errors import StoppedAtLock, ZohoError
from tap_zohocampaigns.commands import tables
from tap_zohocampaigns.commands.account_checks import account_checks
from tap_zohocampaigns.commands.checks import Check, Result, worst
from tap_zohocampaigns.commands.file_advice import for_files
from tap_zohocampaigns.commands.local_checks import (
    catalog_check,
    ledger_checks,
    settings_checks,
    state_check,
    wrong_ledger,
    wrong_maps,
)
from tap_zohocampaigns.commands.network_checks import network_checks
from tap_zohocampaigns.commands.options import (
    catalog_option,
    config_option,
    form_option,
    given_config,
    state_option,
)
from tap_zohocampaigns.commands.shape_report import shape_checks
from tap_zohocampaigns.commands.tables import Table
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MARKS = {Result.OK: "ok", Result.WARNING: "warning", Result.FAILED: "FAILED"}
_STATUS = {Result.OK: 0, Result.WARNING: 1, Result.FAILED: 2}


def examine(
    config: dict[str, t.Any],
    *,
    state: str | None = None,
    catalog: str | None = None,
    shapes: str | None = None,
) -> Iterator[Check]:
    """Yield the checks; those that need an earlier one stop after its failure.

    Args:
        config: The settings, without defaults.
        state: Path of a file with a state.
        catalog: Path of a file with a catalog.
        shapes: Path of the shape report to write, instead of checks of the account.
    """
    yield _versions()
    if state:
        yield state_check(state)
    if catalog:
        yield catalog_check(catalog)
    settings = tap_settings.complete(config)
    found = settings_checks(config, settings)
    yield from found
    if worst(found) is Result.FAILED:
        return
    # The user waits for the answer, so nothing waits for a lock or for long.
    quick = {"rate_limit_on_lock": "stop", "retry_max_seconds": 0, "concurrency": 1}
    try:
        tap = TapZohoCampaigns(config={**config, **quick})
    except MappingError as error:
        yield wrong_maps(error)
        return
    try:
        client = tap.inventory.client
    except ZohoError as error:
        yield wrong_ledger(error)
        return
    client.ledger.on_long_wait = _refuse_wait
    if shapes:
        yield from shape_checks(client, Path(shapes))
    else:
        yield from _checks_of_service(tap, settings)
    client.ledger.close()


def _refuse_wait(endpoint: str, until: float) -> t.NoReturn:
    """Fail instead of a wait: a sync that runs now may have used up the quota.

    Raises:
        StoppedAtLock: Always.
    """
    free_at = time.strftime("%H:%M", time.localtime(until))
    msg = f"The quota of {endpoint} is used up until {free_at}"
    raise StoppedAtLock(msg)


def _checks_of_service(
    tap: TapZohoCampaigns, settings: dict[str, t.Any]
) -> Iterator[Check]:
    client = tap.inventory.client
    network = network_checks(
        client.hosts,
        settings["request_timeout"],
        has_tokens=client.version.signer.renews,
    )
    yield from network
    ledger = ledger_checks(client, settings)
    yield from ledger
    # Without a ledger, no call is made.
    if worst([*network, *ledger]) is not Result.FAILED:
        yield from account_checks(tap, settings)


def as_parts(checks: Sequence[Check]) -> list[Table | str]:
    """Return checks as a table, and below it what to do about each fault."""
    rows = [(c.name, _MARKS[c.result], c.text) for c in checks]
    parts: list[Table | str] = [Table(("check", "result", "what"), rows, right=False)]
    ways_out = [
        f"{check.name}: {check.advice}"
        + (f"\n    {check.command}" * bool(check.command))
        for check in checks
        if check.advice
    ]
    if ways_out:
        parts.append("\n".join(["What to do:", *ways_out]))
    return parts


def _versions() -> Check:
    names = ("tap-zohocampaigns", "singer-sdk")
    texts = [f"{name} {version(name)}" for name in names]
    texts.append(f"Python {platform.python_version()}")
    return Check("versions", Result.OK, ", ".join(texts))


@click.command()
@config_option
@state_option
@catalog_option
@form_option
@click.option(
    "--shapes",
    metavar="FILE",
    help="Write what answers look like, without their values, instead of checks.",
)
@click.pass_context
def command(ctx: click.Context, /, form: str, **files: t.Any) -> None:
    """Check settings, network, credentials, scopes, quota, state and catalog.

    The exit status is 0 if all is well, 1 after a warning, 2 after a failure.
    """
    given = ctx.obj or {}
    in_files = TapZohoCampaigns.given_config(files["config"]).config
    checks = [
        for_files(check, files["config"], in_files)
        for check in examine(
            given_config(ctx, files["config"]),
            state=files["state"] or given.get("state"),
            catalog=files["catalog"] or given.get("catalog"),
            shapes=files["shapes"],
        )
    ]
    if form == "json":
        click.echo(json.dumps([check.as_json() for check in checks]))
    else:
        tables.show(as_parts(checks))
    sys.exit(_STATUS[worst(checks)])
