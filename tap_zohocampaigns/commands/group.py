"""The command line of the tap: a Singer run, or one of its subcommands."""

from __future__ import annotations

import typing as t
from importlib import import_module

import click

from tap_zohocampaigns.singer.user_errors import Command
from tap_zohocampaigns.tap import TapZohoCampaigns


class Subcommand(t.NamedTuple):
    """A subcommand; its module is imported only when it is needed."""

    module: str
    """Has the `command`."""
    short_help: str


SUBCOMMANDS: t.Final = {
    "config": Subcommand("tap_zohocampaigns.commands.config", "Show the settings."),
    "doctor": Subcommand(
        "tap_zohocampaigns.commands.doctor",
        "Check settings, network, credentials, scopes, quota, state and catalog.",
    ),
    "login": Subcommand(
        "tap_zohocampaigns.commands.login",
        "Get a refresh token, and write it into `.env`.",
    ),
    "plan": Subcommand(
        "tap_zohocampaigns.commands.plan",
        "Show what a sync would cost, without reading contacts.",
    ),
    "sandbox": Subcommand(
        "tap_zohocampaigns.sandbox.__main__",
        "Serve a small imitation of Zoho Campaigns, on this machine only.",
    ),
}


class TapGroup(Command, click.Group):
    """Runs the tap if no subcommand is named.

    Singer options may stand before a subcommand; it finds them in `ctx.obj`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        del ctx
        return [*SUBCOMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand; None if there is none of that name."""
        del ctx
        if cmd_name not in SUBCOMMANDS:
            return None
        command: click.Command = import_module(SUBCOMMANDS[cmd_name].module).command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write what the subcommands do; click would import them all for that."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.short_help) for name, command in SUBCOMMANDS.items()]
            )

    def run_command(self, ctx: click.Context) -> object:
        """Run a subcommand, or the tap."""
        return click.Group.invoke(self, ctx)


def tap_command() -> click.Command:
    """Return the command line of `tap-zohocampaigns`."""
    # This also sets up logging.
    command: click.Command = TapZohoCampaigns.cli
    run = command.callback

    @click.pass_context
    def callback(ctx: click.Context, /, **options: t.Any) -> None:
        ctx.obj = options
        if ctx.invoked_subcommand is None and run:
            run(**options)

    return TapGroup(
        name=command.name,
        callback=callback,
        params=command.params,
        help=command.help,
        context_settings=command.context_settings,
        logger=TapZohoCampaigns.logger,
        invoke_without_command=True,
    )
