"""Rows without their key."""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter
from dataclasses import replace

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import Call, Reply

    Record: t.TypeAlias = dict[str, t.Any]
    StreamCase: t.TypeAlias = tuple[str, str, tuple[str, ...], str]
INVALID_KEYS = ["null", "", None, [], ["a@b.c"], {"a": "b"}]
CONTACTS = {
    "campaign_recipients": "getcampaignrecipientsdata",
    "recipient_events": "getcampaignrecipientsdata",
    "segment_contacts": "getsegmentcontacts",
    "list_subscribers": "getlistsubscribers",
}
EMAIL = re.compile(rb'(<fl val="contact_?email(?:address)?">)[^<]*')


class Odd(Service):
    """A service whose answers are changed before they are sent."""

    change: Callable[[Call, bytes], bytes] = staticmethod(lambda _, body: body)

    def _api(self, request: t.Any, call: Call) -> Reply:
        reply = super()._api(request, call)
        return replace(reply, body=self.change(call, reply.body))


@pytest.fixture
def odd(account: LivingAccount) -> t.Iterator[Odd]:
    with Odd(account, quota_calls=100_000) as service:
        yield service


SLOW = pytest.mark.slow
SLOW_INVALID_KEYS = [
    pytest.param(value, marks=SLOW) for value in INVALID_KEYS if value != "null"
]


def rows_in(value: t.Any) -> list[Record]:
    """Return the rows of contacts in an answer."""
    for name in ("list_of_details", "contacts", "segment_contacts"):
        if isinstance(value.get(name), list):
            return t.cast("list[Record]", value[name])
    return next(rows for rows in value.values() if isinstance(rows, list))


def replace_addresses(body: bytes, value: object, count: int) -> bytes:
    """Replace the addresses of the first `count` rows; of all rows if it is 0."""
    if body[:1] == b"<":
        text = value.encode() if isinstance(value, str) else b""
        return EMAIL.sub(rb"\1" + text, body, count=count)
    answer = json.loads(body)
    if answer["status"] != "success":
        return body
    for row in rows_in(answer)[: count or None]:
        for name in ("contactemailaddress", "contact_email"):
            if name in row:
                row[name] = value
    return json.dumps(answer).encode()


def part_of(call: Call) -> str:
    names = ("campaignkey", "action", "cvid", "listkey", "status")
    return "/".join(call.params[name] for name in names if name in call.params)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=SLOW)])
