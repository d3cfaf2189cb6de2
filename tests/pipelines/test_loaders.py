"""Loaders of PyPI store every key and value of all streams, in several runs."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.support.loading import stores
from tests.support.loading.compare import differences, types_by_kind
from tests.support.loading.feed import make_feed
from tests.support.loading.loaders import LOADERS, Place
from tests.support.loading.stores import s3_server
from tests.support.postgres import postgres

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.loading.feed import Feed
    from tests.support.loading.loaders import Loader

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def feed() -> Feed:
    return make_feed()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return where the loader of the test writes."""
    needs = LOADERS[request.node.callspec.params["name"]].needs
    if needs == "postgres":
        with postgres("warehouse") as url:
            yield Place(tmp_path, f"{url}/warehouse")
    elif needs == "s3":
        with s3_server() as url:
            yield Place(tmp_path, url)
    else:
        yield Place(tmp_path)


@pytest.mark.parametrize("name", LOADERS)
def test_every_key_and_value_is_stored(name: str, feed: Feed, place: Place) -> None:
    loader = LOADERS[name]
    for messages in feed.runs:
        loader.load(messages, place)
    stored = loader.read(place, feed)
    expected = feed.all_rows() if loader.adds else feed.last_rows()
    found = differences(feed, expected, stored.rows, seconds=loader.seconds)
    assert not found, "\n".join(found)
    print(name, types_by_kind(feed, stored))
