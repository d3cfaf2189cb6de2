"""Reads what loaders have stored: files, buckets and databases."""

from __future__ import annotations

import csv
import json
import subprocess
import typing as t
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import psycopg
from moto.server import ThreadedMotoServer

from tests.support.image import UV
from tests.support.loading.compare import Stored

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.loading.feed import Feed, Row
    from tests.support.loading.loaders import Place

REGION = "us-east-1"
# DuckDB is only in an environment of its own.
DUCKDB = "duckdb==1.4.4"
DUCKDB_FILE = "zoho.duckdb"
_DUMP = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1])
for name, query in json.load(sys.stdin).items():
    found = connection.execute(query)
    columns = {column[0]: str(column[1]) for column in found.description}
    rows = [dict(zip(columns, row)) for row in found.fetchall()]
    print(json.dumps([name, columns, rows], default=str))
"""
_NAMES = {
    str: "text",
    bool: "Boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
}


def json_files(place: Place, feed: Feed) -> Stored:
    """Read a file of JSON lines for each stream."""
    return of_values(
        {name: lines_of(place.folder / f"{name}.jsonl") for name in feed.schemas}
    )


def lines_of(path: Path) -> list[Row]:
    """Return the rows of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def of_values(rows: dict[str, list[Row]]) -> Stored:
    """Return rows with the types that their values have in JSON."""
    types: dict[str, dict[str, str]] = {}
    for name, each in rows.items():
        found = [
            (column, _NAMES[type(value)])
            for row in each
            for column, value in row.items()
            if value is not None
        ]
        types[name] = dict(found)
    return Stored(rows, types)


def csv_files(place: Place, feed: Feed) -> Stored:
    """Read files of CSV, of which each run writes one for a stream."""
    rows: dict[str, list[Row]] = {name: [] for name in feed.schemas}
    for name in feed.schemas:
        for path in sorted(place.folder.glob(f"{name}-[0-9]*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                rows[name] += [
                    {column: value or None for column, value in row.items()}
                    for row in csv.DictReader(file)
                ]
    return of_values(rows)


def parts_of_url(url: str) -> dict[str, t.Any]:
    """Return the parts of the URL of a PostgreSQL, as loaders have them as settings."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path.strip("/"),
    }


def postgres_tables(place: Place, feed: Feed) -> Stored:
    """Read the tables of the streams."""
    rows: dict[str, list[Row]] = {}
    types: dict[str, dict[str, str]] = {}
    with psycopg.connect(place.url) as connection:
        for name in feed.schemas:
            cursor = connection.execute(
                f"SELECT * FROM zohocampaigns.{name}".encode()  # noqa: S608
            )
            columns = [column.name for column in cursor.description or ()]
            rows[name] = [
                dict(zip(columns, row, strict=True)) for row in cursor.fetchall()
            ]
            found = connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'zohocampaigns' AND table_name = %s",
                [name],
            )
            types[name] = dict(found.fetchall())
    return Stored(rows, types)


@contextmanager
def s3_server() -> Iterator[tuple[str, str]]:
    """Serve an S3 with an empty bucket; yield its URL and the bucket's name."""
    # All servers of a process have the same buckets.
    bucket = f"bucket-{uuid4()}"
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        client(url).create_bucket(Bucket=bucket)
        yield url, bucket
    finally:
        server.stop()


def client(url: str) -> t.Any:
    """Return a client of an S3."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )


def download(place: Place, feed: Feed, prefix: str = "") -> dict[str, list[Path]]:
    """Download the objects of the bucket; return the files of each stream."""
    folder = place.folder / "bucket"
    files: dict[str, list[Path]] = {name: [] for name in feed.schemas}
    s3 = client(place.url)
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=place.bucket, Prefix=prefix
    ):
        for one in page.get("Contents", ()):
            (name,) = {*one["Key"].split("/")} & files.keys()
            path = folder / name / one["Key"].rsplit("/")[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(place.bucket, one["Key"], str(path))
            files[name].append(path)
    return files


def json_in_bucket(place: Place, feed: Feed) -> Stored:
    """Read objects of JSON lines."""
    return of_values(
        {
            name: [row for path in paths for row in lines_of(path)]
            for name, paths in download(place, feed).items()
        }
    )


def parquet_in_bucket(place: Place, feed: Feed, prefix: str = "") -> Stored:
    """Read objects of Parquet, all of a stream at once, as a query engine does."""
    files = download(place, feed, prefix)
    return query_duckdb(
        ":memory:",
        {
            name: f"SELECT * FROM read_parquet({[*map(str, paths)]})"  # noqa: S608
            for name, paths in files.items()
            if paths
        },
    )


def duckdb_tables(place: Place, feed: Feed) -> Stored:
    """Read the tables of the streams in a file of DuckDB."""
    return query_duckdb(
        str(place.folder / DUCKDB_FILE),
        {
            name: f"SELECT * FROM zohocampaigns.{name}"  # noqa: S608
            for name in feed.schemas
        },
    )


def query_duckdb(file: str, queries: dict[str, str]) -> Stored:
    """Run queries in DuckDB; return their rows."""
    done = subprocess.run(
        [
            *(UV, "run", "--quiet", "--no-project", "--with", DUCKDB),
            *("python", "-c", _DUMP, file),
        ],
        input=json.dumps(queries),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    stored = Stored({})
    for line in done.stdout.splitlines():
        name, stored.types[name], stored.rows[name] = json.loads(line)
    return stored
