"""Forms in which details, counts and places may come."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_counts, parse_event_times
from tests.support.campaigns import answer
from tests.support.taps import StillTap

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
    ("told", "times"),
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
def test_times_of_events_are_read_in_every_form(told: t.Any, times: list[str]) -> None:
    assert parse_event_times(told) == times


def envelope(**body: t.Any) -> Envelope:
    return Envelope("0", "", "success", body, [])


def test_parts_of_an_answer_are_read_in_the_forms_that_are_known() -> None:
    tap = StillTap(config={"data_center": "sandbox"})
    places = t.cast("CampaignLocations", tap.streams["campaign_locations"])
    for body in (
        {"campaign-by-loaction": {"India": 2, "in": 1}},
        {"campaign-by-loaction": "{India=2, in=1}"},
        {"campaign-by-location": {"India": "2", "in": "1"}},
    ):
        rows = places.rows(envelope(**body))
        assert [(row["country"], int(row["reached"])) for row in rows] == [
            ("India", 2),
            ("in", 1),
        ]
    assert places.rows(envelope()) == []
    assert places.rows(envelope(**{"campaign-by-loaction": ""})) == []

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


def test_counts_are_read_in_every_form_that_is_plausible() -> None:
    korea = [("Korea, Republic of", 2), ("India", 1)]
    for told in (
        dict(korea),
        [dict(korea)],
        [{name: number} for name, number in korea],
        "{Korea, Republic of=2, India=1}",
        "{Korea, Republic of=2,India= 1 }",
    ):
        assert [(name, int(number)) for name, number in parse_counts(told)] == korea
    assert parse_counts("[{facebook=1, total=2}]") == [
        ("facebook", "1"),
        ("total", "2"),
    ]
    nothings: list[t.Any] = [None, "", " ", "null", "{}", "[]", {}, []]
    for nothing in nothings:
        assert parse_counts(nothing) == []
    for other in ("India", ["India"], 3, [{"in": 1}, {"in": 2}]):
        with pytest.raises(FatalError, match="form that this version does not know"):
            parse_counts(other)


def test_a_country_called_nothing_is_a_key_all_the_same(
    sync: Sync, service: Service, newest: str
) -> None:
    places = {"campaign-by-loaction": {"null": 3, "undefined": 1, "": 2}}
    answer(service, "campaignreports", **{"campaign-reports": [], **places})
    found = sync("campaign_locations", campaign_keys=[newest]).records
    assert [(r["country"], r["reached"]) for r in found["campaign_locations"]] == [
        ("null", 3),
        ("undefined", 1),
        ("", 2),
    ]


def test_objects_may_be_the_texts_of_java_maps(
    sync: Sync, service: Service, newest: str
) -> None:
    report, details = "campaignreports", "getcampaigndetails"
    told: dict[str, t.Any]
    for stream, endpoint, told, name, expected in (
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
        answer(service, endpoint, **{"campaign-details": [], **told})
        [row] = sync(stream, campaign_keys=[newest]).records[stream]
        assert row[name] == expected


@pytest.mark.parametrize(
    "told",
    [
        {"associated_mailing_lists": [{"listname": "L"}]},
        {"associated_mailing_lists": [{"listkey": "null", "listname": "L"}]},
        {"associated_mailing_lists": {"3z": {"listname": "L"}}},
        {"associated_mailing_lists": ["3z"]},
        {"segments_info": [{"segment_name": "One"}]},
    ],
)
def test_a_list_of_a_campaign_without_its_key_is_told_of(
    sync: Sync, service: Service, newest: str, told: dict[str, t.Any]
) -> None:
    answer(service, "getcampaigndetails", **{"campaign-details": [], **told})
    with pytest.raises(
        FatalError, match="form that this version does not know"
    ) as error:
        sync("campaign_lists", campaign_keys=[newest])
    assert "cvids" not in str(error.value)


def test_times_of_details_are_texts_in_xml_and_epochs_that_are_hours_off_in_json() -> (
    None
):
    tap = StillTap(config={"data_center": "sandbox", "timezone": "UTC"})
    details = t.cast("CampaignDetails", tap.streams["campaign_details"])
    for told, expected in (
        ({"created_time": "09 Apr 2025, 08:55 AM"}, "2025-04-09T08:55:00.000Z"),
        ({"created_time": "1744232100000"}, None),
        (
            {"created_time": "1744232100000", "created_time_gmt": "1744203300000"},
            "2025-04-09T12:55:00.000Z",
        ),
    ):
        answer = Envelope("0", "", "success", {}, [told])
        (row,) = details.converter.records(details.rows(answer))
        assert row.get("created_time") == expected
        assert not row.get("custom_fields")