@pytest.mark.parametrize("value", ["null", *SLOW_INVALID_KEYS], ids=str)
@pytest.mark.parametrize("stream", CONTACTS)
def test_only_contacts_without_an_address_are_skipped(
    odd: Odd, stream: str, value: object, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings: Record = {"response_format": form, "actions": ["openedcontacts"]}
    names = (stream, "snapshots", "tags")
    complete = run_tap(odd, *names, **settings)
    parts = {
        row["snapshot_id"].split("/", 1)[1]: row
        for row in complete.records["snapshots"]
        if row["rows_read"] > 2
    }
    part = max(parts, key=lambda name: parts[name]["rows_read"])

    def change(call: Call, body: bytes) -> bytes:
        first = call.params.get("fromindex") == "1"
        if call.endpoint == CONTACTS[stream] and part_of(call) == part and first:
            return replace_addresses(body, value, 1)
        return body

    odd.change = change
    caplog.clear()
    output = run_tap(odd, *names, **settings)
    missing = [
        row for row in complete.records[stream] if row not in output.records[stream]
    ]
    assert {
        row["contact_email"] for row in missing if row not in output.records[stream]
    }
    assert len({row["contact_email"] for row in missing}) == 1
    assert output.records["tags"] == complete.records["tags"]
    (warning,) = (
        message for message in caplog.messages if "without their key" in message
    )
    assert warning == f"{stream}: left out 1 rows of {part} without their key."
    counts = {
        row["snapshot_id"]: row["rows_without_key"]
        for row in output.records["snapshots"]
        if row["rows_without_key"]
    }
    assert counts == {f"{stream}/{part}": 1}


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("stream", CONTACTS)
def test_a_stream_without_any_key_fails(odd: Odd, stream: str, form: str) -> None:
    odd.change = lambda call, body: (
        replace_addresses(body, "null", 0)
        if call.endpoint == CONTACTS[stream]
        else body
    )
    with pytest.raises(FatalError) as raised:
        run_tap(odd, stream, response_format=form, actions=["openedcontacts"])
    assert f"None of the rows of `{stream}` has its key" in str(raised.value)


def test_a_part_without_any_key_is_skipped_with_a_warning(
    odd: Odd, account: LivingAccount, caplog: pytest.LogCaptureFixture
) -> None:
    cvids = [
        segment.cvid
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
    ]
    cvid = max(cvids, key=lambda segment_id: len(account.members(segment_id)))
    count = len(account.members(cvid))
    odd.change = lambda call, body: (
        replace_addresses(body, "", 0) if call.params.get("cvid") == cvid else body
    )
    output = run_tap(odd, "segment_contacts", "snapshots")
    assert cvid not in {row["cvid"] for row in output.records["segment_contacts"]}
    assert len({row["cvid"] for row in output.records["segment_contacts"]}) > 1
    (row,) = (row for row in output.records["snapshots"] if row["cvid"] == cvid)
    assert (row["rows_read"], row["rows_without_key"]) == (0, count)
    assert f"left out {count} rows of {cvid}" in caplog.text


def test_a_few_rows_without_key_are_skipped_but_many_fail_the_run(odd: Odd) -> None:
    names = ("segment_contacts", "snapshots")
    first = run_tap(odd, *names)
    cvid = first.records["segment_contacts"][0]["cvid"]

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != "getsegmentcontacts":
            return body
        answer = json.loads(body)
        if answer["status"] == "success":
            from_index = int(call.params["fromindex"])
            del rows_in(answer)[max(row_limit + 1 - from_index, 0) :]
        return replace_addresses(json.dumps(answer).encode(), "", 0)

    odd.change, row_limit = change, 3
    second = run_tap(odd, *names, state=first.state, cvids=[cvid])
    (row,) = second.records["snapshots"]
    assert row["rows_without_key"] == row_limit
    row_limit = 50
    with pytest.raises(FatalError):
        run_tap(odd, *names, state=first.state, cvids=[cvid])


def change_rows(
    endpoint: str, path: tuple[str, ...], key: str, value: object, *, every: bool
) -> Callable[[Call, bytes], bytes]:
    """Return a function that changes a field of the first row, or of every row."""

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != endpoint:
            return body
        answer = rows = json.loads(body)
        for name in path:
            rows = rows.get(name, [])
        for row in rows if every else rows[:1]:
            row[key] = value
        return json.dumps(answer).encode()

    return change


STREAM_CASES: list[StreamCase] = [
    ("mailing_lists", "getmailinglists", ("list_of_details",), "listkey"),
    ("campaigns", "recentcampaigns", ("recent_campaigns",), "campaign_key"),
    ("topics", "topics", ("topicDetails",), "topicId"),
    ("products", "topics/products", ("products",), "product_id"),
    ("campaign_lists", "getcampaigndetails", ("associated_mailing_lists",), "listkey"),
]


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize("value", INVALID_KEYS, ids=str)
@pytest.mark.parametrize("case", STREAM_CASES, ids=lambda case: case[0])
def test_rows_without_key_are_skipped_in_every_stream(
    odd: Odd, case: StreamCase, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    stream, endpoint, path, key = case
    complete = run_tap(odd, stream, "tags").records
    every = stream == "campaign_lists"
    odd.change = change_rows(endpoint, path, key, value, every=every)
    if every:
        with pytest.raises(FatalError, match="has its key"):
            run_tap(odd, stream)
        return
    records = run_tap(odd, stream, "tags").records
    assert len(records[stream]) == len(complete[stream]) - 1
    assert records["tags"] == complete["tags"]
    assert "Left out 1 rows" in caplog.text
    odd.change = change_rows(endpoint, path, key, value, every=True)
    with pytest.raises(FatalError, match="has its key"):
        run_tap(odd, stream)


@pytest.mark.parametrize("value", INVALID_KEYS, ids=str)
def test_a_campaign_list_without_key_is_skipped(
    odd: Odd, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    complete = run_tap(odd, "campaign_lists", "snapshots").records
    lists = Counter(row["campaign_key"] for row in complete["campaign_lists"])
    (campaign, count), *_ = lists.most_common(1)
    assert count > 1

    def change(call: Call, body: bytes) -> bytes:
        if call.params.get("campaignkey") != campaign:
            return body
        endpoint, path = "getcampaigndetails", ("associated_mailing_lists",)
        return change_rows(endpoint, path, "listkey", value, every=False)(call, body)

    odd.change = change
    records = run_tap(odd, "campaign_lists", "snapshots").records
    assert len(records["campaign_lists"]) == len(complete["campaign_lists"]) - 1
    warning = f"campaign_lists: left out 1 rows of {campaign} without their key."
    assert warning in caplog.messages
    counts = {
        row["campaign_key"]: row["rows_without_key"] for row in records["snapshots"]
    }
    assert counts[campaign] == 1
    assert sum(counts.values()) == 1


@pytest.mark.parametrize("value", INVALID_KEYS, ids=str)
def test_a_test_send_without_key_is_skipped(odd: Odd, value: object) -> None:
    complete = run_tap(odd, "campaign_reports").records["campaign_reports"]

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != "getcampaigndetails":
            return body
        answer = json.loads(body)
        for split in answer.get("AB-split-details", []):
            for name in split:
                if name.casefold().startswith("a_child"):
                    split[name] = value
        return json.dumps(answer).encode()

    odd.change = change
    rows = run_tap(odd, "campaign_reports").records["campaign_reports"]
    assert len(rows) < len(complete)
    assert all(row in complete for row in rows)


@pytest.mark.parametrize("value", INVALID_KEYS, ids=str)
def test_a_segment_without_id_is_skipped(
    account: LivingAccount, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with Odd(account, quota_calls=100_000, segments_form="list") as odd:
        complete = run_tap(odd, "segments").records["segments"]
        odd.change = add_segment_without_id(value)
        rows = run_tap(odd, "segments").records["segments"]
    assert rows == complete
    lists = {row["list_key"] for row in complete}
    warnings = [message for message in caplog.messages if "without their ID" in message]
    assert {*warnings} >= {
        f"Left out 1 segments of the list {key} without their ID." for key in lists
    }


def add_segment_without_id(value: object) -> Callable[[Call, bytes], bytes]:
    """Return a function that adds a segment without ID to lists with segments."""

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != "getmailinglists":
            return body
        answer = json.loads(body)
        for row in answer["list_of_details"]:
            if row.get("segments"):
                row["segments"] = [*row["segments"], {"cvid": value, "name": "x"}]
        return json.dumps(answer).encode()

    return change
