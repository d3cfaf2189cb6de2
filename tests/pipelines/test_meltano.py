"""The pipelines of README and docs, into a real PostgreSQL."""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.streams import STREAMS
from tests.support.meltano import meltano
from tests.support.taps import NOW, ROOT, run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sync.base import ZohoStream

    Rows: t.TypeAlias = list[tuple[t.Any, ...]]
    Keys: t.TypeAlias = dict[str, Rows]

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "target.md").read_text()
DAYS = {"counted_on", "reported_on"}
OFF = [stream.name for stream in STREAMS if not stream.selected_by_default]


@pytest.fixture
def fresh(project: Path) -> Path:
    """Return the project without what other tests have kept of the same pipeline."""
    for kept in (project / ".meltano").glob("meltano.db*"):
        kept.unlink()
    return project


@pytest.mark.parametrize("form", ["json", "xml"])
def test_two_runs_into_postgres_hold_the_account_row_by_row(
    fresh: Path, database: str, account: LivingAccount, form: str
) -> None:
    schema = f"zoho_{form}"
    with Service(account, quota_calls=100_000) as service:
        for _ in range(2):
            meltano(
                fresh,
                service,
                database,
                "--environment=prod",
                TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA=schema,
                **everything(form),
            )
        expected = keys_of(service, form)
    with psycopg.connect(database) as connection:
        for stream in STREAMS:
            columns = ", ".join(stream.primary_keys)
            table = f"{schema}.{stream.name}"
            twice = connection.execute(
                f"SELECT {columns} FROM {table} GROUP BY {columns} "  # noqa: S608
                "HAVING count(*) > 1".encode()
            ).fetchall()
            assert not twice, stream.name
            query = f"SELECT {columns} FROM {table}".encode()  # noqa: S608
            assert_same(stream, connection.execute(query).fetchall(), expected)
        spam = connection.execute(
            f"SELECT count(*) FROM {schema}.campaign_recipients "  # noqa: S608
            "WHERE action = 'spamcontacts' AND sent_time < now()".encode()
        ).fetchone()
    assert spam
    assert spam[0] > 0


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_run_into_files_holds_the_account_row_by_row(
    fresh: Path, database: str, account: LivingAccount, form: str
) -> None:
    folder = fresh / f"files_{form}"
    folder.mkdir()
    with Service(account, quota_calls=100_000) as service:
        meltano(
            fresh,
            service,
            database,
            "--environment=prod",
            loader="target-jsonl",
            TARGET_JSONL_DESTINATION_PATH=str(folder),
            **everything(form),
        )
        expected = keys_of(service, form)
    for stream in STREAMS:
        lines = (folder / f"{stream.name}.jsonl").read_text().splitlines()
        rows = [
            tuple(json.loads(line)[name] for name in stream.primary_keys)
            for line in lines
        ]
        assert_same(stream, rows, expected)


def everything(form: str) -> dict[str, str]:
    """Return what selects all streams, those that are off by default too."""
    return {
        "TAP_ZOHOCAMPAIGNS_RESPONSE_FORMAT": form,
        "TAP_ZOHOCAMPAIGNS__SELECT": json.dumps([f"{name}.*" for name in ("*", *OFF)]),
    }


def keys_of(service: Service, form: str) -> Keys:
    """Return the keys of what the account has, by stream."""
    read = run_tap(service, *(stream.name for stream in STREAMS), response_format=form)
    return {
        stream.name: [
            tuple(record[name] for name in stream.primary_keys)
            for record in read.records[stream.name]
        ]
        for stream in STREAMS
    }


def assert_same(stream: type[ZohoStream], loaded: Rows, expected: Keys) -> None:
    """Compare keys; those of a day are of the run's, while the account stands still."""
    known = expected[stream.name]
    if DAYS & {*stream.primary_keys}:
        place = [name in DAYS for name in stream.primary_keys].index(True)
        loaded = [(*key[:place], "", *key[place + 1 :]) for key in loaded]
        known = [(*key[:place], "", *key[place + 1 :]) for key in known]
    if stream.name == "snapshots":
        # Parts that are read once a day have it in their name.
        day = re.compile(r"/\d{4}-\d\d-\d\d$")
        loaded = [(day.sub("", str(key)),) for (key,) in loaded]
        known = [(day.sub("", str(key)),) for (key,) in known]
    assert loaded
    if stream.name == "recipient_events":
        # Databases write times in their own way.
        assert len(loaded) == len(known)
    else:
        assert Counter(map(str, loaded)) == Counter(map(str, known)), stream.name


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


def test_what_the_warehouse_decides_comes_back(project: Path, database: str) -> None:
    account = LivingAccount(clock=lambda: NOW)
    (view,) = re.findall(r"```sql\n(CREATE SCHEMA.*?)```", PAGE, re.DOTALL)
    # The tables of this test stand beside those of the others.
    view = view.replace("zohocampaigns.", "way_back.")
    select = {
        "TAP_ZOHOCAMPAIGNS__SELECT": json.dumps(
            ["mailing_lists.*", "campaign_recipients.*", "list_subscriber_counts.*"]
        ),
        "TAP_ZOHOCAMPAIGNS_ACTIONS": '["senthardbounce"]',
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "way_back",
    }
    decided = {"TARGET_ZOHOCAMPAIGNS_STREAMS": '{"to_zoho-unsubscribe": "unsubscribe"}'}

    def back(**more: str) -> str:
        return meltano(
            project,
            service,
            database,
            "--environment=prod",
            extractor="tap-postgres",
            loader="target-zohocampaigns",
            **decided,
            **more,
        )

    with Service(account, quota_calls=100_000) as service:
        meltano(project, service, database, "--environment=prod", **select)
        with psycopg.connect(database) as connection:
            connection.execute(view.encode())
            query = b"SELECT contact_email, list_key FROM to_zoho.unsubscribe"
            rows = connection.execute(query).fetchall()
        active = {row for row in rows if account.status(*row) not in {"", "unsub"}}
        assert active
        before = run_tap(service, "list_subscriber_counts").records
        service.calls.clear()
        log = back()
        assert f"{len(rows)} would be sent" in log
        assert service.calls == []
        log += back(TARGET_ZOHOCAMPAIGNS_DRY_RUN="false")
        assert {call.endpoint for call in service.calls} == {"json/listunsubscribe"}
        assert f"{len(rows)} records read" in log
        assert not any(email in log for email, _ in rows)
        assert all(account.status(*row) == "unsub" for row in active)
        after = run_tap(service, "list_subscriber_counts").records
    moved = unsubscribed(after) - unsubscribed(before)
    assert moved == Counter(list_key for _, list_key in active)


def unsubscribed(records: dict[str, list[dict[str, t.Any]]]) -> Counter[str]:
    """Return how many have left each list, as the tap tells it."""
    return Counter(
        {
            one["list_key"]: one["contact_count"]
            for one in records["list_subscriber_counts"]
            if one["status"] == "unsub"
        }
    )
