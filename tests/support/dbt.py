"""The dbt package, run in an environment of its own, and what it builds."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from tests.support.image import UV
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import psycopg

    Rows: t.TypeAlias = list[dict[str, t.Any]]

PACKAGE = ROOT / "tap_zohocampaigns_dbt"
MARTS = sorted(path.stem for path in (PACKAGE / "models" / "marts").glob("*.sql"))
# DuckDB is only in the environment of dbt.
_DUMP = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    for name in sys.argv[2:]:
        found = connection.execute(f"select * from {name}")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row)) for row in found.fetchall()]
        print(json.dumps({name: rows}, default=str))
"""


def in_dbt_environment(
    *command: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the environment of the package's own lock."""
    left_out = {"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}
    inherited = {k: v for k, v in os.environ.items() if k not in left_out}
    return subprocess.run(
        [UV, "run", "--quiet", "--project", str(PACKAGE), "--locked", *command],
        cwd=PACKAGE,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def dbt(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run dbt; return its exit status and its log.

    Args:
        folder: Where dbt writes, and DuckDB has its file.
        arguments: Those of dbt.
        environment: More variables.
    """
    done = in_dbt_environment(
        *("dbt", *arguments),
        **{
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_USE_COLORS": "false",
            "ZOHOCAMPAIGNS_DUCKDB": str(folder / "zoho.duckdb"),
        }
        | environment,
    )
    return done.returncode, done.stdout + done.stderr


def build(folder: Path, *arguments: str, **environment: str) -> None:
    """Build and test all models; no test may fail or warn."""
    status, log = dbt(folder, "build", *arguments, **environment)
    assert status == 0, log
    assert " WARN=0 ERROR=0 SKIP=0 " in log, log


def report(folder: Path, *arguments: str, **environment: str) -> str:
    """Write the page of marts; return its HTML."""
    file = folder / "report.html"
    done = in_dbt_environment(
        *("zohocampaigns-report", "--page", str(file), *arguments),
        **{"ZOHOCAMPAIGNS_DUCKDB": str(folder / "zoho.duckdb")} | environment,
    )
    assert done.returncode == 0, done.stderr
    return file.read_text()


def duckdb_tables(folder: Path, names: Iterable[str]) -> dict[str, Rows]:
    """Return the rows of tables that were built on DuckDB."""
    file = str(folder / "zoho.duckdb")
    done = in_dbt_environment("python", "-c", _DUMP, file, *names)
    assert done.returncode == 0, done.stderr
    tables: dict[str, Rows] = {}
    for line in done.stdout.splitlines():
        tables |= json.loads(line)
    return tables


def postgres_tables(
    connection: psycopg.Connection, schema: str, names: Iterable[str]
) -> dict[str, Rows]:
    """Return the rows of tables that were built on PostgreSQL, as JSON has them."""
    tables: dict[str, Rows] = {}
    for name in names:
        query = f"SELECT * FROM {schema}.{name}"  # noqa: S608
        cursor = connection.execute(query.encode())
        columns = [column.name for column in cursor.description or ()]
        tables[name] = [
            dict(zip(columns, map(as_json, row), strict=True))
            for row in cursor.fetchall()
        ]
    return tables


def as_texts(row: dict[str, t.Any]) -> dict[str, str]:
    """Return a row with values that can be sorted; 1.0 equals 1."""
    return {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in row.items()
        # It has times as the database writes them.
        if name != "source_version"
    }


def as_json(value: object) -> object:
    """Return a value of PostgreSQL as the dump of DuckDB has it."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value if isinstance(value, int | float | None) else str(value)


def host_of(database: str) -> str:
    """Return the folder of the socket that a URI of PostgreSQL names."""
    return parse_qs(urlsplit(database).query)["host"][0]


def utc(text: str) -> datetime:
    """Return the time that a mart has as a text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
