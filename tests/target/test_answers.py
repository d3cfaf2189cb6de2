"""Answers of Zoho: already in effect, retry later, wrong list, unknown code, locked."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.target import (
    answer_with_error,
    error_reply,
    list_without_form,
    read_reject_file,
    record,
    run_target,
    small_account,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

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
def test_a_change_already_in_effect_is_a_success(
    service: Service, stream: str, code: str, message: str
) -> None:
    body = {"status": "success" if code == "0" else "error", "code": code}
    reply = Reply(200, json.dumps(body | {"message": message}).encode())
    service.intercept = lambda _: reply
    messages = [record(stream, ANNA_WITH_PLUS, first_name="x"), state(1)]
    result = run_target(service, messages, list_key="3z")
    assert (result.counts(), result.states) == ((0, 1, 0, 0), [{"number": 1}])
    assert result.status == 0


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize(
    ("stream", "code", "message"),
    [
        ("subscribe", "2001", "Error in subscription. Please retry after sometime"),
        ("unsubscribe", "2101", "Please retry after sometime."),
        ("do_not_mail", "2104", ""),
    ],
)
def test_an_answer_that_asks_to_retry_is_retried(
    service: Service, stream: str, code: str, message: str, *, bare: bool
) -> None:
    calls = 0

    def answer(_: Call) -> Reply | None:
        nonlocal calls
        calls += 1
        return error_reply(code, message) if calls == 1 else None

    service.intercept = answer
    fields = {} if bare else {"first_name": "x"}
    messages = [record(stream, ANNA_WITH_PLUS, **fields), state(1)]
    list_key = list_without_form(small_account())
    result = run_target(service, messages, list_key=list_key, retry_max_seconds=60)
    assert (calls, result.states, result.error) == (2, [{"number": 1}], None)
    calls = 0
    result = run_target(service, messages, list_key=list_key)
    assert "`retry_max_seconds`" in str(result.error)
    assert result.states == []


@pytest.mark.parametrize("stream", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("code", ["2002", "2102", "2202", "2501"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_wrong_list_key_ends_the_run_with_an_error_that_names_it(
    service: Service, stream: str, code: str, *, bare: bool
) -> None:
    answer_with_error(service, code, f"Invalid list key of {BERT}")
    messages = [
        record(stream, ANNA_WITH_PLUS, **({} if bare else {"first_name": "x"})),
        state(1),
    ]
    result = run_target(service, messages, list_key="3z")
    assert isinstance(result.error, FatalError)
    assert "check `list_key`" in str(result.error)
    assert "planted" not in str(result.error)
    assert (len(service.calls), result.states) == (1, [])


@pytest.mark.parametrize("stream", ["subscribe", "unsubscribe", "do_not_mail"])
@pytest.mark.parametrize("bare", [True, False])
def test_an_unknown_code_rejects_its_record(
    service: Service, list_key: str, tmp_path: Path, stream: str, *, bare: bool
) -> None:
    answer_with_error(
        service, "7777", f"Not {BERT.upper()}!", only=BERT.partition("@")[0]
    )
    path = tmp_path / "rejects"
    emails = ["planted.a@example.com", BERT, "planted.c@example.com"]
    fields = {} if bare else {"first_name": "x"}
    messages = [
        message
        for number, email in enumerate(emails)
        for message in (record(stream, email, **fields), state(number))
    ]
    result = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert (result.error, result.status, result.counts()[2]) == (None, 1, 1)
    assert result.states[-1] == {"number": 2}
    (line,) = read_reject_file(path)
    assert (line["number"], line["code"], line["reason"]) == (2, "7777", "Not ***!")


@pytest.mark.parametrize("bare", [True, False])
def test_five_unknown_codes_in_a_row_end_the_run(
    service: Service, list_key: str, state_folder: Path, *, bare: bool
) -> None:
    answer_with_error(service, "7777", "Planned maintenance.", only="planted.x")
    fields = {} if bare else {"first_name": "x"}
    emails = [f"planted.{name}@example.com" for name in ("a", "x1", "x2", "x3", "x4")]
    messages = [
        message
        for number, email in enumerate([*emails, "planted.x5@example.com"])
        for message in (record("subscribe", email, **fields), state(number))
    ]
    result = run_target(service, messages[:-2], list_key=list_key)
    # Up to four in a row are faults of the records, which are rejected.
    assert (result.error, result.counts()) == (None, (1, 0, 4, 0))
    result = run_target(service, messages, list_key=list_key)
    assert isinstance(result.error, FatalError)
    assert "7777 (Planned maintenance.)" in str(result.error)
    assert result.counts()[2] == 0
    assert result.states[-1:] in ([], [{"number": 0}])
    assert (
        len(read_reject_file(state_folder / "tap-zohocampaigns" / "rejected.jsonl"))
        == 4
    )


def test_states_before_a_lasting_failure_are_written(
    service: Service, list_key: str
) -> None:
    def fail(call: Call) -> Reply | None:
        params = str(call.params)
        failing = any(f"planted.{number}" in params for number in (3, 4, 5))
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
    result = run_target(service, messages, list_key=list_key)
    assert "`retry_max_seconds`" in str(result.error)
    assert [value["number"] for value in result.states] == [0, 1, 2]


def test_a_lock_ends_the_run_if_the_settings_say_stop(service: Service) -> None:
    answer_with_error(service, "Z101")
    result = run_target(
        service,
        [record("unsubscribe", ANNA_WITH_PLUS), state(1)],
        list_key="3z",
        rate_limit_on_lock="stop",
    )
    assert "has locked listunsubscribe" in str(result.error)
    assert result.states == []
