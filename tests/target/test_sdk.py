"""The SDK's own test suite for targets. All of its tests run.

The setting `streams` gives every stream of the suite an action, and a stream map gives
every record an address. The suite has no test of several states: `test_kill.py` has.
"""

from __future__ import annotations

import typing as t
from importlib import resources

import pytest
from singer_sdk.testing import get_target_test_class, target_test_streams

from tap_zohocampaigns.target.report import Report
from tap_zohocampaigns.target.target import TargetZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Iterator

FILES = resources.files(target_test_streams)
STREAMS = {
    name: "do_not_mail"
    for file in FILES.iterdir()
    if file.name.endswith(".singer")
    for line in file.read_text(encoding="utf-8").splitlines()
    if '"stream"' in line
    for name in [line.partition('"stream"')[2].split('"')[1]]
}
CONFIG = {
    "data_center": "sandbox",
    "dry_run": False,
    "streams": STREAMS,
    # Without the map no record is valid, which is a setting error.
    "stream_maps": {"*": {"contact_email": "'anna@example.com'"}},
}


@pytest.fixture(autouse=True)
def _end_reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the reports, since the suite does not, and they would log for ever."""
    started: set[Report] = set()
    start = Report.start

    def start_and_note(report: Report) -> None:
        started.add(report)
        start(report)

    monkeypatch.setattr(Report, "start", start_and_note)
    yield
    for report in started:
        report.end()


TestTarget = get_target_test_class(
    TargetZohoCampaigns,
    config=CONFIG,
    # Otherwise the developer's environment variables would be used.
    parse_env_config=False,
)
