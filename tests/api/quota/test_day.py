"""A simulated day of programs that share a ledger."""

from __future__ import annotations

import typing as t

import pytest

from benchmarks.day import TAP_QUOTA, Day, most_in_a_window

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_cron_jobs_that_share_a_file_are_never_locked(tmp_path: Path) -> None:
    day = Day(tmp_path / "quota.sqlite3", 1)
    day.simulate(hours=4)
    assert day.lockouts == 0
    # The quota was what bound them, to the last call.
    assert most_in_a_window(day.arrived, TAP_QUOTA.seconds) > 0.98 * TAP_QUOTA.calls
    assert min(day.killed, day.steps, day.restarts) > 0


def test_the_simulation_shows_a_lock_if_the_quota_is_exceeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.day.TAP_QUOTA", TAP_QUOTA._replace(calls=520))
    day = Day(tmp_path / "quota.sqlite3", 1)
    day.simulate(hours=4)
    assert day.lockouts > 0
