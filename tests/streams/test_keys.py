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
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]
ODD = ["null", "", None, [], ["a@b.c"], {"a": "b"}]
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
OTHERS = [pytest.param(value, marks=SLOW) for value in ODD if value != "null"]


def rows_in(value: t.Any) -> list[Record]:
    """Return the rows of contacts in an answer."""
    for name in ("list_of_details", "contacts", "segment_contacts"):
        if isinstance(value.get(name), list):
            return t.cast("list[Record]", value[name])
    return next(each for each in value.values() if isinstance(each, list))


def without_address(body: bytes, value: object, most: int) -> bytes:
    """Put something else in the place of the addresses of the first rows."""
    if body[:1] == b"<":
        text = value.encode() if isinstance(value, str) else b""
        return EMAIL.sub(rb"\1" + text, body, count=most)
    answer = json.loads(body)
    if answer["status"] != "success":
        return body
    for row in rows_in(answer)[: most or None]:
        for name in ("contactemailaddress", "contact_email"):
            if name in row:
                row[name] = value
    return json.dumps(answer).encode()


def part_of(call: Call) -> str:
    names = ("campaignkey", "action", "cvid", "listkey", "status")
    return "/".join(call.params[name] for name in names if name in call.params)


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=SLOW)])
@pytest.mark.parametrize("value", ["null", *OTHERS], ids=str)
@pytest.mark.parametrize("stream", CONTACTS)
def test_a_contact_without_an_address_is_left_out_alone(
    odd: Odd, stream: str, value: object, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings: Record = {"response_format": form, "actions": ["openedcontacts"]}
    names = (stream, "snapshots", "tags")
    whole = run_tap(odd, *names, **settings)
    parts = {
        row["snapshot_id"].split("/", 1)[1]: row
        for row in whole.records["snapshots"]
        if row["rows_read"] > 2
    }
    part = max(parts, key=lambda name: parts[name]["rows_read"])

    def change(call: Call, body: bytes) -> bytes:
        first = call.params.get("fromindex") == "1"
        if call.endpoint == CONTACTS[stream] and part_of(call) == part and first:
            return without_address(body, value, 1)
        return body

    odd.change = change
    caplog.clear()
    found = run_tap(odd, *names, **settings)
    lost = [row for row in whole.records[stream] if row not in found.records[stream]]
    assert {row["contact_email"] for row in lost if row not in found.records[stream]}
    assert len({row["contact_email"] for row in lost}) == 1
    assert found.records["tags"] == whole.records["tags"]
    (told,) = (m for m in caplog.messages if "without their key" in m)
    assert told == f"{stream}: left out 1 rows of {part} without their key."
    numbers = {
        row["snapshot_id"]: row["rows_without_key"]
        for row in found.records["snapshots"]
        if row["rows_without_key"]
    }
    assert numbers == {f"{stream}/{part}": 1}


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("stream", CONTACTS)
def test_a_stream_in_which_no_row_has_a_key_is_not_empty(
    odd: Odd, stream: str, form: str
) -> None:
    odd.change = lambda call, body: (
        without_address(body, "null", 0) if call.endpoint == CONTACTS[stream] else body
    )
    with pytest.raises(FatalError) as raised:
        run_tap(odd, stream, response_format=form, actions=["openedcontacts"])
    assert f"None of the rows of `{stream}` has its key" in str(raised.value)


def test_a_part_in_which_no_row_has_a_key_is_told_and_passed(
    odd: Odd, account: LivingAccount, caplog: pytest.LogCaptureFixture
) -> None:
    cvids = [s.cvid for one in account.lists() for s in account.segments(one.key)]
    cvid = max(cvids, key=lambda each: len(account.members(each)))
    number = len(account.members(cvid))
    odd.change = lambda call, body: (
        without_address(body, "", 0) if call.params.get("cvid") == cvid else body
    )
    found = run_tap(odd, "segment_contacts", "snapshots")
    assert cvid not in {row["cvid"] for row in found.records["segment_contacts"]}
    assert len({row["cvid"] for row in found.records["segment_contacts"]}) > 1
    (row,) = (row for row in found.records["snapshots"] if row["cvid"] == cvid)
    assert (row["rows_read"], row["rows_without_key"]) == (0, number)
    assert f"left out {number} rows of {cvid}" in caplog.text


def test_a_run_that_reads_a_few_odd_rows_alone_goes_on(odd: Odd) -> None:
    names = ("segment_contacts", "snapshots")
    first = run_tap(odd, *names)
    cvid = first.records["segment_contacts"][0]["cvid"]

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != "getsegmentcontacts":
            return body
        answer = json.loads(body)
        if answer["status"] == "success":
            first = int(call.params["fromindex"])
            del rows_in(answer)[max(few + 1 - first, 0) :]
        return without_address(json.dumps(answer).encode(), "", 0)

    odd.change, few = change, 3
    second = run_tap(odd, *names, state=first.state, cvids=[cvid])
    (row,) = second.records["snapshots"]
    assert row["rows_without_key"] == few
    few = 50
    with pytest.raises(FatalError):
        run_tap(odd, *names, state=first.state, cvids=[cvid])


def change_rows(
    endpoint: str, at: tuple[str, ...], key: str, value: object, *, every: bool
) -> Callable[[Call, bytes], bytes]:
    """Return what changes a field of the first row, or of every row."""

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != endpoint:
            return body
        answer = rows = json.loads(body)
        for name in at:
            rows = rows.get(name, [])
        for row in rows if every else rows[:1]:
            row[key] = value
        return json.dumps(answer).encode()

    return change


SHORT: list[Short] = [
    ("mailing_lists", "getmailinglists", ("list_of_details",), "listkey"),
    ("campaigns", "recentcampaigns", ("recent_campaigns",), "campaign_key"),
    ("topics", "topics", ("topicDetails",), "topicId"),
    ("products", "topics/products", ("products",), "product_id"),
    ("campaign_lists", "getcampaigndetails", ("associated_mailing_lists",), "listkey"),
]


@pytest.mark.parametrize("value", ODD, ids=str)
@pytest.mark.parametrize("short", SHORT, ids=lambda short: short[0])
def test_a_row_without_a_key_is_left_out_of_every_stream(
    odd: Odd, short: Short, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    stream, endpoint, at, key = short
    whole = run_tap(odd, stream, "tags").records
    every = stream == "campaign_lists"
    odd.change = change_rows(endpoint, at, key, value, every=every)
    if every:
        with pytest.raises(FatalError, match="has its key"):
            run_tap(odd, stream)
        return
    found = run_tap(odd, stream, "tags").records
    assert len(found[stream]) == len(whole[stream]) - 1
    assert found["tags"] == whole["tags"]
    assert "Left out 1 rows" in caplog.text
    odd.change = change_rows(endpoint, at, key, value, every=True)
    with pytest.raises(FatalError, match="has its key"):
        run_tap(odd, stream)


@pytest.mark.parametrize("value", ODD, ids=str)
def test_a_list_of_a_campaign_without_a_key_is_left_out(
    odd: Odd, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    whole = run_tap(odd, "campaign_lists", "snapshots").records
    lists = Counter(row["campaign_key"] for row in whole["campaign_lists"])
    (campaign, number), *_ = lists.most_common(1)
    assert number > 1

    def change(call: Call, body: bytes) -> bytes:
        if call.params.get("campaignkey") != campaign:
            return body
        endpoint, at = "getcampaigndetails", ("associated_mailing_lists",)
        return change_rows(endpoint, at, "listkey", value, every=False)(call, body)

    odd.change = change
    found = run_tap(odd, "campaign_lists", "snapshots").records
    assert len(found["campaign_lists"]) == len(whole["campaign_lists"]) - 1
    told = f"campaign_lists: left out 1 rows of {campaign} without their key."
    assert told in caplog.messages
    without = {r["campaign_key"]: r["rows_without_key"] for r in found["snapshots"]}
    assert without[campaign] == 1
    assert sum(without.values()) == 1


@pytest.mark.parametrize("value", ODD, ids=str)
def test_a_test_send_without_a_key_is_left_out(odd: Odd, value: object) -> None:
    whole = run_tap(odd, "campaign_reports").records["campaign_reports"]

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
    found = run_tap(odd, "campaign_reports").records["campaign_reports"]
    assert len(found) < len(whole)
    assert all(row in whole for row in found)


@pytest.mark.parametrize("value", ODD, ids=str)
def test_a_segment_without_an_id_is_left_out(
    account: LivingAccount, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with Odd(account, quota_calls=100_000, segments_form="list") as odd:
        whole = run_tap(odd, "segments").records["segments"]
        odd.change = with_segment(value)
        found = run_tap(odd, "segments").records["segments"]
    assert found == whole
    lists = {row["list_key"] for row in whole}
    told = [m for m in caplog.messages if "without their ID" in m]
    assert {*told} >= {
        f"Left out 1 segments of the list {key} without their ID." for key in lists
    }


def with_segment(value: object) -> Callable[[Call, bytes], bytes]:
    """Return what adds a segment without an ID to lists that have others."""

    def change(call: Call, body: bytes) -> bytes:
        if call.endpoint != "getmailinglists":
            return body
        answer = json.loads(body)
        for row in answer["list_of_details"]:
            if row.get("segments"):
                row["segments"] = [*row["segments"], {"cvid": value, "name": "x"}]
        return json.dumps(answer).encode()

    return change
