"""Contacts that Zoho asks to retry later."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import Outage
from tests.support.target import (
    FORMATS,
    UNSUBSCRIBE,
    open_list,
    record,
    refusal,
    refuse,
    rejected,
    run_target,
    small_account,
)
from tests.support.target_cases import (
    ACTIONS,
    BAD,
    NAMED,
    with_states,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply, Service
LATER = "Error in subscription. Please retry after sometime"


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("form", FORMATS)
def test_a_contact_that_is_postponed_for_good_is_rejected_alone(
    service: Service, tmp_path: Path, action: str, position: int, form: str
) -> None:
    refuse(service, ACTIONS[action], LATER, only="planted.bad")
    emails = [ANNA, BERT]
    emails.insert(position, BAD)
    messages = with_states([record(action, one, phone="1") for one in emails])
    path = tmp_path / "rejects"
    result = run_target(
        service,
        messages,
        list_key=open_list(small_account()),
        reject_file=str(path),
        response_format=form,
    )
    assert (result.error, result.status, result.counts()[2]) == (None, 1, 1)
    assert result.states[-1] == {"number": 2}
    (line,) = rejected(path)
    assert (line["number"], line["code"]) == (position + 1, ACTIONS[action])
    assert line["reason"] == LATER


@pytest.mark.parametrize("position", range(10))
def test_its_nine_neighbours_go(
    service: Service, account: LivingAccount, list_key: str, position: int
) -> None:
    refuse(service, "2001", LATER, only="planted.bad")
    emails = [f"planted.{number}@example.com" for number in range(9)]
    messages = [record("subscribe", one) for one in emails]
    messages.insert(position, record("subscribe", BAD))
    result = run_target(service, with_states(messages), list_key=list_key)
    assert (result.error, result.counts()) == (None, (9, 0, 1, 0))
    assert result.states[-1] == {"number": 9}
    active = {one.contact.email for one in account.contacts(list_key, "active")}
    assert {*emails} <= active


def test_all_that_is_to_be_done_with_it_is_rejected_in_order(
    service: Service,
    account: LivingAccount,
    list_key: str,
    logged: pytest.LogCaptureFixture,
) -> None:
    refuse(service, "2001", LATER, only="planted.bad")
    other = [each.key for each in account.lists() if not each.public][1]
    messages = [
        record("subscribe", ANNA, **NAMED),
        record("subscribe", BAD, **NAMED),
        record("subscribe", BAD, list_key=other, **NAMED),
        record("subscribe", BAD, topic_id="12", **NAMED),
        record("subscribe", BERT, **NAMED),
    ]
    result = run_target(service, with_states(messages), list_key=list_key)
    assert (result.error, result.counts()) == (None, (2, 0, 3, 0))
    # Known to be bad, it is asked for once a change.
    assert len(service.calls) == 5
    assert logged.text.count("others are sent meanwhile") == 1


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("answered", [0, 3])
def test_when_all_are_postponed_nobody_is_rejected(
    service: Service, list_key: str, state_folder: Path, answered: int, *, bare: bool
) -> None:
    asked = 0

    def answer(_: Call) -> Reply | None:
        nonlocal asked
        asked += 1
        return refusal("2001", LATER) if asked > answered else None

    service.intercept = answer
    fields = {} if bare else NAMED
    emails = [f"planted.{number}@example.com" for number in range(60)]
    messages = with_states([record("subscribe", one, **fields) for one in emails])
    result = run_target(service, messages, list_key=list_key)
    assert isinstance(result.error, Outage)
    assert "2001" in str(result.error)
    assert "`retry_max_seconds`" in str(result.error)
    assert result.counts()[2] == 0
    assert not state_folder.exists()
    # Nor are all of them asked for.
    assert asked < 20


def test_an_endpoint_that_fails_is_not_excused_by_another(
    service: Service, list_key: str
) -> None:
    refuse(service, "2101", LATER, only="unsubscribe")
    service.intercept = lambda call: (
        refusal("2101", LATER) if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    messages = [
        record(action, f"planted.{number}@example.com", **NAMED)
        for number in range(4)
        for action in ("subscribe", "unsubscribe")
    ]
    result = run_target(service, with_states(messages), list_key=list_key)
    assert isinstance(result.error, Outage)
    assert result.counts()[2] == 0
