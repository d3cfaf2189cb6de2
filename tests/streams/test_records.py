"""Odd rows are left out, and records have all columns of their SCHEMA, no others."""

from __future__ import annotations

import json
import logging
import re
import typing as t
from collections import Counter
from dataclasses import replace

import pytest
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.airbyte.catalog import make_catalog, read_catalog
from tap_zohocampaigns.airbyte.source import AirbyteTap
from tap_zohocampaigns.airbyte.writer import plain
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.settings.tap import complete, problems
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.taps import Output, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, Reply

    Record: t.TypeAlias = dict[str, t.Any]
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]

ODD = ["null", "", None, [], ["a@b.c"], {"a": "b"}]
ALL = [stream.name for stream in STREAMS]
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


# Columns.


def columns_of(output: Output) -> dict[str, list[str]]:
    return {
        message["stream"]: [*message["schema"]["properties"]]
        for message in output.messages
        if message["type"] == "SCHEMA"
    }


def assert_fits(output: Output) -> None:
    columns = columns_of(output)
    assert output.records
    for stream, records in output.records.items():
        for record in records:
            assert [*record] == columns[stream], stream


@pytest.mark.parametrize("form", ["json", "xml"])
def test_records_have_the_columns_of_their_schema_in_its_order(
    service: Service, form: str
) -> None:
    output = run_tap(service, *ALL, response_format=form)
    assert output.records.keys() == {*ALL}
    assert_fits(output)


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_map_sees_every_column_in_every_row(service: Service, form: str) -> None:
    maps = {
        stream: {
            "first_name": "md5(first_name) if first_name else None",
            "who": "contact_id",
            "why": "str(custom_fields)",
        }
        for stream in ("segment_contacts", "campaign_recipients", "list_subscribers")
    }
    del maps["segment_contacts"]["who"], maps["list_subscribers"]["who"]
    output = run_tap(service, *maps, stream_maps=maps, response_format=form)
    assert output.records.keys() == {*maps}
    for records in output.records.values():
        assert {len(record["first_name"] or "") for record in records} == {0, 32}


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_flattened_records_have_the_columns_of_their_schema(
    service: Service, depth: int
) -> None:
    output = run_tap(service, *ALL, flattening_enabled=True, flattening_max_depth=depth)
    columns = columns_of(output)
    for stream, records in output.records.items():
        for record in records:
            assert record.keys() <= {*columns[stream]}, stream


def old_catalog(service: Service, **lacking: list[str]) -> Record:
    """Return a catalog that lacks columns, as one of an older version."""
    tap = TapZohoCampaigns(config=service.config | {"rate_limit_ledger": "memory"})
    catalog = tap.catalog_dict
    for entry in catalog["streams"]:
        (root,) = (each for each in entry["metadata"] if not each["breadcrumb"])
        root["metadata"]["selected"] = entry["tap_stream_id"] in lacking
        for name in lacking.get(entry["tap_stream_id"], ()):
            del entry["schema"]["properties"][name]
            entry["metadata"] = [
                each for each in entry["metadata"] if each["breadcrumb"][-1:] != [name]
            ]
    return t.cast("Record", catalog)


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_an_old_catalog_does_not_know_is_kept_in_custom_fields(
    service: Service, form: str
) -> None:
    lacking = {
        "segment_contacts": ["phone", "snapshot_time"],
        "campaign_recipients": ["first_name", "parent_campaign_key"],
        "campaigns": ["subject"],
        "segments": ["criteria"],
        "tags": ["color"],
        "recipient_events": ["contact_id", "event_count"],
        "mailing_lists": ["custom_fields", "list_name"],
    }
    catalog = old_catalog(service, **lacking)
    whole = run_tap(service, *lacking, response_format=form)
    found = run_tap(service, *lacking, catalog=catalog, response_format=form)
    assert_fits(found)
    assert len(found.records["mailing_lists"]) == len(whole.records["mailing_lists"])
    for stream, names in lacking.items():
        assert len(found.records[stream]) == len(whole.records[stream])
        if stream in {"recipient_events", "mailing_lists"}:
            continue
        for name in names:
            known = sum(row[name] is not None for row in whole.records[stream])
            extra = sum(
                len(row["custom_fields"] or {}) for row in found.records[stream]
            ) - sum(len(row["custom_fields"] or {}) for row in whole.records[stream])
            assert extra >= known, (stream, name)
    again = run_tap(
        service, *lacking, catalog=catalog, response_format=form, state=found.state
    )
    # Those that were added last are written once more.
    contacts = found.records["segment_contacts"]
    assert len(again.records["segment_contacts"]) < len(contacts)
    assert not again.records["campaign_recipients"]


