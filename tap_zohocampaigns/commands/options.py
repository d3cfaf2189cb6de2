"""Options that several subcommands have."""

from __future__ import annotations

import typing as t

import click

from tap_zohocampaigns.tap import TapZohoCampaigns

config_option = click.option(
    "--config", multiple=True, help="File with settings, or ENV."
)
state_option = click.option("--state", help="File with the state of the last run.")
catalog_option = click.option("--catalog", help="File with the catalog.")
form_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text"
)


def given_config(ctx: click.Context, paths: tuple[str, ...]) -> dict[str, t.Any]:
    """Return the settings of files, and those of the environment if no file is given.

    `--config=ENV` adds those of the environment to a file.

    Args:
        ctx: Has the options before the subcommand.
        paths: Those behind it, which count instead.

    Raises:
        SettingError: A file can't be read.
    """
    given = (ctx.obj or {}).get("config")
    if paths:
        given = TapZohoCampaigns.given_config(paths)
    if given and given.config and not given.parse_env:
        return dict(given.config)
    return TapZohoCampaigns.environment_config() | (given.config if given else {})
