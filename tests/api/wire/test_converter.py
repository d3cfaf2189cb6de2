"""Rows of answers become records."""

from __future__ import annotations

import json
import logging
import math
import tracemalloc
import typing as t
from contextlib import closing
from decimal import Decimal
from itertools import count

import pytest
from singer_sdk.singerlib import RecordMessage

from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.singer.writer import PageWriter
from tap_zohocampaigns.sync.schemas import load_schema
from tap_zohocampaigns.sync.spool import Spool
from tests.support import samples
from tests.support.rows import SAMPLED, converter, no_zone
from tests.support.zoho import parse_envelope, rows_or_value_of


def typed(**kinds: object) -> Converter:
    """Return a converter to fields of these types."""
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    return Converter("typed", {"properties": properties}, no_zone)


def records(stream: str, endpoint: str, content: bytes) -> list[dict[str, t.Any]]:
    rows = rows_or_value_of(endpoint, parse_envelope(content))
    return [*map(converter(stream).record, rows)]


RECIPIENT = {
    "contact_email": "john.doe@xyz.com",
    "first_name": "meganath.v",
    "last_name": None,
    "company_name": None,
    "phone": None,
}


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (body, {"sent_time": "2013-08-02T16:39:00.000Z"})
        for body in (samples.RECIPIENTS_XML, samples.RECIPIENTS_CN_XML)
    ]
    + [
        (
            body,
            {
                "sent_time": "2013-08-02T16:39:21.000Z",
                "contact_id": "303000014269257",
                "contact_status": "active",
                "time_zone": None,
            },
        )
        for body in (samples.RECIPIENTS_JSON, samples.RECIPIENTS_CN_JSON)
    ],
    ids=["xml", "cn xml", "json", "cn json"],
)
def test_the_recipient_of_the_documentation_is_the_same_in_both_formats(
    content: bytes, more: dict[str, object]
) -> None:
    actual = records("campaign_recipients", "getcampaignrecipientsdata", content)
    assert actual == [RECIPIENT | more]


def test_the_contacts_of_the_documentation_become_records() -> None:
    actual = records(
        "segment_contacts", "getsegmentcontacts", samples.SEGMENT_CONTACTS_XML
    )
    assert [record["contact_email"] for record in actual] == [
        "user512@thandora.com",
        "user212@thandora.com",
        "user612@thandora.com",
        "user118@thandora.com",
    ]
    assert actual[0] == {
        "contact_email": "user512@thandora.com",
        "first_name": None,
        "last_name": None,
        "company_name": None,
        "phone": None,
        "added_time": "2011-04-22T20:37:00.000Z",
    }
    assert actual[3] == {
        "contact_email": "user118@thandora.com",
        "first_name": "changefname users",
        "last_name": "users",
        "company_name": None,
        "phone": None,
        "added_time": "2011-04-17T01:00:00.000Z",
    }


@pytest.mark.parametrize("value", [2, "2"], ids=["json", "xml"])
def test_the_count_of_the_documentation_is_an_integer_in_both_formats(
    value: object,
) -> None:
    record = converter("list_subscriber_counts").record({"no_of_contacts": value})
    assert record == {"contact_count": 2}
    assert type(record["contact_count"]) is int


@pytest.mark.parametrize(
    "row",
    [
        {"contactfn": "Ann", "contactln": "Lee"},
        {"first_name": "Ann", "last_name": "Lee"},
        {"firstname": "Ann", "lastname": "Lee"},
        # Of two names the first that holds something.
        {"firstname": "", "contactfn": "Ann", "contactln": "Lee", "lastname": "null"},
        {"contactfn": "null", "firstname": "Ann", "contactln": None, "lastname": "Lee"},
    ],
)
@pytest.mark.parametrize("stream", ["campaign_recipients", "segment_contacts"])
def test_the_names_of_a_contact_are_found_under_all_wire_names(
    stream: str, row: dict[str, object]
) -> None:
    record = converter(stream).record(row)
    assert record == {"first_name": "Ann", "last_name": "Lee"}


