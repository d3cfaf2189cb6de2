"""The target: what reaches Zoho, in which order, and what is told of it."""

from __future__ import annotations

import io
import json
import logging
import os
import time
import typing as t
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_sdk.exceptions import (
    ConfigValidationError,
    MappingError,
    MissingKeyPropertiesError,
)

from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.settings.target import complete, problems
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.tap import TapZohoCampaigns
from tap_zohocampaigns.target.report import Report, ranges
from tap_zohocampaigns.target.reader import MessageReader
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.api.test_contactinfo import TEXT
from tests.support.target import (
    BLOCK,
    BULK,
    FORMATS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    contact,
    endpoints,
    lines,
    open_list,
    record,
    refusal,
    refuse,
    rejected,
    run_target,
    schema,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, LivingAccount

ANNA, BERT = "planted.anna+news@example.com", "planted.bert@example.com"


@pytest.fixture
def account() -> LivingAccount:
    return small_account()


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    with Service(account) as service:
        yield service


@pytest.fixture
def list_key(account: LivingAccount) -> str:
    return open_list(account)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Look for addresses and secrets in all that any test of these logs."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert "planted" not in caplog.text.replace("planted_", "")


# What is sent.


@pytest.mark.parametrize("form", FORMATS)
def test_contacts_come_and_go(
    service: Service, account: LivingAccount, list_key: str, form: str
) -> None:
    ran = run_target(
        service,
        [
            record("subscribe", ANNA, first_name="Anna", Favourite_colour="x"),
            record("subscribe", BERT, **{"Favourite colour": "red & white"}),
            state(1),
        ],
        list_key=list_key,
        response_format=form,
    )
    assert (ran.states, ran.counts(), ran.status) == ([{"number": 1}], (2, 0, 0, 0), 0)
    people = {one.contact.email: one for one in account.contacts(list_key, "active")}
    assert people[ANNA].contact.first_name == "Anna"
    assert people[BERT].contact.custom == {"favourite colour": "red & white"}
    run_target(
        service,
        [record("unsubscribe", ANNA, list_key=list_key), record("do_not_mail", BERT)],
        response_format=form,
    )
    assert account.status(ANNA, list_key) == "unsub"
    assert account.blocked(BERT)
    for call in service.calls:
        assert not call.secret_in_url
        # Of JSON alone it is known how often a plus is decoded.
        used = "json" if contact(call)["Contact Email"] == ANNA else form
        assert call.endpoint.startswith(f"{used}/")
    assert service.tokens_issued == 2


@pytest.mark.parametrize("form", FORMATS)
def test_version_1_subscribes_and_unsubscribes(
    service: Service, account: LivingAccount, list_key: str, form: str
) -> None:
    settings = service.config_v1 | {"list_key": list_key, "response_format": form}
    # It can't add several at once.
    emails = [f"planted.{number}@example.com" for number in range(3)]
    ran = run_target(service, [record("subscribe", one) for one in emails], **settings)
    assert ran.counts() == (3, 0, 0, 0)
    assert endpoints(service) == [SUBSCRIBE] * 3
    assert service.tokens_issued == 0
    assert {call.version for call in service.calls} == {"1"}
    # It answers 2003 and 2103 to what is so already.
    again = [*(record("subscribe", one) for one in emails), state(1)]
    ran = run_target(service, again, **settings)
    assert (ran.counts(), ran.states) == ((0, 3, 0, 0), [{"number": 1}])
    gone = [record("unsubscribe", emails[0]), record("unsubscribe", ANNA)]
    assert run_target(service, gone, **settings).counts() == (1, 1, 0, 0)
    assert account.status(emails[0], list_key) == "unsub"


def test_version_1_can_not_block_and_says_so_before_anything_is_sent(
    service: Service, list_key: str
) -> None:
    messages = [record("subscribe", ANNA), record("do_not_mail", ANNA)]
    ran = run_target(service, messages, list_key=list_key, **service.config_v1)
    assert isinstance(ran.error, SettingError)
    assert "`api_version` 1.1" in str(ran.error)
    assert service.calls == []


@given(
    st.dictionaries(TEXT.map(str.strip).filter(bool), TEXT, max_size=4),
    st.sampled_from(FORMATS),
)
@example({"company_name": "0", "contact_email": "1", "custom_fields": "2"}, "json")
def test_any_text_arrives_as_it_is(
    sink: Service, fields: dict[str, str], form: str
) -> None:
    sink.calls.clear()
    ran = run_target(
        sink,
        [record("subscribe", ANNA, custom_fields=fields, **{"Company Name": "+"})],
        list_key="3z",
        response_format=form,
    )
    assert ran.counts() == (1, 0, 0, 0)
    (call,) = sink.calls
    kept = {
        name: value
        for name, value in fields.items()
        if value and not name.startswith("_sdc_")
    }
    assert contact(call) == {**kept, "Company Name": "+", "Contact Email": ANNA}


@pytest.fixture(scope="module")
def sink() -> Iterator[Service]:
    """Return a service that accepts everything."""
    body = {
        "status": "success",
        "code": "0",
        "message": "User successfully subscribed.",
    }
    done = Reply(200, json.dumps(body).encode())
    clock = iter(range(0, 10**9, 100))
    with Service(small_account(), monotonic=lambda: float(next(clock))) as service:
        service.intercept = lambda _: done
        yield service


def test_names_of_the_taps_own_streams_are_zohos(sink: Service) -> None:
    sink.calls.clear()
    names = {"first_name": "a", "last_name": "b", "company_name": "c", "phone": 4}
    more = {
        "Member since": 2024.5,
        "VIP": True,
        "Nothing": None,
        "_sdc_batched_at": "x",
    }
    topics = {"topic_id": "12,13", "source": "shop"}
    for form in FORMATS:
        messages = [record("subscribe", ANNA, **names, **more, **topics)]
        run_target(sink, messages, list_key="3z", response_format=form)
    for call in sink.calls:
        assert contact(call) == {
            "First Name": "a",
            "Last Name": "b",
            "Company Name": "c",
            "Phone": "4",
            "Member since": "2024.5",
            "VIP": "true",
            "Contact Email": ANNA,
        }
        assert {call.params[name] for name in topics} == {*topics.values()}
        assert call.params["listkey"] == "3z"


def test_numbers_are_written_without_exponents(sink: Service) -> None:
    sink.calls.clear()
    numbers = {
        "1E3": "1000",
        "4.917012345678e+11": "491701234567.8",
        "1.10": "1.10",
        "1e-7": "0.0000001",
        "-0.0": "-0.0",
        "12345678901234567890": "12345678901234567890",
        # More than a float can be, and more than anybody wants to read.
        "1e999999999": "1E+999999999",
        # What writers of JSON make of what is not there.
        "NaN": None,
        "-Infinity": None,
    }
    text = lines([record("subscribe", ANNA, **{name: name for name in numbers})])
    for number in numbers:
        text = text.replace(f': "{number}"', f": {number}")
    run_target(sink, text, list_key="3z")
    (call,) = sink.calls
    kept = {name: value for name, value in numbers.items() if value}
    assert contact(call) == kept | {"Contact Email": ANNA}


def test_to_leave_nobody_has_to_tell_more_than_the_address(sink: Service) -> None:
    sink.calls.clear()
    more = {"first_name": "Anna", "bounces": 2, "topic_id": "12", "source": "x"}
    messages = [record(one, ANNA, **more) for one in ("unsubscribe", "do_not_mail")]
    run_target(sink, messages, list_key="3z")
    unsubscribed, blocked = sink.calls
    assert contact(unsubscribed) == contact(blocked) == {"Contact Email": ANNA}
    assert unsubscribed.params["topic_id"] == "12"
    assert not {"topic_id", "source", "listkey"} & blocked.params.keys()
    assert "source" not in unsubscribed.params


def test_bare_addresses_are_added_ten_a_call(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    emails = [f"planted+{number}@example.com" for number in range(23)]
    messages = [record("subscribe", one, list_key=list_key) for one in emails]
    messages.insert(5, record("subscribe", ANNA, list_key=list_key, first_name="Anna"))
    messages.insert(7, record("subscribe", BERT, list_key=list_key, topic_id="12"))
    ran = run_target(service, messages)
    assert sorted(endpoints(service)) == sorted([BULK] * 3 + [SUBSCRIBE] * 2)
    assert ran.counts() == (25, 0, 0, 0)
    known = {one.contact.email for one in account.contacts(list_key, "active")}
    assert {*emails, ANNA, BERT} <= known


def test_with_a_topic_for_all_nobody_is_added_at_once(
    service: Service, list_key: str
) -> None:
    run_target(service, [record("subscribe", ANNA)], list_key=list_key, topic_id="12")
    assert endpoints(service) == [SUBSCRIBE]
    assert service.calls[0].params["topic_id"] == "12"


# The last one counts, and the order is kept.


def test_of_several_about_the_same_contact_and_list_the_last_is_sent(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    ran = run_target(
        service,
        [
            record("subscribe", ANNA, first_name="Anna"),
            record("subscribe", BERT, first_name="Bert"),
            record("unsubscribe", ANNA.upper()),
            state(1),
            record("subscribe", BERT, first_name="Bertram"),
            record("unsubscribe", ANNA),
            state(2),
        ],
        list_key=list_key,
    )
    assert endpoints(service) == [SUBSCRIBE, UNSUBSCRIBE]
    assert contact(service.calls[0])["First Name"] == "Bertram"
    # Of whom nobody knew, there is nothing to unsubscribe.
    assert ran.counts() == (1, 1, 0, 3)
    assert ran.states == [{"number": 2}]
    assert account.status(BERT, list_key) == "active"


def test_the_order_of_what_is_done_with_a_contact_is_kept(
    service: Service, account: LivingAccount
) -> None:
    one, other = [each.key for each in account.lists() if not each.public][:2]
    ran = run_target(
        service,
        [
            record("subscribe", ANNA, list_key=one),
            record("subscribe", BERT, list_key=one),
            record("subscribe", BERT, list_key=other),
            record("do_not_mail", ANNA),
            record("unsubscribe", BERT, list_key=one, topic_id="12"),
        ],
    )
    assert endpoints(service) == [BULK, BLOCK, BULK, UNSUBSCRIBE]
    assert service.calls[0].params["emailids"] == f"{ANNA},{BERT}"
    assert ran.counts() == (5, 0, 0, 0)


def test_what_was_answered_is_not_sent_again_in_a_run(
    service: Service, list_key: str
) -> None:
    anna, bert = (record("subscribe", one, first_name="x") for one in (ANNA, BERT))
    gone = record("unsubscribe", ANNA)
    messages = [anna, bert, anna, bert, gone, bert, anna, bert]
    ran = run_target(service, messages, list_key=list_key, most_pending=2)
    assert endpoints(service) == [SUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]
    assert ran.report.count("skipped") == 4


# Safe.


def test_a_rehearsal_is_the_default_and_sends_nothing_at_all(
    service: Service, logged: pytest.LogCaptureFixture
) -> None:
    assert complete({})["dry_run"] is True
    messages = [
        *(record("subscribe", f"planted{n}@example.com") for n in range(12)),
        record("unsubscribe", ANNA),
        record("unsubscribe", ANNA),
        record("unsubscribe", "no address"),
        state(1),
    ]
    ran = run_target(service, messages, dry_run=True, list_key="3z")
    assert (service.calls, service.tokens_issued) == ([], 0)
    # What was only rehearsed has to come again.
    assert ran.states == []
    assert ran.counts() == (13, 0, 1, 1)
    assert "13 would be sent" in logged.text
    assert "3 calls" in logged.text
    assert "subscribe, to be sent: records 1-12" in logged.text
    assert "unsubscribe, to be sent: records 14" in logged.text
    assert "unsubscribe, rejected: records 15" in logged.text


@pytest.mark.parametrize("most", [1, 3, 14])
def test_a_runaway_run_ends_before_the_first_write(
    service: Service, list_key: str, most: int
) -> None:
    messages = [
        message
        for number in range(15)
        for message in (
            record(
                "subscribe",
                f"planted{number}@example.com",
                **({"first_name": "x"} if number < 2 else {}),
            ),
            state(number),
        )
    ]
    limits = {"list_key": list_key, "max_writes": most}
    rehearsed = run_target(service, messages, dry_run=True, **limits)
    # However often it is tried: none of them is changed again and again.
    for _ in range(3):
        ran = run_target(service, messages, **limits)
        assert isinstance(ran.error, FatalError)
        assert str(ran.error) == str(rehearsed.error)
        assert str(ran.error).startswith(
            f"15 changes are pending, but `max_writes` allows {most}"
        )
        assert (ran.states, service.calls) == ([], [])
    ran = run_target(service, messages[: 2 * most], **limits)
    assert (ran.error, ran.status) == (None, 0)
    assert ran.states[-1] == {"number": most - 1}


def test_changes_that_are_skipped_do_not_count(service: Service, list_key: str) -> None:
    anna, bert = (record("subscribe", one, first_name="x") for one in (ANNA, BERT))
    messages = [anna, bert, anna, state(1)]
    ran = run_target(service, messages, list_key=list_key, max_writes=2)
    assert (ran.error, ran.states) == (None, [{"number": 1}])


def test_what_was_sent_before_a_boundary_counts(
    service: Service, list_key: str
) -> None:
    messages = [
        message
        for number in range(6)
        for message in (
            record("subscribe", f"planted{number}@example.com"),
            state(number),
        )
    ]
    settings = {"list_key": list_key, "max_writes": 4, "most_pending": 3}
    ran = run_target(service, messages, **settings)
    assert "of which 3 are made" in str(ran.error)
    assert endpoints(service) == [BULK]
    # The next run goes on behind what was sent.
    assert ran.states[-1] == {"number": 2}
    ran = run_target(service, messages[6:], **settings)
    assert (ran.error, ran.states[-1]) == (None, {"number": 5})


# Answers.


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


# Rejects.


def test_what_zoho_does_not_take_goes_to_a_file_and_the_run_goes_on(
    service: Service, tmp_path: Path, list_key: str
) -> None:
    path = tmp_path / "folder" / "rejects.jsonl"
    emails = ["planted.x@example.com", "admin@example.com", "planted.y@example.com"]
    messages = [record("subscribe", one, first_name="A") for one in emails]
    settings = {"list_key": list_key, "reject_file": str(path)}
    ran = run_target(service, [*messages, state(1)], **settings)
    assert (ran.counts(), ran.status, ran.error) == ((2, 0, 1, 0), 1, None)
    assert ran.states == [{"number": 1}]
    (told,) = rejected(path)
    assert (told["number"], told["stream"], told["code"]) == (2, "subscribe", "2005")
    assert told["reason"] == "Group email addresses cannot be subscribed."
    assert told["record"] == messages[1]["record"]
    # Another run adds to it.
    run_target(service, messages, **settings)
    assert len(rejected(path)) == 2


def test_who_of_ten_is_refused_is_found_out(
    service: Service, tmp_path: Path, account: LivingAccount, list_key: str
) -> None:
    path = tmp_path / "rejects.jsonl"
    emails = [f"planted{number}@example.com" for number in range(9)]
    emails.insert(4, "admin@example.com")
    messages = [*(record("subscribe", one) for one in emails), state(1)]
    ran = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert endpoints(service) == [BULK] * 11
    assert (ran.counts(), ran.states) == ((9, 0, 1, 0), [{"number": 1}])
    assert [one["number"] for one in rejected(path)] == [5]
    active = {one.contact.email for one in account.contacts(list_key, "active")}
    assert {*emails} - active == {"admin@example.com"}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "`contact_email` is missing"),
        ({"contact_email": None}, "`contact_email` is missing"),
        ({"contact_email": "  "}, "`contact_email` is missing"),
        ({"contact_email": "planted at example.com"}, "`contact_email` is no address"),
        ({"contact_email": "planted@localhost"}, "`contact_email` is no address"),
        (
            {"contact_email": "planted@a.b, planted@c.d"},
            "`contact_email` is no address",
        ),
        ({"contact_email": {"x": 1}}, "an object or a list"),
        ({"contact_email": ANNA, "list_key": ""}, "`list_key` is missing"),
        ({"contact_email": ANNA, "list_key": "3z", "x": [1]}, "an object or a list"),
        ({"contact_email": ANNA, "list_key": "3z", "x": "\x00"}, "a character"),
        ({"contact_email": ANNA, "list_key": "3z", "x": "\ud800"}, "a character"),
    ],
)
def test_records_that_can_not_be_sent_are_rejected_with_a_reason(
    service: Service, state_folder: Path, told: dict[str, t.Any], reason: str
) -> None:
    wrong = {"type": "RECORD", "stream": "subscribe", "record": told}
    ran = run_target(service, [wrong, state(1)])
    assert (ran.counts(), ran.status, ran.states) == ((0, 0, 1, 0), 1, [{"number": 1}])
    assert service.calls == []
    # The default is in the user's state folder.
    (line,) = rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]
    assert (line["code"], line["record"]) == ("", told)


