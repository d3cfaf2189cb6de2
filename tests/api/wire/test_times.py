"""Texts and epochs of times."""

from __future__ import annotations

import locale
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.wire import times
from tests.support.times import INSTANTS, ZONES, format_as_zoho

NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("02 Aug 2013, 12:39 PM", 12, 39),
        ("02 Aug 2013, 12:39 AM", 0, 39),
        ("02 Aug 2013, 01:00 AM", 1, 0),
        ("02 Aug 2013, 11:59 PM", 23, 59),
        ("Aug 02, 2013 12:08 PM", 12, 8),
        ("Aug 02, 2013 12:08 AM", 0, 8),
        ("Aug 02, 2013 09:08 PM", 21, 8),
    ],
)
def test_both_layouts_are_parsed_with_noon_and_midnight(
    text: str, hour: int, minute: int
) -> None:
    expected = datetime.fromisoformat(f"2013-08-02T{hour:02}:{minute:02}")
    assert times.parse_local(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Feb 2, 2026 9:08:33 PM", "2026-02-02T21:08:33"),
        ("Feb 2, 2026, 9:08:33 PM", "2026-02-02T21:08:33"),
        ("Feb 2, 2026, 9:08:33\u202fPM", "2026-02-02T21:08:33"),
        ("Feb 2, 2026 9:08 pm", "2026-02-02T21:08"),
        ("February 2, 2026 9:08 PM", "2026-02-02T21:08"),
        ("Feb 02, 2026 21:08:33", "2026-02-02T21:08:33"),
        ("Feb 02, 2026 21:08", "2026-02-02T21:08"),
        ("9 Aug 2026, 9:05 AM", "2026-08-09T09:05"),
        ("9 Aug 2026, 9:05 am", "2026-08-09T09:05"),
        ("9 Aug 2026, 9:05 a.m.", "2026-08-09T09:05"),
        ("9 Aug 2026, 9:05:07 AM", "2026-08-09T09:05:07"),
        ("09 Aug 2026, 09:05", "2026-08-09T09:05"),
        ("09 Aug 2026, 00:05", "2026-08-09T00:05"),
        ("09 Aug 2026, 23:59:59", "2026-08-09T23:59:59"),
        ("09 Aug 2026 12:05 AM", "2026-08-09T00:05"),
        ("9 August 2026, 12:05 PM", "2026-08-09T12:05"),
        ("9 Sept 2026, 9:05 am", "2026-09-09T09:05"),
        ("09-Aug-2026 21:05:07", "2026-08-09T21:05:07"),
        ("09 AUG 2026, 09:05 AM", "2026-08-09T09:05"),
        ("2026-08-09 21:05:07", "2026-08-09T21:05:07"),
        ("2026-08-09T21:05", "2026-08-09T21:05"),
    ],
)
def test_other_unambiguous_layouts_are_parsed(text: str, expected: str) -> None:
    local = datetime.fromisoformat(expected)
    assert times.parse_local(text) == local
    zone = ZoneInfo("Asia/Kolkata")
    assert times.from_text(text, zone) == times.rfc3339(local.replace(tzinfo=zone))


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01")),
    st.sampled_from(["Aug", "August"]),
    st.sampled_from([" AM", " am", "AM", "\u00a0AM", ""]),
    st.tuples(*[st.booleans()] * 4),
)
def test_all_variants_of_a_time_are_parsed(
    local: datetime, month: str, noon: str, ways: tuple[bool, ...]
) -> None:
    month_first, has_seconds, is_padded, has_comma = ways
    local = local.replace(microsecond=0, second=local.second if has_seconds else 0)
    name = NAMES[local.month - 1][: None if month == "August" else 3]
    width = 2 if is_padded else 1
    hour = local.hour if not noon else local.hour % 12 or 12
    clock = f"{hour:0{width}}:{local.minute:02}"
    clock += f":{local.second:02}" if has_seconds else ""
    if noon:
        upper = "PM" if local.hour >= 12 else "AM"
        noon = noon.replace("AM", upper).replace("am", upper.lower())
    day = f"{local.day:0{width}}"
    date = f"{name} {day}, " if month_first else f"{day} {name} "
    comma = "," if has_comma else ""
    assert times.parse_local(f"{date}{local.year}{comma} {clock}{noon}") == local


