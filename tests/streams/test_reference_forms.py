"""Forms in which reference data may come, and codes."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.codes import Action, find_rule
from tap_zohocampaigns.api.wire.parsers import parse_places
from tap_zohocampaigns.api.wire.times import from_text
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support import samples
from tests.support.reference import FORMATS, OFFICE, answer, asked, held

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Record, Sync
# No page shows the JSON: as other answers have hyphens, and lists of one, it may too.
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
def test_the_sample_of_list_details_is_read(
    sync: Sync, service: Service, account: LivingAccount, body: object
) -> None:
    key = account.lists()[0].key
    answer(service, "getlistadvanceddetails", body)
    assert held(sync("list_details", list_keys=[key]).records["list_details"]) == held(
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


@pytest.mark.parametrize("told", [["INDIA"], {"INDIA": "many"}, {"INDIA": None}])
def test_places_of_another_form_are_kept(
    sync: Sync, service: Service, account: LivingAccount, told: object
) -> None:
    body = {"code": "0", "list_details": {"listname": "a"}, "local_subscribers": told}
    answer(service, "getlistadvanceddetails", body)
    [row] = sync("list_details", list_keys=[account.lists()[0].key]).records[
        "list_details"
    ]
    assert row["custom_fields"] == {"local_subscribers": told}
    assert row["list_name"] == "a"
    assert row["places"] is None


@pytest.mark.parametrize("told", [None, "", {}, "{}"])
def test_no_places_are_none(told: object) -> None:
    assert parse_places(told) == []


# As a real account answered; `values` is what picklists are known to have.
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


def test_a_field_is_read_as_a_real_account_has_it(sync: Sync, service: Service) -> None:
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


# The page of Zoho's Marketing Automation.
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


def test_fields_with_little_about_each_are_read(sync: Sync, service: Service) -> None:
    answer(service, "contact/allfields", FIELDS)
    found = sync("contact_fields").records["contact_fields"]
    assert [(row["field_id"], row["field_name"]) for row in found] == [
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
def test_tags_are_found_in_every_form(
    sync: Sync, service: Service, tags: object
) -> None:
    body = {"status": "success", "code": "0", "requestdetails": "{}", "tags": tags}
    answer(service, "tag/getalltags", body)
    satliv, clara = sync("tags", timezone="Asia/Kolkata").records["tags"]
    assert held([satliv]) == [
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
def test_samples_of_zohos_pages_are_read(
    sync: Sync, service: Service, stream: str, body: bytes, expected: list[Record]
) -> None:
    answer(service, OFFICE[stream], body)
    assert held(sync(stream).records[stream]) == held(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-03-11T11:28:34+05:30", "2019-03-11T05:58:34.000Z"),
        ("2019-03-11T11:28:34Z", "2019-03-11T11:28:34.000Z"),
        ("2019-03-11T11:28:34", "2019-03-11T15:28:34.000Z"),
    ],
)
def test_times_in_iso_8601_have_their_own_zone_or_that_of_the_account(
    account: LivingAccount, text: str, expected: str
) -> None:
    assert account.zone.key == "America/New_York"
    assert from_text(text, account.zone) == expected


@pytest.mark.parametrize("format_", FORMATS)
def test_formats_are_asked_for_where_there_are_any(
    sync: Sync, service: Service, format_: str
) -> None:
    sync(*OFFICE, "list_details", response_format=format_)
    forms = {"getlistadvanceddetails": format_.upper(), "contact/allfields": None}
    for endpoint in ("getlistadvanceddetails", *OFFICE.values()):
        for params in asked(service, endpoint):
            assert params.get("resfmt") == forms.get(endpoint, "JSON")
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
def test_codes_that_say_none(
    sync: Sync, service: Service, stream: str, code: str
) -> None:
    body = {"status": "error", "code": code, "message": "None."}
    answer(service, OFFICE[stream], body)
    assert not sync(stream).records[stream]
    assert len(asked(service, OFFICE[stream])) == 1


@pytest.mark.parametrize("stream", ["topics", "products"])
def test_a_missing_privilege_is_told_of(
    sync: Sync, service: Service, caplog: pytest.LogCaptureFixture, stream: str
) -> None:
    body = {"code": "4010", "message": "No privilege"}
    answer(service, OFFICE[stream], body)
    assert not sync(stream).records[stream]
    assert "ZohoCampaigns.contact.READ" in caplog.text
    assert f"Streams left out of this run: {stream}" in caplog.text


def test_an_address_that_is_not_there_costs_products_alone(
    sync: Sync, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.intercept = lambda call: (
        Reply(404, b"<html></html>") if call.endpoint == "topics/products" else None
    )
    found = sync("products", "topics").records
    assert not found["products"]
    assert found["topics"]
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
def test_other_codes(endpoint: str, code: str, action: Action) -> None:
    assert find_rule(endpoint, code, "").action is action


@pytest.mark.parametrize("code", ["2202", "2206", "2707"])
def test_a_list_deleted_meanwhile_is_left_out_with_one_warning(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    victim, *others = [each.key for each in account.lists()]
    body = {"status": "error", "code": code, "message": "This list has been deleted."}

    def intercept(call: Call) -> Reply | None:
        deleted = call.params.get("listkey") == victim
        return Reply(200, json.dumps(body).encode()) if deleted else None

    service.intercept = intercept
    found = sync("list_details").records["list_details"]
    assert [row["list_key"] for row in found] == others
    assert [r.levelname for r in caplog.records if "gone" in r.message] == ["WARNING"]
