"""Custom fields become typed columns at discovery, and nothing of them is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.api.scopes import CONTACTS
from tap_zohocampaigns.client import load_schema
from tap_zohocampaigns.columns import NAMES, fit, read_columns
from tap_zohocampaigns.sandbox import Service

from .conftest import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
CONTACT_STREAMS = ("segment_contacts", "list_subscribers", "campaign_recipients")


def discover(folder: Path, settings: dict[str, t.Any]) -> dict[str, t.Any]:
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    done = subprocess.run(
        [TAP, "--discover", "--config", config],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def properties(catalog: dict[str, t.Any], stream: str) -> dict[str, t.Any]:
    (entry,) = (e for e in catalog["streams"] if e["tap_stream_id"] == stream)
    return t.cast("dict[str, t.Any]", entry["schema"]["properties"])


@pytest.mark.parametrize("form", ["json", "xml"])
def test_custom_fields_are_columns_of_what_a_catalog_selects(
    tmp_path: Path, service: Service, account: LivingAccount, form: str
) -> None:
    settings = {"response_format": form, "rate_limit_ledger": "memory"}
    catalog = discover(tmp_path, service.config | settings)
    assert [call.endpoint for call in service.calls] == ["contact/allfields"]
    names = {field.name for field in account.fields()}
    for stream in CONTACT_STREAMS:
        known = load_schema(stream)["properties"]
        added = {k: v for k, v in properties(catalog, stream).items() if k not in known}
        assert len(added) == len(names)
        for about in added.values():
            assert any(name in about["description"] for name in names)
            assert about["type"][1] == "null"
    service.calls.clear()
    with_columns = run_tap(
        service, *CONTACT_STREAMS, catalog=catalog, response_format=form
    )
    assert "contact/allfields" not in {call.endpoint for call in service.calls}
    without = run_tap(service, *CONTACT_STREAMS, response_format=form)
    for stream in CONTACT_STREAMS:
        added = {
            name: about[NAMES]
            for name, about in properties(catalog, stream).items()
            if NAMES in about
        }
        rows = list(
            zip(with_columns.records[stream], without.records[stream], strict=True)
        )
        assert any(row.get(name) for row, _ in rows for name in added)
        for row, plain in rows:
            custom = dict(plain.get("custom_fields") or {})
            for name, wires in added.items():
                told = [custom.pop(wire) for wire in wires if wire in custom]
                value = None if row.get(name) is None else str(row[name])
                assert value == (told[0] if told else None)
            assert dict(row.get("custom_fields") or {}) == custom


def test_discovery_without_credentials_or_scope_has_no_columns(
    tmp_path: Path, account: LivingAccount
) -> None:
    plain = discover(tmp_path, {})
    with Service(account) as service:
        service.scopes = [scope for scope in service.scopes if scope != CONTACTS]
        lacking = discover(tmp_path, service.config)
    for catalog in (plain, lacking):
        for stream in CONTACT_STREAMS:
            published = properties(catalog, stream)
            assert published.keys() == load_schema(stream)["properties"].keys()


def field(display_name: str, **more: str) -> dict[str, str]:
    return {"display_name": display_name, "field_id": "7"} | more


def test_names_and_types_of_columns() -> None:
    columns = read_columns(
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
    assert {name: about["type"][0] for name, about in columns.items()} == {
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


def test_older_fields_have_the_better_names_whatever_their_order() -> None:
    older = field("Size", field_id="9", field_name="first")
    newer = field("size", field_id="10", field_name="second")
    for fields in ([older, newer], [newer, older]):
        columns = read_columns(fields, ())
        assert "first" in columns["size"][NAMES]
        assert "second" in columns["size_custom"][NAMES]


def test_columns_take_no_name_that_a_stream_has() -> None:
    schema = load_schema("campaign_recipients")["properties"]
    fields = [field("Action"), field("City"), field("Mobile No"), field("cvid")]
    fitting = fit(read_columns(fields, {*schema, "cvid"}), schema)
    assert "action_custom" in fitting
    assert "cvid_custom" in fitting
    assert "mobile_no" in fitting
    taken = {w for about in fitting.values() for w in about[NAMES]}
    assert "city" not in taken


def test_a_value_that_does_not_fit_its_column_is_kept(service: Service) -> None:
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
    kept = [
        row["custom_fields"]["favourite colour"]
        for row in output.records["list_subscribers"]
        if row.get("custom_fields")
    ]
    assert kept
