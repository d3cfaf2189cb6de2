"""The zone that pairs of times show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_zohocampaigns.api.wire import times
from tap_zohocampaigns.api.wire.zones import Pair, find_zone
from tests.support.times import INSTANTS, ZONES, format_as_zoho

MINUTE = timedelta(minutes=1)


def pair(instant: datetime, zone: str) -> Pair:
    epoch = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return Pair(str(epoch), format_as_zoho(instant, zone))


@given(st.sampled_from(ZONES), st.lists(INSTANTS, min_size=1, max_size=4))
@example("Asia/Kolkata", [datetime(2025, 7, 1, tzinfo=UTC)])
@example("America/New_York", [datetime(2013, 11, 3, 6, 30, tzinfo=UTC)])
@example("Pacific/Chatham", [datetime(2025, 1, 1, tzinfo=UTC)])
@example("Pacific/Kiritimati", [datetime(2025, 1, 1, 12, tzinfo=UTC)])
def test_the_zone_has_the_offsets_of_the_true_zone(
    zone: str, instants: list[datetime]
) -> None:
    finding = find_zone([pair(instant, zone) for instant in instants])
    assert finding is not None
    for instant in instants:
        offset = instant.astimezone(finding.zone).utcoffset()
        true = instant.astimezone(ZoneInfo(zone)).utcoffset()
        assert offset is not None
        assert true is not None
        assert abs(offset - true) <= timedelta(minutes=2)


SUMMER = datetime(2025, 7, 1, 12, 34, 56, tzinfo=UTC)
WINTER = datetime(2025, 1, 1, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hints", "expected"),
    [
        ("America/New_York", ["America/Toronto"], "America/Toronto"),
        ("America/New_York", ["Asia/Tokyo", "America/Toronto"], "America/Toronto"),
        ("America/New_York", ["Asia/Tokyo"], "America/New_York"),
        ("America/New_York", [], "America/New_York"),
        ("Asia/Kolkata", [], "Asia/Kolkata"),
        ("Asia/Kolkata", ["Asia/Calcutta"], "Asia/Calcutta"),
    ],
)
def test_hinted_and_common_zones_are_preferred(
    zone: str, hints: list[str], expected: str
) -> None:
    pairs = [pair(SUMMER, zone), pair(WINTER, zone)]
    finding = find_zone(pairs, hints)
    assert finding is not None
    assert finding.zone.key == expected


@pytest.mark.parametrize(
    "hint",
    [
        "",
        "null",
        "India Standard Time",
        "GMT+5:30",
        "(GMT-05:00) Eastern Time",
        "Mars/Phobos",
        "Europe",
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "a\0b",
        "x" * 5000,
        "\ud83d",
    ],
    ids=range(13),
)
def test_a_hint_that_is_not_a_zone_is_ignored(hint: str) -> None:
    finding = find_zone([pair(SUMMER, "Asia/Kolkata")], [hint])
    assert finding is not None
    assert finding.zone.key == "Asia/Kolkata"


NO_PAIRS = pytest.mark.parametrize(
    "pairs",
    [
        [],
        [Pair("null", "null"), Pair("", ""), Pair("None", "02 Aug 2013, 12:39 PM")],
        [Pair("1375456161000", "02 Aug 1913, 12:39 PM")],
        [Pair("1375456161000", "02 Aug 2013, 12:46 PM")],
        [Pair("1375456161000", "2013-08-02T12:39:00-04:00")],
    ],
    ids=["none", "unreadable", "another century", "minutes off", "a zone of its own"],
)


@NO_PAIRS
def test_without_pairs_and_hints_no_zone_is_found(pairs: list[Pair]) -> None:
    assert find_zone(pairs) is None
    assert find_zone(pairs, ["null", "Eastern Time"]) is None


@NO_PAIRS
def test_without_pairs_the_first_valid_hint_is_used(pairs: list[Pair]) -> None:
    finding = find_zone(pairs, ["Eastern Time", "America/Toronto", "Asia/Tokyo"])
    assert finding is not None
    assert finding.zone.key == "America/Toronto"
    assert finding.pairs == finding.disagree
    assert not finding.is_clear


def of_year(zone: str, number: int, start: datetime = WINTER) -> list[Pair]:
    """Return pairs, spread over a year."""
    step = timedelta(days=365) / number
    return [pair(start + step * count, zone) for count in range(number)]


def shifted(right: Pair, seconds: int) -> Pair:
    """Return a pair whose epoch is wrong."""
    return Pair(str(int(right.epoch) + seconds * 1000), right.text)


@pytest.mark.parametrize("seconds", [125, -125, 400, 3600, -7200, 86_400])
def test_the_zone_that_fits_most_pairs_is_found(seconds: int) -> None:
    pairs = of_year("America/New_York", 8)
    for index in range(8):
        with_outlier = [*pairs]
        with_outlier[index] = shifted(pairs[index], seconds)
        finding = find_zone(with_outlier, ["Asia/Tokyo", "America/La_Paz"])
        assert finding is not None
        assert (finding.zone.key, finding.pairs, finding.disagree) == (
            *("America/New_York", 8, 1),
        )
        assert not finding.is_clear


@pytest.mark.parametrize(
    ("pairs", "hints", "expected", "disagree"),
    [
        # Most pairs win over a hint, even those of one season.
        ([pair(SUMMER, "Asia/Kolkata")], ["Europe/Paris"], "Asia/Kolkata", 0),
        (
            [*of_year("Asia/Kolkata", 5), *of_year("America/New_York", 4)],
            ["America/New_York"],
            *("Asia/Kolkata", 4),
        ),
        # For a tie: the hint, then both seasons, then the newest pair.
        (
            [pair(SUMMER, "Asia/Kolkata"), pair(WINTER, "America/New_York")],
            ["America/New_York", "Asia/Kolkata"],
            *("America/New_York", 1),
        ),
        (
            [
                *[pair(SUMMER + timedelta(days=n), "Asia/Tokyo") for n in (8, 9)],
                *[pair(day, "America/New_York") for day in (SUMMER, WINTER)],
            ],
            [],
            *("America/New_York", 2),
        ),
        (
            [
                *of_year("America/New_York", 6),
                *of_year("Asia/Kolkata", 6, WINTER + timedelta(days=365)),
            ],
            [],
            *("Asia/Kolkata", 6),
        ),
        # A pair that occurs twice counts once.
        (
            [pair(WINTER, "Asia/Tokyo")] * 3
            + [pair(SUMMER, "Asia/Kolkata"), pair(WINTER, "Asia/Kolkata")],
            [],
            *("Asia/Kolkata", 1),
        ),
    ],
    ids=["season", "most", "hint", "seasons", "newest", "twice"],
)
def test_ties_between_zones_are_decided(
    pairs: list[Pair], hints: list[str], expected: str, disagree: int
) -> None:
    for ordered in (pairs, pairs[::-1]):
        finding = find_zone(ordered, hints)
        assert finding is not None
        assert (finding.zone.key, finding.disagree) == (expected, disagree)


@pytest.mark.parametrize(
    ("pairs", "clear"),
    [
        ([pair(SUMMER, "Asia/Kolkata")], False),
        ([pair(SUMMER, "Asia/Kolkata"), pair(WINTER, "Asia/Kolkata")], True),
        # Months in which clocks may be changed or not; here they are.
        ([pair(SUMMER.replace(month=m), "Europe/Paris") for m in (4, 9)], False),
        ([pair(SUMMER.replace(month=m), "Europe/Paris") for m in (3, 10)], True),
        (
            [*of_year("Asia/Kolkata", 9), shifted(pair(SUMMER, "Asia/Kolkata"), 999)],
            False,
        ),
    ],
    ids=["one season", "two seasons", "spring", "autumn", "an outlier"],
)
def test_a_zone_is_clear_if_all_pairs_agree_in_summer_and_winter(
    pairs: list[Pair], clear: object
) -> None:
    finding = find_zone(pairs)
    assert finding is not None
    assert finding.is_clear is clear


# Each zone is tried for each pair.
@settings(max_examples=20, deadline=None)
@given(st.sampled_from(ZONES), st.lists(INSTANTS, min_size=1, max_size=9), st.data())
def test_no_other_zone_fits_more_pairs(
    zone: str, instants: list[datetime], data: st.DataObject
) -> None:
    others = data.draw(st.lists(st.sampled_from(ZONES), max_size=4))
    pairs = {
        pair(instant, data.draw(st.sampled_from([zone, zone, *others])))
        for instant in instants
    }
    finding = find_zone(pairs)
    assert finding is not None

    def agreeing(zone: ZoneInfo) -> int:
        return sum(
            abs(times.parse_local(text) - _local(epoch, zone)) <= MINUTE
            for epoch, text in pairs
        )

    agree = agreeing(finding.zone)
    assert (finding.pairs, finding.disagree) == (len(pairs), len(pairs) - agree)
    assert agree == max(agreeing(ZoneInfo(name)) for name in ZONES)


def _local(epoch: str, zone: ZoneInfo) -> datetime:
    instant = datetime.fromtimestamp(int(epoch) / 1000, zone)
    return instant.replace(tzinfo=None)


def test_pairs_are_parsed_in_all_layouts() -> None:
    epoch = pair(SUMMER, "Asia/Kolkata").epoch
    texts = ("Jul 1, 2025 6:04:56 PM", "1 July 2025, 18:04", "2025-07-01T18:04:56")
    for text in texts:
        finding = find_zone([Pair(epoch, text)])
        assert finding is not None
        assert finding.zone.key == "Asia/Kolkata"


def test_malformed_pairs_are_ignored() -> None:
    good = pair(SUMMER, "Asia/Kolkata")
    finding = find_zone([Pair("null", "x"), good, Pair(good.epoch, "undefined")])
    assert finding is not None
    assert finding.zone.key == "Asia/Kolkata"


@pytest.mark.parametrize("seconds", [0, 29, 30, 59])
def test_a_text_that_is_cut_or_rounded_to_the_minute_fits(seconds: int) -> None:
    instant = SUMMER.replace(second=seconds)
    rounded = pair(instant + timedelta(seconds=30), "Asia/Kolkata").text
    epoch = pair(instant, "Asia/Kolkata").epoch
    for text in (rounded, format_as_zoho(instant, "Asia/Kolkata")):
        finding = find_zone([Pair(epoch, text)])
        assert finding is not None
        assert finding.zone.key == "Asia/Kolkata"


@pytest.mark.parametrize("epoch", ["253402300799000", "-62135596800000"])
def test_a_pair_at_the_end_of_the_calendar_fits_no_zone(
    epoch: str,
) -> None:
    assert find_zone([Pair(epoch, "02 Aug 2013, 12:39 PM")]) is None


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("31 Dec 9999, 11:59 PM", "America/New_York"),
        ("01 Jan 0001, 12:00 AM", "Asia/Tokyo"),
    ],
)
def test_a_text_beyond_the_calendar_of_utc_is_a_value_error(
    text: str, zone: str
) -> None:
    with pytest.raises(ValueError, match=r"(?s).*"):
        times.from_text(text, ZoneInfo(zone))
