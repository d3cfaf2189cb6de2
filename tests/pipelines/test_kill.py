"""A run that reads ahead can be killed at any call and message, and loses no row.

`python -m tests.proof kills` kills runs that do not read ahead, and real processes.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter

import pytest

from tests.support.sampled_account import (
    CUT,
    PAGE,
    assert_whole,
    last_state,
    run,
    sampled_account,
    serving,
)
from tests.support.warehouse import Warehouse

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call, Reply, Service
    from tests.support.scripted_account import Message, ScriptedAccount

pytestmark = pytest.mark.slow

RECIPIENTS = "getcampaignrecipientsdata"
CONCURRENCY = 4


@pytest.fixture(scope="module")
def scripted_account() -> ScriptedAccount:
    return sampled_account()


@pytest.fixture(scope="module")
def service(scripted_account: ScriptedAccount) -> Iterator[Service]:
    with serving(scripted_account) as service:
        yield service


def repeated_calls(state: t.Any, calls: list[Call]) -> Counter[str]:
    """Count the calls for recipients that the state had already noted as read."""
    repeated: Counter[str] = Counter()
    bookmark = (state or {}).get("bookmarks", {}).get("campaign_recipients", {})
    for call in calls:
        if call.endpoint != RECIPIENTS:
            continue
        for campaign in bookmark.get("open", {}).values():
            seen = campaign["seen"].get(call.params["campaignkey"], {})
            noted = seen.get(call.params["action"])
            if not noted:
                continue
            cursor = noted.get("begun")
            if cursor is None or int(call.params["fromindex"]) < cursor["start"] - PAGE:
                repeated[call.params["action"]] += 1
    return repeated


def test_next_run_completes_a_run_killed_at_any_message(
    scripted_account: ScriptedAccount, service: Service
) -> None:
    full_run = run(scripted_account, service, concurrency=CONCURRENCY)
    assert len(full_run) > 100
    for position in range(0, len(full_run), CONCURRENCY):
        before = full_run[:position]
        state = last_state(before)
        warehouse = Warehouse()
        warehouse.load(before)
        warehouse.load(run(scripted_account, service, state, concurrency=CONCURRENCY))
        assert_whole(scripted_account, warehouse, f"killed before message {position}")
        assert not repeated_calls(state, service.calls), position


def test_next_run_completes_a_run_killed_at_any_call(
    scripted_account: ScriptedAccount, service: Service
) -> None:
    run(scripted_account, service, concurrency=CONCURRENCY)
    for position in range(0, len(service.calls), CONCURRENCY):
        calls = 0

        def fail(_: Call, position: int = position) -> Reply | None:
            nonlocal calls
            calls += 1
            return CUT if calls > position else None

        before = run(scripted_account, service, intercept=fail, concurrency=CONCURRENCY)
        assert calls > position
        state = last_state(before)
        warehouse = Warehouse()
        warehouse.load(before)
        warehouse.load(run(scripted_account, service, state, concurrency=CONCURRENCY))
        assert_whole(scripted_account, warehouse, f"killed at call {position}")
        assert not repeated_calls(state, service.calls), position


def test_messages_do_not_depend_on_concurrency(
    scripted_account: ScriptedAccount, service: Service
) -> None:
    sequential, *others = (
        run(scripted_account, service, concurrency=concurrency)
        for concurrency in (1, 2, 4, 16)
    )
    for other in others:
        assert without_times(other) == without_times(sequential)


def without_times(messages: list[Message]) -> list[Message]:
    """Return the messages without their times."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "", json.dumps(messages))
    return t.cast("list[Message]", json.loads(text))
