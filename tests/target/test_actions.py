"""What is done with contacts: actions, fields, order and grouping."""

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
    ANNA,
    BERT,
    BLOCK,
    BULK,
    FORMATS,
    SUBSCRIBE,
    UNSUBSCRIBE,
    contact,
    endpoints,
    lines,
    record,
    run_target,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import LivingAccount


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
