"""Lists, segments and campaigns that all streams share."""

from __future__ import annotations

import logging
import typing as t
from collections import Counter

import pytest

from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.api.wire.campaigns import changed_time, sent_time
from tap_zohocampaigns.api.wire.parsers import parse_segments, parse_subscriber_counts
from tap_zohocampaigns.sync.inventory import Segment
from tests.support import samples
from tests.support.feeds import (
    LOGGER,
    Feeds,
    campaign_rows,
    inventory_of,
    list_rows,
)
from tests.support.zoho import (
    parse_envelope,
    rows_or_value_of,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client

    Row = dict[str, t.Any]
ONE, OTHER = "303000014567003", "303000014567005"
NAMES = {ONE: "Blue, & green", OTHER: "Red"}
OBJECTS = {cvid: {"segment_name": name} for cvid, name in NAMES.items()}


def xml_segments(content: str) -> t.Any:
    """Return the `segments` of a list that was read from XML."""
    body = (
        "<response><code>0</code><status>success</status><list_of_details><list>"
        f'<fl val="listkey">3z</fl><fl val="segments">{content}</fl>'
        "</list></list_of_details></response>"
    )
    (row,) = rows_or_value_of("getmailinglists", parse_envelope(body.encode()))
    return row["segments"]


def test_campaigns_without_gmt_times_use_their_inexact_times() -> None:
    rows = rows_or_value_of("recentcampaigns", parse_envelope(samples.CAMPAIGNS_V1_XML))
    assert [sent_time(row) for row in rows] == [
        "2012-07-17T05:41:43.000Z",
        "2012-07-17T05:37:39.000Z",
    ]
    draft = {"created_time": "1342503640000", "sent_time": ""}
    assert sent_time(draft) == "2012-07-17T05:40:40.000Z"
    assert sent_time(rows[0] | {"sent_time_gmt": "0"}) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("text", ["9" * 30, "9" * 5000, "²", "١٢", "1_000", "soon", -1])
def test_invalid_epochs_are_ignored(text: object) -> None:
    campaign = {"sent_time_gmt": text, "created_time_gmt": "1342503640000"}
    assert sent_time(campaign) == "2012-07-17T05:40:40.000Z"
    now = "2026-01-01T00:00:00.000Z"
    assert changed_time(campaign, now) == "2012-07-17T05:40:40.000Z"
    assert parse_subscriber_counts({"noofcontacts": "²", "noofunsubcnt": "3"}) == {
        "active": None,
        "unsub": 3,
        "bounce": None,
    }


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "{}",
        "[]",
        "null",
        "undefined",
        {},
        [],
        xml_segments(""),
        xml_segments("\n\t"),
        xml_segments("<segment/>"),
    ],
    ids=range(12),
)
def test_empty_segments_are_parsed_as_none(value: object) -> None:
    assert parse_segments(value).by_id == {}


@pytest.mark.parametrize(
    "value",
    [
        NAMES,
        OBJECTS,
        {"segments": NAMES},
        {"segment": OBJECTS},
        [{"cvid": cvid, "segment_name": name} for cvid, name in NAMES.items()],
        [{"CVID": int(cvid), "segment_name": name} for cvid, name in NAMES.items()],
        [{"segmentId": cvid, "segment_name": name} for cvid, name in NAMES.items()],
        [{"segment_id": cvid, "segment_name": name} for cvid, name in NAMES.items()],
        [{cvid: name} for cvid, name in NAMES.items()],
        [{"segment": {"cvid": c, "segment_name": n}} for c, n in NAMES.items()],
        f"{{{ONE}=Blue, & green, {OTHER}=Red}}",
        f" {{{ONE}=Blue, & green,{OTHER} = Red}} ",
        xml_segments(
            f'<fl val="{ONE}">Blue, &amp; green</fl><fl val="{OTHER}">Red</fl>'
        ),
        xml_segments(f"{{{ONE}=Blue, & green, {OTHER}=Red}}"),
        xml_segments(
            f'<segment><fl val="cvid">{ONE}</fl>'
            '<fl val="segment_name">Blue, &amp; green</fl></segment>'
            f'<segment><fl val="cvid">{OTHER}</fl>'
            '<fl val="segment_name">Red</fl></segment>'
        ),
        xml_segments(
            f"<segment><cvid>{ONE}</cvid><segment_name>Blue, &amp; green</segment_name>"
            f"</segment><segment><cvid>{OTHER}</cvid>"
            "<segment_name>Red</segment_name></segment>"
        ),
        xml_segments(
            f'\n <fl val="{ONE}"><fl val="segment_name">Blue, &amp; green</fl></fl>\n'
            f' <fl val="{OTHER}"><fl val="segment_name">Red</fl></fl>\n'
        ),
    ],
    ids=range(17),
)
def test_segments_are_parsed_in_every_plausible_format(value: object) -> None:
    segments = parse_segments(value).by_id
    assert segments == OBJECTS
    assert {type(cvid) for cvid in segments} == {str}


