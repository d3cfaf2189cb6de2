"""Formats in which Zoho may send campaign details, counts and locations."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_counts, parse_event_times
from tests.support.campaigns import answer_endpoint
from tests.support.taps import FixedClockTap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service
    from tap_zohocampaigns.streams.campaigns import CampaignLocations
    from tap_zohocampaigns.streams.details import (
        CampaignAbVariants,
        CampaignDetails,
        CampaignLists,
    )
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]


@pytest.mark.parametrize(
    ("value", "times"),
    [
        (None, []),
        ("", []),
        ([], []),
        ({"time": "a"}, ["a"]),
        ([{"time": "a"}, {"time": "b"}], ["a", "b"]),
        ({"report": [{"time": "a"}, {"time": "b"}]}, ["a", "b"]),
        ({"report": {"time": "a"}}, ["a"]),
        (["a", "b"], ["a", "b"]),
        ([{"other": "x"}], []),
    ],
)
def test_event_times_are_parsed_in_every_known_format(
    value: t.Any, times: list[str]
) -> None:
    assert parse_event_times(value) == times


def envelope(**body: t.Any) -> Envelope:
    return Envelope("0", "", "success", body, [])


def test_details_and_locations_are_parsed_in_every_known_format() -> None:
    tap = FixedClockTap(config={"data_center": "sandbox"})
    locations = t.cast("CampaignLocations", tap.streams["campaign_locations"])
    for body in (
        {"campaign-by-loaction": {"India": 2, "in": 1}},
        {"campaign-by-loaction": "{India=2, in=1}"},
        {"campaign-by-location": {"India": "2", "in": "1"}},
    ):
        rows = locations.rows(envelope(**body))
        assert [(row["country"], int(row["reached"])) for row in rows] == [
            ("India", 2),
            ("in", 1),
        ]
    assert locations.rows(envelope()) == []
    assert locations.rows(envelope(**{"campaign-by-loaction": ""})) == []

    variants = t.cast("CampaignAbVariants", tap.streams["campaign_ab_variants"])
    split = {"a_open_count": "3", "b_child_campaignkey": "x", "winner": "a"}
    assert variants.rows(envelope(**{"AB-split-details": [split]})) == [
        {"variant": "a", "open_count": "3", "winner": "a"},
        {"variant": "b", "child_campaignkey": "x", "winner": "a"},
    ]

    lists = t.cast("CampaignLists", tap.streams["campaign_lists"])
    for segments in ({"1": "One"}, [{"cvid": "1", "segment_name": "One"}]):
        rows = lists.rows(
            envelope(
                associated_mailing_lists=[{"listkey": "3z", "listname": "L"}],
                segments_info=segments,
            )
        )
        assert [(row["source_id"], row.get("cvid")) for row in rows] == [
            ("3z", None),
            ("1", "1"),
        ]
    assert lists.rows(envelope(associated_mailing_lists=[], segments_info={})) == []


def test_counts_are_parsed_in_every_plausible_format() -> None:
    expected = [("Korea, Republic of", 2), ("India", 1)]
    for value in (
        dict(expected),
        [dict(expected)],
        [{name: number} for name, number in expected],
        "{Korea, Republic of=2, India=1}",
        "{Korea, Republic of=2,India= 1 }",
    ):
        assert [(name, int(number)) for name, number in parse_counts(value)] == expected
    assert parse_counts("[{facebook=1, total=2}]") == [
        ("facebook", "1"),
        ("total", "2"),
    ]
    empty_values: list[t.Any] = [None, "", " ", "null", "{}", "[]", {}, []]
    for empty in empty_values:
        assert parse_counts(empty) == []
    for unknown in ("India", ["India"], 3, [{"in": 1}, {"in": 2}]):
        with pytest.raises(FatalError, match="form that this version does not know"):
            parse_counts(unknown)


def test_country_names_like_null_are_kept_as_keys(
    sync: Sync, service: Service, newest_key: str
) -> None:
    locations = {"campaign-by-loaction": {"null": 3, "undefined": 1, "": 2}}
    answer_endpoint(service, "campaignreports", **{"campaign-reports": [], **locations})
    records = sync("campaign_locations", campaign_keys=[newest_key]).records
    assert [
        (row["country"], row["reached"]) for row in records["campaign_locations"]
    ] == [
        ("null", 3),
        ("undefined", 1),
        ("", 2),
    ]


def test_objects_sent_as_java_map_text_are_parsed(
    sync: Sync, service: Service, newest_key: str
) -> None:
    report, details = "campaignreports", "getcampaigndetails"
    body: dict[str, t.Any]
    for stream, endpoint, body, field, expected in (
        (
            "campaign_reports",
            report,
            {"campaign-reports": "{opens_count=3}"},
            "open_count",
            3,
        ),
        (
            "campaign_details",
            details,
            {"campaign-details": "[{email_subject=b, zuid=1}]"},
            "subject",
            "b",
        ),
        (
            "campaign_lists",
            details,
            {"associated_mailing_lists": ["{listkey=3z, listname=L}"]},
            "source_id",
            "3z",
        ),
        (
            "campaign_lists",
            details,
            {"segments_info": [{"cvid": 1, "segmentname": "S"}]},
            "segment_name",
            "S",
        ),
    ):
        answer_endpoint(service, endpoint, **{"campaign-details": [], **body})
        [row] = sync(stream, campaign_keys=[newest_key]).records[stream]
        assert row[field] == expected


@pytest.mark.parametrize(
    "body",
    [
        {"associated_mailing_lists": [{"listname": "L"}]},
        {"associated_mailing_lists": [{"listkey": "null", "listname": "L"}]},
        {"associated_mailing_lists": {"3z": {"listname": "L"}}},
        {"associated_mailing_lists": ["3z"]},
        {"segments_info": [{"segment_name": "One"}]},
    ],
)
def test_campaign_lists_in_an_unknown_format_fail_the_stream(
    sync: Sync, service: Service, newest_key: str, body: dict[str, t.Any]
) -> None:
    answer_endpoint(service, "getcampaigndetails", **{"campaign-details": [], **body})
    with pytest.raises(
        FatalError, match="form that this version does not know"
    ) as error:
        sync("campaign_lists", campaign_keys=[newest_key])
    assert "cvids" not in str(error.value)


def test_created_time_of_details_comes_from_text_or_the_gmt_epoch() -> None:
    tap = FixedClockTap(config={"data_center": "sandbox", "timezone": "UTC"})
    details = t.cast("CampaignDetails", tap.streams["campaign_details"])
    for fields, expected in (
        ({"created_time": "09 Apr 2025, 08:55 AM"}, "2025-04-09T08:55:00.000Z"),
        ({"created_time": "1744232100000"}, None),
        (
            {"created_time": "1744232100000", "created_time_gmt": "1744203300000"},
            "2025-04-09T12:55:00.000Z",
        ),
    ):
        response = Envelope("0", "", "success", {}, [fields])
        (row,) = details.converter.records(details.rows(response))
        assert row.get("created_time") == expected
        assert not row.get("custom_fields")
