"""The README of examples/meltano, followed step by step."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.clean import account_settings, commands, variables, write_env
from tests.support.loaded import keys_in_postgres, keys_of_account

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service
    from tests.support.clean import CleanMachine

pytestmark = pytest.mark.slow


def test_the_job_and_the_schedule_load_every_row_once(
    machine: CleanMachine, project: Path, service: Service, database: str
) -> None:
    _, use_it, look = commands("meltano")
    # From the first block, which the fixture ran without any settings.
    assert (project / "output" / "campaigns.jsonl").read_text()
    settings = {"TARGET_POSTGRES_SQLALCHEMY_URL": database}
    assert settings.keys() <= variables("meltano")
    settings |= account_settings(service)
    write_env(project, settings)
    job, schedule = use_it.splitlines()
    expected = keys_of_account(service)
    service.calls.clear()
    machine.run(job, project)
    first = len(service.calls)
    assert keys_in_postgres(database, "zohocampaigns") == expected
    machine.run(schedule, project)
    assert keys_in_postgres(database, "zohocampaigns") == expected
    # The second run starts from the state of the first.
    assert len(service.calls) - first < first
    assert "load" in machine.run(look, project)
