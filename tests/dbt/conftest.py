"""An account that is loaded and built on two days, with DuckDB and PostgreSQL."""

from __future__ import annotations

import fcntl
import json
import os
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.capture import captured
from tests.support.dbt import (
    MARTS,
    build,
    duckdb_tables,
    host_of,
    postgres_tables,
    report,
)
from tests.support.loading.loaders import LOADERS, Place
from tests.support.taps import NOW, Output

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt import Rows

DAYS = (NOW, NOW + timedelta(days=1, hours=3))


@dataclass
class World:
    """The account, the time in it, and what the tap has read."""

    folder: Path
    now: datetime = DAYS[0]
    state: dict[str, t.Any] | None = None
    contacts: int = 500
    campaigns: int = 14
    account: LivingAccount = field(init=False)

    def __post_init__(self) -> None:
        self.account = LivingAccount(
            clock=lambda: self.now, contacts=self.contacts, campaigns=self.campaigns
        )
        self.files.mkdir(parents=True)

    @property
    def files(self) -> Path:
        return self.folder / "output"

    def read(self, *, defaults: bool = False) -> str:
        """Read all streams, or the default ones, now; return the messages."""
        world = self

        class Tap(TapZohoCampaigns):
            def now(self) -> datetime:
                return world.now

        with Service(self.account, quota_calls=100_000) as service:
            limits = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
            tap = Tap(config=service.config | limits, state=self.state)
            default = {one.name for one in STREAMS if one.selected_by_default}
            for name, stream in tap.streams.items():
                stream.selected = not defaults or name in default
            text = captured(tap.sync_all)
        self.state = Output(text).state
        return text


@dataclass
class Built:
    """The marts after the second day, by database."""

    world: World
    duckdb: dict[str, Rows]
    postgres: dict[str, Rows]
    pages: list[str]
    """The page, from DuckDB and from PostgreSQL."""


def write_files(world: World, messages: str) -> None:
    """Add the records of messages to one file for each stream."""
    for message in map(json.loads, messages.splitlines()):
        if message["type"] == "RECORD":
            with (world.files / f"{message['stream']}.jsonl").open("a") as file:
                file.write(json.dumps(message["record"]) + "\n")


def load_both(messages: str, files: Path, database: str) -> None:
    """Load messages into the files of a folder, and into a database."""
    LOADERS["jsonl"].load(messages, Place(files))
    LOADERS["postgres"].load(messages, Place(files, database))


@pytest.fixture(scope="session")
def built(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Built:
    """Return the marts of an account that was loaded and built on two days.

    That takes minutes, so the processes of a test run share it.
    """
    world = World(tmp_path_factory.mktemp("dbt"))
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "dbt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = folder / "dbt.json"
        if not file.exists():
            found = load_and_build(world, request.getfixturevalue("database"))
            file.write_text(json.dumps(found))
    return Built(world, *json.loads(file.read_text()))


def load_and_build(
    world: World, database: str
) -> tuple[dict[str, Rows], dict[str, Rows], list[str]]:
    """Load and build on two days; return the marts of both databases, and the pages."""
    host = host_of(database)
    for day in DAYS:
        world.now = day
        load_both(world.read(), world.files, database)
        build(world.folder, ZOHOCAMPAIGNS_FILES=str(world.files))
        build(world.folder, "--target", "postgres", PGHOST=host)
    with psycopg.connect(database) as connection:
        tables = postgres_tables(connection, "zohocampaigns_marts", MARTS)
    pages = [
        report(world.folder),
        report(world.folder, "--target", "postgres", PGHOST=host),
    ]
    return duckdb_tables(world.folder, MARTS), tables, pages
