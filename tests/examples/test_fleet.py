"""The DAG of many accounts, on Celery: a worker is killed, and Redis restarts."""

from __future__ import annotations

import typing as t
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.fleet_measured import TOLERANCE
from tests.pipelines.test_meltano import assert_same
from tests.support.fleet_story import (
    LOADED,
    LOCKED,
    WRONG,
    cause,
    ended,
    story,
    summary,
)

if t.TYPE_CHECKING:
    from tests.support.fleet import Account
    from tests.support.fleet_story import Story

pytestmark = pytest.mark.slow


def test_a_fleet_loads_every_row_once_whatever_happens_to_it() -> None:
    # One test: what it looks at takes minutes.
    with TemporaryDirectory(prefix="fleet") as folder, story(Path(folder)) as told:
        check_rows(told)
        check_wrong_credentials(told)
        check_killed(told)
        check_locked(told)
        check_logs(told)
        check_simulation(told)


def check_rows(told: Story) -> None:
    """Every row of all others is there once."""
    for account in told.fleet.accounts:
        if account.name == WRONG:
            continue
        loaded, expected = told.loaded(account), told.expected(account)
        for stream in LOADED:
            if expected[stream.name]:
                assert_same(stream, loaded[stream.name], expected)
            else:
                assert not loaded[stream.name], stream.name


def check_wrong_credentials(told: Story) -> None:
    """Only the account with wrong credentials fails, and nothing waits for it."""
    tries = told.fleet.tries()
    assert [name for name, one in tries.items() if one.state != "success"] == [WRONG]
    wrong = told.account(WRONG)
    assert told.fleet.failed_before_others_began(wrong)
    assert not any(told.loaded(wrong).values())
    causes = causes_of(told, wrong)
    assert all("Zoho gave no access token" in text for text in causes)
    # The first try, and the retries of airflow.env; one may have been killed.
    assert len(told.logs(wrong)) == 9
    assert len(causes) >= 8


def check_killed(told: Story) -> None:
    """A killed run is loaded when Meltano counts it as dead."""
    assert told.killed
    for name in told.killed:
        assert not all(map(ended, told.logs(told.account(name))))
    assert told.reading
    for name in told.reading:
        last = told.logs(told.account(name))[-1]
        assert any("killed unceremoniously" in str(line) for line in last)


def check_locked(told: Story) -> None:
    """A run that meets a lock ends at once, and says when to come back."""
    first, *others = map(summary, told.logs(told.account(LOCKED)))
    assert first["status"] == "stopped"
    assert first["endpoints"]["recentcampaigns"]["free_at"]
    # Until then, runs cost no call of that endpoint.
    for line in others[:-1]:
        assert "recentcampaigns" not in line.get("endpoints", {})
    assert others[-1]["endpoints"]["recentcampaigns"]["free_at"] is None


def check_logs(told: Story) -> None:
    """The log of each try ends with its cause."""
    for account in told.fleet.accounts:
        causes = causes_of(told, account)
        if account.name != WRONG:
            causes.pop()
            assert summary(told.logs(account)[-1])["status"] == "ended"
        for text in causes:
            assert text.startswith(("tap-", "target-", "meltano ", "Stopped, ")), text


def check_simulation(told: Story) -> None:
    """The simulation is right about accounts that were loaded in one try."""
    for share in told.compared():
        assert share == pytest.approx(1, abs=TOLERANCE)


def causes_of(told: Story, account: Account) -> list[str]:
    """Return the causes of all tries that lived to their end."""
    return [cause(log) for log in told.logs(account) if ended(log)]
