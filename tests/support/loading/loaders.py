"""Loaders of PyPI in the versions that are proved, and the settings that they need."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from dataclasses import dataclass, field

from tests.support.image import UV
from tests.support.loading import stores
from tests.support.loading.compare import NOTHING, Loss
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.support.loading.compare import Stored
    from tests.support.loading.feed import Feed

PYTHON = "3.11"
OUTSIDE = ROOT / "tests" / "pipelines" / "outside"
# Objects become texts of JSON. Without it, they are written as Python shows them.
OBJECTS_AS_TEXTS = {"flattening_enabled": True, "flattening_max_depth": 1}
SCHEMA = "zohocampaigns"


@dataclass(frozen=True)
class Place:
    """Where a loader writes: a folder, and a database or bucket if it needs one."""

    folder: Path
    url: str = ""
    bucket: str = ""


@dataclass(frozen=True)
class Loader:
    """A loader in an environment of its own.

    Attributes:
        package: Its name and version on PyPI.
        executable: What it is started by.
        settings: Returns its settings for a place.
        read: Returns what it has stored in a place.
        adds: Whether it adds the rows of each run; else it updates them by their key.
        loss: What it loses of values.
        flattened: Whether the tap has to make texts of objects, as the loader can't.
        needs: What the place has to have: nothing, `postgres` or `s3`.
        environment: More variables.
        besides: Packages that it must have in certain versions.
    """

    package: str
    executable: str
    settings: Callable[[Place], dict[str, t.Any]]
    read: Callable[[Place, Feed], Stored]
    adds: bool = False
    loss: Loss = NOTHING
    flattened: bool = False
    needs: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    besides: tuple[str, ...] = ()

    def load(self, messages: str, place: Place) -> str:
        """Load messages; return what the loader wrote, which is the state.

        Raises:
            AssertionError: It failed.
        """
        config = place.folder / "config.json"
        config.write_text(json.dumps(self.settings(place)))
        command = (
            *(UV, "tool", "run", "--quiet", "--python", PYTHON),
            *(word for package in self.besides for word in ("--with", package)),
            *("--from", self.package, self.executable, "--config", str(config)),
        )
        return fed(command, messages, place.folder, self.environment)


def fed(
    command: Sequence[str],
    messages: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command with messages as its input in a folder; return what it wrote.

    Raises:
        AssertionError: It failed.
    """
    done = subprocess.run(
        command,
        input=messages,
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def jsonl(place: Place) -> dict[str, t.Any]:
    return {"destination_path": str(place.folder), "do_timestamp_file": False}


def csv(place: Place) -> dict[str, t.Any]:
    return {
        "output_path": str(place.folder),
        "file_naming_scheme": "{stream_name}-{timestamp}.csv",
        **OBJECTS_AS_TEXTS,
    }


def postgres(place: Place) -> dict[str, t.Any]:
    return {
        "sqlalchemy_url": place.url.replace("postgresql:", "postgresql+psycopg:"),
        "default_target_schema": SCHEMA,
        "sanitize_null_text_characters": True,
    }


def pipelinewise_postgres(place: Place) -> dict[str, t.Any]:
    return {
        **stores.parts_of_url(place.url),
        "default_target_schema": SCHEMA,
    }


def s3(file_type: str) -> Callable[[Place], dict[str, t.Any]]:
    """Return settings that write files of a type into the bucket at `Place.url`."""

    def settings(place: Place) -> dict[str, t.Any]:
        return {
            "format": {"format_type": file_type},
            "prefix": file_type,
            "cloud_provider": {
                "cloud_provider_type": "aws",
                "aws": {
                    "aws_access_key_id": "key",
                    "aws_secret_access_key": "secret",
                    "aws_region": stores.REGION,
                    "aws_bucket": place.bucket,
                    "aws_endpoint_override": place.url,
                },
            },
        }

    return settings


def s3_jsonl(place: Place) -> dict[str, t.Any]:
    return {
        "s3_bucket": place.bucket,
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_endpoint_url": place.url,
        "path_template": "{stream}/{date_time:%Y%m%dT%H%M%S}.jsonl",
    }


def duckdb(place: Place) -> dict[str, t.Any]:
    return {
        "filepath": str(place.folder / stores.DUCKDB_FILE),
        "default_target_schema": SCHEMA,
    }


S3_ENVIRONMENT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": stores.REGION,
}

LOADERS = {
    "jsonl": Loader(
        "target-jsonl==0.1.4", "target-jsonl", jsonl, stores.json_files, adds=True
    ),
    "postgres": Loader(
        "meltanolabs-target-postgres==0.8.1",
        "target-postgres",
        postgres,
        stores.postgres_tables,
        needs="postgres",
    ),
    "pipelinewise-postgres": Loader(
        "pipelinewise-target-postgres==2.1.2",
        "target-postgres",
        pipelinewise_postgres,
        stores.postgres_tables,
        loss=Loss(line_breaks=True),
        needs="postgres",
    ),
    "csv": Loader(
        "meltanolabs-target-csv==0.5.0",
        "target-csv",
        csv,
        stores.csv_files,
        adds=True,
    ),
    "s3-parquet": Loader(
        "plinxore-target-s3==0.1.7",
        "target-s3",
        s3("parquet"),
        stores.parquet_in_bucket,
        adds=True,
        loss=Loss(fractions=True),
        flattened=True,
        needs="s3",
        environment=S3_ENVIRONMENT,
    ),
    "s3-jsonl": Loader(
        "target-s3-jsonl==2.0.1",
        "target-s3-jsonl",
        s3_jsonl,
        stores.json_in_bucket,
        adds=True,
        needs="s3",
        environment=S3_ENVIRONMENT,
    ),
}
"""All loaders that are proved, by the name of their test."""

target_duckdb = Loader(
    "target-duckdb==0.8.0",
    "target-duckdb",
    duckdb,
    stores.duckdb_tables,
    # The file is read with the same one.
    besides=(stores.DUCKDB,),
)
"""A loader that is known to lose rows."""

SNOWFLAKE = ("meltanolabs-target-snowflake==0.20.4", "fakesnow==0.12.1")
"""A loader and an imitation of its database, which creates tables and loads no row."""


def snowflake_columns(messages: str, folder: Path) -> list[tuple[str, str, str]]:
    """Let the loader create its tables; return table, column and type of each column.

    Args:
        messages: Only those of schemas.
        folder: For the settings.
    """
    config = folder / "config.json"
    names = ("account", "user", "password", "warehouse", "role")
    config.write_text(
        json.dumps(
            dict.fromkeys(names, "any")
            | {"database": "ZOHO", "default_target_schema": SCHEMA.upper()}
        )
    )
    command = (
        *(UV, "run", "--quiet", "--no-project", "--python", PYTHON),
        *(word for package in SNOWFLAKE for word in ("--with", package)),
        *("python", str(OUTSIDE / "snowflake_tables.py"), "--config", str(config)),
    )
    lines = fed(command, messages, folder).splitlines()
    return t.cast("list[tuple[str, str, str]]", json.loads(lines[-1]))
