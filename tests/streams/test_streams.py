"""What comes out is what the account holds: every row, once, typed, in both formats."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from itertools import product

import pytest

from tap_zohocampaigns.api.wire.parsers import parse_criteria
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import ACTIONS, STATUSES, Reply, Service
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema
from tests.support.taps import NOW, Output, StillTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, Campaign, LivingAccount, Segment
    from tests.support.taps import Record, Sync

FORMATS = ("json", "xml")
# XML shows whole minutes, and has names of its own for little of what JSON has.
JSON_ONLY = {
    "contact_id",
    "contact_status",
    "created_time",
    "updated_time",
    "snapshot_time",
}


def sent(account: LivingAccount) -> list[Campaign]:
    """Return all that was sent: campaigns, and the test sends of A/B campaigns."""
    parents = [campaign for campaign in account.campaigns() if campaign.sent]
    children = [account.campaign(key) for each in parents for key in each.children]
    return [*parents, *filter(None, children)]


def biggest_segment(account: LivingAccount) -> Segment:
    segments = (s for each in account.lists() for s in account.segments(each.key))
    return max(segments, key=lambda segment: len(account.members(segment.cvid)))


def keys(output: Output, stream: str) -> list[tuple[t.Any, ...]]:
    primary = next(each for each in STREAMS if each.name == stream).primary_keys
    return [
        tuple(record[name] for name in primary) for record in output.records[stream]
    ]


def test_every_list_is_read(output: Output, account: LivingAccount) -> None:
    assert keys(output, "mailing_lists") == [(each.key,) for each in account.lists()]


def test_every_segment_is_read(output: Output, account: LivingAccount) -> None:
    expected = {
        segment.cvid: (segment.list_key, segment.name)
        for each in account.lists()
        for segment in account.segments(each.key)
    }
    found = {
        record["cvid"]: (record["list_key"], record["segment_name"])
        for record in output.records["segments"]
    }
    assert found == expected
    assert len(expected) == 4


def test_conditions_of_segments_are_read(
    output: Output, account: LivingAccount
) -> None:
    for record in output.records["segments"]:
        segment = account.segment(record["cvid"])
        assert segment
        found = [
            (c["column_name"], c["comparator"], c["column_value"] or "", c["operator"])
            for c in record["criteria"] or ()
        ]
        expected = [
            (c.column, c.comparator, c.value, c.operator if position else None)
            for position, c in enumerate(segment.criteria)
        ]
        assert found == expected


def test_every_segment_contact_is_read_once(
    output: Output, account: LivingAccount
) -> None:
    expected = Counter(
        (segment.cvid, member.contact.email, rfc3339(member.added.replace(second=0)))
        for each in account.lists()
        for segment in account.segments(each.key)
        for member in account.members(segment.cvid)
    )
    found = Counter(
        (record["cvid"], record["contact_email"], record["added_time"])
        for record in output.records["segment_contacts"]
    )
    assert found == expected
    assert expected.total() > 200


def test_every_status_of_every_list_is_counted(
    output: Output, account: LivingAccount
) -> None:
    found = {
        (record["list_key"], record["status"]): record["contact_count"]
        for record in output.records["list_subscriber_counts"]
    }
    assert found == {
        (each.key, status): account.subscribers(each.key, status)
        for each, status in product(account.lists(), STATUSES)
    }
    days = {r["counted_on"] for r in output.records["list_subscriber_counts"]}
    assert days == {NOW.date().isoformat()}


def test_every_campaign_is_read(output: Output, account: LivingAccount) -> None:
    found = {
        record["campaign_key"]: (record["campaign_name"], record.get("sent_time"))
        for record in output.records["campaigns"]
    }
    assert found == {
        each.key: (each.name, rfc3339(each.sent) if each.sent else None)
        for each in account.campaigns()
    }


def test_every_recipient_of_every_action_is_read_once(
    output: Output, account: LivingAccount
) -> None:
    expected = Counter(
        (campaign.key, campaign.parent_key, action, recipient.contact.email)
        for campaign in sent(account)
        for action in ACTIONS
        for recipient in account.recipients(campaign.key, action)
    )
    found = Counter(
        (
            record["campaign_key"],
            record["parent_campaign_key"],
            record["action"],
            record["contact_email"],
        )
        for record in output.records["campaign_recipients"]
    )
    assert found == expected
    assert {action for _, _, action, _ in found} == {*ACTIONS}
    assert sum(parent is not None for _, parent, _, _ in found)


def test_recipients_are_sent_when_they_were_sent(
    sync: Sync, account: LivingAccount
) -> None:
    campaign = sent(account)[0]
    records = sync(campaign_keys=[campaign.key], actions=["sentcontacts"]).records
    assert {
        record["contact_email"]: record["sent_time"]
        for record in records["campaign_recipients"]
    } == {
        recipient.contact.email: rfc3339(recipient.sent.replace(microsecond=0))
        for recipient in account.recipients(campaign.key, "sentcontacts")
    }


def test_names_and_custom_fields_of_recipients_arrive_whole(
    output: Output, account: LivingAccount
) -> None:
    expected = {
        recipient.contact.email: (
            recipient.contact.first_name or None,
            recipient.contact.last_name or None,
            recipient.contact.company or None,
            recipient.contact.phone or None,
            dict(recipient.contact.custom),
        )
        for campaign in sent(account)
        for recipient in account.recipients(campaign.key, "sentcontacts")
    }
    found = {
        record["contact_email"]: (
            record["first_name"],
            record["last_name"],
            record["company_name"],
            record["phone"],
            record.get("custom_fields") or {},
        )
        for record in output.records["campaign_recipients"]
        if record["action"] == "sentcontacts"
    }
    assert found == expected
    assert any(custom for *_, custom in expected.values())


def test_each_part_has_a_snapshot_with_its_number_of_rows(
    output: Output, account: LivingAccount
) -> None:
    expected = {
        f"campaign_recipients/{campaign.key}/{action}": len(
            account.recipients(campaign.key, action)
        )
        for campaign in sent(account)
        for action in ACTIONS
    } | {
        f"segment_contacts/{segment.cvid}": len(account.members(segment.cvid))
        for each in account.lists()
        for segment in account.segments(each.key)
    }
    found = {
        r["snapshot_id"]: r["rows_read"]
        for r in output.records["snapshots"]
        if r["stream"] in {"campaign_recipients", "segment_contacts"}
    }
    assert found == expected


def test_rows_carry_the_time_of_their_snapshot(output: Output) -> None:
    times = {r["snapshot_id"]: r["snapshot_time"] for r in output.records["snapshots"]}
    for record in output.records["segment_contacts"]:
        part = f"segment_contacts/{record['cvid']}"
        assert record["snapshot_time"] == times[part]


def test_json_and_xml_give_the_same_records(sync: Sync) -> None:
    from_json, from_xml = (sync(response_format=each) for each in FORMATS)

    def comparable(record: Record, other: Record) -> Record:
        kept = {
            name: value
            for name, value in record.items()
            if name not in JSON_ONLY
            and value is not None
            and other.get(name) is not None
        }
        if "action" in record:
            kept["sent_time"] = str(kept.get("sent_time"))[:16]
        return kept

    for stream in STREAMS:
        ours, theirs = from_json.records[stream.name], from_xml.records[stream.name]
        assert keys(from_json, stream.name) == keys(from_xml, stream.name)
        for one, other in zip(ours, theirs, strict=True):
            if stream.name == "mailing_lists":
                # The right epoch is not in XML; what is there is kept as it came.
                assert other.pop("custom_fields").keys() == {"created_date"}
            assert comparable(one, other) == comparable(other, one)
            # XML has nothing that JSON has not.
            assert {n for n, v in other.items() if v is not None} <= {*one}


def test_records_are_of_the_types_that_their_schema_declares(output: Output) -> None:
    kinds = {"integer": int, "boolean": bool, "number": float, "string": str}
    for stream in STREAMS:
        properties = load_schema(stream.name)["properties"]
        for record in output.records[stream.name]:
            for name, value in record.items():
                types = properties[name]["type"]
                if value is None:
                    assert "null" in types, (stream.name, name)
                elif kind := kinds.get(types if isinstance(types, str) else types[0]):
                    assert type(value) is kind, (stream.name, name)


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
