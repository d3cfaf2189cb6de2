"""The audit fails on findings and on gaps, and says if there was none."""

from __future__ import annotations

import json
import typing as t

import pytest

from scripts.audit import judge

CLEAN = {"name": "click", "version": "8.1", "vulns": []}
FOUND = {
    "name": "urllib3",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "1.9"]}],
}
NOT_MENDED = {**FOUND, "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
SKIPPED = {"name": "attrs", "skip_reason": "attrs was not found"}


@pytest.mark.parametrize(
    ("packages", "text", "status"),
    [
        ([CLEAN], "No known vulnerability in 1 packages.", 0),
        ([CLEAN, FOUND], "urllib3 2.0: PYSEC-1, mended in 2.1, 1.9", 1),
        ([NOT_MENDED], "urllib3 2.0: PYSEC-2, mended in no version", 1),
        ([CLEAN, SKIPPED], "attrs was not found", 1),
        ([], "No package was audited.", 1),
    ],
)
def test_findings_and_gaps_fail(
    packages: list[dict[str, t.Any]], text: str, status: int
) -> None:
    stdout = json.dumps({"dependencies": packages, "fixes": []})
    assert judge(stdout, "a message") == (text, status)


@pytest.mark.parametrize(
    ("stderr", "status"),
    [
        ("Traceback\nrequests.exceptions.ConnectionError: host='api.osv.dev'", 0),
        ("Traceback\nrequests.exceptions.ReadTimeout: timed out\n", 0),
        ("ERROR:pip_audit._cli:Could not connect to OSV's vulnerability feed", 0),
        ("Traceback\nValueError: requests.exceptions.ConnectionError:", 1),
        ("ERROR: a requirement has no hash", 1),
        ("", 1),
    ],
)
def test_audit_that_ended_early_passes_only_without_a_connection(
    stderr: str, status: int
) -> None:
    assert judge("", stderr).status == status
