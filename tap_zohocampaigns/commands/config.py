"""`tap-zohocampaigns config describe`: each setting, and where it comes from."""

from __future__ import annotations

import json
import os
import typing as t

import click

from tap_zohocampaigns.commands import tables
from tap_zohocampaigns.commands.options import config_option, form_option
from tap_zohocampaigns.commands.tables import Table
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_zohocampaigns.api.wire.types import Row

_MASK = "********"


def describe(paths: Iterable[str]) -> list[dict[str, str]]:
    """Return the `name`, `value` and `source` of each setting; secrets are masked.

    Args:
        paths: Files with settings, the last one first in rank; `ENV` is the environment
            and `.env`, which files overrule.

    Raises:
        SettingError: A file can't be read.
    """
    paths = [*paths]
    sources: dict[str, tuple[object, str]] = {}
    if not paths or "ENV" in paths:
        # Reading the settings copies those of `.env` into the environment.
        before = {*os.environ}
        prefix = TapZohoCampaigns.environment_prefix()
        for name, value in TapZohoCampaigns.environment_config().items():
            known = f"{prefix}{name.upper()}" in before
            sources[name] = (value, "environment" if known else ".env")
    for path in paths:
        if path != "ENV":
            for name, value in files.as_config(files.load("config", path)).items():
                sources[name] = (value, path)
    properties: dict[str, Row] = tap_settings.SCHEMA["properties"]
    rows = []
    for name, schema in properties.items():
        value, source = sources.get(name, (schema.get("default"), "default"))
        if value is None:
            value, source = schema.get("default"), "default"
        text = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        )
        if value is None:
            text = ""
        elif schema.get("secret"):
            text = _MASK
        rows.append({"name": name, "value": text, "source": source})
    return rows


@click.group()
def command() -> None:
    """Show the settings."""


@command.command("describe")
@config_option
@form_option
def describe_command(config: tuple[str, ...], form: str) -> None:
    """Show the value of each setting, and where it comes from."""
    rows = describe(config)
    if form == "json":
        click.echo(json.dumps(rows))
        return
    cells = [(row["name"], row["value"], row["source"]) for row in rows]
    tables.show([Table(("setting", "value", "from"), cells, right=False)])