@given(st.datetimes(datetime.fromisoformat("1000-01-01"), timezones=st.just(UTC)))
def test_every_minute_of_the_calendar_is_parsed(instant: datetime) -> None:
    text = format_as_zoho(instant, "UTC")
    day, month, year, *clock = text.replace(",", "").split()
    minute = instant.replace(second=0, microsecond=0, tzinfo=None)
    assert times.parse_local(text) == minute
    assert times.parse_local(f"{month} {day}, {year} {' '.join(clock)}") == minute


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "02 Aug 2013",
        "02 Aug 2013, 13:39 PM",
        "02 Aug 2013, 13:39PM",
        "02 Aug 2013, 24:00",
        "02 Aug 2013, 9:5 AM",
        "02 Aug 2013, 9:05:60 AM",
        "02 Aug 13, 12:39 PM",
        "Aug 02, 13 12:39 PM",
        # What has to be guessed: which is the day, where the zone is, what is a word.
        "08/28/2014 10:00 PM",
        "02/08/2013, 12:39 PM",
        "02.08.2013 12:39",
        "02 Aug 2013, 12:39 PM IST",
        "Aug 02, 2013 12:39 PM PST",
        "02 Mai 2013, 12:39 PM",
        "02 août 2013, 12:39 PM",
        "02 Augu 2013, 12:39 PM",
        "02 Aug 2013, 12:39 uhr",
        # Numbers that only `int` takes for some.
        "+2 Aug 2013, 12:39 PM",
        "02 Aug 20_3, 12:39 PM",
        "٠٢ Aug 2013, 12:39 PM",
        "02 Aug 2013, 1٢:39 PM",
        "02xAug 2013, 12:39 PM",
        "02 Aug 2013,x12:39 PM",
        "02 Aug 2013, 12.39 PM",
        "02 Aug 2013, 00:39 AM",
        "02 Aug 2013, 12:60 PM",
        "31 Feb 2013, 12:39 PM",
        "00 Aug 2013, 12:39 PM",
        "02 Aot 2013, 12:39 PM",
        "02 Aug 2013, 12:39 XM",
        "02 Aug 2013, 12:39  PM",
        " 02 Aug 2013, 12:39 PM",
        "02 Aug 2013, 12:39 PM ",
        "02 Aug 2013, at 12:39 PM",
        "Feb 12, 2026 at 12:08 PM",
        "Feb 30, 2026 12:08 PM",
        "2013-08-02T12:60:00Z",
        "08/28/2014 10:00 PM IST",
        "1375456161000",
        "xx Aug 2013, 12:39 PM",
        "02 Aug 0000, 12:39 PM",
    ],
)
def test_other_texts_are_value_errors(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).*"):
        times.parse_local(text)
    with pytest.raises(ValueError, match=r"(?s).*"):
        times.from_text(text, ZoneInfo("UTC"))


@given(st.text() | st.text("0123456789 ,:APMJanFeb", min_size=21, max_size=21))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    for read in (times.parse_local, times.from_epoch):
        try:
            read(text)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("02 Aug 2013, 12:39 PM", "UTC", "2013-08-02T12:39:00.000Z"),
        ("02 Aug 2013, 12:39 PM", "America/New_York", "2013-08-02T16:39:00.000Z"),
        ("02 Jan 2013, 12:39 PM", "America/New_York", "2013-01-02T17:39:00.000Z"),
        ("02 Aug 2013, 12:39 PM", "Asia/Kolkata", "2013-08-02T07:09:00.000Z"),
        ("31 Dec 2013, 11:30 PM", "America/New_York", "2014-01-01T04:30:00.000Z"),
        # Clocks skip this hour in spring: the time is that of the old offset.
        ("10 Mar 2013, 02:30 AM", "America/New_York", "2013-03-10T07:30:00.000Z"),
        ("10 Mar 2013, 03:00 AM", "America/New_York", "2013-03-10T07:00:00.000Z"),
        # Clocks repeat this hour in autumn: the first pass.
        ("03 Nov 2013, 01:30 AM", "America/New_York", "2013-11-03T05:30:00.000Z"),
        ("03 Nov 2013, 02:00 AM", "America/New_York", "2013-11-03T07:00:00.000Z"),
        ("06 Apr 2025, 02:30 AM", "Australia/Sydney", "2025-04-05T15:30:00.000Z"),
    ],
)
def test_a_local_time_is_converted_to_utc(text: str, zone: str, expected: str) -> None:
    assert times.from_text(text, ZoneInfo(zone)) == expected


def test_names_of_months_are_english_in_every_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    names = [name for name in ("de_DE.UTF-8", "C.UTF-8", "C") if _has(name)]
    try:
        locale.setlocale(locale.LC_TIME, names[0])
        expected = datetime.fromisoformat("2013-05-02T12:39")
        assert times.parse_local("02 May 2013, 12:39 PM") == expected
    finally:
        locale.setlocale(locale.LC_TIME, before)


def _has(name: str) -> bool:
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_TIME, before)
    return True


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        ("1744203300000", "2025-04-09T12:55:00.000Z"),
        ("1375456161007", "2013-08-02T15:09:21.007Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
        ("-1", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_an_epoch_is_milliseconds_of_utc(epoch: str, expected: str) -> None:
    assert times.from_epoch(epoch) == expected


@pytest.mark.parametrize(
    "epoch", ["", "null", "1.5", "soon", "9" * 30, "9" * 5000, "1_0", "١٢", "²", " 1"]
)
def test_an_invalid_epoch_is_a_value_error(
    epoch: str,
) -> None:
    with pytest.raises(ValueError, match=r"(?s).*"):
        times.from_epoch(epoch)


@given(INSTANTS, INSTANTS, st.sampled_from(ZONES))
def test_texts_are_ordered_as_their_instants(
    one: datetime, other: datetime, zone: str
) -> None:
    texts = [
        times.rfc3339(instant.astimezone(ZoneInfo(zone))) for instant in (one, other)
    ]
    cut = [
        instant.replace(microsecond=instant.microsecond // 1000)
        for instant in (one, other)
    ]
    assert (texts[0] < texts[1]) == (
        (one.replace(microsecond=0), cut[0].microsecond)
        < (other.replace(microsecond=0), cut[1].microsecond)
    )
    assert {len(text) for text in texts} == {24}
