"""The package builds with what is there, finds what is missing, and fits databases."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.dbt.conftest import World, write_files
from tests.support.dbt import build, dbt, duckdb_tables, in_dbt_environment
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
CHECK = ROOT / "tests" / "dbt" / "outside" / "check_dialect.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a small account, whose default streams are in files."""
    world = World(tmp_path_factory.mktemp("package"), contacts=120, campaigns=6)
    write_files(world, world.read(defaults=True))
    return world


def test_builds_without_streams_that_are_off_by_default(world: World) -> None:
    build(world.folder, ZOHOCAMPAIGNS_FILES=str(world.files))
    marts = duckdb_tables(world.folder, ["campaigns", "contacts", "recipients"])
    assert any(row["unique_opens"] for row in marts["campaigns"])
    assert {row["lists"] for row in marts["contacts"]} == {None}
    assert {row["first_open_time"] for row in marts["recipients"]} == {None}


def test_rows_that_a_loader_lost_fail_a_test(world: World, tmp_path: Path) -> None:
    for file in world.files.iterdir():
        lines = file.read_text().splitlines()
        if file.stem == "campaign_recipients":
            # As a loader that drops the first row of each batch.
            lines = [line for number, line in enumerate(lines) if number % 20]
        (tmp_path / file.name).write_text("\n".join(lines) + "\n")
    status, log = dbt(
        tmp_path,
        *("build", "--exclude-resource-type", "unit_test"),
        *("--select", "+reconciliation"),
        ZOHOCAMPAIGNS_FILES=str(tmp_path),
    )
    assert status == 1
    assert "Failure in test zoho_nothing_missing_reconciliation" in log


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery"])
def test_models_compile_for(dialect: str, tmp_path: Path) -> None:
    variables = json.dumps({"zohocampaigns_dialect": dialect})
    status, log = dbt(
        tmp_path,
        *("compile", "--quiet", "--vars", variables),
        *("--select", "resource_type:model"),
    )
    assert status == 0, log
    compiled = str(tmp_path / "target" / "compiled")
    done = in_dbt_environment(
        "python", str(CHECK), compiled, str(ROOT / "schemas"), dialect
    )
    assert done.returncode == 0, done.stderr
    models = [*(ROOT / "tap_zohocampaigns_dbt" / "models").rglob("*.sql")]
    assert done.stdout == f"{len(models)} models\n"
