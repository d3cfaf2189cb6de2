"""The command of docs/models.md, in a clone on a machine with nothing set up."""

from __future__ import annotations

import re
import typing as t

import pytest

from tests.dbt.conftest import World, write_files
from tests.support.clean import CleanMachine, cache_folder
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

COUNT = """
import duckdb
with duckdb.connect("output/zohocampaigns.duckdb", read_only=True) as database:
    query = "SELECT count(*) FROM campaigns WHERE open_rate > 0"
    print(database.execute(query).fetchone()[0])
"""


def test_the_documented_command_builds_the_models(tmp_path: Path) -> None:
    machine = CleanMachine(tmp_path, tmp_path, cache_folder())
    clone = machine.clone("tap_zohocampaigns_dbt")
    world = World(clone, contacts=120, campaigns=6)
    write_files(world, world.read(defaults=True))
    docs = (ROOT / "docs" / "models.md").read_text()
    (command,) = re.findall(
        r"^```text\n(uv run .* dbt build.*)\n```$", docs, re.MULTILINE
    )
    log = machine.run(command, clone)
    assert re.search(r"PASS=\d+ WARN=0 ERROR=0 SKIP=0 ", log), log
    (clone / "count.py").write_text(COUNT)
    project = "--project tap_zohocampaigns_dbt --locked"
    counted = machine.run(f"uv run --quiet {project} python count.py", clone)
    assert int(counted) > 0
