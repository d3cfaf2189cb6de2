"""The commands of the README, from nothing to the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.meltano import MELTANO, copy_project
from tests.support.taps import ROOT

pytestmark = pytest.mark.slow
LOAD = ("tap-zohocampaigns", "target-jsonl")


def run(project: Path, *blocks: str) -> None:
    """Run blocks with Meltano, with the sandbox that lives inside the tap."""
    left_out = {"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}
    inherited = {k: v for k, v in os.environ.items() if k not in left_out}
    done = subprocess.run(
        [MELTANO, "run", *blocks],
        cwd=project,
        env=inherited
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TAP_ZOHOCAMPAIGNS_RATE_LIMIT_LEDGER": "memory",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_job_loads_builds_and_writes_the_page(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_project(project)
    shutil.copytree(
        ROOT / "tap_zohocampaigns_dbt",
        project / "tap_zohocampaigns_dbt",
        ignore=shutil.ignore_patterns(".venv", "target", "logs"),
    )
    run(project, *LOAD)
    # Who only loads does not wait for dbt.
    assert not (project / ".meltano" / "utilities").exists()
    run(project, *LOAD, "dbt:build", "report")
    text = (project / "output" / "report.html").read_text()
    assert "No part differs." in text
    assert "No campaign was sent yet." not in text
