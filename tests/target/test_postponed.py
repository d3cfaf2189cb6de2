"""Contacts that Zoho postpones: it asks to retry them later."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import Outage
from tests.support.target import (
    FORMATS,
    UNSUBSCRIBE,
    answer_with_error,
    error_reply,
    list_without_form,
    read_reject_file,
    record,
    run_target,
    small_account,
)
from tests.support.target_cases import (
    ACTIONS,
    BAD_ADDRESS,
    NAME_FIELDS,
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
def test_only_a_contact_that_is_always_postponed_is_rejected(
    service: Service, tmp_path: Path, action: str, position: int, form: str
) -> None:
    answer_with_error(service, ACTIONS[action], LATER, only="planted.bad")
    emails = [ANNA, BERT]
    emails.insert(position, BAD_ADDRESS)
    messages = with_states([record(action, email, phone="1") for email in emails])
    path = tmp_path / "rejects"
    result = run_target(
        service,
        messages,
        list_key=list_without_form(small_account()),
        reject_file=str(path),
        response_format=form,
    )
    assert (result.error, result.status, result.counts()[2]) == (None, 1, 1)
    assert result.states[-1] == {"number": 2}
    (line,) = read_reject_file(path)
    assert (line["number"], line["code"]) == (position + 1, ACTIONS[action])
    assert line["reason"] == LATER


@pytest.mark.parametrize("position", range(10))
def test_the_other_nine_contacts_of_a_bulk_call_are_sent(
    service: Service, account: LivingAccount, list_key: str, position: int
) -> None:
    answer_with_error(service, "2001", LATER, only="planted.bad")
    emails = [f"planted.{number}@example.com" for number in range(9)]
    messages = [record("subscribe", email) for email in emails]
    messages.insert(position, record("subscribe", BAD_ADDRESS))
    result = run_target(service, with_states(messages), list_key=list_key)
    assert (result.error, result.counts()) == (None, (9, 0, 1, 0))
    assert result.states[-1] == {"number": 9}
    active = {member.contact.email for member in account.contacts(list_key, "active")}
    assert {*emails} <= active


def test_all_changes_of_an_always_postponed_contact_are_rejected_in_order(
    service: Service,
    account: LivingAccount,
    list_key: str,
    logged: pytest.LogCaptureFixture,
) -> None:
    answer_with_error(service, "2001", LATER, only="planted.bad")
    other_list = [
        mailing_list.key for mailing_list in account.lists() if not mailing_list.public
    ][1]
    messages = [
        record("subscribe", ANNA, **NAME_FIELDS),
        record("subscribe", BAD_ADDRESS, **NAME_FIELDS),
        record("subscribe", BAD_ADDRESS, list_key=other_list, **NAME_FIELDS),
        record("subscribe", BAD_ADDRESS, topic_id="12", **NAME_FIELDS),
        record("subscribe", BERT, **NAME_FIELDS),
    ]
    result = run_target(service, with_states(messages), list_key=list_key)
    assert (result.error, result.counts()) == (None, (2, 0, 3, 0))
    # Once the contact is known to be bad, each of its changes is tried once.
    assert len(service.calls) == 5
    assert logged.text.count("others are sent meanwhile") == 1


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("answered", [0, 3])
def test_an_outage_that_postpones_all_contacts_rejects_none(
    service: Service, list_key: str, state_folder: Path, answered: int, *, bare: bool
) -> None:
    calls = 0

    def answer(_: Call) -> Reply | None:
        nonlocal calls
        calls += 1
        return error_reply("2001", LATER) if calls > answered else None

    service.intercept = answer
    fields = {} if bare else NAME_FIELDS
    emails = [f"planted.{number}@example.com" for number in range(60)]
    messages = with_states([record("subscribe", email, **fields) for email in emails])
    result = run_target(service, messages, list_key=list_key)
    assert isinstance(result.error, Outage)
    assert "2001" in str(result.error)
    assert "`retry_max_seconds`" in str(result.error)
    assert result.counts()[2] == 0
    assert not state_folder.exists()
    # The run ends before it has tried all contacts.
    assert calls < 20


def test_answers_of_another_endpoint_do_not_hide_an_outage(
    service: Service, list_key: str
) -> None:
    answer_with_error(service, "2101", LATER, only="unsubscribe")
    service.intercept = lambda call: (
        error_reply("2101", LATER) if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    messages = [
        record(action, f"planted.{number}@example.com", **NAME_FIELDS)
        for number in range(4)
        for action in ("subscribe", "unsubscribe")
    ]
    result = run_target(service, with_states(messages), list_key=list_key)
    assert isinstance(result.error, Outage)
    assert result.counts()[2] == 0