def test_what_a_catalog_deselects_is_nowhere(service: Service) -> None:
    catalog = old_catalog(service, segment_contacts=["first_name"])
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "segment_contacts":
            for each in entry["metadata"]:
                if each["breadcrumb"][-1:] in (["phone"], ["custom_fields"]):
                    each["metadata"]["selected"] = False
    found = run_tap(service, "segment_contacts", catalog=catalog)
    assert_fits(found)
    assert not {"phone", "custom_fields", "first_name"} & {
        name for row in found.records["segment_contacts"] for name in row
    }


# The account.


def test_records_have_the_account_first_in_their_key(service: Service) -> None:
    output = run_tap(service, *ALL, account_id="north-1")
    assert output.records.keys() == {*ALL}
    assert_fits(output)
    for message in output.messages:
        if message["type"] == "SCHEMA":
            assert message["key_properties"][0] == "account_id"
            assert message["key_properties"].count("account_id") == 1
            assert message["schema"]["required"][0] == "account_id"
            assert next(iter(message["schema"]["properties"])) == "account_id"
    for records in output.records.values():
        assert {row["account_id"] for row in records} == {"north-1"}


def test_without_the_setting_nothing_has_an_account(service: Service) -> None:
    output = run_tap(service, *ALL)
    for message in output.messages:
        if message["type"] == "SCHEMA" and message["stream"] != "account":
            assert "account_id" not in message["key_properties"]
            assert "account_id" not in message["schema"]["properties"]


@pytest.mark.parametrize(("then", "now"), [("", "a"), ("a", ""), ("a", "b")])
def test_the_setting_counts_not_the_catalog(
    service: Service, then: str, now: str
) -> None:
    config = service.config | {"rate_limit_ledger": "memory"}
    told: Record = {"account_id": then} if then else {}
    catalog = TapZohoCampaigns(config=config | told).catalog_dict
    settings: Record = {"account_id": now} if now else {}
    output = run_tap(service, "tags", "account", catalog=catalog, **settings)
    assert_fits(output)
    keys = {
        m["stream"]: m["key_properties"]
        for m in output.messages
        if m["type"] == "SCHEMA"
    }
    assert keys["tags"] == (["account_id", "tag_id"] if now else ["tag_id"])
    assert keys["account"] == ["account_id"]
    (row,) = output.records["account"]
    assert row["account_id"] == now or not now


def test_another_name_of_the_account_writes_everything_again(service: Service) -> None:
    first = run_tap(service, "segment_contacts", account_id="a")
    same = run_tap(service, "segment_contacts", account_id="a", state=first.state)
    other = run_tap(service, "segment_contacts", account_id="b", state=first.state)
    number = len(first.records["segment_contacts"])
    # Those that were added last are written once more.
    assert len(same.records["segment_contacts"]) < number
    assert len(other.records["segment_contacts"]) == number


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 64])
def test_names_of_accounts(name: str) -> None:
    config = complete({"data_center": "sandbox", "account_id": name})
    assert not problems(config)
    assert account_name(config | {"client_id": "c"}) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\n", "é", "a/b", 7, "\u0661"])
def test_what_is_no_name_of_an_account(name: object) -> None:
    (told,) = problems(complete({"data_center": "sandbox", "account_id": name}))
    assert "`account_id` must be" in told