@pytest.mark.parametrize(
    "nothing", ["", "null", "undefined", None], ids=["empty", "null", "undefined", "no"]
)
@pytest.mark.parametrize("stream", SAMPLED)
def test_texts_that_mean_no_value_are_null_in_every_field(
    stream: str, nothing: str | None
) -> None:
    schema = load_schema(stream)
    wires = [
        name
        for field, field_schema in schema["properties"].items()
        for name in field_schema.get("x-wire-names", [field])
    ]
    record = converter(stream).record(dict.fromkeys(wires, nothing))
    assert set(record) == {
        field
        for field, field_schema in schema["properties"].items()
        if field_schema.get("x-wire-names", [field])
    }
    assert set(record.values()) <= {None}


def test_unknown_names_are_kept_in_custom_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = {
        "contactemailaddress": "a@b.c",
        "contactstatus": "active",
        "last seen yymmdd": "240311",
        "favourite colour": "null",
        "clicks": [{"url": "u", "count": 3}],
        "vip": False,
        "score": 0,
    }
    assert converter("campaign_recipients").record(row) == {
        "contact_email": "a@b.c",
        "contact_status": "active",
        "custom_fields": {
            "last seen yymmdd": "240311",
            "clicks": [{"url": "u", "count": 3}],
            "vip": False,
            "score": 0,
        },
    }
    assert not caplog.records


