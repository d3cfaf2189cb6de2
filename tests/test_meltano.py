"""The README's pipeline, into a real PostgreSQL."""

from __future__ import annotations

import typing as t

import psycopg

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.streams import LIST

from .conftest import NOW, meltano, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount

SCHEMA = "zohocampaigns"


def test_two_runs_into_postgres_hold_the_account_row_by_row(
    project: Path, database: str, account: LivingAccount
) -> None:
    with Service(account, quota_calls=100_000) as service:
        for _ in range(2):
            meltano(project, service, database, "--environment=prod")
        expected = run_tap(service)
    with psycopg.connect(database) as connection:
        for stream in LIST:
            if not stream.selected_by_default:
                continue
            columns = ", ".join(stream.primary_keys)
            query = f"SELECT {columns} FROM {SCHEMA}.{stream.name}"  # noqa: S608
            loaded = sorted(
                tuple(str(value) for value in row)
                for row in connection.execute(query.encode())
            )
            known = sorted(
                tuple(record[name] for name in stream.primary_keys)
                for record in expected.records[stream.name]
            )
            if stream.name == "list_subscriber_counts":
                # Counted on the day of the run, while the account stands still.
                loaded = [(*key[:2], NOW.date().isoformat()) for key in loaded]
            assert loaded == known
        spam = connection.execute(
            f"SELECT count(*) FROM {SCHEMA}.campaign_recipients "  # noqa: S608
            "WHERE action = 'spamcontacts' AND sent_time < now()".encode()
        ).fetchone()
    assert spam
    assert spam[0] > 0


def test_the_readmes_pipeline_runs_twice_in_the_sandbox(
    project: Path, database: str, account: LivingAccount
) -> None:
    with Service(account) as service:
        for _ in range(2):
            # No --environment: the sandbox is the default, and needs no credentials.
            meltano(project, service, database, loader="target-jsonl")
        assert not service.calls
    for name, rows in {"campaigns": 30, "mailing_lists": 5, "segments": 4}.items():
        lines = (project / "output" / f"{name}.jsonl").read_text().splitlines()
        assert len(lines) == 2 * rows
