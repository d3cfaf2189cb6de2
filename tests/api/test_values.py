from __future__ import annotations

import json
import logging
import math
import tracemalloc
from contextlib import closing
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib import RecordMessage

from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.singer.writer import PageWriter
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema
from tap_zohocampaigns.sync.spool import Spool
from tests.support import samples
from tests.support.zoho import payload, read

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW_YORK = ZoneInfo("America/New_York")
SAMPLED = (
    "mailing_lists",
    "segments",
    "segment_contacts",
    "list_subscriber_counts",
    "campaigns",
    "campaign_recipients",
)


def converter(stream: str, zone: str = "America/New_York") -> Converter:
    return Converter(stream, load_schema(stream), lambda: ZoneInfo(zone))


def no_zone() -> ZoneInfo:
    raise AssertionError


def typed(**kinds: object) -> Converter:
    """Return a converter to fields of these types."""
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    return Converter("typed", {"properties": properties}, no_zone)


def records(stream: str, endpoint: str, content: bytes) -> list[dict[str, Any]]:
    rows = payload(endpoint, read(content))
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
    found = records("campaign_recipients", "getcampaignrecipientsdata", content)
    assert found == [RECIPIENT | more]


def test_the_contacts_of_the_documentation_become_records() -> None:
    found = records(
        "segment_contacts", "getsegmentcontacts", samples.SEGMENT_CONTACTS_XML
    )
    assert [record["contact_email"] for record in found] == [
        "user512@thandora.com",
        "user212@thandora.com",
        "user612@thandora.com",
        "user118@thandora.com",
    ]
    assert found[0] == {
        "contact_email": "user512@thandora.com",
        "first_name": None,
        "last_name": None,
        "company_name": None,
        "phone": None,
        "added_time": "2011-04-22T20:37:00.000Z",
    }
    assert found[3] == {
        "contact_email": "user118@thandora.com",
        "first_name": "changefname users",
        "last_name": "users",
        "company_name": None,
        "phone": None,
        "added_time": "2011-04-17T01:00:00.000Z",
    }


@pytest.mark.parametrize("told", [2, "2"], ids=["json", "xml"])
def test_the_count_of_the_documentation_is_an_integer_in_both_formats(
    told: object,
) -> None:
    record = converter("list_subscriber_counts").record({"no_of_contacts": told})
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
def test_names_of_a_contact_are_found_under_every_name_of_the_wire(
    stream: str, row: dict[str, object]
) -> None:
    record = converter(stream).record(row)
    assert record == {"first_name": "Ann", "last_name": "Lee"}


@pytest.mark.parametrize(
    "nothing", ["", "null", "undefined", None], ids=["empty", "null", "undefined", "no"]
)
@pytest.mark.parametrize("stream", SAMPLED)
def test_what_zoho_writes_for_nothing_is_null_in_every_field(
    stream: str, nothing: str | None
) -> None:
    schema = load_schema(stream)
    wires = [
        name
        for field, about in schema["properties"].items()
        for name in about.get("x-wire-names", [field])
    ]
    record = converter(stream).record(dict.fromkeys(wires, nothing))
    assert set(record) == {
        field
        for field, about in schema["properties"].items()
        if about.get("x-wire-names", [field])
    }
    assert set(record.values()) <= {None}


