"""The time zone of the account."""

from __future__ import annotations

import logging
import typing as t
from zoneinfo import ZoneInfo

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tests.support.feeds import (
    LOGGER,
    Feeds,
    campaign_rows,
    inventory_of,
    list_rows,
)

if t.TYPE_CHECKING:
    Row = dict[str, t.Any]
SUMMER = {"sent_time_gmt": "1375461561000", "sent_date_string": "02 Aug 2013, 12:39 PM"}
WINTER = {
    "created_time_gmt": "1357144761000",
    "created_date_string": "02 Jan 2013, 11:39 AM",
}
LIST_TIME = {"created_time_gmt": "1744203300000", "date": "09 Apr 2025, 06:25 PM"}


def test_the_zone_is_derived_from_campaign_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feeds = Feeds(list_rows("a", **LIST_TIME), campaign_rows("a", **SUMMER, **WINTER))
    with inventory_of(feeds) as account:
        assert account.zone.key == "America/New_York"
        assert account.client.calls["getmailinglists"] == 0
    assert not [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]


def test_the_most_frequent_planning_zone_is_preferred() -> None:
    rows = (
        campaign_rows("a", **SUMMER, sent_time_zone="America/Detroit")
        + campaign_rows("b", **SUMMER, sent_time_zone="America/Toronto")
        + campaign_rows("c", **WINTER, sent_time_zone="America/Toronto")
        + campaign_rows("d", sent_time_zone="Asia/Tokyo")
    )
    with inventory_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "America/Toronto"


@pytest.mark.parametrize("spelling", ["null", "undefined", "EST5", "Eastern Time"])
def test_unknown_zone_names_are_ignored(spelling: str) -> None:
    rows = campaign_rows("a", **SUMMER, **WINTER, sent_time_zone=spelling)
    with inventory_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "America/New_York"


@pytest.mark.parametrize(
    "campaign_feed",
    ["6101", "6601", campaign_rows("a", sent_date_string="", created_date_string=None)],
    ids=["none", "forbidden", "no texts"],
)
def test_the_zone_is_derived_from_list_times_without_campaign_times(
    campaign_feed: list[Row] | str,
) -> None:
    feeds = Feeds(list_rows("a", **LIST_TIME), campaign_feed)
    with inventory_of(feeds) as account:
        assert account.zone.key == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("list_feed", "campaign_feed"),
    [
        ("2401", "6101"),
        ("2706", "6601"),
        ("2401", "6601"),
        (list_rows("a", date="null"), "6101"),
        (list_rows("a", created_time_gmt="1744203300000"), "6101"),
        (
            list_rows("a", date="09/04/2025 06:25 PM"),
            campaign_rows("a", sent_time_zone="IST"),
        ),
        (
            "2401",
            campaign_rows(
                "a", **SUMMER | {"sent_date_string": "02 Aug 2013, 12:46 PM"}
            ),
        ),
    ],
    ids=["none", "forbidden", "mixed", "unreadable", "no text", "guess", "minutes off"],
)
def test_the_zone_is_utc_with_one_warning_if_no_time_shows_it(
    list_feed: list[Row] | str,
    campaign_feed: list[Row] | str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with inventory_of(Feeds(list_feed, campaign_feed)) as account:
        for _ in range(3):
            assert account.zone == ZoneInfo("UTC")
    warnings = [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]
    assert [record.name for record in warnings] == [LOGGER]
    assert "`timezone`" in warnings[0].getMessage()


def log_messages(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == LOGGER
    ]


@pytest.mark.parametrize("list_feed", ["2401", "2706", list_rows("a", **LIST_TIME)])
def test_disagreeing_times_are_counted_but_do_not_change_the_zone(
    caplog: pytest.LogCaptureFixture, list_feed: list[Row] | str
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    rows = campaign_rows("a", **SUMMER, **WINTER)
    rows += campaign_rows("b", **SUMMER | {"sent_time_gmt": "1375461686000"})
    rows += campaign_rows("c", **WINTER | {"created_time_gmt": "1357144762000"})
    with inventory_of(Feeds(list_feed, rows)) as account:
        assert account.zone.key == "America/New_York"
        # Because some pairs disagree, the tap reads the lists too.
        assert account.client.calls["getmailinglists"]
    ((level, text),) = log_messages(caplog)
    assert level == logging.INFO
    list_pairs = isinstance(list_feed, list)
    assert f"America/New_York, as 3 of {4 + list_pairs} pairs" in text
    assert f"({1 + list_pairs} disagree)" in text


def test_lists_are_read_too_if_campaigns_cover_only_one_season() -> None:
    rows = list_rows("a", **LIST_TIME) + list_rows("b", **LIST_TIME)
    rows[1]["created_time_gmt"] = "1744203301000"
    with inventory_of(Feeds(rows, campaign_rows("a", **SUMMER))) as account:
        assert account.zone.key == "Asia/Kolkata"
        calls = account.client.calls["getmailinglists"]
        # The list streams reuse these rows.
        assert account.lists == rows
        assert account.client.calls["getmailinglists"] == calls > 0


def test_contradicting_pairs_give_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    texts = ("02 Aug 2013, 12:39 PM", "02 Aug 2013, 01:39 AM", "02 Aug 2013, 02:39 AM")
    rows = [
        row
        for text in texts
        for row in campaign_rows(text, **SUMMER | {"sent_date_string": text})
    ]
    with inventory_of(Feeds(campaigns=rows)) as account:
        for _ in range(3):
            assert account.zone.key == "America/New_York"
    ((level, text),) = log_messages(caplog)
    assert level == logging.WARNING
    assert "1 of 3 pairs" in text
    assert "`timezone`" in text


def test_without_pairs_the_planning_zone_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    rows = campaign_rows("a", sent_time_zone="Asia/Kolkata", sent_date_string="soon")
    with inventory_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "Asia/Kolkata"
    ((level, text),) = log_messages(caplog)
    assert level == logging.INFO
    assert "`timezone`" in text


def test_the_timezone_setting_overrides_campaigns_without_any_call() -> None:
    feeds = Feeds(campaigns=campaign_rows("a", **SUMMER))
    with inventory_of(feeds, timezone="Asia/Tokyo") as account:
        assert account.zone == ZoneInfo("Asia/Tokyo")
        assert account.client.calls.total() == 0


def test_other_errors_fail_instead_of_falling_back_to_utc() -> None:
    with inventory_of(Feeds(campaigns="901")) as account:
        with pytest.raises(FatalError, match="code 901") as raised:
            _ = account.zone
        assert type(raised.value) is FatalError
