"""The asset of examples/dagster, materialized for two accounts."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.clean import EXAMPLES, account_settings, commands
from tests.support.loaded import keys_in_postgres, keys_of_account
from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clean import CleanMachine

pytestmark = pytest.mark.slow


def test_each_partition_loads_the_rows_of_its_account_once(
    machine: CleanMachine, project: Path, service: Service, database: str
) -> None:
    folder = machine.copy("dagster")
    definitions = folder / "definitions.py"
    # A test that fails shall not wait for the retries.
    text = definitions.read_text().replace("max_retries=2", "max_retries=0")
    definitions.write_text(text)
    names = (EXAMPLES / "dagster" / "accounts.txt").read_text().split()
    other = LivingAccount(7, clock=lambda: NOW, contacts=200, campaigns=8)
    with Service(other) as second:
        services = dict(zip(names, (service, second), strict=True))
        environment = {
            f"{name.upper()}_{key}": value
            for name, each in services.items()
            for key, value in account_settings(each).items()
        } | {
            "MELTANO_PROJECT_ROOT": str(project),
            "TARGET_POSTGRES_SQLALCHEMY_URL": database,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagster",
        }
        both = [
            keys_of_account(each, account_id=name) for name, each in services.items()
        ]
        expected = {
            stream: sorted(both[0][stream] + both[1][stream]) for stream in both[0]
        }
        calls = []
        for _ in range(2):
            service.calls.clear()
            machine.run(commands("dagster")[0], folder, **environment)
            found = keys_in_postgres(database, "dagster", account_id="")
            assert found == expected
            calls.append(len(service.calls))
        assert calls[1] < calls[0]


def test_the_schedule_starts_a_run_for_each_account(machine: CleanMachine) -> None:
    folder = machine.copy("dagster")
    (folder / "look.py").write_text(
        "import dagster, definitions\n"
        "import datetime\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "context = dagster.build_schedule_context(scheduled_execution_time=now)\n"
        "print(*(run.partition_key for run in definitions.hourly(context)))\n"
    )
    run = "uv run --isolated --no-project --with dagster==1.13.28 python look.py"
    found = machine.run(run, folder, MELTANO_PROJECT_ROOT="/srv/zoho")
    assert found.splitlines()[-1] == "north south"
