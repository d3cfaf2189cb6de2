"""What settings, catalogs and stream maps select."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

import pytest

from tap_zohocampaigns.api.wire.parsers import parse_criteria
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.sandbox.world.account import STATUSES
from tests.support.stream_cases import FORMATS, keys, sent
from tests.support.taps import Output, StillTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, LivingAccount
    from tap_zohocampaigns.sandbox.world.account import Segment
    from tests.support.taps import Sync


def biggest_segment(account: LivingAccount) -> Segment:
    segments = (s for each in account.lists() for s in account.segments(each.key))
    return max(segments, key=lambda segment: len(account.members(segment.cvid)))


def test_drafts_cost_no_call_of_recipients(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    sync("campaign_recipients")
    asked = {
        call.params["campaignkey"]
        for call in service.calls
        if call.endpoint == "getcampaignrecipientsdata"
    }
    assert asked == {campaign.key for campaign in sent(account)}


def test_a_normal_campaign_is_never_asked_as_an_ab_test(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    sync("campaign_recipients")
    asked = [
        call.params["campaignkey"]
        for call in service.calls
        if call.endpoint == "getcampaigndetails"
    ]
    assert sorted(asked) == sorted(
        campaign.key for campaign in account.campaigns() if campaign.children
    )


def test_settings_narrow_what_is_read(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    segment = biggest_segment(account)
    campaign = sent(account)[0]
    output = sync(
        list_keys=[segment.list_key],
        cvids=[segment.cvid],
        campaign_keys=[campaign.key],
        actions=["openedcontacts"],
    )
    assert keys(output, "mailing_lists") == [(segment.list_key,)]
    assert keys(output, "segments") == [(segment.cvid,)]
    assert keys(output, "campaigns") == [(campaign.key,)]
    recipients = output.records["campaign_recipients"]
    assert {(r["campaign_key"], r["action"]) for r in recipients} == {
        (campaign.key, "openedcontacts")
    }
    assert {r["cvid"] for r in output.records["segment_contacts"]} == {segment.cvid}
    assert {r["list_key"] for r in output.records["list_subscriber_counts"]} == {
        segment.list_key
    }
    counted = Counter(call.endpoint for call in service.calls)
    assert counted["listsubscriberscount"] == len(STATUSES)


def test_named_segments_need_no_list(
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
def test_segments_are_found_in_every_form(
    account: LivingAccount, form: t.Any, format_: str
) -> None:
    with Service(account, segments_form=form) as other:
        output = run_tap(other, "segments", response_format=format_)
    assert {r["cvid"]: r["segment_name"] for r in output.records["segments"]} == {
        segment.cvid: segment.name
        for each in account.lists()
        for segment in account.segments(each.key)
    }


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize(("clamp", "size"), [(7, 500), (100, 500), (None, 3), (50, 50)])
def test_any_clamp_and_page_size_give_every_row_once(
    account: LivingAccount, clamp: int | None, size: int, *, echo: bool
) -> None:
    cvid = biggest_segment(account).cvid
    with Service(account, clamp=clamp, echo_clamped=echo) as other:
        output = run_tap(
            other, "segment_contacts", "campaigns", page_size=size, cvids=[cvid]
        )
    assert sorted(keys(output, "segment_contacts")) == sorted(
        (cvid, member.contact.email) for member in account.members(cvid)
    )
    assert len(output.records["campaigns"]) == 30


def gone(call: Call, key: str) -> Reply | None:
    """Say that a campaign or segment is not there any more."""
    codes = {"getcampaignrecipientsdata": "6002", "getsegmentcontacts": "2202"}
    if call.endpoint not in codes or key not in call.params.values():
        return None
    body = f'{{"status":"error","code":"{codes[call.endpoint]}","message":"NotFound."}}'
    return Reply(200, body.encode())


def test_a_campaign_deleted_meanwhile_is_left_out_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
) -> None:
    victim, *others = sent(account)
    service.intercept = lambda call: gone(call, victim.key)
    output = sync("campaign_recipients")
    read = {r["campaign_key"] for r in output.records["campaign_recipients"]}
    assert read == {campaign.key for campaign in others}
    assert [r.levelname for r in caplog.records if "gone" in r.message] == ["WARNING"]


def test_a_segment_deleted_meanwhile_is_left_out_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cvids = [s.cvid for each in account.lists() for s in account.segments(each.key)]
    service.intercept = lambda call: gone(call, cvids[0])
    output = sync("segment_contacts", "snapshots")
    read = {r["cvid"] for r in output.records["snapshots"]}
    assert read == {*cvids[1:]}
    assert [r.levelname for r in caplog.records if "gone" in r.message] == ["WARNING"]


def test_criteria_of_odd_lengths_are_no_criteria() -> None:
    text = "{column_name=[a, b], column_comparator=[is], column_value=[x, y]}"
    with pytest.raises(ValueError, match="zip"):
        parse_criteria(text)


CITY = {"column_name": "City", "comparator": "is", "column_value": "Pune"}


@pytest.mark.parametrize(
    "told",
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
def test_criteria_are_read_in_every_form_that_is_plausible(told: object) -> None:
    assert parse_criteria(told) == [CITY | {"operator": None}]


@pytest.mark.parametrize("told", [None, "", "null", "{}", "[]", {}, {"criteria": None}])
def test_no_criteria_are_none(told: object) -> None:
    assert parse_criteria(told) == []


@pytest.mark.parametrize(
    "told",
    [
        "City is Pune",
        "{pattern=1}",
        {"criteria": ["City"]},
        {"criteria": [{"no": "1"}]},
        "{column_name=[a, b], column_comparator=[is], column_value=[x, y]}",
    ],
)
def test_criteria_of_another_form_are_kept(
    sync: Sync, service: Service, told: object
) -> None:
    body = {"code": "0", "segments_details": told}

    def intercept(call: Call) -> Reply | None:
        asked = call.endpoint == "getsegmentdetails"
        return Reply(200, json.dumps(body).encode()) if asked else None

    service.intercept = intercept
    rows = sync("segments").records["segments"]
    assert rows
    for row in rows:
        assert row["custom_fields"]["segments_details"] == told
        assert row.get("criteria") is None


def test_a_field_that_the_catalog_deselects_is_not_written(service: Service) -> None:
    catalog = StillTap(config=service.config).catalog_dict
    hidden = {
        "segment_contacts": "phone",
        "snapshots": "rows_read",
        "campaigns": "subject",
    }
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] in hidden
            elif entry["breadcrumb"][-1] == hidden.get(stream["stream"]):
                entry["metadata"]["selected"] = False
    output = run_tap(service, catalog=catalog)
    assert output.records.keys() == hidden.keys()
    for name, field in hidden.items():
        for record in output.records[name]:
            assert field not in record
            assert len(record) > 3


def test_stream_maps_see_records(service: Service, account: LivingAccount) -> None:
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
    found = output.records["segment_contacts"]
    assert len(found) == len(account.members(segment.cvid))
    for record in found:
        assert len(record["contact_email"]) == 32
        assert "phone" not in record


def test_flattening_reaches_custom_fields(service: Service) -> None:
    output = run_tap(
        service, "segment_contacts", flattening_enabled=True, flattening_max_depth=1
    )
    assert all(
        not isinstance(record.get("custom_fields"), dict)
        for record in output.records["segment_contacts"]
    )


def test_a_second_run_of_an_account_at_rest_writes_next_to_nothing(
    sync: Sync, service: Service
) -> None:
    first = sync()
    service.calls.clear()
    second = sync(state=first.state)
    for state in (first.state, second.state):
        for bookmark in state["bookmarks"].values():
            bookmark.pop("run", None)
            bookmark.pop("turn", None)
            for line in bookmark.get("parts", {}).values():
                line.pop("pass", None)
            bookmark.pop("pass", None)
    assert second.state == first.state
    assert not second.records["campaign_recipients"]
    bookmarks = first.state["bookmarks"]["segment_contacts"]["parts"]
    for record in second.records["segment_contacts"]:
        # Those of the newest minute; another may have come in it.
        assert record["added_time"] == bookmarks[record["cvid"]]["added"]
        assert record["snapshot_time"] == bookmarks[record["cvid"]]["at"]
    asked = Counter(call.endpoint for call in service.calls)
    assert asked["getcampaignrecipientsdata"] == 0
    opened = first.state["bookmarks"]["campaign_recipients"]["open"]
    looks = sum(1 + len(line["tests"]) for line in opened.values())
    assert asked["campaignreports"] == looks
    assert asked["getsegmentcontacts"] == 4


def test_the_state_is_small_and_holds_no_address(output: Output) -> None:
    text = json.dumps(output.state)
    assert "@" not in text
    bookmarks = output.state["bookmarks"]
    assert all(
        len(json.dumps(line)) < 1000
        for line in bookmarks["segment_contacts"]["parts"].values()
    )
    # Closed campaigns leave their keys.
    assert len(bookmarks["campaign_recipients"]["open"]) < 7
    closed = bookmarks["campaign_recipients"]["closed"]
    assert len(json.dumps(closed)) < 150 * len(closed)
