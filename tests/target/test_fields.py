"""Fields of contacts: encodings, custom fields, numbers, addresses."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.target import (
    BULK,
    SUBSCRIBE,
    as_lines,
    contact_of_call,
    endpoints,
    read_reject_file,
    record,
    run_target,
    state,
)
from tests.support.target_cases import (
    ACTIONS,
    BAD_ADDRESS,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service


@pytest.mark.parametrize("sign", "+%")
@pytest.mark.parametrize("action", ACTIONS)
def test_contacts_with_a_plus_or_percent_sign_are_sent_as_json(
    service: Service, list_key: str, sign: str, action: str
) -> None:
    messages = [
        record(action, f"planted.a{sign}b@example.com", phone="1"),
        record(action, ANNA, phone=f"{sign}49 1"),
        record(action, BERT, phone="49 1", **{f"Size {sign}": "3"}),
        record(action, BAD_ADDRESS, phone="49 1"),
    ]
    run_target(service, messages, list_key=list_key, response_format="xml")
    forms = [call.endpoint.partition("/")[0] for call in service.calls]
    # The other two actions send only the address.
    json_calls = 3 if action == "subscribe" else 1
    assert forms == ["json"] * json_calls + ["xml"] * (4 - json_calls)
    assert (
        contact_of_call(service.calls[0])["Contact Email"]
        == f"planted.a{sign}b@example.com"
    )


@pytest.mark.parametrize("email", ["planted%41@example.com", "+planted@example.com"])
def test_addresses_with_a_percent_or_leading_plus_are_not_sent_in_bulk(
    service: Service, list_key: str, email: str
) -> None:
    messages = [record("subscribe", address) for address in (ANNA, email, BERT)]
    run_target(service, messages, list_key=list_key)
    assert sorted(endpoints(service)) == [BULK, SUBSCRIBE]
    (single,) = [call for call in service.calls if call.endpoint.endswith(SUBSCRIBE)]
    assert contact_of_call(single) == {"Contact Email": email}
    (bulk,) = [call for call in service.calls if call.endpoint.endswith(BULK)]
    assert bulk.params["emailids"] == f"{ANNA},{BERT}"


@pytest.mark.parametrize("empty", [None, "", float("nan")])
@pytest.mark.parametrize(
    ("value", "null"),
    [
        ({"First Name": "Ann"}, {"first_name": ...}),
        ({"first_name": "Ann"}, {"First Name": ...}),
        ({"custom_fields": {"First Name": "Ann"}}, {"first_name": ...}),
        ({"custom_fields": {"First Name": "Ann"}}, {"First Name": ...}),
        ({"custom_fields": '{"First Name": "Ann"}'}, {"First Name": ...}),
        ({"first_name": "Ann"}, {"custom_fields": {"First Name": ...}}),
        ({"First Name": "Ann"}, {"first name": ..., "FIRST_NAME": ...}),
    ],
)
def test_a_value_takes_precedence_over_null(
    service: Service,
    list_key: str,
    value: dict[str, t.Any],
    null: dict[str, t.Any],
    empty: object,
) -> None:
    null = {
        name: dict.fromkeys(field, empty) if isinstance(field, dict) else empty
        for name, field in null.items()
    }
    for fields in (null | value, value | null):
        run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    for call in service.calls:
        assert contact_of_call(call) == {"Contact Email": ANNA, "First Name": "Ann"}
    assert len(service.calls) == 2


def test_a_column_takes_precedence_over_a_custom_field(
    service: Service, list_key: str
) -> None:
    fields = {"first_name": "Ann", "custom_fields": {"First Name": "Old", "Age": 3}}
    run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    assert contact_of_call(service.calls[0]) == {
        "Contact Email": ANNA,
        "First Name": "Ann",
        "Age": "3",
    }


@pytest.mark.parametrize("name", ["Contact Email", "contact email", " CONTACT EMAIL"])
def test_a_custom_field_does_not_change_the_address(
    service: Service, list_key: str, name: str
) -> None:
    messages = [record("subscribe", ANNA, phone="1", custom_fields={name: BERT})]
    run_target(service, messages, list_key=list_key)
    assert contact_of_call(service.calls[0]) == {"Contact Email": ANNA, "Phone": "1"}


def test_custom_fields_may_be_json_text(service: Service, list_key: str) -> None:
    text = ' {"Size": 9007199254740993, "Price": 0.10, "VIP": true, "Note": null} '
    messages = [
        record("subscribe", ANNA, custom_fields=text),
        record("subscribe", BERT, custom_fields=" "),
    ]
    run_target(service, messages, list_key=list_key)
    assert contact_of_call(service.calls[0]) == {
        "Contact Email": ANNA,
        "Size": "9007199254740993",
        "Price": "0.10",
        "VIP": "true",
    }
    assert endpoints(service) == [SUBSCRIBE, BULK]


@pytest.mark.parametrize(
    ("custom_fields", "reason"),
    [
        ("planted", "`custom_fields` is neither"),
        ('["planted"]', "`custom_fields` is neither"),
        ("1", "`custom_fields` is neither"),
        ("[" * 100_000, "`custom_fields` is neither"),
        ('{"a": ' + "9" * 5000 + "}", "`custom_fields` is neither"),
        (7, "`custom_fields` is neither"),
        ([], "`custom_fields` is neither"),
        ('{"a": {"b": "planted"}}', "object or a list"),
    ],
)
def test_invalid_custom_fields_are_rejected(
    service: Service, state_folder: Path, custom_fields: object, reason: str
) -> None:
    messages = [record("subscribe", ANNA, custom_fields=custom_fields), state(1)]
    result = run_target(service, messages, list_key="3z")
    assert (result.error, result.states, service.calls) == (None, [{"number": 1}], [])
    (line,) = read_reject_file(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]


def test_numbers_keep_all_their_digits(service: Service, list_key: str) -> None:
    numbers = [
        "9007199254740993",
        "1293333000000000051",
        "0.1",
        "1.10",
        "12345.678901234567890123",
    ]
    text = as_lines(
        [record("subscribe", ANNA, custom_fields={n: f"<{n}>" for n in numbers})]
    )
    for number in numbers:
        text = text.replace(f'"<{number}>"', number)
    run_target(service, text, list_key=list_key)
    assert contact_of_call(service.calls[0]) == {n: n for n in numbers} | {
        "Contact Email": ANNA
    }


def test_very_long_invalid_addresses_are_rejected(
    service: Service, list_key: str, state_folder: Path
) -> None:
    for email in (
        "a" * 60_000,
        "planted@" + "b." * 30_000,
        "a@" * 30_000,
        "planted@" + "b." * 200 + "com",
    ):
        run_target(service, [record("subscribe", email)], list_key=list_key)
    path = state_folder / "tap-zohocampaigns" / "rejected.jsonl"
    assert {line["reason"] for line in read_reject_file(path)} == {
        "`contact_email` is not an address."
    }
    assert service.calls == []
