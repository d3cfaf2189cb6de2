"""The script of examples/pyairbyte, with the environments that its README makes."""

from __future__ import annotations

import json
import re
import typing as t

import pytest

from tests.support.clean import commands
from tests.support.loaded import LOADED, keys_of_account

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service
    from tests.support.clean import CleanMachine

pytestmark = pytest.mark.slow

QUIET = {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}
COUNT = """
import duckdb, json
database = duckdb.connect("zoho.duckdb")
tables = {names}
count = lambda name: database.sql(f"SELECT count(*) FROM main.{{name}}").fetchone()[0]
print(json.dumps({{name: count(name) for name in tables}}))
"""


def test_two_runs_load_every_row_once(machine: CleanMachine, service: Service) -> None:
    folder = machine.copy("pyairbyte")
    (folder / "config.json").write_text(json.dumps(service.config))
    install, run = commands("pyairbyte")
    machine.run(install, folder)
    names = [stream.name for stream in LOADED]
    (folder / "count.py").write_text(COUNT.format(names=names))
    expected = {name: len(keys) for name, keys in keys_of_account(service).items()}
    calls: list[int] = []
    read: list[int] = []
    for _ in range(2):
        service.calls.clear()
        log = machine.run(run, folder, **QUIET)
        read += map(int, re.findall(r"^(\d+) rows read$", log, re.MULTILINE))
        counted = machine.run("pyairbyte/bin/python count.py", folder)
        assert json.loads(counted.splitlines()[-1]) == expected
        calls.append(len(service.calls))
    assert calls[1] < calls[0]
    assert read[1] < read[0]