@pytest.mark.parametrize(
    "value",
    [
        {ONE: "Red"},
        [{"cvid": ONE, "segment_name": "Red"}],
        {"cvid": int(ONE), "segment_name": "Red"},
        {"segment": {"cvid": ONE, "segment_name": "Red"}},
        f"{{cvid={ONE}, segment_name=Red}}",
        xml_segments(
            f'<segment><fl val="cvid">{ONE}</fl><fl val="segment_name">Red</fl>'
            "</segment>"
        ),
        xml_segments(f'<fl val="cvid">{ONE}</fl><fl val="segment_name">Red</fl>'),
    ],
    ids=range(7),
)
def test_a_single_segment_is_parsed(value: object) -> None:
    assert parse_segments(value).by_id == {ONE: {"segment_name": "Red"}}


@pytest.mark.parametrize(
    "value", [[ONE], [int(ONE)], ONE, int(ONE), xml_segments(ONE)], ids=range(5)
)
def test_a_segment_without_a_name_is_parsed(value: object) -> None:
    assert parse_segments(value).by_id == {ONE: {}}


@pytest.mark.parametrize(
    "value",
    [
        "Blue",
        {"Blue": ONE},
        {"name": "Blue", "size": 3},
        {"id": ONE, "name": "Blue"},
        [{"cvid": "", "segment_name": "Blue"}],
        [{"cvid": None}],
        [["Blue"]],
        [OBJECTS, "more"],
        True,
        "[{a=b}]",
        xml_segments("<segment>Blue</segment>"),
        xml_segments("<br/>"),
    ],
    ids=range(12),
)
def test_segments_in_an_unknown_format_fail_naming_the_setting(value: object) -> None:
    with pytest.raises(
        FatalError, match=r"name the segments in the setting `cvids`\.$"
    ):
        parse_segments(value)


def test_segments_have_the_key_of_their_list() -> None:
    rows = list_rows("a", segments={ONE: "Red"}) + list_rows("b", segments={})
    rows += list_rows("c", segments=f"{{{OTHER}=Blue}}")
    with inventory_of(Feeds(rows)) as account:
        assert account.segments == [
            Segment(ONE, "a", {"segment_name": "Red"}),
            Segment(OTHER, "c", {"segment_name": "Blue"}),
        ]
        assert account.cvids == [ONE, OTHER]
        assert account.client.calls.total() == 2


def test_configured_segments_get_their_details_from_the_lists() -> None:
    rows = list_rows("a", segments={ONE: "Red", OTHER: "Blue"})
    with inventory_of(Feeds(rows), cvids=["7", ONE]) as account:
        assert account.cvids == ["7", ONE]
        assert account.client.calls.total() == 0
        assert account.segments == [
            Segment("7", None, {}),
            Segment(ONE, "a", {"segment_name": "Red"}),
        ]


def test_a_segment_that_is_configured_twice_is_read_once() -> None:
    with inventory_of(
        Feeds(list_rows("a", segments=NAMES)), cvids=[ONE, ONE]
    ) as account:
        assert account.cvids == [ONE]
        assert [segment.cvid for segment in account.segments] == [ONE]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 6, 7])
def test_lists_and_campaigns_are_read_once_per_run(rows: int) -> None:
    keys = [f"key{number}" for number in range(rows)]
    feeds = Feeds(list_rows(*keys), campaign_rows(*keys))
    with inventory_of(feeds, page_size=3) as account:
        for _ in range(2):
            assert [row["listkey"] for row in account.lists] == keys
            assert [row["campaign_key"] for row in account.campaigns] == keys
        # Each page of three repeats the last two rows of the page before. There is no
        # counter, so the end costs up to three calls: with the last rows, after them,
        # and with them once more.
        assert account.client.calls["getmailinglists"] <= max(rows - 2, 1) + 3
        assert account.client.calls["recentcampaigns"] <= max(rows - 2, 1) + 3


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [("lists", "getmailinglists"), ("campaigns", "recentcampaigns")],
)
@pytest.mark.parametrize(
    "row_without_key", [{}, dict.fromkeys(["listkey", "campaign_key"], "null")]
)
def test_rows_without_key_are_skipped_with_a_warning(
    kind: str, endpoint: str, row_without_key: Row, caplog: pytest.LogCaptureFixture
) -> None:
    feeds = Feeds(
        [*list_rows("a"), row_without_key, row_without_key],
        [row_without_key, *campaign_rows("a"), row_without_key],
    )
    with inventory_of(feeds) as account:
        for _ in range(2):
            [row] = getattr(account, kind)
            assert "a" in row.values()
    warnings = [
        record.getMessage() for record in caplog.records if record.name == LOGGER
    ]
    assert warnings == [f"Left out 2 rows of {endpoint} without their key."]


