"""Tables of subcommands: drawn on a terminal, plain text in a pipe."""

from __future__ import annotations

import sys
import typing as t

import click

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Table(t.NamedTuple):
    """A table.

    Attributes:
        head: The names of the columns.
        rows: The cells of each row.
        right: Whether all columns but the first are aligned to the right.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: bool = True

    def as_text(self) -> str:
        """Return the table as plain text."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if number and self.right else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def show(parts: Iterable[Table | str]) -> None:
    """Print tables and sentences, with a blank line between them."""
    parts = [*parts]
    if not sys.stdout.isatty():
        click.echo(as_text(parts))
        return
    # It is not needed in a pipe, and takes a while to import.
    from tap_zohocampaigns.commands import drawing  # noqa: PLC0415 (see above)

    for part in parts:
        if isinstance(part, str):
            drawing.print_text(part)
        else:
            drawing.print_table(*part)


def as_text(parts: Iterable[Table | str]) -> str:
    """Return tables and sentences as plain text."""
    texts = [part if isinstance(part, str) else part.as_text() for part in parts]
    return "\n\n".join(texts)
