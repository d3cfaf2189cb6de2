"""Prints texts and tables on a terminal."""

from __future__ import annotations

import typing as t

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def print_text(text: str) -> None:
    """Print a text as it is."""
    Console().print(text, highlight=False, markup=False)


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: object
) -> None:
    """Print a table with lines around its cells.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
        right: Whether all columns but the first are aligned to the right.
    """
    table = Table(*head[:1])
    for name in head[1:]:
        table.add_column(name, justify="right" if right else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)
