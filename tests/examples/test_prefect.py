"""The flow of examples/prefect, run with a server that Prefect starts for it."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.clean import account_settings, commands, write_env
from tests.support.loaded import keys_in_postgres, keys_of_account

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service
    from tests.support.clean import CleanMachine

pytestmark = pytest.mark.slow

QUIET = {
    # Nothing is sent to Prefect's makers.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # On a busy machine its server takes longer than the 20 seconds that it gets.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
}


def test_two_runs_of_the_flow_load_every_row_once(
    machine: CleanMachine, project: Path, service: Service, database: str
) -> None:
    folder = machine.copy("prefect")
    command = commands("prefect")[0].replace("load()", f'load("{project}")')
    settings = account_settings(service) | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": database,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "prefect",
    }
    write_env(project, settings)
    expected = keys_of_account(service)
    calls = []
    for _ in range(2):
        service.calls.clear()
        log = machine.run(command, folder, **QUIET)
        assert "Completed()" in log
        assert keys_in_postgres(database, "prefect") == expected
        calls.append(len(service.calls))
    assert calls[1] < calls[0]


def test_a_failing_run_fails_the_flow(machine: CleanMachine, tmp_path: Path) -> None:
    folder = machine.copy("prefect")
    flow = folder / "zoho_campaigns.py"
    # Nobody wants to wait for the retries.
    flow.write_text(flow.read_text().replace("retries=2", "retries=0"))
    command = commands("prefect")[0].replace("load()", f'load("{tmp_path}")')
    done = machine.start(command, folder, **QUIET)
    assert done.returncode
    assert "Failed(" in done.stdout
