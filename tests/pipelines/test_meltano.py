"""The pipelines of the README and the docs, run with a real PostgreSQL."""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter

import psycopg
import pytest
import yaml

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

TARGET_DOCS = (ROOT / "docs" / "target.md").read_text()
DATE_KEYS = {"counted_on", "reported_on"}
OFF_BY_DEFAULT = [stream.name for stream in STREAMS if not stream.selected_by_default]


@pytest.fixture
def fresh_project(project: Path) -> Path:
    """Return the project without the saved state of other tests."""
    for database in (project / ".meltano").glob("meltano.db*"):
        database.unlink()
    return project


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_two_runs_load_every_row_into_postgres_once(
    fresh_project: Path, database: str, account: LivingAccount, format_: str
) -> None:
    schema = f"zoho_{format_}"
    with Service(account, quota_calls=100_000) as service:
        for _ in range(2):
            meltano(
                fresh_project,
                service,
                database,
                "--environment=prod",
                TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA=schema,
                **select_all_streams(format_),
            )
        expected = keys_of(service, format_)
    with psycopg.connect(database) as connection:
        for stream in STREAMS:
            columns = ", ".join(stream.primary_keys)
            table = f"{schema}.{stream.name}"
            duplicates = connection.execute(
                f"SELECT {columns} FROM {table} GROUP BY {columns} "  # noqa: S608
                "HAVING count(*) > 1".encode()
            ).fetchall()
            assert not duplicates, stream.name
            query = f"SELECT {columns} FROM {table}".encode()  # noqa: S608
            assert_same(stream, connection.execute(query).fetchall(), expected)
        spam = connection.execute(
            f"SELECT count(*) FROM {schema}.campaign_recipients "  # noqa: S608
            "WHERE action = 'spamcontacts' AND sent_time < now()".encode()
        ).fetchone()
    assert spam
    assert spam[0] > 0


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_run_writes_every_row_to_files(
    fresh_project: Path, database: str, account: LivingAccount, format_: str
) -> None:
    folder = fresh_project / f"files_{format_}"
    folder.mkdir()
    with Service(account, quota_calls=100_000) as service:
        meltano(
            fresh_project,
            service,
            database,
            "--environment=prod",
            loader="target-jsonl",
            TARGET_JSONL_DESTINATION_PATH=str(folder),
            **select_all_streams(format_),
        )
        expected = keys_of(service, format_)
    for stream in STREAMS:
        lines = (folder / f"{stream.name}.jsonl").read_text().splitlines()
        rows = [
            tuple(json.loads(line)[name] for name in stream.primary_keys)
            for line in lines
        ]
        assert_same(stream, rows, expected)


def select_all_streams(format_: str) -> dict[str, str]:
    """Return settings that select all streams, also those that are off by default."""
    return {
        "TAP_ZOHOCAMPAIGNS_RESPONSE_FORMAT": format_,
        "TAP_ZOHOCAMPAIGNS__SELECT": json.dumps(
            [f"{name}.*" for name in ("*", *OFF_BY_DEFAULT)]
        ),
    }


def keys_of(service: Service, format_: str) -> Keys:
    """Return the keys of all records of the account, by stream."""
    read = run_tap(
        service, *(stream.name for stream in STREAMS), response_format=format_
    )
    return {
        stream.name: [
            tuple(record[name] for name in stream.primary_keys)
            for record in read.records[stream.name]
        ]
        for stream in STREAMS
    }


def assert_same(stream: type[ZohoStream], loaded: Rows, expected: Keys) -> None:
    """Compare keys without their dates, which depend on the time of the run."""
    expected_keys = expected[stream.name]
    if DATE_KEYS & {*stream.primary_keys}:
        index = [name in DATE_KEYS for name in stream.primary_keys].index(True)
        loaded = [(*key[:index], "", *key[index + 1 :]) for key in loaded]
        expected_keys = [(*key[:index], "", *key[index + 1 :]) for key in expected_keys]
    if stream.name == "snapshots":
        # The keys of parts that are read once a day end with the date.
        date = re.compile(r"/\d{4}-\d\d-\d\d$")
        loaded = [(date.sub("", str(key)),) for (key,) in loaded]
        expected_keys = [(date.sub("", str(key)),) for (key,) in expected_keys]
    assert loaded
    if stream.name == "recipient_events":
        # The key has a time, which the database formats in another way.
        assert len(loaded) == len(expected_keys)
    else:
        assert Counter(map(str, loaded)) == Counter(map(str, expected_keys)), (
            stream.name
        )


