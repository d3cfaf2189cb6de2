"""The SDK's own suite of targets, and which of it applies.

All of its tests run: a target of contacts takes any stream that `streams` names, when
maps give its records an address. `multiple_state_messages` is not in the SDK's suite
either; what becomes of states is in `test_target_kill.py`.
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
    # None of its records is a contact, which the target takes for a wrong setting.
    "stream_maps": {"*": {"contact_email": "'anna@example.com'"}},
}


@pytest.fixture(autouse=True)
def _ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End reports as the command does, since the suite leaves them telling for ever."""
    begun: set[Report] = set()
    begin = Report.start

    def noted(report: Report) -> None:
        begun.add(report)
        begin(report)

    monkeypatch.setattr(Report, "start", noted)
    yield
    for report in begun:
        report.end()


TestTarget = get_target_test_class(
    TargetZohoCampaigns,
    config=CONFIG,
    # Else the settings of whoever runs the tests count.
    parse_env_config=False,
)