@pytest.mark.parametrize("code", ["2004", "2005", "2007"])
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe", "do_not_mail"])
def test_an_address_that_zoho_does_not_take_is_rejected_alone(
    service: Service, list_key: str, tmp_path: Path, action: str, code: str
) -> None:
    refuse(service, code, "Email is wrong.", only=BERT.partition("@")[0])
    messages = [record(action, one, phone="1") for one in (BERT, ANNA)]
    path = tmp_path / "rejects"
    ran = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert (ran.error, ran.status, ran.counts()[2]) == (None, 1, 1)
    (line,) = rejected(path)
    assert (line["number"], line["code"]) == (1, code)


def test_a_list_key_of_a_padded_column_is_the_same(
    service: Service, list_key: str
) -> None:
    messages = [record("subscribe", ANNA, list_key=f"{list_key}  ", phone="1")]
    assert run_target(service, messages).counts() == (1, 0, 0, 0)
    assert service.calls[0].params["listkey"] == list_key


def test_a_file_that_can_not_be_written_ends_the_run(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "rejects.jsonl")
    ran = run_target(service, [record("subscribe", "x"), state(1)], reject_file=path)
    assert isinstance(ran.error, SettingError)
    assert "`reject_file`" in str(ran.error)
    assert ran.states == []


