"""Runs loaders, and says what they have stored as rows of a table.

    uv run --locked python -m tests.support.loading.matrix [NAME …]

prints the table of docs/loaders.md from new runs, of all loaders or of those named.
"""

from __future__ import annotations

import sys
import tempfile
import typing as t
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.loading.compare import NOTHING, differences, types_by_kind
from tests.support.loading.feed import make_feed
from tests.support.loading.loaders import LOADERS, OBJECTS_AS_TEXTS, Loader, Place
from tests.support.loading.stores import s3_server
from tests.support.postgres import postgres

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.loading.feed import Feed

HEAD = (
    "loader",
    "times",
    "dates",
    "integers",
    "numbers",
    "Booleans",
    "objects",
    "arrays",
    "a later run",
    "what it alters",
)


@cache
def feed_for(*, flattened: bool) -> Feed:
    """Return what the tap writes; `flattened` has texts instead of objects."""
    return make_feed(**(OBJECTS_AS_TEXTS if flattened else {}))


@contextmanager
def place_for(name: str, folder: Path) -> Iterator[Place]:
    """Provide what a loader writes to, and a folder for its settings."""
    needs = LOADERS[name].needs
    if needs == "postgres":
        with postgres("warehouse") as url:
            yield Place(folder, f"{url}/warehouse")
    elif needs == "s3":
        with s3_server() as (url, bucket):
            yield Place(folder, url, bucket)
    else:
        yield Place(folder)


def prove(loader: Loader, place: Place) -> str:
    """Load all runs, compare every value, and return the loader's row of the table.

    Raises:
        AssertionError: The loader lost or altered something that is not known.
    """
    feed = feed_for(flattened=loader.flattened)
    for messages in feed.runs:
        loader.load(messages, place)
    stored = loader.read(place, feed)
    expected = feed.all_rows() if loader.adds else feed.last_rows()
    found = differences(feed, expected, stored.rows, loader.loss)
    assert not found, "\n".join(found)
    assert loader.loss == NOTHING or differences(feed, expected, stored.rows, NOTHING)
    kinds = types_by_kind(feed, stored)
    if loader.flattened:
        kinds |= dict.fromkeys(("object", "array"), kinds["string"])
    name, version = loader.package.split("==")
    cells = [
        f"`{name}` {version}",
        *(kinds[kind] for kind in kinds if kind != "string"),
        "adds rows" if loader.adds else "updates rows",
        loader.loss.description,
    ]
    return row(cells)


def row(cells: list[str] | tuple[str, ...]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main(names: list[str]) -> None:
    """Print the table."""
    lines = [row(HEAD), row(["---"] * len(HEAD))]
    for name in names or LOADERS:
        with (
            tempfile.TemporaryDirectory() as folder,
            place_for(name, Path(folder)) as place,
        ):
            lines.append(prove(LOADERS[name], place))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
