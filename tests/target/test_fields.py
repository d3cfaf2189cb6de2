"""Fields of contacts: encodings, custom fields, numbers, addresses."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.target import (
    BULK,
    SUBSCRIBE,
    contact,
    endpoints,
    lines,
    record,
    rejected,
    run_target,
    state,
)
from tests.support.target_cases import ACTIONS, ANNA, BAD, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service


@pytest.mark.parametrize("sign", "+%")
@pytest.mark.parametrize("action", ACTIONS)
def test_what_xml_may_change_goes_by_json(
    service: Service, list_key: str, sign: str, action: str
) -> None:
    messages = [
        record(action, f"planted.a{sign}b@example.com", phone="1"),
        record(action, ANNA, phone=f"{sign}49 1"),
        record(action, BERT, phone="49 1", **{f"Size {sign}": "3"}),
        record(action, BAD, phone="49 1"),
    ]
    run_target(service, messages, list_key=list_key, response_format="xml")
    forms = [call.endpoint.partition("/")[0] for call in service.calls]
    # To leave, no more than the address is told.
    signs = 3 if action == "subscribe" else 1
    assert forms == ["json"] * signs + ["xml"] * (4 - signs)
    assert contact(service.calls[0])["Contact Email"] == f"planted.a{sign}b@example.com"


@pytest.mark.parametrize("email", ["planted%41@example.com", "+planted@example.com"])
def test_addresses_that_a_list_may_change_go_alone(
    service: Service, list_key: str, email: str
) -> None:
    messages = [record("subscribe", one) for one in (ANNA, email, BERT)]
    run_target(service, messages, list_key=list_key)
    assert sorted(endpoints(service)) == [BULK, SUBSCRIBE]
    (alone,) = [one for one in service.calls if one.endpoint.endswith(SUBSCRIBE)]
    assert contact(alone) == {"Contact Email": email}
    (group,) = [one for one in service.calls if one.endpoint.endswith(BULK)]
    assert group.params["emailids"] == f"{ANNA},{BERT}"


@pytest.mark.parametrize("nothing", [None, "", float("nan")])
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
def test_a_value_wins_over_null(
    service: Service,
    list_key: str,
    value: dict[str, t.Any],
    null: dict[str, t.Any],
    nothing: object,
) -> None:
    null = {
        name: dict.fromkeys(told, nothing) if isinstance(told, dict) else nothing
        for name, told in null.items()
    }
    for fields in (null | value, value | null):
        run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    for call in service.calls:
        assert contact(call) == {"Contact Email": ANNA, "First Name": "Ann"}
    assert len(service.calls) == 2


def test_a_column_wins_over_a_custom_field(service: Service, list_key: str) -> None:
    fields = {"first_name": "Ann", "custom_fields": {"First Name": "Old", "Age": 3}}
    run_target(service, [record("subscribe", ANNA, **fields)], list_key=list_key)
    assert contact(service.calls[0]) == {
        "Contact Email": ANNA,
        "First Name": "Ann",
        "Age": "3",
    }


@pytest.mark.parametrize("name", ["Contact Email", "contact email", " CONTACT EMAIL"])
def test_no_field_is_another_address(
    service: Service, list_key: str, name: str
) -> None:
    messages = [record("subscribe", ANNA, phone="1", custom_fields={name: BERT})]
    run_target(service, messages, list_key=list_key)
    assert contact(service.calls[0]) == {"Contact Email": ANNA, "Phone": "1"}


def test_custom_fields_may_be_a_text(service: Service, list_key: str) -> None:
    told = ' {"Size": 9007199254740993, "Price": 0.10, "VIP": true, "Note": null} '
    messages = [
        record("subscribe", ANNA, custom_fields=told),
        record("subscribe", BERT, custom_fields=" "),
    ]
    run_target(service, messages, list_key=list_key)
    assert contact(service.calls[0]) == {
        "Contact Email": ANNA,
        "Size": "9007199254740993",
        "Price": "0.10",
        "VIP": "true",
    }
    assert endpoints(service) == [SUBSCRIBE, BULK]


@pytest.mark.parametrize(
    ("told", "reason"),
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
def test_custom_fields_that_are_none_are_rejected(
    service: Service, state_folder: Path, told: object, reason: str
) -> None:
    messages = [record("subscribe", ANNA, custom_fields=told), state(1)]
    ran = run_target(service, messages, list_key="3z")
    assert (ran.error, ran.states, service.calls) == (None, [{"number": 1}], [])
    (line,) = rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]


def test_digits_are_kept(service: Service, list_key: str) -> None:
    numbers = [
        "9007199254740993",
        "1293333000000000051",
        "0.1",
        "1.10",
        "12345.678901234567890123",
    ]
    text = lines(
        [record("subscribe", ANNA, custom_fields={n: f"<{n}>" for n in numbers})]
    )
    for number in numbers:
        text = text.replace(f'"<{number}>"', number)
    run_target(service, text, list_key=list_key)
    assert contact(service.calls[0]) == {n: n for n in numbers} | {
        "Contact Email": ANNA
    }


def test_an_address_of_any_length_is_judged_at_once(
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
    assert {line["reason"] for line in rejected(path)} == {
        "`contact_email` is not an address."
    }
    assert service.calls == []
