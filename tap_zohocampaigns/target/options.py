"""The options of the target's command line."""

from __future__ import annotations

import typing as t

import click

if t.TYPE_CHECKING:
    from collections.abc import Callable

_KEY: t.Final = "tap_zohocampaigns.target"


class Options(t.NamedTuple):
    """What the command line says about one run."""

    full: bool = False
    """Whether to send what has not changed, too."""
    limit: int | None = None
    """How many records are sent; None for all."""


def add_options(command: click.Command, option: Callable[..., click.Option]) -> None:
    """Add the options to a command.

    Args:
        command: The command.
        option: Makes an option that the environment can hold, too.
    """
    command.params += [
        option(
            "--full",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Send also what has not changed since `sent_ledger` noted it.",
        ),
        option(
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            expose_value=False,
            callback=_keep,
            help="Send N records only, and pass on no state.",
        ),
    ]


def given_options() -> Options:
    """Return the options of the command that runs; the defaults if none does."""
    context = click.get_current_context(silent=True)
    return Options(**context.meta.get(_KEY, {})) if context else Options()


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    context.meta.setdefault(_KEY, {})[option.name] = value
