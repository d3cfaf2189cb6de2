"""The DAG of one account, run by Airflow itself."""

from __future__ import annotations

import json
import subprocess
import typing as t

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.airflow import EXAMPLES, HERE, Airflow
from tests.support.postgres import postgres
from tests.support.taps import NOW, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warehouse() -> Iterator[str]:
    with postgres("warehouse") as url:
        yield f"{url}/warehouse"


def test_the_dag_of_one_account_loads_it_and_prints_no_secret(
    tmp_path: Path, project: Path, warehouse: str
) -> None:
    # As the README says.
    plugins = ("tap-zohocampaigns", "target-postgres")
    subprocess.run([HERE / "meltano", "install", *plugins], cwd=project, check=True)
    account = LivingAccount(clock=lambda: NOW, contacts=60, campaigns=3)
    with Service(account) as service:
        secrets = service.config
        connection = {
            "conn_type": "generic",
            "login": secrets["client_id"],
            "password": secrets["client_secret"],
            "extra": {"refresh_token": secrets["refresh_token"], "data_center": "us"},
        }
        airflow = Airflow(
            tmp_path,
            EXAMPLES / "single",
            HERE,
            AIRFLOW_CONN_ZOHOCAMPAIGNS=json.dumps(connection),
            AIRFLOW_CONN_WAREHOUSE=warehouse.replace("postgresql:", "postgres:"),
            AIRFLOW_VAR_MELTANO_PROJECT=str(project),
            # Where the sandbox is; a real account needs neither.
            TAP_ZOHOCAMPAIGNS_API_URL=service.url,
            TAP_ZOHOCAMPAIGNS_ACCOUNTS_URL=service.url,
        )
        log = airflow.run("tasks", "test", "zohocampaigns", "load")
        read = run_tap(service)
    for name in ("client_secret", "refresh_token"):
        assert secrets[name] not in log
    assert "secret@" not in log
    with psycopg.connect(warehouse) as database:
        for stream in ("campaign_recipients", "segment_contacts", "campaigns"):
            query = f"SELECT count(*) FROM zohocampaigns.{stream}"  # noqa: S608
            row = database.execute(query.encode()).fetchone()
            assert row == (len(read.records[stream]),)