def test_a_file_that_is_full_ends_the_run(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fill_up(file: int, line: bytes) -> int:
        # As a disk does: first a part of it, then nothing.
        monkeypatch.setattr("os.write", Mock(side_effect=OSError))
        return write(file, line[:9])

    path = tmp_path / "rejects"
    monkeypatch.setattr("os.write", fill_up)
    messages = [record("subscribe", "x"), state(1)]
    ran = run_target(service, messages, reject_file=str(path))
    assert isinstance(ran.error, SettingError)
    assert ran.states == []
    # What was cut does not spoil what comes behind it.
    monkeypatch.setattr("os.write", write)
    run_target(service, messages, reject_file=str(path))
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 1


# The input.


def test_streams_are_named_by_the_settings(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    ran = run_target(
        service,
        [record("public-joined", ANNA), record("public-left", BERT)],
        list_key=list_key,
        streams={"public-joined": "subscribe", "public-left": "unsubscribe"},
    )
    assert ran.counts() == (1, 1, 0, 0)
    assert account.status(ANNA, list_key) == "active"


def test_streams_are_named_and_made_by_stream_maps(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    maps = {
        "crm": {
            "__alias__": "subscribe",
            "__filter__": "contact_email.startswith('planted.a')",
            "contact_email": "contact_email",
            "First Name": "'from ' + contact_email.split('@')[1]",
            "__else__": None,
        }
    }
    messages = [record("crm", ANNA), record("crm", BERT)]
    ran = run_target(service, messages, list_key=list_key, stream_maps=maps)
    assert ran.counts() == (1, 0, 0, 0)
    (member,) = [
        one.contact
        for one in account.contacts(list_key, "active")
        if one.contact.email == ANNA
    ]
    assert member.first_name == "from example.com"


def test_maps_that_are_null_are_as_if_unset(service: Service, list_key: str) -> None:
    unset = dict.fromkeys(("stream_maps", "stream_map_config", "faker_config"))
    messages = [record("subscribe", ANNA)]
    ran = run_target(service, messages, list_key=list_key, **unset)
    assert ran.counts() == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("maps", "named"),
    [({"subscribers": {}, "un*": None}, "subscribers"), ({"subscribe": {}}, "")],
)
def test_a_map_that_is_for_no_stream_of_the_input_is_told(
    service: Service,
    list_key: str,
    logged: pytest.LogCaptureFixture,
    maps: dict[str, t.Any],
    named: str,
) -> None:
    messages = [record("subscribe", ANNA), record("unsubscribe", BERT)]
    run_target(service, messages, list_key=list_key, stream_maps=maps)
    told = [one.getMessage() for one in logged.records]
    idle = [line for line in told if "streams that are not there" in line]
    assert [line.endswith(f": {named}") for line in idle] == ([True] if named else [])


@pytest.mark.parametrize("expression", ["(", "nobody", "self +"])
def test_a_map_that_does_not_work_is_told(service: Service, expression: str) -> None:
    maps = {"subscribe": {"First Name": expression}}
    with pytest.raises(MappingError) as raised:
        run_target(service, [record("subscribe", ANNA)], stream_maps=maps)
    told = user_message(raised.value)
    assert "`stream_maps`" in told
    assert "planted" not in told


def test_a_stream_that_nobody_has_named_ends_the_run(service: Service) -> None:
    ran = run_target(service, [record("campaigns", ANNA)])
    assert isinstance(ran.error, SettingError)
    assert "`campaigns`" in str(ran.error)
    assert "`streams`" in str(ran.error)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"type":"RECORD","stream":"subscribe","record":{{"contact_email":"{ANNA}"',
        f'{{"record":{{"contact_email":"{ANNA}"}}}}',
        f'{{"type":"RECORD","record":{{"contact_email":"{ANNA}"}}}}',
        f'{{"type":"BATCH","stream":"subscribe","encoding":"{ANNA}"}}',
        # Others would pass over it without a word.
        '{"type":"RECORD","stream":"subscribe","record":null}',
        f'{{"type":"RECORD","stream":"subscribe","record":["{ANNA}"]}}',
        f'{{"type":"RECORD","stream":["{ANNA}"],"record":{{}}}}',
        f'{{"type":"SCHEMA","stream":"subscribe","schema":"{ANNA}"}}',
        '{"type":"SCHEMA","stream":"subscribe","schema":{"properties":null}}',
        f'{{"type":"{ANNA}"}}',
        f'{{"type":["{ANNA}"]}}',
        f'["{ANNA}"]',
        "null",
        '{"type":' + "[" * 100_000,
        '{"type":' + "9" * 5000 + "}",
    ],
)
def test_a_line_that_is_wrong_is_told_without_what_is_in_it(
    service: Service, line: str
) -> None:
    text = lines([record("subscribe", BERT), state(1)]) + line + "\n"
    ran = run_target(service, text, list_key="3z")
    assert isinstance(ran.error, FatalError)
    assert "planted" not in str(ran.error)
    assert (service.calls, ran.states) == ([], [])


def test_versions_of_tables_change_nothing(service: Service, list_key: str) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "subscribe", "version": 1}
    messages = [record("subscribe", ANNA), version, state(1)]
    ran = run_target(service, messages, list_key=list_key)
    assert (ran.counts(), ran.states) == ((1, 0, 0, 0), [{"number": 1}])


def test_states_are_passed_on_as_they_came(service: Service) -> None:
    value = '{"a": 1.10, "b": [12345678901234567890123], "c": "é"}'
    ran = run_target(service, f'{{"type":"STATE","value":{value}}}\n')
    assert ran.states == [json.loads(value)]


def test_the_input_is_utf_8_wherever_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in = io.TextIOWrapper(io.BytesIO("é\n".encode() + b"\xff"), encoding="ascii")
    monkeypatch.setattr("sys.stdin", read_in)
    assert MessageReader().default_input.read() == "é\n\udcff"


def test_a_file_is_utf_8_wherever_it_comes_from(
    service: Service, account: LivingAccount, list_key: str, tmp_path: Path
) -> None:
    told = lines(
        [record("subscribe", ANNA, first_name="Zoë"), record("subscribe", BERT)]
    )
    path = tmp_path / "input"
    path.write_bytes(
        told.replace("\\u00eb", "ë")
        .replace(BERT, "\udcff")
        .encode(errors="surrogateescape")
    )
    config = service.config | {"rate_limit_ledger": "memory", "dry_run": False}
    with path.open(encoding="ascii") as file, pytest.raises(SystemExit) as ended:
        TargetZohoCampaigns.invoke(
            config=SimpleNamespace(
                config=config | {"list_key": list_key}, parse_env=False
            ),
            file_input=file,
        )
    # What is no UTF-8 is no address.
    assert ended.value.code == 1
    people = {one.contact.email: one for one in account.contacts(list_key, "active")}
    assert people[ANNA].contact.first_name == "Zoë"


# What is told.


def test_a_line_a_minute_and_a_summary(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(time, "localtime", lambda _: (2024, *[1] * 8))
    report = Report(lambda: 1.0, dry=False, every=0.001)
    report.read = 3
    report.count_record("rejected", "subscribe", 2)
    report.start()
    while "Progress" not in caplog.text:
        pass
    assert report.end()
    assert not report.end()
    progress = "3 records read, 0 sent, 0 already in effect, 1 rejected, 0 skipped, 0 calls"
    assert f"Progress: {progress}, waiting until 01:01:01" in caplog.text
    assert caplog.text.count("Summary: 3 records read, 0 sent") == 1
    assert "subscribe, rejected: records 2" in caplog.text


def test_numbers_are_told_in_short() -> None:
    assert ranges([7, 1, 2, 3]) == "1-3, 7"
    assert ranges(range(1, 100, 2)).count(",") == 20
    assert ranges(range(1, 100, 2)).endswith("39, …")


# Settings.


def test_settings_are_told_without_their_values() -> None:
    config = complete(
        {
            "data_center": "sandbox",
            "streams": {"x": "planted"},
            "max_writes": 0,
            "client_secret": ["planted"],
        }
    )
    found = problems(config)
    assert len(found) == 3
    assert all("planted" not in sentence for sentence in found)
    assert any("`streams` must be one of: subscribe" in sentence for sentence in found)


def test_a_home_that_is_nobodys_is_told_at_once() -> None:
    files = dict.fromkeys(("rate_limit_ledger", "reject_file"), "~planted-nobody/x")
    assert problems(complete({"data_center": "sandbox"} | files)) == [
        f"Setting `{name}` is in the home of a user who is not known." for name in files
    ]


def test_maps_of_streams_that_have_no_such_form_are_told() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    config = complete({"data_center": "sandbox", "stream_maps": {"x": 3}})
    told = "Setting `stream_maps` has a value of another form than it needs."
    assert problems(config) == [told]


@pytest.mark.parametrize("plugin", [TargetZohoCampaigns, TapZohoCampaigns])
@pytest.mark.parametrize(
    ("setting", "text", "kind"),
    [
        ("rate_limit_calls", "planted", "integer"),
        ("stream_maps", "planted", "object"),
        ("flattening_enabled", "planted", "boolean"),
    ],
)
def test_a_word_of_the_environment_that_is_not_understood_is_told(
    monkeypatch: pytest.MonkeyPatch,
    plugin: type[TargetZohoCampaigns | TapZohoCampaigns],
    setting: str,
    text: str,
    kind: str,
) -> None:
    prefix = plugin.name.upper().replace("-", "_")
    monkeypatch.setenv(f"{prefix}_DATA_CENTER", "sandbox")
    monkeypatch.setenv(f"{prefix}_{setting.upper()}", text)
    with pytest.raises(ConfigValidationError) as raised:
        plugin(parse_env_config=True)
    assert raised.value.errors == [f"Setting `{setting}` must be of the type {kind}."]


@pytest.mark.parametrize(
    ("text", "dry"),
    [("", True), ("True", True), ("1", True), ("FALSE", False), ("off", False)],
)
def test_only_a_word_that_says_so_switches_the_rehearsal_off(
    monkeypatch: pytest.MonkeyPatch, text: str, *, dry: bool
) -> None:
    settings = {
        "DATA_CENTER": "sandbox",
        "DRY_RUN": text,
        "MAX_WRITES": "7",
        "STREAMS": '{"left": "unsubscribe"}',
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"TARGET_ZOHOCAMPAIGNS_{name}", value)
    target = TargetZohoCampaigns(parse_env_config=True)
    assert (target.settings["dry_run"], target.settings["max_writes"]) == (dry, 7)
    assert target.settings["streams"] == {"left": "unsubscribe"}


def test_settings_of_databases_are_not_offered() -> None:
    TargetZohoCampaigns(config={"data_center": "sandbox"})
    known = TargetZohoCampaigns.config_jsonschema["properties"]
    assert "stream_maps" in known
    assert not {"load_method", "batch_size_rows", "add_record_metadata"} & known.keys()


def test_a_stream_whose_keys_are_missing_breaks_the_rules(service: Service) -> None:
    text = lines([schema("subscribe", "id"), record("subscribe", ANNA)])
    with pytest.raises(MissingKeyPropertiesError):
        run_target(service, text)
