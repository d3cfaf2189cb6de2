"""Times of records, and rows of any content."""

from __future__ import annotations

import typing as t
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema
from tests.support.rows import converter, no_zone, rows

if t.TYPE_CHECKING:
    from collections.abc import Mapping
NEW_YORK = ZoneInfo("America/New_York")


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


def test_the_zone_is_looked_up_only_if_a_text_needs_it() -> None:
    convert = Converter("campaigns", load_schema("campaigns"), no_zone)
    row = {"campaign_key": "3z", "sent_time_gmt": "1375456161000"}
    assert convert.record(row)["sent_time"] == "2013-08-02T15:09:21.000Z"


@pytest.mark.parametrize(
    ("stream", "field", "wire_name"),
    [
        (stream.name, field, wire_name)
        for stream in STREAMS
        for field, field_schema in load_schema(stream.name)["properties"].items()
        if field_schema.get("format") == "date-time"
        for wire_name in field_schema.get("x-wire-names", [field])
    ],
)
def test_times_are_parsed_in_all_layouts_in_every_stream(
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


def test_a_correct_epoch_is_preferred_to_its_text() -> None:
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
def test_conversion_by_column_and_by_field_give_the_same_records(
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
def test_a_page_gives_the_same_records_as_its_rows(
    drawn: list[tuple[str, dict[str, str]]], times: int
) -> None:
    page = [row for _, row in drawn] * times
    convert = converter("campaign_recipients")
    assert convert.records(page) == [convert.record(row) for row in page]


@given(rows())
def test_no_value_of_a_row_is_lost(drawn: tuple[str, dict[str, str]]) -> None:
    stream, row = drawn
    schema = load_schema(stream)
    record = converter(stream).record(row)
    custom: Mapping[str, object] = record.get("custom_fields", {})
    by_wire = {
        wire_name: field
        for field, field_schema in schema["properties"].items()
        for wire_name in field_schema.get("x-wire-names", [field])
    }
    for name, value in row.items():
        if value in {"", "null", "undefined"}:
            assert name not in custom
        elif name in by_wire:
            assert record[by_wire[name]] is not None or custom[name] == value
        elif name not in schema.get("x-wire-redundant", ()) and name != "sent_time":
            assert custom[name] == value