def test_redundant_names_are_left_out() -> None:
    row = {
        "listkey": "3z",
        "sno": "8",
        "segments": {"1": "a"},
        "date": "09 Apr 2025, 08:55 AM",
        "created_time": "1744232100000",
        "created_time_gmt": "1744203300000",
        "list_created_time": "2025-04-09T00:55:00-04:00",
    }
    assert converter("mailing_lists").record(row) == {
        "list_key": "3z",
        "created_time": "2025-04-09T12:55:00.000Z",
    }


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", "12", 12),
        ("integer", 12, 12),
        ("integer", "-1", -1),
        ("integer", 2**70, 2**70),
        (["integer", "null"], "0", 0),
        ("number", "50.3", 50.3),
        ("number", "50.3%", 50.3),
        ("number", " 7 % ", 7.0),
        ("number", 3, 3.0),
        # Digits that no float has.
        ("number", "9007199254740993", 9007199254740993),
        ("number", 9007199254740993, 9007199254740993),
        ("number", "1293333000000000051", 1293333000000000051),
        ("number", "0.1234567890123456789%", Decimal("0.1234567890123456789")),
        ("number", Decimal("0.1234567890123456789"), Decimal("0.1234567890123456789")),
        ("string", Decimal("0.00000000012345678901"), "0.00000000012345678901"),
        ("string", 1293333000000000051, "1293333000000000051"),
        ("integer", "1293333000000000051", 1293333000000000051),
        ("integer", 1e22, 10**22),
        # Whole, in other words.
        ("integer", "12.0", 12),
        ("integer", 12.0, 12),
        ("integer", "1e3", 1000),
        ("integer", "+5", 5),
        ("integer", " 5 ", 5),
        ("boolean", "true", True),
        ("boolean", "FALSE", False),
        ("boolean", "1", True),
        ("boolean", 0, False),
        ("boolean", True, True),
        ("string", 12, "12"),
        ("string", 0.5, "0.5"),
        ("string", True, "true"),
        ("string", " as it is ", " as it is "),
        ("array", [1], [1]),
        ("object", {"a": 1}, {"a": 1}),
    ],
    ids=count(),
)
@pytest.mark.parametrize("other", ["text", 5])
def test_a_value_gets_the_declared_type(
    kind: object, value: object, expected: object, other: object
) -> None:
    record = typed(field=kind, other="string").record({"field": value, "other": other})
    assert record == {"field": expected, "other": str(other)}
    assert type(record["field"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "12.5"),
        ("integer", "many"),
        ("integer", 1.5),
        ("integer", ["1"]),
        ("integer", "9" * 5000),
        ("integer", "1_000"),
        ("integer", "1,234"),
        ("integer", "١٢"),
        ("integer", "\t12\n"),
        ("integer", "12.000000000000000001"),
        ("integer", Decimal("12.000000000000000001")),
        ("integer", math.inf),
        ("number", "1_000"),
        ("number", "1_000.5"),
        ("number", "1,5"),
        ("number", "١٢"),
        ("number", "\u00a07"),
        ("number", "inf"),
        ("number", "1e-999"),
        ("number", "9" * 400),
        ("number", math.nan),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "half"),
        ("number", []),
        ("number", 10**400),
        ("boolean", "yes"),
        ("boolean", 2),
        ("string", ["a"]),
        ("string", {"a": "b"}),
    ],
    ids=count(),
)
def test_a_value_of_another_type_is_kept_with_one_warning(
    kind: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    convert = typed(field=kind, other="string").record
    for _ in range(3):
        assert convert({"field": value, "other": "text", "new": "1"}) == {
            "field": None,
            "other": "text",
            "custom_fields": {"field": value, "new": "1"},
        }
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "`field`" in warning.getMessage()
    assert str(value) not in warning.getMessage()


AMOUNTS = {
    "amount": {"type": ["number", "null"]},
    "points": {"type": ["integer", "null"]},
    "code": {"type": ["string", "null"]},
}


@pytest.mark.parametrize(
    "values",
    [
        {"amount": "9007199254740993", "points": "1293333000000000051", "code": "7"},
        {"amount": "0.1234567890123456789", "points": "12.0", "code": "1.5"},
        {"amount": "50.3", "points": "3", "code": "9007199254740993.5"},
    ],
)
def test_numbers_keep_their_digits_from_the_answer_to_the_message(
    values: dict[str, str],
) -> None:
    rest = {"rate": values["amount"]}
    fields = values | rest
    plain = ",".join(f'"{name}":{text}' for name, text in fields.items())
    quoted = ",".join(f'"{name}":"{text}"' for name, text in fields.items())
    elements = "".join(f'<fl val="{n}">{text}</fl>' for n, text in fields.items())
    xml = f"<list_of_details><contact>{elements}</contact></list_of_details>"
    contents = (
        f'{{"code":"0","list_of_details":[{{{plain}}}]}}',
        f'{{"code":"0","list_of_details":[{{{quoted}}}]}}',
        f"<response><code>0</code>{xml}</response>",
    )
    messages = []
    for content in contents:
        page = rows_or_value_of("getsegmentcontacts", parse_envelope(content.encode()))
        convert = Converter("typed", {"properties": AMOUNTS}, no_zone)
        with closing(Spool()) as spool:
            (record,) = spool.load(spool.write(convert.records(page)))
        assert record == convert.record(page[0])
        writer = PageWriter()
        line = writer.serialize_message(RecordMessage("typed", record))
        messages.append(json.loads(line, parse_float=Decimal)["record"])
    assert Decimal(messages[0]["amount"]) == Decimal(values["amount"])
    assert Decimal(messages[0]["points"]) == Decimal(values["points"])
    assert messages[0]["code"] == values["code"]
    assert Decimal(messages[0]["custom_fields"]["rate"]) == Decimal(rest["rate"])
    for record in messages[1:]:
        assert record.pop("custom_fields") == rest
        assert record == {n: v for n, v in messages[0].items() if n != "custom_fields"}


def test_rows_with_changing_names_need_no_more_memory() -> None:
    convert = converter("segment_contacts")
    fields = [f"field {number}" for number in range(30)]

    def read(numbers: range) -> None:
        for number in numbers:
            # Each row has a set of its own.
            present = number * 0x9E3779B1 % 2**30
            row = {"contact_email": "a@b.c"} | {
                name: "x" for bit, name in enumerate(fields) if present >> bit & 1
            }
            assert convert.records([row]) == [convert.record(row)]

    read(range(1000))
    tracemalloc.start()
    read(range(1000, 4000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1 << 20