def test_pipeline_of_the_readme_runs_twice_in_the_sandbox(
    project: Path, database: str, account: LivingAccount
) -> None:
    with Service(account) as service:
        for _ in range(2):
            # Without --environment, Meltano uses the built-in sandbox.
            meltano(project, service, database, loader="target-jsonl")
        assert not service.calls
    for name, rows in {"campaigns": 30, "mailing_lists": 5, "segments": 4}.items():
        lines = (project / "output" / f"{name}.jsonl").read_text().splitlines()
        assert len(lines) == 2 * rows


def test_rows_of_a_warehouse_view_are_written_back_to_zoho(
    project: Path, database: str
) -> None:
    account = LivingAccount(clock=lambda: NOW)
    (script,) = re.findall(r"```sql\n(CREATE SCHEMA.*?)```", TARGET_DOCS, re.DOTALL)
    # A separate schema keeps the tables of other tests out of this one.
    script = script.replace("zohocampaigns.", "from_zoho.")
    select = {
        "TAP_ZOHOCAMPAIGNS__SELECT": json.dumps(
            ["mailing_lists.*", "campaign_recipients.*", "list_subscriber_counts.*"]
        ),
        "TAP_ZOHOCAMPAIGNS_ACTIONS": '["senthardbounce"]',
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "from_zoho",
    }
    streams = {"TARGET_ZOHOCAMPAIGNS_STREAMS": '{"to_zoho-unsubscribe": "unsubscribe"}'}

    def run_target(**settings: str) -> str:
        return meltano(
            project,
            service,
            database,
            "--environment=prod",
            extractor="tap-postgres",
            loader="target-zohocampaigns",
            **streams,
            **settings,
        )

    with Service(account, quota_calls=100_000) as service:
        meltano(project, service, database, "--environment=prod", **select)
        with psycopg.connect(database) as connection:
            connection.execute(script.encode())
            query = b"SELECT contact_email, list_key FROM to_zoho.unsubscribe"
            rows = connection.execute(query).fetchall()
        active = {row for row in rows if account.status(*row) not in {"", "unsub"}}
        assert active
        before = run_tap(service, "list_subscriber_counts").records
        service.calls.clear()
        log = run_target()
        assert f"{len(rows)} would be sent" in log
        assert service.calls == []
        log += run_target(TARGET_ZOHOCAMPAIGNS_DRY_RUN="false")
        assert {call.endpoint for call in service.calls} == {"json/listunsubscribe"}
        assert f"{len(rows)} records read" in log
        assert not any(email in log for email, _ in rows)
        assert all(account.status(*row) == "unsub" for row in active)
        after = run_tap(service, "list_subscriber_counts").records
    newly_unsubscribed = unsubscribed(after) - unsubscribed(before)
    assert newly_unsubscribed == Counter(list_key for _, list_key in active)


def unsubscribed(records: dict[str, list[dict[str, t.Any]]]) -> Counter[str]:
    """Return the number of unsubscribed contacts of each list."""
    return Counter(
        {
            row["list_key"]: row["contact_count"]
            for row in records["list_subscriber_counts"]
            if row["status"] == "unsub"
        }
    )


def test_a_run_of_meltano_has_a_summary(
    fresh_project: Path, account: LivingAccount
) -> None:
    path = fresh_project / "summary.json"
    (block,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "alerts.md").read_text(), re.DOTALL
    )
    wanted = yaml.safe_load(block)["plugins"]["extractors"][0]["env"]
    project = yaml.safe_load((fresh_project / "meltano.yml").read_text())
    tap = next(
        each
        for each in project["plugins"]["extractors"]
        if each["name"] == "tap-zohocampaigns"
    )
    original = (fresh_project / "meltano.yml").read_text()
    tap["env"] = wanted
    (fresh_project / "meltano.yml").write_text(yaml.safe_dump(project))
    try:
        with Service(account, quota_calls=100_000) as service:
            log = meltano(
                fresh_project,
                service,
                "",
                "--environment=prod",
                loader="target-jsonl",
                TARGET_JSONL_DESTINATION_PATH=str(fresh_project),
            )
            calls = len(service.calls)
    finally:
        (fresh_project / "meltano.yml").write_text(original)
    line = json.loads(path.read_text())
    assert line["status"] == "ended"
    # Meltano's discovery, which has no summary, asks for the custom fields.
    assert calls - line["calls"] in {0, 1}
    assert "no such settings" not in log
