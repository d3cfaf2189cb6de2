"""The README's pipeline, into a real PostgreSQL."""

from __future__ import annotations

import json
import typing as t

import psycopg
import pytest

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.streams import LIST

from .conftest import NOW, meltano, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount

DAYS = {"counted_on", "reported_on"}


OFF = [stream.name for stream in LIST if not stream.selected_by_default]


@pytest.mark.parametrize("form", ["json", "xml"])
def test_two_runs_into_postgres_hold_the_account_row_by_row(
    project: Path, database: str, account: LivingAccount, form: str
) -> None:
    schema = f"zoho_{form}"
    # Other tests ran the same pipeline in the project: what they kept is not ours.
    for kept in (project / ".meltano").glob("meltano.db*"):
        kept.unlink()
    with Service(account, quota_calls=100_000) as service:
        for _ in range(2):
            meltano(
                project,
                service,
                database,
                "--environment=prod",
                TAP_ZOHOCAMPAIGNS_RESPONSE_FORMAT=form,
                TAP_ZOHOCAMPAIGNS__SELECT=json.dumps([f"{n}.*" for n in ("*", *OFF)]),
                TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA=schema,
            )
        names = [stream.name for stream in LIST]
        expected = run_tap(service, *names, response_format=form)
    with psycopg.connect(database) as connection:
        for stream in LIST:
            columns = ", ".join(stream.primary_keys)
            table = f"{schema}.{stream.name}"
            twice = connection.execute(
                f"SELECT {columns} FROM {table} GROUP BY {columns} "  # noqa: S608
                "HAVING count(*) > 1".encode()
            ).fetchall()
            assert not twice, stream.name
            loaded = sorted(
                tuple(str(value) for value in row)
                for row in connection.execute(f"SELECT {columns} FROM {table}".encode())  # noqa: S608
            )
            known = sorted(
                tuple(record[name] for name in stream.primary_keys)
                for record in expected.records[stream.name]
            )
            assert loaded
            if DAYS & {*stream.primary_keys}:
                # Of the day of the run, while the account stands still.
                place = [n in DAYS for n in stream.primary_keys].index(True)
                today = NOW.date().isoformat()
                loaded = sorted((*k[:place], today, *k[place + 1 :]) for k in loaded)
            if stream.name != "recipient_events":
                assert loaded == known, stream.name
            else:
                assert len(loaded) == len(known)
        spam = connection.execute(
            f"SELECT count(*) FROM {schema}.campaign_recipients "  # noqa: S608
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
