"""The command `zohocampaigns-report`."""

from __future__ import annotations

import argparse
import sys
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from zohocampaigns_report import page
from zohocampaigns_report.marts import PACKAGE, MartsError, read

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="zohocampaigns-report",
        description="Write a page of what the marts say: one HTML file.",
    )
    parser.add_argument(
        "--target",
        choices=["duckdb", "postgres"],
        default="duckdb",
        help="where the marts are, as in the profile of dbt (default: duckdb)",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        default=PACKAGE.parent / "output" / "report.html",
        help="file to write (default: output/report.html beside the package)",
    )
    parser.add_argument(
        "--contacts",
        type=_count,
        metavar="N",
        default=0,
        help="also list the N contacts who opened last, with their addresses",
    )
    options = parser.parse_args(arguments)
    try:
        text = page.write(read(options.target, options.contacts), datetime.now(UTC))
        options.page.parent.mkdir(parents=True, exist_ok=True)
        # Nobody opens half a page.
        unfinished = options.page.with_name(f"{options.page.name}.new")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(options.page)
    except (MartsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"Open {options.page.resolve()} in a browser.\n")
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        msg = f"{text} is not a number of contacts"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
