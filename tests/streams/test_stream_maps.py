"""Stream maps of the tap, and the columns of Airbyte records."""

from __future__ import annotations

import json
import logging
import typing as t

import pytest
from singer_sdk.exceptions import MappingError

from tap_zohocampaigns.airbyte.catalog import read_catalog
from tap_zohocampaigns.airbyte.tap import AirbyteTap
from tap_zohocampaigns.singer.user_errors import user_message
from tests.support.odd import tap_with_full_catalog
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service

    Record: t.TypeAlias = dict[str, t.Any]


def test_airbyte_records_have_only_the_columns_of_the_catalog(
    service: Service, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _, catalog = tap_with_full_catalog(service)
    for entry in catalog["streams"]:
        if entry["stream"]["name"] == "segment_contacts":
            del entry["stream"]["json_schema"]["properties"]["phone"]
    config = service.config | {"rate_limit_ledger": "memory"}
    tap = AirbyteTap(config=config, configured=catalog)
    assert tap.read_streams(read_catalog(catalog, tap), {}) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    messages = [json.loads(line) for line in lines]
    columns = {
        entry["stream"]["name"]: [*entry["stream"]["json_schema"]["properties"]]
        for entry in catalog["streams"]
    }
    records = [message["record"] for message in messages if message["type"] == "RECORD"]
    assert {record["stream"] for record in records} == columns.keys()
    for record in records:
        assert {*record["data"]} == {*columns[record["stream"]]}
        assert not {"phone"} & {*(record["data"].get("custom_fields") or {})}


@pytest.mark.parametrize(
    "expression",
    ["contact_email + 1", "int(contact_email)", "record['x']", "nobody", "md5(phone)"],
)
@pytest.mark.parametrize("name", ["first_name", "__filter__"])
def test_a_failing_stream_map_is_reported_without_record_values(
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
    message = user_message(raised.value)
    assert message.startswith("The setting `stream_maps` can't be used: ")
    assert "the stream `segment_contacts`" in message
    assert raised.value.__suppress_context__
    addresses = {
        member.contact.email
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
        for member in account.members(segment.cvid)
    }
    assert addresses
    assert not [
        address for address in addresses if address in caplog.text or address in message
    ]


def test_results_of_a_stream_map_filter_are_not_logged(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    maps = {"segment_contacts": {"__filter__": "contact_email"}}
    output = run_tap(service, "segment_contacts", stream_maps=maps)
    address = output.records["segment_contacts"][0]["contact_email"]
    assert address not in caplog.text


def test_an_invalid_stream_map_is_reported_with_its_stream(service: Service) -> None:
    maps = {"tags": {"color": "1 +"}}
    with pytest.raises(MappingError) as raised:
        run_tap(service, "tags", stream_maps=maps)
    assert "the stream `tags`" in user_message(raised.value)
