"""Actions on contacts: fields, order and grouping."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.api.test_contactinfo import TEXT
from tests.support.target import (
    BLOCK,
    BULK,
    FORMATS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    as_lines,
    contact_of_call,
    endpoints,
    record,
    run_target,
    small_account,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import LivingAccount


@pytest.mark.parametrize("form", FORMATS)
def test_contacts_are_subscribed_unsubscribed_and_blocked(
    service: Service, account: LivingAccount, list_key: str, form: str
) -> None:
    result = run_target(
        service,
        [
            record(
                "subscribe", ANNA_WITH_PLUS, first_name="Anna", Favourite_colour="x"
            ),
            record("subscribe", BERT, **{"Favourite colour": "red & white"}),
            state(1),
        ],
        list_key=list_key,
        response_format=form,
    )
    assert (result.states, result.counts(), result.status) == (
        [{"number": 1}],
        (2, 0, 0, 0),
        0,
    )
    members = {
        member.contact.email: member for member in account.contacts(list_key, "active")
    }
    assert members[ANNA_WITH_PLUS].contact.first_name == "Anna"
    assert members[BERT].contact.custom == {"favourite colour": "red & white"}
    run_target(
        service,
        [
            record("unsubscribe", ANNA_WITH_PLUS, list_key=list_key),
            record("do_not_mail", BERT),
        ],
        response_format=form,
    )
    assert account.status(ANNA_WITH_PLUS, list_key) == "unsub"
    assert account.blocked(BERT)
    for call in service.calls:
        assert not call.secret_in_url
        # Only for JSON is it known how often Zoho decodes a plus.
        used_form = (
            "json" if contact_of_call(call)["Contact Email"] == ANNA_WITH_PLUS else form
        )
        assert call.endpoint.startswith(f"{used_form}/")
    assert service.tokens_issued == 2


@pytest.mark.parametrize("form", FORMATS)
def test_version_1_subscribes_and_unsubscribes(
    service: Service, account: LivingAccount, list_key: str, form: str
) -> None:
    settings = service.config_v1 | {"list_key": list_key, "response_format": form}
    # Version 1 has no bulk endpoint: each contact is a call.
    emails = [f"planted.{number}@example.com" for number in range(3)]
    result = run_target(
        service, [record("subscribe", email) for email in emails], **settings
    )
    assert result.counts() == (3, 0, 0, 0)
    assert endpoints(service) == [SUBSCRIBE] * 3
    assert service.tokens_issued == 0
    assert {call.version for call in service.calls} == {"1"}
    # Version 1 answers 2003 and 2103 if a change is already in effect.
    repeated = [*(record("subscribe", email) for email in emails), state(1)]
    result = run_target(service, repeated, **settings)
    assert (result.counts(), result.states) == ((0, 3, 0, 0), [{"number": 1}])
    unsubscribed = [
        record("unsubscribe", emails[0]),
        record("unsubscribe", ANNA_WITH_PLUS),
    ]
    assert run_target(service, unsubscribed, **settings).counts() == (1, 1, 0, 0)
    assert account.status(emails[0], list_key) == "unsub"


def test_do_not_mail_with_version_1_fails_before_any_call(
    service: Service, list_key: str
) -> None:
    messages = [
        record("subscribe", ANNA_WITH_PLUS),
        record("do_not_mail", ANNA_WITH_PLUS),
    ]
    result = run_target(service, messages, list_key=list_key, **service.config_v1)
    assert isinstance(result.error, SettingError)
    assert "`api_version` 1.1" in str(result.error)
    assert service.calls == []


@given(
    st.dictionaries(TEXT.map(str.strip).filter(bool), TEXT, max_size=4),
    st.sampled_from(FORMATS),
)
@example({"company_name": "0", "contact_email": "1", "custom_fields": "2"}, "json")
def test_any_text_of_a_field_is_sent_unchanged(
    sink: Service, fields: dict[str, str], form: str
) -> None:
    sink.calls.clear()
    result = run_target(
        sink,
        [
            record(
                "subscribe",
                ANNA_WITH_PLUS,
                custom_fields=fields,
                **{"Company Name": "+"},
            )
        ],
        list_key="3z",
        response_format=form,
    )
    assert result.counts() == (1, 0, 0, 0)
    (call,) = sink.calls
    sent_fields = {
        name: value
        for name, value in fields.items()
        if value and not name.startswith("_sdc_")
    }
    assert contact_of_call(call) == {
        **sent_fields,
        "Company Name": "+",
        "Contact Email": ANNA_WITH_PLUS,
    }


@pytest.fixture(scope="module")
def sink() -> Iterator[Service]:
    """Return a service that accepts every call."""
    body = {
        "status": "success",
        "code": "0",
        "message": "User successfully subscribed.",
    }
    accepted = Reply(200, json.dumps(body).encode())
    clock = iter(range(0, 10**9, 100))
    with Service(small_account(), monotonic=lambda: float(next(clock))) as service:
        service.intercept = lambda _: accepted
        yield service


def test_field_names_of_the_tap_are_sent_under_zohos_names(sink: Service) -> None:
    sink.calls.clear()
    renamed = {"first_name": "a", "last_name": "b", "company_name": "c", "phone": 4}
    others = {
        "Member since": 2024.5,
        "VIP": True,
        "Nothing": None,
        "_sdc_batched_at": "x",
    }
    params = {"topic_id": "12,13", "source": "shop"}
    for form in FORMATS:
        messages = [record("subscribe", ANNA_WITH_PLUS, **renamed, **others, **params)]
        run_target(sink, messages, list_key="3z", response_format=form)
    for call in sink.calls:
        assert contact_of_call(call) == {
            "First Name": "a",
            "Last Name": "b",
            "Company Name": "c",
            "Phone": "4",
            "Member since": "2024.5",
            "VIP": "true",
            "Contact Email": ANNA_WITH_PLUS,
        }
        assert {call.params[name] for name in params} == {*params.values()}
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
        # Too large for a float; without an exponent it would have a billion digits.
        "1e999999999": "1E+999999999",
        # Some JSON writers write a missing number like this.
        "NaN": None,
        "-Infinity": None,
    }
    text = as_lines(
        [record("subscribe", ANNA_WITH_PLUS, **{name: name for name in numbers})]
    )
    for number in numbers:
        text = text.replace(f': "{number}"', f": {number}")
    run_target(sink, text, list_key="3z")
    (call,) = sink.calls
    texts = {name: text for name, text in numbers.items() if text}
    assert contact_of_call(call) == texts | {"Contact Email": ANNA_WITH_PLUS}


def test_unsubscribe_and_do_not_mail_send_only_the_address(sink: Service) -> None:
    sink.calls.clear()
    fields = {"first_name": "Anna", "bounces": 2, "topic_id": "12", "source": "x"}
    messages = [
        record(action, ANNA_WITH_PLUS, **fields)
        for action in ("unsubscribe", "do_not_mail")
    ]
    run_target(sink, messages, list_key="3z")
    unsubscribed, blocked = sink.calls
    assert (
        contact_of_call(unsubscribed)
        == contact_of_call(blocked)
        == {"Contact Email": ANNA_WITH_PLUS}
    )
    assert unsubscribed.params["topic_id"] == "12"
    assert not {"topic_id", "source", "listkey"} & blocked.params.keys()
    assert "source" not in unsubscribed.params


def test_contacts_with_only_an_address_are_added_ten_per_call(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    emails = [f"planted+{number}@example.com" for number in range(23)]
    messages = [record("subscribe", email, list_key=list_key) for email in emails]
    messages.insert(
        5, record("subscribe", ANNA_WITH_PLUS, list_key=list_key, first_name="Anna")
    )
    messages.insert(7, record("subscribe", BERT, list_key=list_key, topic_id="12"))
    result = run_target(service, messages)
    assert sorted(endpoints(service)) == sorted([BULK] * 3 + [SUBSCRIBE] * 2)
    assert result.counts() == (25, 0, 0, 0)
    active = {member.contact.email for member in account.contacts(list_key, "active")}
    assert {*emails, ANNA_WITH_PLUS, BERT} <= active


def test_contacts_with_a_topic_are_not_added_in_bulk(
    service: Service, list_key: str
) -> None:
    run_target(
        service, [record("subscribe", ANNA_WITH_PLUS)], list_key=list_key, topic_id="12"
    )
    assert endpoints(service) == [SUBSCRIBE]
    assert service.calls[0].params["topic_id"] == "12"


def test_only_the_last_change_of_a_contact_and_list_is_sent(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    result = run_target(
        service,
        [
            record("subscribe", ANNA_WITH_PLUS, first_name="Anna"),
            record("subscribe", BERT, first_name="Bert"),
            record("unsubscribe", ANNA_WITH_PLUS.upper()),
            state(1),
            record("subscribe", BERT, first_name="Bertram"),
            record("unsubscribe", ANNA_WITH_PLUS),
            state(2),
        ],
        list_key=list_key,
    )
    assert endpoints(service) == [SUBSCRIBE, UNSUBSCRIBE]
    assert contact_of_call(service.calls[0])["First Name"] == "Bertram"
    # Anna was never subscribed, so her unsubscribing is already in effect.
    assert result.counts() == (1, 1, 0, 3)
    assert result.states == [{"number": 2}]
    assert account.status(BERT, list_key) == "active"


def test_the_changes_of_a_contact_are_sent_in_order(
    service: Service, account: LivingAccount
) -> None:
    first_list, second_list = [
        mailing_list.key for mailing_list in account.lists() if not mailing_list.public
    ][:2]
    result = run_target(
        service,
        [
            record("subscribe", ANNA_WITH_PLUS, list_key=first_list),
            record("subscribe", BERT, list_key=first_list),
            record("subscribe", BERT, list_key=second_list),
            record("do_not_mail", ANNA_WITH_PLUS),
            record("unsubscribe", BERT, list_key=first_list, topic_id="12"),
        ],
    )
    assert endpoints(service) == [BULK, BLOCK, BULK, UNSUBSCRIBE]
    assert service.calls[0].params["emailids"] == f"{ANNA_WITH_PLUS},{BERT}"
    assert result.counts() == (5, 0, 0, 0)


def test_a_change_is_not_sent_twice_in_a_run(service: Service, list_key: str) -> None:
    anna, bert = (
        record("subscribe", email, first_name="x") for email in (ANNA_WITH_PLUS, BERT)
    )
    anna_leaves = record("unsubscribe", ANNA_WITH_PLUS)
    messages = [anna, bert, anna, bert, anna_leaves, bert, anna, bert]
    result = run_target(service, messages, list_key=list_key, most_pending=2)
    assert endpoints(service) == [SUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]
    assert result.report.count("skipped") == 4