def test_what_the_schema_does_not_know_is_kept_under_its_own_name(
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


def test_what_tells_a_field_again_or_wrongly_is_left_out() -> None:
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
def test_a_value_of_another_type_is_kept_as_it_is_and_told_once(
    kind: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    convert = typed(field=kind, other="string").record
    for _ in range(3):
        assert convert({"field": value, "other": "text", "new": "1"}) == {
            "field": None,
            "other": "text",
            "custom_fields": {"field": value, "new": "1"},
        }
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert "`field`" in told.getMessage()
    assert str(value) not in told.getMessage()


AMOUNTS = {
    "amount": {"type": ["number", "null"]},
    "points": {"type": ["integer", "null"]},
    "code": {"type": ["string", "null"]},
}


@pytest.mark.parametrize(
    "told",
    [
        {"amount": "9007199254740993", "points": "1293333000000000051", "code": "7"},
        {"amount": "0.1234567890123456789", "points": "12.0", "code": "1.5"},
        {"amount": "50.3", "points": "3", "code": "9007199254740993.5"},
    ],
)
def test_numbers_keep_their_digits_from_the_wire_to_the_message(
    told: dict[str, str],
) -> None:
    rest = {"rate": told["amount"]}
    fields = told | rest
    plain = ",".join(f'"{name}":{text}' for name, text in fields.items())
    quoted = ",".join(f'"{name}":"{text}"' for name, text in fields.items())
    elements = "".join(f'<fl val="{n}">{text}</fl>' for n, text in fields.items())
    xml = f"<list_of_details><contact>{elements}</contact></list_of_details>"
    contents = (
        f'{{"code":"0","list_of_details":[{{{plain}}}]}}',
        f'{{"code":"0","list_of_details":[{{{quoted}}}]}}',
        f"<response><code>0</code>{xml}</response>",
    )
    found = []
    for content in contents:
        page = payload("getsegmentcontacts", read(content.encode()))
        convert = Converter("typed", {"properties": AMOUNTS}, no_zone)
        with closing(Spool()) as spool:
            (record,) = spool.read(spool.write(convert.records(page)))
        assert record == convert.record(page[0])
        writer = PageWriter()
        line = writer.serialize_message(RecordMessage("typed", record))
        found.append(json.loads(line, parse_float=Decimal)["record"])
    assert Decimal(found[0]["amount"]) == Decimal(told["amount"])
    assert Decimal(found[0]["points"]) == Decimal(told["points"])
    assert found[0]["code"] == told["code"]
    assert Decimal(found[0]["custom_fields"]["rate"]) == Decimal(rest["rate"])
    for record in found[1:]:
        assert record.pop("custom_fields") == rest
        assert record == {n: v for n, v in found[0].items() if n != "custom_fields"}


def test_rows_whose_fields_come_and_go_take_no_more_memory_than_others() -> None:
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


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # New York in summer, in winter; the epoch is hours off, its seconds are not.
        (
            {"sentdate": "02 Aug 2013, 12:39 PM", "sent_time": "1375456161000"},
            {"sent_time": "2013-08-02T16:39:21.000Z"},
        ),
        (
            {"sentdate": "02 Jan 2013, 12:39 PM", "sent_time": 1375456161000},
            {"sent_time": "2013-01-02T17:39:21.000Z"},
        ),
        (
            {"sentdate": "02 Aug 2013, 12:39 PM", "sent_time": "1375456140999"},
            {"sent_time": "2013-08-02T16:39:00.000Z"},
        ),
        (
            {"sentdate": "02 Aug 2013, 12:39 PM"},
            {"sent_time": "2013-08-02T16:39:00.000Z"},
        ),
        (
            {"sentdate": "02 Aug 2013, 12:39 PM", "sent_time": "null"},
            {"sent_time": "2013-08-02T16:39:00.000Z"},
        ),
        (
            {"added_time": "02 Aug 2013, 12:39 PM", "bouncedDate": ""},
            {"sent_time": "2013-08-02T16:39:00.000Z", "bounced_time": None},
        ),
        # An epoch alone is no time, but is not lost.
        (
            {"sentdate": "null", "sent_time": "1375456161000"},
            {"sent_time": None, "custom_fields": {"sent_time": "1375456161000"}},
        ),
        (
            {"sent_time": "1375456161000"},
            {"custom_fields": {"sent_time": "1375456161000"}},
        ),
        (
            {"sentdate": "02 Aug 2013, 12:39 PM", "sent_time": "soon"},
            {
                "sent_time": "2013-08-02T16:39:00.000Z",
                "custom_fields": {"sent_time": "soon"},
            },
        ),
        (
            {"sentdate": "yesterday", "bouncedDate": "12 Feb 2026, 12:01 PM"},
            {
                "sent_time": None,
                "bounced_time": "2026-02-12T17:01:00.000Z",
                "custom_fields": {"sentdate": "yesterday"},
            },
        ),
    ],
)
@pytest.mark.parametrize("status", ["active", 7])
def test_a_recipients_time_is_the_text_in_the_zone_with_seconds_of_the_epoch(
    row: dict[str, object], expected: dict[str, object], status: object
) -> None:
    email = {"contactemailaddress": "a@b.c", "contactstatus": status}
    record = converter("campaign_recipients").record(row | email)
    known = {"contact_email": "a@b.c", "contact_status": str(status)}
    assert record == expected | known


@pytest.mark.parametrize(
    "text", ["31 Dec 9999, 11:59 PM", "01 Jan 0001, 12:00 AM", "9" * 30]
)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_time_at_the_end_of_the_calendar_does_not_end_the_run(
    text: str, zone: str
) -> None:
    record = converter("segment_contacts", zone).record(
        {"contact_email": "a@b.c", "added_time": text}
    )
    assert record["contact_email"] == "a@b.c"
    assert record["added_time"] or record["custom_fields"] == {"added_time": text}


