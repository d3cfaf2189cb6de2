"""Stream maps of the tap, and the columns of Airbyte."""

from __future__ import annotations

import json
import logging
import typing as t

import pytest
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.airbyte.catalog import read_catalog
from tap_zohocampaigns.airbyte.tap import AirbyteTap
from tap_zohocampaigns.singer.user_errors import user_message
from tests.support.odd import described
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service

    Record: t.TypeAlias = dict[str, t.Any]
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]


def test_airbyte_gets_the_columns_of_its_catalog_and_no_others(
    service: Service, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _, catalog = described(service)
    for each in catalog["streams"]:
        if each["stream"]["name"] == "segment_contacts":
            del each["stream"]["json_schema"]["properties"]["phone"]
    config = service.config | {"rate_limit_ledger": "memory"}
    tap = AirbyteTap(config=config, configured=catalog)
    assert tap.read_streams(read_catalog(catalog, tap), {}) == 0
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
