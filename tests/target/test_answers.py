"""Answers of Zoho: in effect already, try later, wrong list, unknown code, locked."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.target import (
    ANNA,
    BERT,
    open_list,
    record,
    refusal,
    refuse,
    rejected,
    run_target,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call


@pytest.mark.parametrize(
    ("stream", "code", "message"),
    [
        ("subscribe", "2003", "Contact exists in this list"),
        ("subscribe", "9999", "This address is already in the list."),
        ("unsubscribe", "2103", "Contact does not exist."),
        ("do_not_mail", "2104", "User already in Do-Not-Mail."),
        ("do_not_mail", "0", "User already in Do-Not-Mail."),
        ("subscribe", "0", "This email address already exists in the list."),
    ],
)
def test_what_is_so_already_is_done(
    service: Service, stream: str, code: str, message: str
) -> None:
    body = {"status": "success" if code == "0" else "error", "code": code}
    reply = Reply(200, json.dumps(body | {"message": message}).encode())
    service.intercept = lambda _: reply
    messages = [record(stream, ANNA, first_name="x"), state(1)]
    ran = run_target(service, messages, list_key="3z")
    assert (ran.counts(), ran.states) == ((0, 1, 0, 0), [{"number": 1}])
    assert ran.status == 0


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize(
    ("stream", "code", "message"),
    [
        ("subscribe", "2001", "Error in subscription. Please retry after sometime"),
        ("unsubscribe", "2101", "Please retry after sometime."),
        ("do_not_mail", "2104", ""),
    ],
)
def test_what_may_succeed_later_is_tried_again(
    service: Service, stream: str, code: str, message: str, *, bare: bool
) -> None:
    asked = 0

    def answer(_: Call) -> Reply | None:
        nonlocal asked
        asked += 1
        return refusal(code, message) if asked == 1 else None

    service.intercept = answer
    fields = {} if bare else {"first_name": "x"}
    messages = [record(stream, ANNA, **fields), state(1)]
    list_key = open_list(small_account())
    ran = run_target(service, messages, list_key=list_key, retry_max_seconds=60)
    assert (asked, ran.states, ran.error) == (2, [{"number": 1}], None)
    asked = 0
    ran = run_target(service, messages, list_key=list_key)
    assert "`retry_max_seconds`" in str(ran.error)
    assert ran.states == []


@pytest.mark.parametrize("stream", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("code", ["2002", "2102", "2202", "2501"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_wrong_list_ends_the_run_with_a_sentence(
    service: Service, stream: str, code: str, *, bare: bool
) -> None:
    refuse(service, code, f"Invalid list key of {BERT}")
    messages = [record(stream, ANNA, **({} if bare else {"first_name": "x"})), state(1)]
    ran = run_target(service, messages, list_key="3z")
    assert isinstance(ran.error, FatalError)
    assert "check `list_key`" in str(ran.error)
    assert "planted" not in str(ran.error)
    assert (len(service.calls), ran.states) == (1, [])


@pytest.mark.parametrize("stream", ["subscribe", "unsubscribe", "do_not_mail"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_code_that_nobody_knows_rejects_its_record(
    service: Service, list_key: str, tmp_path: Path, stream: str, *, bare: bool
) -> None:
    refuse(service, "7777", f"Not {BERT.upper()}!", only=BERT.partition("@")[0])
    path = tmp_path / "rejects"
    emails = ["planted.a@example.com", BERT, "planted.c@example.com"]
    fields = {} if bare else {"first_name": "x"}
    messages = [
        message
        for number, email in enumerate(emails)
        for message in (record(stream, email, **fields), state(number))
    ]
    ran = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert (ran.error, ran.status, ran.counts()[2]) == (None, 1, 1)
    assert ran.states[-1] == {"number": 2}
    (line,) = rejected(path)
    assert (line["number"], line["code"], line["reason"]) == (2, "7777", "Not ***!")


@pytest.mark.parametrize("bare", [True, False])
def test_five_unknown_codes_in_a_row_are_not_the_records(
    service: Service, list_key: str, state_folder: Path, *, bare: bool
) -> None:
    refuse(service, "7777", "Planned maintenance.", only="planted.x")
    fields = {} if bare else {"first_name": "x"}
    emails = [f"planted.{name}@example.com" for name in ("a", "x1", "x2", "x3", "x4")]
    messages = [
        message
        for number, email in enumerate([*emails, "planted.x5@example.com"])
        for message in (record("subscribe", email, **fields), state(number))
    ]
    ran = run_target(service, messages[:-2], list_key=list_key)
    # Four are the records.
    assert (ran.error, ran.counts()) == (None, (1, 0, 4, 0))
    ran = run_target(service, messages, list_key=list_key)
    assert isinstance(ran.error, FatalError)
    assert "7777 (Planned maintenance.)" in str(ran.error)
    assert ran.counts()[2] == 0
    assert ran.states[-1:] in ([], [{"number": 0}])
    assert len(rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")) == 4


def test_when_zoho_fails_for_good_states_tell_what_was_answered(
    service: Service, list_key: str
) -> None:
    def fail(call: Call) -> Reply | None:
        told = str(call.params)
        failing = any(f"planted.{number}" in told for number in (3, 4, 5))
        return Reply(500, b"") if failing else None

    service.intercept = fail
    messages = [
        message
        for number in range(6)
        for message in (
            record("subscribe", f"planted.{number}@example.com", first_name="x"),
            state(number),
        )
    ]
    ran = run_target(service, messages, list_key=list_key)
    assert "`retry_max_seconds`" in str(ran.error)
    assert [one["number"] for one in ran.states] == [0, 1, 2]


def test_a_lock_can_end_the_run(service: Service) -> None:
    refuse(service, "Z101")
    ran = run_target(
        service,
        [record("unsubscribe", ANNA), state(1)],
        list_key="3z",
        rate_limit_on_lock="stop",
    )
    assert "has locked listunsubscribe" in str(ran.error)
    assert ran.states == []
