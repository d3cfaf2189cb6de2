"""What settings, catalogs and stream maps select."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

import pytest

from tap_zohocampaigns.api.wire.parsers import parse_criteria
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.sandbox.world.account import STATUSES
from tests.support.stream_cases import FORMATS, primary_keys_of, sent_campaigns
from tests.support.taps import FixedClockTap, Output, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, LivingAccount
    from tap_zohocampaigns.sandbox.world.account import Segment
    from tests.support.taps import Sync


def biggest_segment(account: LivingAccount) -> Segment:
    segments = (
        segment
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
    )
    return max(segments, key=lambda segment: len(account.members(segment.cvid)))


def test_recipients_of_drafts_are_not_requested(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    sync("campaign_recipients")
    requested_keys = {
        call.params["campaignkey"]
        for call in service.calls
        if call.endpoint == "getcampaignrecipientsdata"
    }
    assert requested_keys == {campaign.key for campaign in sent_campaigns(account)}


def test_details_are_requested_only_for_ab_tests(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    sync("campaign_recipients")
    requested_keys = [
        call.params["campaignkey"]
        for call in service.calls
        if call.endpoint == "getcampaigndetails"
    ]
    assert sorted(requested_keys) == sorted(
        campaign.key for campaign in account.campaigns() if campaign.children
    )


def test_key_settings_limit_what_is_read(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    segment = biggest_segment(account)
    campaign = sent_campaigns(account)[0]
    output = sync(
        list_keys=[segment.list_key],
        cvids=[segment.cvid],
        campaign_keys=[campaign.key],
        actions=["openedcontacts"],
    )
    assert primary_keys_of(output, "mailing_lists") == [(segment.list_key,)]
    assert primary_keys_of(output, "segments") == [(segment.cvid,)]
    assert primary_keys_of(output, "campaigns") == [(campaign.key,)]
    recipients = output.records["campaign_recipients"]
    assert {(row["campaign_key"], row["action"]) for row in recipients} == {
        (campaign.key, "openedcontacts")
    }
    assert {row["cvid"] for row in output.records["segment_contacts"]} == {segment.cvid}
    assert {row["list_key"] for row in output.records["list_subscriber_counts"]} == {
        segment.list_key
    }
    call_counts = Counter(call.endpoint for call in service.calls)
    assert call_counts["listsubscriberscount"] == len(STATUSES)


def test_configured_segments_are_read_without_list_calls(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    cvid = biggest_segment(account).cvid
    records = sync(
        "segment_contacts", cvids=[cvid], timezone="America/New_York"
    ).records
    assert len(records["segment_contacts"]) == len(account.members(cvid))
    assert {call.endpoint for call in service.calls} == {"getsegmentcontacts"}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("form", ["object", "objects", "list", "map_text"])
def test_segments_are_parsed_in_every_known_format(
    account: LivingAccount, form: t.Any, format_: str
) -> None:
    with Service(account, segments_form=form) as service:
        output = run_tap(service, "segments", response_format=format_)
    assert {row["cvid"]: row["segment_name"] for row in output.records["segments"]} == {
        segment.cvid: segment.name
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
    }


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize(("clamp", "size"), [(7, 500), (100, 500), (None, 3), (50, 50)])
def test_every_clamp_and_page_size_reads_every_row_once(
    account: LivingAccount, clamp: int | None, size: int, *, echo: bool
) -> None:
    cvid = biggest_segment(account).cvid
    with Service(account, clamp=clamp, echo_clamped=echo) as service:
        output = run_tap(
            service, "segment_contacts", "campaigns", page_size=size, cvids=[cvid]
        )
    assert sorted(primary_keys_of(output, "segment_contacts")) == sorted(
        (cvid, member.contact.email) for member in account.members(cvid)
    )
    assert len(output.records["campaigns"]) == len(account.campaigns())


def not_found_reply(call: Call, key: str) -> Reply | None:
    """Answer a call for this campaign or segment that it does not exist."""
    codes = {"getcampaignrecipientsdata": "6002", "getsegmentcontacts": "2202"}
    if call.endpoint not in codes or key not in call.params.values():
        return None
    body = f'{{"status":"error","code":"{codes[call.endpoint]}","message":"NotFound."}}'
    return Reply(200, body.encode())


def test_a_campaign_deleted_during_the_run_is_skipped_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
) -> None:
    deleted, *others = sent_campaigns(account)
    service.intercept = lambda call: not_found_reply(call, deleted.key)
    output = sync("campaign_recipients")
    read_keys = {row["campaign_key"] for row in output.records["campaign_recipients"]}
    assert read_keys == {campaign.key for campaign in others}
    assert [
        record.levelname for record in caplog.records if "gone" in record.message
    ] == ["WARNING"]


def test_a_segment_deleted_during_the_run_is_skipped_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cvids = [
        segment.cvid
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
    ]
    service.intercept = lambda call: not_found_reply(call, cvids[0])
    output = sync("segment_contacts", "snapshots")
    read_cvids = {row["cvid"] for row in output.records["snapshots"]}
    assert read_cvids == {*cvids[1:]}
    assert [
        record.levelname for record in caplog.records if "gone" in record.message
    ] == ["WARNING"]


def test_criteria_of_different_lengths_are_rejected() -> None:
    text = "{column_name=[a, b], column_comparator=[is], column_value=[x, y]}"
    with pytest.raises(ValueError, match="zip"):
        parse_criteria(text)


CITY = {"column_name": "City", "comparator": "is", "column_value": "Pune"}


@pytest.mark.parametrize(
    "value",
    [
        "{column_name=[City], column_comparator=[is], column_value=[Pune]}",
        {
            "column_name": ["City"],
            "column_comparator": ["is"],
            "column_value": ["Pune"],
            "logical_operator": [],
        },
        {"criteria": CITY},
        {"criteria": [CITY]},
        [CITY],
    ],
)
def test_criteria_are_parsed_in_every_plausible_format(value: object) -> None:
    assert parse_criteria(value) == [CITY | {"operator": None}]


@pytest.mark.parametrize(
    "value", [None, "", "null", "{}", "[]", {}, {"criteria": None}]
)
def test_empty_criteria_are_parsed_as_an_empty_list(value: object) -> None:
    assert parse_criteria(value) == []


@pytest.mark.parametrize(
    "criteria",
    [
        "City is Pune",
        "{pattern=1}",
        {"criteria": ["City"]},
        {"criteria": [{"no": "1"}]},
        "{column_name=[a, b], column_comparator=[is], column_value=[x, y]}",
    ],
)
def test_criteria_in_an_unknown_format_go_to_custom_fields(
    sync: Sync, service: Service, criteria: object
) -> None:
    body = {"code": "0", "segments_details": criteria}

    def intercept(call: Call) -> Reply | None:
        is_details = call.endpoint == "getsegmentdetails"
        return Reply(200, json.dumps(body).encode()) if is_details else None

    service.intercept = intercept
    rows = sync("segments").records["segments"]
    assert rows
    for row in rows:
        assert row["custom_fields"]["segments_details"] == criteria
        assert row.get("criteria") is None


def test_a_deselected_field_is_not_written(service: Service) -> None:
    catalog = FixedClockTap(config=service.config).catalog_dict
    deselected = {
        "segment_contacts": "phone",
        "snapshots": "rows_read",
        "campaigns": "subject",
    }
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] in deselected
            elif entry["breadcrumb"][-1] == deselected.get(stream["stream"]):
                entry["metadata"]["selected"] = False
    output = run_tap(service, catalog=catalog)
    assert output.records.keys() == deselected.keys()
    for name, field in deselected.items():
        for record in output.records[name]:
            assert field not in record
            assert len(record) > 3


def test_stream_maps_filter_and_change_records(
    service: Service, account: LivingAccount
) -> None:
    segment = biggest_segment(account)
    maps = {
        "segment_contacts": {
            "__filter__": f"record['cvid'] == '{segment.cvid}'",
            "contact_email": "md5(record['contact_email'])",
            "phone": None,
        },
        "campaigns": None,
    }
    output = run_tap(service, stream_maps=maps)
    assert not output.records["campaigns"]
    rows = output.records["segment_contacts"]
    assert len(rows) == len(account.members(segment.cvid))
    for record in rows:
        assert len(record["contact_email"]) == 32
        assert "phone" not in record


def test_flattening_includes_custom_fields(service: Service) -> None:
    output = run_tap(
        service, "segment_contacts", flattening_enabled=True, flattening_max_depth=1
    )
    assert all(
        not isinstance(record.get("custom_fields"), dict)
        for record in output.records["segment_contacts"]
    )


def test_a_second_run_of_an_unchanged_account_writes_almost_nothing(
    sync: Sync, service: Service
) -> None:
    first = sync()
    service.calls.clear()
    second = sync(state=first.state)
    for state in (first.state, second.state):
        for bookmark in state["bookmarks"].values():
            bookmark.pop("run", None)
            bookmark.pop("turn", None)
            for progress in bookmark.get("parts", {}).values():
                progress.pop("pass", None)
            bookmark.pop("pass", None)
    assert second.state == first.state
    assert not second.records["campaign_recipients"]
    parts = first.state["bookmarks"]["segment_contacts"]["parts"]
    for record in second.records["segment_contacts"]:
        # Members of the newest minute are written again, as more may join in it.
        assert record["added_time"] == parts[record["cvid"]]["added"]
        assert record["snapshot_time"] == parts[record["cvid"]]["at"]
    call_counts = Counter(call.endpoint for call in service.calls)
    assert call_counts["getcampaignrecipientsdata"] == 0
    open_campaigns = first.state["bookmarks"]["campaign_recipients"]["open"]
    expected_calls = sum(
        1 + len(progress["tests"]) for progress in open_campaigns.values()
    )
    assert call_counts["campaignreports"] == expected_calls
    assert call_counts["getsegmentcontacts"] == 4


def test_the_state_is_small_and_has_no_email_address(output: Output) -> None:
    text = json.dumps(output.state)
    assert "@" not in text
    bookmarks = output.state["bookmarks"]
    assert all(
        len(json.dumps(progress)) < 1000
        for progress in bookmarks["segment_contacts"]["parts"].values()
    )
    # Only the keys of closed campaigns stay in the state.
    assert len(bookmarks["campaign_recipients"]["open"]) < 7
    closed = bookmarks["campaign_recipients"]["closed"]
    assert len(json.dumps(closed)) < 150 * len(closed)
