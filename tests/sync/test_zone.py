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
    account_of,
    campaigns,
    lists,
)

if t.TYPE_CHECKING:
    Row = dict[str, t.Any]
SUMMER = {"sent_time_gmt": "1375461561000", "sent_date_string": "02 Aug 2013, 12:39 PM"}
WINTER = {
    "created_time_gmt": "1357144761000",
    "created_date_string": "02 Jan 2013, 11:39 AM",
}
LIST_TIME = {"created_time_gmt": "1744203300000", "date": "09 Apr 2025, 06:25 PM"}


def test_the_zone_is_that_of_the_times_of_campaigns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feeds = Feeds(lists("a", **LIST_TIME), campaigns("a", **SUMMER, **WINTER))
    with account_of(feeds) as account:
        assert account.zone.key == "America/New_York"
        assert account.client.calls["getmailinglists"] == 0
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_the_zone_that_most_campaigns_were_planned_in_is_preferred() -> None:
    rows = (
        campaigns("a", **SUMMER, sent_time_zone="America/Detroit")
        + campaigns("b", **SUMMER, sent_time_zone="America/Toronto")
        + campaigns("c", **WINTER, sent_time_zone="America/Toronto")
        + campaigns("d", sent_time_zone="Asia/Tokyo")
    )
    with account_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "America/Toronto"


@pytest.mark.parametrize("spelling", ["null", "undefined", "EST5", "Eastern Time"])
def test_a_zone_that_zoho_spells_in_its_own_way_is_passed_over(spelling: str) -> None:
    rows = campaigns("a", **SUMMER, **WINTER, sent_time_zone=spelling)
    with account_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "America/New_York"


@pytest.mark.parametrize(
    "told",
    ["6101", "6601", campaigns("a", sent_date_string="", created_date_string=None)],
    ids=["none", "forbidden", "no texts"],
)
def test_the_zone_is_that_of_the_times_of_lists_where_no_campaign_tells(
    told: list[Row] | str,
) -> None:
    feeds = Feeds(lists("a", **LIST_TIME), told)
    with account_of(feeds) as account:
        assert account.zone.key == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("lists_told", "campaigns_told"),
    [
        ("2401", "6101"),
        ("2706", "6601"),
        ("2401", "6601"),
        (lists("a", date="null"), "6101"),
        (lists("a", created_time_gmt="1744203300000"), "6101"),
        (lists("a", date="09/04/2025 06:25 PM"), campaigns("a", sent_time_zone="IST")),
        (
            "2401",
            campaigns("a", **SUMMER | {"sent_date_string": "02 Aug 2013, 12:46 PM"}),
        ),
    ],
    ids=["none", "forbidden", "mixed", "unreadable", "no text", "guess", "minutes off"],
)
def test_without_a_clue_times_are_taken_for_utc_with_one_warning(
    lists_told: list[Row] | str,
    campaigns_told: list[Row] | str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with account_of(Feeds(lists_told, campaigns_told)) as account:
        for _ in range(3):
            assert account.zone == ZoneInfo("UTC")
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [each.name for each in told] == [LOGGER]
    assert "`timezone`" in told[0].getMessage()


def told_of_zone(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [
        (each.levelno, each.getMessage())
        for each in caplog.records
        if each.name == LOGGER
    ]


@pytest.mark.parametrize("lists_told", ["2401", "2706", lists("a", **LIST_TIME)])
def test_one_text_that_is_off_does_not_change_the_zone_and_is_counted(
    caplog: pytest.LogCaptureFixture, lists_told: list[Row] | str
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    rows = campaigns("a", **SUMMER, **WINTER)
    rows += campaigns("b", **SUMMER | {"sent_time_gmt": "1375461686000"})
    rows += campaigns("c", **WINTER | {"created_time_gmt": "1357144762000"})
    with account_of(Feeds(lists_told, rows)) as account:
        assert account.zone.key == "America/New_York"
        # Since something disagrees, lists are asked too.
        assert account.client.calls["getmailinglists"]
    ((level, text),) = told_of_zone(caplog)
    assert level == logging.INFO
    more = isinstance(lists_told, list)
    assert f"America/New_York, as 3 of {4 + more} pairs" in text
    assert f"({1 + more} disagree)" in text


def test_lists_are_asked_too_where_campaigns_tell_of_one_season_only() -> None:
    rows = lists("a", **LIST_TIME) + lists("b", **LIST_TIME)
    rows[1]["created_time_gmt"] = "1744203301000"
    with account_of(Feeds(rows, campaigns("a", **SUMMER))) as account:
        assert account.zone.key == "Asia/Kolkata"
        calls = account.client.calls["getmailinglists"]
        # The streams of lists read what has been read.
        assert account.lists == rows
        assert account.client.calls["getmailinglists"] == calls > 0


def test_pairs_that_contradict_each_other_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    texts = ("02 Aug 2013, 12:39 PM", "02 Aug 2013, 01:39 AM", "02 Aug 2013, 02:39 AM")
    rows = [
        row
        for text in texts
        for row in campaigns(text, **SUMMER | {"sent_date_string": text})
    ]
    with account_of(Feeds(campaigns=rows)) as account:
        for _ in range(3):
            assert account.zone.key == "America/New_York"
    ((level, text),) = told_of_zone(caplog)
    assert level == logging.WARNING
    assert "1 of 3 pairs" in text
    assert "`timezone`" in text


def test_without_pairs_the_zone_is_that_of_planning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    rows = campaigns("a", sent_time_zone="Asia/Kolkata", sent_date_string="soon")
    with account_of(Feeds(campaigns=rows)) as account:
        assert account.zone.key == "Asia/Kolkata"
    ((level, text),) = told_of_zone(caplog)
    assert level == logging.INFO
    assert "`timezone`" in text


def test_the_setting_overrules_what_campaigns_tell_and_costs_no_call() -> None:
    feeds = Feeds(campaigns=campaigns("a", **SUMMER))
    with account_of(feeds, timezone="Asia/Tokyo") as account:
        assert account.zone == ZoneInfo("Asia/Tokyo")
        assert account.client.calls.total() == 0


def test_a_call_that_fails_for_another_reason_is_not_taken_for_no_clue() -> None:
    with account_of(Feeds(campaigns="901")) as account:
        with pytest.raises(FatalError, match="code 901") as raised:
            _ = account.zone
        assert type(raised.value) is FatalError
