"""Formats in which Zoho may send reference data, and its error codes."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.codes import Action, find_rule
from tap_zohocampaigns.api.wire.parsers import parse_places
from tap_zohocampaigns.api.wire.times import from_text
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support import samples
from tests.support.reference import (
    FORMATS,
    REFERENCE_ENDPOINTS,
    answer,
    params_of_calls,
    without_nulls,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Record, Sync
# Zoho documents no JSON for this answer. Like others, it may have hyphens in names,
# and lists of one item.
LIST_DETAILS_JSON = {
    "status": "success",
    "code": "0",
    "local_subscribers": "{INDIA=1, CHENNAI=1, TAMIL NADU=1}",
    "list-details": [{"ispublic": "true", "noofcontacts": 1, "listname": "meganzoho"}],
    "list-dashboard-data": {
        "contact-stats": [
            {
                "no_of_bounce": "0",
                "no_of_active": "1",
                "sent_count": "30",
                "no_of_unsub": "0",
                "schedule_count": "0",
            }
        ]
    },
}


@pytest.mark.parametrize(
    "body", [samples.LIST_DETAILS_XML, LIST_DETAILS_JSON], ids=FORMATS[::-1]
)
def test_the_sample_of_list_details_is_parsed(
    sync: Sync, service: Service, account: LivingAccount, body: object
) -> None:
    key = account.lists()[0].key
    answer(service, "getlistadvanceddetails", body)
    assert without_nulls(
        sync("list_details", list_keys=[key]).records["list_details"]
    ) == without_nulls(
        [
            {
                "list_key": key,
                "list_name": "meganzoho",
                "is_public": True,
                "contact_count": 1,
                "active_count": 1,
                "unsubscribed_count": 0,
                "bounced_count": 0,
                "sent_campaign_count": 30,
                "scheduled_campaign_count": 0,
                "places": [
                    {"place": place, "contact_count": 1}
                    for place in ("INDIA", "CHENNAI", "TAMIL NADU")
                ],
            }
        ]
    )


@pytest.mark.parametrize("places", [["INDIA"], {"INDIA": "many"}, {"INDIA": None}])
def test_places_in_an_unknown_format_go_to_custom_fields(
    sync: Sync, service: Service, account: LivingAccount, places: object
) -> None:
    body = {"code": "0", "list_details": {"listname": "a"}, "local_subscribers": places}
    answer(service, "getlistadvanceddetails", body)
    [row] = sync("list_details", list_keys=[account.lists()[0].key]).records[
        "list_details"
    ]
    assert row["custom_fields"] == {"local_subscribers": places}
    assert row["list_name"] == "a"
    assert row["places"] is None


@pytest.mark.parametrize("value", [None, "", {}, "{}"])
def test_empty_places_are_parsed_as_an_empty_list(value: object) -> None:
    assert parse_places(value) == []


# Recorded from a real account; `values` is an attribute of picklist fields.
FIELD = {
    "no": 1,
    "FIELD_ID": 1293333000000000021,
    "FIELD_NAME": "contact_email",
    "FIELD_DISPLAY_NAME": "CONTACT_EMAIL",
    "DISPLAY_NAME": "Contact Email",
    "BLOCK_LABEL": "CONTACT_BASIC_BLOCK",
    "UITYPE": "email",
    "TYPE": "standard",
    "SEQUENCE": 1,
    "block_sequence": 1,
    "MAXLENGTH": 100,
    "IS_MANDATORY": True,
    "is_otheruser_field": False,
    "values": ["a", "b"],
}


def test_a_contact_field_of_a_real_account_is_parsed(
    sync: Sync, service: Service
) -> None:
    body = {"response": {"code": "0", "fieldnames": {"fieldname": [FIELD]}}}
    answer(service, "contact/allfields", body)
    assert sync("contact_fields").records["contact_fields"] == [
        {
            "field_id": "1293333000000000021",
            "field_name": "contact_email",
            "field_display_name": "CONTACT_EMAIL",
            "display_name": "Contact Email",
            "block_label": "CONTACT_BASIC_BLOCK",
            "ui_type": "email",
            "field_type": "standard",
            "position": 1,
            "block_position": 1,
            "max_length": 100,
            "is_mandatory": True,
            "is_other_user_field": False,
            "custom_fields": {"values": ["a", "b"]},
        }
    ]


# From the documentation of Zoho Marketing Automation.
FIELDS = {
    "response": {
        "message": "success",
        "code": "0",
        "fieldname": [
            {
                "DISPLAY_NAME": "Lead Email",
                "FIELD_NAME": "contact_email",
                "no": "1",
                "FIELD_ID": "9007199254740993",
            },
            {
                "DISPLAY_NAME": "Title",
                "FIELD_NAME": "title",
                "no": "2",
                "FIELD_ID": "9007199254740995",
            },
        ],
    }
}


def test_contact_fields_with_few_attributes_are_parsed(
    sync: Sync, service: Service
) -> None:
    answer(service, "contact/allfields", FIELDS)
    rows = sync("contact_fields").records["contact_fields"]
    assert [(row["field_id"], row["field_name"]) for row in rows] == [
        ("9007199254740993", "contact_email"),
        ("9007199254740995", "title"),
    ]


# https://www.zoho.com/campaigns/help/developers/tag-management/get-all-tags.html
SATLIV = {
    "tagowner": "Zylker",
    "tag_created_time": "07 Feb 2019, 12:33 PM",
    "tag_name": "SATLIV",
    "tag_color": "#48b9d1",
    "tag_desc": "Test Tag",
    "tagged_contact_count": "64",
    "is_crm_tag": "false",
    "zuid": "xxxxxxxx",
}
CLARA = SATLIV | {"tag_name": "CLARA", "tagged_contact_count": "171"}


@pytest.mark.parametrize(
    "tags",
    [
        [{"16492000023685218": SATLIV}, {"16492000023685001": CLARA}],
        {"16492000023685218": SATLIV, "16492000023685001": CLARA},
        [{"16492000023685218": SATLIV, "16492000023685001": CLARA}],
    ],
    ids=["maps", "map", "map_in_list"],
)
def test_tags_are_parsed_in_every_known_format(
    sync: Sync, service: Service, tags: object
) -> None:
    body = {"status": "success", "code": "0", "requestdetails": "{}", "tags": tags}
    answer(service, "tag/getalltags", body)
    satliv, clara = sync("tags", timezone="Asia/Kolkata").records["tags"]
    assert without_nulls([satliv]) == [
        {
            "tag_id": "16492000023685218",
            "tag_name": "SATLIV",
            "description": "Test Tag",
            "color": "#48b9d1",
            "owner": "Zylker",
            "owner_zuid": "xxxxxxxx",
            "contact_count": 64,
            "is_crm_tag": False,
            "created_time": "2019-02-07T07:03:00.000Z",
        }
    ]
    assert (clara["tag_id"], clara["contact_count"]) == ("16492000023685001", 171)


@pytest.mark.parametrize(
    ("stream", "body", "expected"),
    [
        (
            "topics",
            samples.TOPICS_JSON,
            [
                {
                    "topic_id": "80696000000044001",
                    "topic_name": "default",
                    "primary_list_id": "80696000000044003",
                }
            ],
        ),
        (
            "products",
            samples.PRODUCTS_JSON,
            [{"product_id": "74726000000064001", "product_name": "P1"}],
        ),
        (
            "workflows",
            samples.WORKFLOWS_JSON,
            [
                {
                    "workflow_key": "9bb77af841821fa7767e402a0f250219",
                    "workflow_name": "Latestopentrigger",
                    "trigger_key": "9bb77af841821fa704a13363331fd551",
                    "created_time": "2019-03-11T05:58:34.000Z",
                },
                {
                    "workflow_key": "9bb77af841821fa73ce137c1970c6a55",
                    "workflow_name": "opentrigger",
                    "trigger_key": "9bb77af841821fa7011c34c6de7e985f",
                    "created_time": "2019-03-08T02:23:14.000Z",
                },
            ],
        ),
    ],
)
def test_samples_from_zohos_documentation_are_parsed(
    sync: Sync, service: Service, stream: str, body: bytes, expected: list[Record]
) -> None:
    answer(service, REFERENCE_ENDPOINTS[stream], body)
    assert without_nulls(sync(stream).records[stream]) == without_nulls(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-03-11T11:28:34+05:30", "2019-03-11T05:58:34.000Z"),
        ("2019-03-11T11:28:34Z", "2019-03-11T11:28:34.000Z"),
        ("2019-03-11T11:28:34", "2019-03-11T15:28:34.000Z"),
    ],
)
def test_iso_8601_times_without_an_offset_use_the_account_zone(
    account: LivingAccount, text: str, expected: str
) -> None:
    assert account.zone.key == "America/New_York"
    assert from_text(text, account.zone) == expected


@pytest.mark.parametrize("format_", FORMATS)
def test_response_format_is_sent_where_the_endpoint_supports_it(
    sync: Sync, service: Service, format_: str
) -> None:
    sync(*REFERENCE_ENDPOINTS, "list_details", response_format=format_)
    formats = {"getlistadvanceddetails": format_.upper(), "contact/allfields": None}
    for endpoint in ("getlistadvanceddetails", *REFERENCE_ENDPOINTS.values()):
        for params in params_of_calls(service, endpoint):
            assert params.get("resfmt") == formats.get(endpoint, "JSON")
            assert ("type" in params) is (endpoint == "contact/allfields")


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("contact_fields", "910"),
        ("tags", "992"),
        ("topics", "4016"),
        ("products", "4015"),
        ("products", "4016"),
        ("workflows", "9001"),
    ],
)
def test_no_data_codes_give_no_records(
    sync: Sync, service: Service, stream: str, code: str
) -> None:
    body = {"status": "error", "code": code, "message": "None."}
    answer(service, REFERENCE_ENDPOINTS[stream], body)
    assert not sync(stream).records[stream]
    assert len(params_of_calls(service, REFERENCE_ENDPOINTS[stream])) == 1


@pytest.mark.parametrize("stream", ["topics", "products"])
def test_a_missing_privilege_skips_the_stream_with_a_warning(
    sync: Sync, service: Service, caplog: pytest.LogCaptureFixture, stream: str
) -> None:
    body = {"code": "4010", "message": "No privilege"}
    answer(service, REFERENCE_ENDPOINTS[stream], body)
    assert not sync(stream).records[stream]
    assert "ZohoCampaigns.contact.READ" in caplog.text
    assert f"Streams left out of this run: {stream}" in caplog.text


def test_a_404_for_products_skips_only_products(
    sync: Sync, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.intercept = lambda call: (
        Reply(404, b"<html></html>") if call.endpoint == "topics/products" else None
    )
    records = sync("products", "topics").records
    assert not records["products"]
    assert records["topics"]
    assert "deselect `products`" in caplog.text
    assert "Streams left out of this run: products" in caplog.text


@pytest.mark.parametrize(
    ("endpoint", "code", "action"),
    [
        ("getlistadvanceddetails", "2204", Action.EMPTY),
        ("workflow", "9008", Action.FORBID),
        ("topics", "1004", Action.FAIL),
        ("topics/products", "1004", Action.FORBID),
        ("topics/products", "404", Action.FORBID),
        ("tag/getalltags", "OAUTH_SCOPE_MISMATCH", Action.MISSING_SCOPE),
        ("tag/getalltags", "INVALID_OAUTHSCOPE", Action.MISSING_SCOPE),
        ("topics", "4019", Action.FAIL),
        ("contact/allfields", "903", Action.FAIL),
    ],
)
def test_codes_have_the_expected_action(
    endpoint: str, code: str, action: Action
) -> None:
    assert find_rule(endpoint, code, "").action is action


@pytest.mark.parametrize("code", ["2202", "2206", "2707"])
def test_a_list_deleted_during_the_run_is_skipped_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    deleted_key, *other_keys = [mailing_list.key for mailing_list in account.lists()]
    body = {"status": "error", "code": code, "message": "This list has been deleted."}

    def intercept(call: Call) -> Reply | None:
        is_deleted = call.params.get("listkey") == deleted_key
        return Reply(200, json.dumps(body).encode()) if is_deleted else None

    service.intercept = intercept
    rows = sync("list_details").records["list_details"]
    assert [row["list_key"] for row in rows] == other_keys
    assert [
        record.levelname for record in caplog.records if "gone" in record.message
    ] == ["WARNING"]
