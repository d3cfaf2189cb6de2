"""Discovery makes typed columns of custom fields, and no value is lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
import unicodedata
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.endpoints import CONTACTS
from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sync.custom_fields import NAMES, fit, make_columns
from tap_zohocampaigns.sync.schemas import load_schema
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
RESERVED = ("oid", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax")
CONTACT_STREAMS = ("segment_contacts", "list_subscribers", "campaign_recipients")


def discover(folder: Path, settings: dict[str, t.Any]) -> dict[str, t.Any]:
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    process = subprocess.run(
        [TAP, "--discover", "--config", config],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return t.cast("dict[str, t.Any]", json.loads(process.stdout))


def properties(catalog: dict[str, t.Any], stream: str) -> dict[str, t.Any]:
    (entry,) = (
        entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream
    )
    return t.cast("dict[str, t.Any]", entry["schema"]["properties"])


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
def test_custom_fields_of_a_discovered_catalog_become_columns(
    tmp_path: Path, service: Service, account: LivingAccount, form: str
) -> None:
    settings = {"response_format": form, "rate_limit_ledger": "memory"}
    catalog = discover(tmp_path, service.config | settings)
    assert [call.endpoint for call in service.calls] == ["contact/allfields"]
    names = {field.name for field in account.fields()}
    for stream in CONTACT_STREAMS:
        known = load_schema(stream)["properties"]
        added = {
            name: column
            for name, column in properties(catalog, stream).items()
            if name not in known
        }
        assert len(added) == len(names)
        for column in added.values():
            assert any(name in column["description"] for name in names)
            assert column["type"][1] == "null"
    service.calls.clear()
    with_columns = run_tap(
        service, *CONTACT_STREAMS, catalog=catalog, response_format=form
    )
    assert "contact/allfields" not in {call.endpoint for call in service.calls}
    without_columns = run_tap(service, *CONTACT_STREAMS, response_format=form)
    for stream in CONTACT_STREAMS:
        added = {
            name: column[NAMES]
            for name, column in properties(catalog, stream).items()
            if NAMES in column
        }
        rows = list(
            zip(
                with_columns.records[stream],
                without_columns.records[stream],
                strict=True,
            )
        )
        assert any(row.get(name) for row, _ in rows for name in added)
        for row, plain_row in rows:
            custom = dict(plain_row.get("custom_fields") or {})
            for name, wire_names in added.items():
                values = [
                    custom.pop(wire_name)
                    for wire_name in wire_names
                    if wire_name in custom
                ]
                value = None if row.get(name) is None else str(row[name])
                assert value == (values[0] if values else None)
            assert dict(row.get("custom_fields") or {}) == custom


def test_discovery_without_credentials_or_scope_has_no_custom_columns(
    tmp_path: Path, account: LivingAccount
) -> None:
    without_credentials = discover(tmp_path, {})
    with Service(account) as service:
        service.scopes = [scope for scope in service.scopes if scope != CONTACTS]
        without_scope = discover(tmp_path, service.config)
    for catalog in (without_credentials, without_scope):
        for stream in CONTACT_STREAMS:
            published = properties(catalog, stream)
            assert published.keys() == load_schema(stream)["properties"].keys()


def field(display_name: str, **more: str) -> dict[str, str]:
    return {"display_name": display_name, "field_id": "7"} | more


def test_columns_have_the_expected_names_and_types() -> None:
    columns = make_columns(
        [
            field("Contact Email", field_name="contact_email", field_type="standard"),
            field("First Name", field_name="firstname"),
            field("Last Seen (yymmdd)", field_name="last_seen", ui_type="integer"),
            field("last-seen yymmdd", field_name="other"),
            field("Улюблений колір", ui_type="picklist"),
            field("%", field_name="rate", ui_type="percent"),
            field("VIP", ui_type="checkbox", field_type="custom"),
        ],
        (),
    )
    assert {name: column["type"][0] for name, column in columns.items()} == {
        "last_seen_yymmdd": "integer",
        "last_seen_yymmdd_custom": "string",
        "улюблений_колір": "string",
        "field_7": "number",
        "vip": "boolean",
    }
    assert columns["last_seen_yymmdd"][NAMES] == [
        "last seen (yymmdd)",
        "Last Seen (yymmdd)",
        "last_seen",
    ]


def test_older_fields_get_the_plain_column_name_in_any_order() -> None:
    older = field("Size", field_id="9", field_name="first")
    newer = field("size", field_id="10", field_name="second")
    for fields in ([older, newer], [newer, older]):
        columns = make_columns(fields, ())
        assert "first" in columns["size"][NAMES]
        assert "second" in columns["size_custom"][NAMES]


# https://www.zoho.com/campaigns/help/developers/create-custom-field.html
KINDS = {
    **dict.fromkeys(("Text", "textarea", "Phone", "Email", "URL"), "string"),
    **dict.fromkeys(("Picklist", "RadioOption", "Multiselect"), "string"),
    **dict.fromkeys(("Date", "DateTime"), "string"),
    **dict.fromkeys(("Integer", "LongInteger", "Long Integer"), "integer"),
    **dict.fromkeys(("Decimal", "Percent"), "number"),
    "Checkbox": "boolean",
}


@pytest.mark.parametrize("kind", [*KINDS, "A kind that is new"])
def test_each_documented_kind_of_field_has_a_column_type(kind: str) -> None:
    for ui_type in (kind, kind.lower(), kind.upper()):
        (column,) = make_columns([field("x", ui_type=ui_type)], ()).values()
        assert column["type"] == [KINDS.get(kind, "string"), "null"]


@pytest.mark.parametrize(
    ("display_name", "wire_name", "column"),
    [
        ("Straße", "straße", "straße"),
        ("STRASSE", "strasse", "strasse"),
        ("Τίτλος", "τίτλος", "τίτλος"),
        ("ΤΊΤΛΟΣ", "τίτλος", "τίτλος"),
        ("Größe (cm)", "größe (cm)", "größe_cm"),
        ("Last Seen (yymmdd)", "last seen (yymmdd)", "last_seen_yymmdd"),
        ("_sdc_batched_at", "_sdc_batched_at", "sdc_batched_at"),
        ("__x__", "__x__", "x"),
        ("_airbyte_raw_id", "_airbyte_raw_id", "airbyte_raw_id"),
        *((name.upper(), name, f"{name}_custom") for name in RESERVED),
        ("Oid 2", "oid 2", "oid_2"),
    ],
)
def test_a_column_is_filled_from_the_wire_name_of_its_field(
    display_name: str, wire_name: str, column: str
) -> None:
    assert display_name.lower() == wire_name
    columns = make_columns([field(display_name)], ())
    assert [*columns] == [column]
    schema = load_schema("segment_contacts")
    schema["properties"] |= {
        name: {**definition, "x-wire-names": definition[NAMES]}
        for name, definition in fit(columns, schema["properties"]).items()
    }
    convert = Converter("segment_contacts", schema, lambda: ZoneInfo("UTC"))
    (record,) = convert.records([{"contact_email": "a@b.c", wire_name: "x"}])
    assert record == {"contact_email": "a@b.c", column: "x"}


def test_long_column_names_are_cut_and_get_a_hash() -> None:
    long_names = [
        "a" * 63,
        "a" * 64,
        "a" * 90,
        "a" * 90 + "b",
        "ß" * 40,
        "ß" * 41,
        "x" + "улюблений колір" * 5,
        "😀x" * 30,
    ]
    (columns,) = {
        tuple(make_columns([field(name) for name in names], ()))
        for names in (long_names, long_names[::-1])
    }
    assert len(columns) == len(long_names)
    assert all(len(name.encode()) <= 63 for name in columns)
    assert "a" * 63 in columns
    assert [*make_columns([field("a" * 90)], ())] == ["a" * 54 + "_57c838a3"]


FIELDS = st.lists(
    st.sampled_from(
        [
            *("Size", "size", "SIZE!", "s i z e", "Size Custom", "size_custom_custom"),
            *("Straße", "STRASSE", "strasse", "Cafe\u0301", "Café", "%", "&", "ctid"),
            *("action", "a" * 63, "A" * 63, "a" * 64, "a " * 40, "a-" * 40, "ß" * 50),
            f"{'a' * 56}_custom",
        ]
    )
    | st.text(min_size=1, max_size=70),
    max_size=12,
)


@given(FIELDS, st.data())
def test_a_field_keeps_its_column_in_any_order_and_when_fields_are_added(
    names: list[str], data: st.DataObject
) -> None:
    fields = [
        field(name, field_id=f"{9 + number}", field_name=f"f{number % 5}")
        for number, name in enumerate(names)
    ]
    reserved = {"action", "cvid", "contact_email"}
    columns = make_columns(fields, reserved)
    assert len(columns) == len(fields)
    for name in columns:
        assert 0 < len(name.encode()) <= 63
        assert not name.startswith("_")
        assert name not in reserved.union(RESERVED)
    # Names differ by more than case and the Unicode form of accents.
    assert len({name.upper() for name in columns}) == len(columns)
    assert len({unicodedata.normalize("NFC", name) for name in columns}) == len(columns)
    shuffled = data.draw(st.permutations(fields))
    assert make_columns(shuffled, reserved) == columns
    older_count = data.draw(st.integers(0, len(fields)))
    older = make_columns(fields[:older_count], reserved)
    assert {name: columns.get(name) for name in older} == older


def test_a_fourth_field_of_one_name_keeps_its_column_when_the_third_goes() -> None:
    fields = [field("Size", field_id=str(number)) for number in (1, 2, 3, 4)]
    names = [*make_columns(fields, ())]
    assert names[:2] == ["size", "size_custom"]
    assert all(re.fullmatch("size_custom_[0-9a-f]{8}", name) for name in names[2:])
    del fields[2]
    assert [*make_columns(fields, ())] == [*names[:2], names[3]]


@pytest.mark.parametrize("id_", ["", "x", "²", "٣", None])
def test_fields_without_a_numeric_id_get_the_same_columns_in_any_order(
    id_: str | None,
) -> None:
    fields = [
        {"display_name": name, "field_id": id_, "field_name": f"f{number}"}
        for number, name in enumerate(("Size", "size", "sizE"))
    ]
    columns = make_columns(fields, ())
    assert len(columns) == 3
    assert make_columns(fields[::-1], ()) == columns


def test_custom_columns_do_not_reuse_column_names_of_a_stream() -> None:
    schema = load_schema("campaign_recipients")["properties"]
    fields = [field("Action"), field("City"), field("Mobile No"), field("cvid")]
    fitting = fit(make_columns(fields, {*schema, "cvid"}), schema)
    assert "action_custom" in fitting
    assert "cvid_custom" in fitting
    assert "mobile_no" in fitting
    wire_names = {
        wire_name for column in fitting.values() for wire_name in column[NAMES]
    }
    assert "city" not in wire_names


def test_a_value_of_the_wrong_type_is_kept_in_custom_fields(service: Service) -> None:
    catalog = {
        "streams": [
            {
                "tap_stream_id": "list_subscribers",
                "stream": "list_subscribers",
                "schema": load_schema("list_subscribers")
                | {
                    "properties": load_schema("list_subscribers")["properties"]
                    | {
                        "favourite_colour": {
                            "type": ["integer", "null"],
                            NAMES: ["favourite colour"],
                        }
                    }
                },
                "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
            }
        ]
    }
    output = run_tap(service, "list_subscribers", catalog=catalog)
    values = [
        row["custom_fields"]["favourite colour"]
        for row in output.records["list_subscribers"]
        if row.get("custom_fields")
    ]
    assert values
