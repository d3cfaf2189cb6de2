"""Columns of records: the schema, old catalogs, deselected fields."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.odd import ALL, assert_fits, columns_of
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service

    Record: t.TypeAlias = dict[str, t.Any]
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
def test_records_have_the_columns_of_their_schema_in_its_order(
    service: Service, form: str
) -> None:
    output = run_tap(service, *ALL, response_format=form)
    assert output.records.keys() == {*ALL}
    assert_fits(output)


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
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


@pytest.mark.parametrize(
    "depth", [1, *(pytest.param(depth, marks=pytest.mark.slow) for depth in (0, 3))]
)
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


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
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
