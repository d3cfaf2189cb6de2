"""Columns of records: by schema, with an old catalog, with deselected fields."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.odd import ALL, assert_records_match_schemas, columns_of
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

    Record: t.TypeAlias = dict[str, t.Any]


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
def test_records_have_the_schema_columns_in_schema_order(
    service: Service, form: str
) -> None:
    output = run_tap(service, *ALL, response_format=form)
    assert output.records.keys() == {*ALL}
    assert_records_match_schemas(output)


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
def test_a_stream_map_sees_every_column_in_every_record(
    service: Service, form: str
) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_flattened_records_have_only_schema_columns(
    service: Service, depth: int
) -> None:
    output = run_tap(service, *ALL, flattening_enabled=True, flattening_max_depth=depth)
    columns = columns_of(output)
    for stream, records in output.records.items():
        for record in records:
            assert record.keys() <= {*columns[stream]}, stream


def old_catalog(service: Service, **missing: list[str]) -> Record:
    """Return a catalog without some columns, like one of an older version."""
    tap = TapZohoCampaigns(config=service.config | {"rate_limit_ledger": "memory"})
    catalog = tap.catalog_dict
    for entry in catalog["streams"]:
        (root,) = (item for item in entry["metadata"] if not item["breadcrumb"])
        root["metadata"]["selected"] = entry["tap_stream_id"] in missing
        for name in missing.get(entry["tap_stream_id"], ()):
            del entry["schema"]["properties"][name]
            entry["metadata"] = [
                item for item in entry["metadata"] if item["breadcrumb"][-1:] != [name]
            ]
    return t.cast("Record", catalog)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "xml"])
def test_fields_missing_in_an_old_catalog_are_written_to_custom_fields(
    service: Service, form: str
) -> None:
    missing_columns = {
        "segment_contacts": ["phone", "snapshot_time"],
        "campaign_recipients": ["first_name", "parent_campaign_key"],
        "campaigns": ["subject"],
        "segments": ["criteria"],
        "tags": ["color"],
        "recipient_events": ["contact_id", "event_count"],
        "mailing_lists": ["custom_fields", "list_name"],
    }
    catalog = old_catalog(service, **missing_columns)
    full_output = run_tap(service, *missing_columns, response_format=form)
    old_output = run_tap(
        service, *missing_columns, catalog=catalog, response_format=form
    )
    assert_records_match_schemas(old_output)
    assert len(old_output.records["mailing_lists"]) == len(
        full_output.records["mailing_lists"]
    )
    for stream, names in missing_columns.items():
        assert len(old_output.records[stream]) == len(full_output.records[stream])
        if stream in {"recipient_events", "mailing_lists"}:
            continue
        for name in names:
            values = sum(row[name] is not None for row in full_output.records[stream])
            extra_fields = sum(
                len(row["custom_fields"] or {}) for row in old_output.records[stream]
            ) - sum(
                len(row["custom_fields"] or {}) for row in full_output.records[stream]
            )
            assert extra_fields >= values, (stream, name)
    second = run_tap(
        service,
        *missing_columns,
        catalog=catalog,
        response_format=form,
        state=old_output.state,
    )
    # The newest members are always written again.
    contacts = old_output.records["segment_contacts"]
    assert len(second.records["segment_contacts"]) < len(contacts)
    assert not second.records["campaign_recipients"]


def test_deselected_fields_are_not_written(service: Service) -> None:
    catalog = old_catalog(service, segment_contacts=["first_name"])
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "segment_contacts":
            for item in entry["metadata"]:
                if item["breadcrumb"][-1:] in (["phone"], ["custom_fields"]):
                    item["metadata"]["selected"] = False
    output = run_tap(service, "segment_contacts", catalog=catalog)
    assert_records_match_schemas(output)
    assert not {"phone", "custom_fields", "first_name"} & {
        name for row in output.records["segment_contacts"] for name in row
    }