def test_the_zone_is_not_asked_for_without_a_text_that_needs_it() -> None:
    convert = Converter("campaigns", load_schema("campaigns"), no_zone)
    row = {"campaign_key": "3z", "sent_time_gmt": "1375456161000"}
    assert convert.record(row)["sent_time"] == "2013-08-02T15:09:21.000Z"


@pytest.mark.parametrize(
    ("stream", "field", "wire_name"),
    [
        (each.name, field, wire_name)
        for each in STREAMS
        for field, about in load_schema(each.name)["properties"].items()
        if about.get("format") == "date-time"
        for wire_name in about.get("x-wire-names", [field])
    ],
)
def test_times_are_read_in_all_layouts_in_every_stream(
    stream: str, field: str, wire_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("Feb 2, 2026 9:08:33 pm", "2 February 2026, 21:08:33"):
        record = converter(stream).record({wire_name: text})
        assert record == {field: "2026-02-03T02:08:33.000Z"}
    convert = converter(stream)
    for text in ("02/03/2026 9:08 PM", "2 fév 2026, 21:08", "2 Feb 2026, 9 PM IST"):
        record = convert.record({wire_name: text})
        assert record == {field: None, "custom_fields": {wire_name: text}}
    (warning,) = caplog.records
    assert f"`{wire_name}`" in warning.getMessage()


def test_an_epoch_that_is_right_wins_over_its_text() -> None:
    row = {
        "sent_date_string": "02 Aug 2013, 12:39 PM",
        "sent_time_gmt": "1375461561000",
        "sent_time": "1375490361000",
        "is_hybrid": "false",
    }
    assert converter("campaigns").record(row) == {
        "sent_time": "2013-08-02T16:39:21.000Z",
        "is_hybrid": False,
    }


def names_of(stream: str) -> list[str]:
    """Return all names on the wire that the schema of a stream knows."""
    schema = load_schema(stream)
    found = [*schema.get("x-wire-redundant", ())]
    for field, about in schema["properties"].items():
        found += about.get("x-wire-names", [field])
        found += [about["x-wire-seconds"]] if "x-wire-seconds" in about else []
    return found


TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "",
        "null",
        "undefined",
        "true",
        "0",
        "12",
        "1375456161000",
        "02 Aug 2013, 12:39 PM",
        "Feb 12, 2026 12:08 PM",
        "03 Nov 2013, 01:30 AM",
        "10 Mar 2013, 02:30 AM",
    ]
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    stream = draw(st.sampled_from(SAMPLED))
    names = st.sampled_from(names_of(stream)) | st.sampled_from(["my field", "x y"])
    return stream, draw(st.dictionaries(names, TEXTS))


# What it draws from is made when it is first drawn, which takes a while.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(rows())
@example(
    (
        "campaign_recipients",
        {"sentdate": "02 Aug 2013, 12:39 PM", "sent_time": "1375456161000"},
    )
)
@example(("campaign_recipients", {"sentdate": "", "sent_time": "1375456161000"}))
@example(("campaign_recipients", {"contactfn": "", "firstname": "Ann"}))
def test_rows_of_texts_and_rows_of_anything_become_the_same_records(
    drawn: tuple[str, dict[str, str]],
) -> None:
    stream, row = drawn
    schema = load_schema(stream)
    schema["properties"]["probe"] = {"type": ["string", "null"]}
    convert = Converter(stream, schema, lambda: NEW_YORK)
    # Only texts alone take the fast way; 7 and "7" are the same text.
    texts, other = row | {"probe": "7"}, row | {"probe": 7}
    slow = convert.record(other)
    assert convert.records([texts]) == convert.records([other]) == [slow]
    assert [*convert.records([texts])[0]] == [*slow]


@given(st.lists(rows(), max_size=4), st.integers(1, 3))
def test_a_page_becomes_the_records_of_its_rows(
    drawn: list[tuple[str, dict[str, str]]], times: int
) -> None:
    page = [row for _, row in drawn] * times
    convert = converter("campaign_recipients")
    assert convert.records(page) == [convert.record(row) for row in page]


@given(rows())
def test_nothing_that_a_row_holds_is_lost(drawn: tuple[str, dict[str, str]]) -> None:
    stream, row = drawn
    schema = load_schema(stream)
    record = converter(stream).record(row)
    custom: Mapping[str, object] = record.get("custom_fields", {})
    by_wire = {
        wire_name: field
        for field, about in schema["properties"].items()
        for wire_name in about.get("x-wire-names", [field])
    }
    for name, value in row.items():
        if value in {"", "null", "undefined"}:
            assert name not in custom
        elif name in by_wire:
            assert record[by_wire[name]] is not None or custom[name] == value
        elif name not in schema.get("x-wire-redundant", ()) and name != "sent_time":
            assert custom[name] == value