@pytest.mark.parametrize(
    ("setting", "kind", "key"),
    [
        ("list_keys", "lists", "listkey"),
        ("campaign_keys", "campaigns", "campaign_key"),
    ],
)
def test_configured_keys_select_rows_and_must_exist(
    setting: str, kind: str, key: str
) -> None:
    feeds = Feeds(list_rows("a", "b", "c"), campaign_rows("a", "b", "c"))
    with inventory_of(feeds, **{setting: ["c", "a", "c"]}) as account:
        assert [row[key] for row in getattr(account, kind)] == ["c", "a"]
    with inventory_of(feeds, **{setting: []}) as account:
        assert [row[key] for row in getattr(account, kind)] == ["a", "b", "c"]
    unknown_key = "3z" + "0123456789" * 6
    with inventory_of(feeds, **{setting: ["a", unknown_key]}) as account:
        with pytest.raises(SettingError, match=f"`{setting}`.*number 2") as raised:
            getattr(account, kind)
        assert unknown_key not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        ("Sent", True),
        ("sent", True),
        ("In Progress", True),
        ("inprogress", True),
        ("Stopped", True),
        ("Paused", True),
        ("In Testing", True),
        ("A state that is new", True),
        ("Draft", False),
        ("drafts", False),
        ("Scheduled", False),
        ("To be reviewed", False),
        ("to-be-reviewed", False),
        ("Reviewed", False),
    ],
)
def test_only_campaigns_that_were_sent_have_recipients(
    status: str, sent: object
) -> None:
    rows = campaign_rows("a", campaign_status=status, sent_time_gmt="1")
    with inventory_of(Feeds(campaigns=rows)) as account:
        assert account.sent_campaigns == (rows if sent else [])


@pytest.mark.parametrize("status", ["Canceled", "cancelled"])
def test_a_canceled_campaign_has_recipients_if_its_sending_had_begun(
    status: str,
) -> None:
    begun = campaign_rows("a", campaign_status=status, sent_time_gmt="5")
    never_sent = campaign_rows("b", campaign_status=status)
    with inventory_of(Feeds(campaigns=begun + never_sent)) as account:
        assert account.sent_campaigns == begun


def test_sent_campaigns_are_ordered_newest_first() -> None:
    times = {"b": "1375456161000", "d": "999999999999", "a": "1744203300000"}
    rows = [
        row
        for key, time in times.items()
        for row in campaign_rows(key, sent_time_gmt=time)
    ]
    with inventory_of(Feeds(campaigns=rows + campaign_rows("z"))) as account:
        keys = [row["campaign_key"] for row in account.sent_campaigns]
    assert keys == ["a", "b", "d", "z"]


@pytest.mark.parametrize("empty", ["", "null", "undefined", None], ids=range(4))
def test_a_campaign_without_a_sent_time_comes_last(
    empty: str | None,
) -> None:
    rows = campaign_rows("a", sent_time_gmt=empty) + campaign_rows(
        "b", sent_time_gmt="5"
    )
    with inventory_of(Feeds(campaigns=rows)) as account:
        keys = [row["campaign_key"] for row in account.sent_campaigns]
    assert keys == ["b", "a"]


class ClientCaller:
    """Calls the client, as a stream does."""

    turn = 0

    def __init__(self, client: Client) -> None:
        self.call = client.call
        self.shared_calls: Counter[str] = Counter()


def test_test_sends_are_requested_only_for_ab_campaigns() -> None:
    details = {
        "AB-split-details": [
            {
                "a_child_campaignkey": "x",
                "b_child_campaignkey": "y",
                "a_open_count": "3",
            }
        ]
    }
    normal, ab_campaign = campaign_rows("a", campaigntype="normal") + campaign_rows(
        "b", campaigntype="ABTesting"
    )
    with inventory_of(Feeds(details=details)) as account:
        assert account.test_sends(normal, ClientCaller(account.client)) == []
        assert (
            account.test_sends({"campaign_key": "c"}, ClientCaller(account.client))
            == []
        )
        assert account.client.calls.total() == 0
        assert account.test_sends(ab_campaign, ClientCaller(account.client)) == [
            "x",
            "y",
        ]
        assert account.client.calls == {"getcampaigndetails": 1}


@pytest.mark.parametrize(
    "details",
    [
        "2206",
        {},
        {"AB-split-details": []},
        {"AB-split-details": {}},
        {"AB-split-details": [{"a_child_campaignkey": "", "a_open_count": "1"}]},
        {"AB-split-details": [{"a_child_campaignkey": "null"}]},
        {"AB-split-details": "{a_open_count=1}"},
    ],
    ids=range(7),
)
def test_missing_keys_of_test_sends_give_a_warning(
    details: Row | str, caplog: pytest.LogCaptureFixture
) -> None:
    (ab_campaign,) = campaign_rows("b", campaigntype="abtesting")
    with inventory_of(Feeds(details=details)) as account:
        assert account.test_sends(ab_campaign, ClientCaller(account.client)) == []
    warnings = [record for record in caplog.records if record.name == LOGGER]
    assert [record.levelno for record in warnings] == [logging.WARNING]