def test_tokens_are_named_by_the_account_and_the_secrets(tmp_path: Path) -> None:
    config = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "data_center": "us",
        "rate_limit_ledger": str(tmp_path / "calls"),
    }
    paths = set()
    for more in ({}, {"account_id": "a"}, {"account_id": "a", "refresh_token": "q"}):
        tokens = open_tokens(config | more)
        assert isinstance(tokens, FileTokens)
        paths.add(tokens._path.name)  # noqa: SLF001 (what it is called)
    assert len(paths) == 3
    assert sum("token-a-" in name for name in paths) == 2


def described(service: Service, **settings: str) -> tuple[AirbyteTap, Record]:
    """Return an Airbyte tap, and a configured catalog of what it describes."""
    config = service.config | {"rate_limit_ledger": "memory"} | settings
    tap = AirbyteTap(config=config)
    catalog = plain(make_catalog(tap))
    return tap, {
        "streams": [
            {
                "stream": each,
                "sync_mode": each["supported_sync_modes"][0].value,
                "destination_sync_mode": "append",
            }
            for each in catalog["streams"]
        ]
    }


def test_the_account_is_in_airbytes_keys(service: Service) -> None:
    tap, catalog = described(service, account_id="north")
    for each in catalog["streams"]:
        stream = each["stream"]
        assert stream["source_defined_primary_key"][0] == ["account_id"]
        assert next(iter(stream["json_schema"]["properties"])) == "account_id"
    assert read_catalog(catalog, tap)
    plain_tap, plain_catalog = described(service)
    for other, told in ((tap, plain_catalog), (plain_tap, catalog)):
        with pytest.raises(SettingError, match="another `account_id`"):
            read_catalog(told, other)


def test_airbyte_gets_the_columns_of_its_catalog_and_no_others(
    service: Service, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _, catalog = described(service)
    for each in catalog["streams"]:
        if each["stream"]["name"] == "segment_contacts":
            del each["stream"]["json_schema"]["properties"]["phone"]
    config = service.config | {"rate_limit_ledger": "memory"}
    tap = AirbyteTap(config=config, configured=catalog)
    assert tap.read(read_catalog(catalog, tap), {}) == 0
    written = capfdbinary.readouterr().out.decode().splitlines()
    messages = [json.loads(line) for line in written]
    columns = {
        each["stream"]["name"]: [*each["stream"]["json_schema"]["properties"]]
        for each in catalog["streams"]
    }
    records = [m["record"] for m in messages if m["type"] == "RECORD"]
    assert {record["stream"] for record in records} == columns.keys()
    for record in records:
        assert {*record["data"]} == {*columns[record["stream"]]}
        assert not {"phone"} & {*(record["data"].get("custom_fields") or {})}


# Maps.


@pytest.mark.parametrize(
    "expression",
    ["contact_email + 1", "int(contact_email)", "record['x']", "nobody", "md5(phone)"],
)
@pytest.mark.parametrize("name", ["first_name", "__filter__"])
def test_a_map_that_fails_is_told_in_a_sentence_without_values(
    service: Service,
    account: LivingAccount,
    expression: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    maps = {"segment_contacts": {name: expression}}
    with pytest.raises(MappingError) as raised:
        run_tap(service, "segment_contacts", stream_maps=maps)
    told = user_message(raised.value)
    assert told.startswith("The setting `stream_maps` can't be used: ")
    assert "the stream `segment_contacts`" in told
    assert raised.value.__suppress_context__
    addresses = {
        member.contact.email
        for one in account.lists()
        for segment in account.segments(one.key)
        for member in account.members(segment.cvid)
    }
    assert addresses
    assert not [a for a in addresses if a in caplog.text or a in told]


def test_what_a_filter_of_the_tap_comes_to_is_not_logged(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    maps = {"segment_contacts": {"__filter__": "contact_email"}}
    output = run_tap(service, "segment_contacts", stream_maps=maps)
    address = output.records["segment_contacts"][0]["contact_email"]
    assert address not in caplog.text


def test_a_map_that_can_not_be_read_names_its_stream(service: Service) -> None:
    maps = {"tags": {"color": "1 +"}}
    with pytest.raises(MappingError) as raised:
        run_tap(service, "tags", stream_maps=maps)
    assert "the stream `tags`" in user_message(raised.value)
