"""Lists in detail, fields, tags, topics, products, workflows, the account itself."""

from __future__ import annotations

import json
import re
import typing as t
from itertools import cycle

import pytest

from tap_zohocampaigns.api.codes import Action, find_rule
from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.parsers import parse_places
from tap_zohocampaigns.api.wire.times import from_text, rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sandbox.bodies import places
from tests.support import samples
from tests.support.taps import NOW, run_tap

if t.TYPE_CHECKING:
    from datetime import datetime

    from tap_zohocampaigns.sandbox import Call
    from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
    from tests.support.taps import Output, Record, Sync

FORMATS = ("json", "xml")
EXACT = 2**53
OFFICE = {
    "contact_fields": "contact/allfields",
    "tags": "tag/getalltags",
    "topics": "topics",
    "products": "topics/products",
    "workflows": "workflow",
}


def minute(instant: datetime) -> str:
    return rfc3339(instant.replace(second=0, microsecond=0))


def answer(service: Service, endpoint: str, body: object) -> None:
    """Let an endpoint answer with this body, in JSON unless it is written already."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def intercept(call: Call) -> Reply | None:
        return Reply(200, content) if call.endpoint == endpoint else None

    service.intercept = intercept


def asked(service: Service, endpoint: str) -> list[dict[str, str]]:
    return [call.params for call in service.calls if call.endpoint == endpoint]


# What the account has.


def held(records: list[Record]) -> list[Record]:
    """Return what records hold: all columns are there, some without a value."""
    return [{n: v for n, v in row.items() if v is not None} for row in records]


@pytest.mark.parametrize("format_", FORMATS)
def test_every_list_is_read_in_detail(
    sync: Sync, service: Service, account: LivingAccount, format_: str
) -> None:
    found = sync("list_details", response_format=format_).records["list_details"]
    campaigns = account.campaigns()
    assert found == [
        {
            "list_key": each.key,
            "list_name": each.name,
            "is_public": each.public,
            "contact_count": account.subscribers(each.key, "active"),
            "active_count": account.subscribers(each.key, "active"),
            "unsubscribed_count": account.subscribers(each.key, "unsub"),
            "bounced_count": account.subscribers(each.key, "bounce"),
            "sent_campaign_count": sum(
                one.list_key == each.key and one.sent is not None for one in campaigns
            ),
            "scheduled_campaign_count": sum(
                one.list_key == each.key and one.status == "Scheduled"
                for one in campaigns
            ),
            "places": [
                {"place": place, "contact_count": number}
                for place, number in places.local(
                    account.subscribers(each.key, "active")
                ).items()
            ]
            or None,
            "custom_fields": None,
        }
        for each in account.lists()
    ]
    assert len(asked(service, "getlistadvanceddetails")) == len(account.lists())


def test_lists_are_read_in_detail_only_when_selected(output: Output) -> None:
    assert not output.records["list_details"]


def test_every_field_of_contacts_is_read(
    output: Output, account: LivingAccount
) -> None:
    found = output.records["contact_fields"]
    assert {
        (row["field_id"], row["display_name"], row["ui_type"], row["max_length"])
        for row in found
        if row["field_type"] == "custom"
    } == {(one.field_id, one.name, one.kind, one.length) for one in account.fields()}
    assert [row["field_name"] for row in found if row["is_mandatory"]] == [
        "contact_email"
    ]
    assert len({row["field_id"] for row in found}) == len(found) == 21
    assert all(int(row["field_id"]) > EXACT for row in found)
    assert not any(row.get("custom_fields") for row in found)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("form", ["fieldnames", "fieldname"])
def test_fields_are_found_in_every_form(
    account: LivingAccount, output: Output, form: FieldsForm, format_: str
) -> None:
    with Service(account, fields_form=form) as other:
        found = run_tap(other, "contact_fields", response_format=format_)
        assert asked(other, "contact/allfields") == [{"type": format_}]
    assert found.records["contact_fields"] == output.records["contact_fields"]


def test_every_tag_is_read(output: Output, account: LivingAccount) -> None:
    assert held(output.records["tags"]) == held(
        [
            {
                "tag_id": one.tag_id,
                "tag_name": one.name,
                "description": one.description.replace("undefined", "") or None,
                "color": one.colour,
                "owner": one.owner,
                "owner_zuid": one.zuid,
                "contact_count": one.contacts,
                "is_crm_tag": False,
                "created_time": minute(one.created),
                "updated_time": minute(one.modified),
            }
            for one in account.tags()
        ]
    )


def test_every_topic_and_product_is_read(
    output: Output, account: LivingAccount
) -> None:
    assert held(output.records["topics"]) == held(
        [
            {
                "topic_id": one.topic_id,
                "topic_name": one.name,
                "description": one.description or None,
                "primary_list_id": one.primary_list,
            }
            for one in account.topics()
        ]
    )
    assert all(int(row["primary_list_id"]) > EXACT for row in output.records["topics"])
    assert held(output.records["products"]) == held(
        [
            {"product_id": one.product_id, "product_name": one.name}
            for one in account.products()
        ]
    )


def test_every_workflow_is_read(output: Output, account: LivingAccount) -> None:
    assert held(output.records["workflows"]) == held(
        [
            {
                "workflow_key": one.key,
                "workflow_name": one.name,
                "trigger_key": one.trigger_key,
                "created_time": rfc3339(one.created.replace(microsecond=0)),
            }
            for one in reversed(account.workflows())
        ]
    )


def test_the_account_is_one_row(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    [row] = sync("account", data_center="eu").records["account"]
    assert row == {
        "account_id": row["account_id"],
        "data_center": "eu",
        "time_zone": account.zone.key,
        "api_version": "1.1",
        "scopes": ["ZohoCampaigns.campaign.READ"],
    }
    assert len(row["account_id"]) == 16
    assert {call.endpoint for call in service.calls} == {"recentcampaigns"}
    [again] = sync("account", timezone="Asia/Tokyo").records["account"]
    assert (again["account_id"], again["time_zone"]) == (
        row["account_id"],
        "Asia/Tokyo",
    )
    assert service.config["client_id"] not in json.dumps(row)


def test_the_account_is_one_row_even_if_it_is_empty() -> None:
    empty = LivingAccount(
        lists=0, segments=0, campaigns=0, contacts=0, clock=lambda: NOW
    )
    with Service(empty) as service:
        output = run_tap(service)
        counted = [call.endpoint for call in service.calls]
    assert [row["time_zone"] for row in output.records["account"]] == ["UTC"]
    for stream, endpoint in OFFICE.items():
        assert counted.count(endpoint) == 1
        assert bool(output.records[stream]) is (stream == "contact_fields"), stream


# Pages.


@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_pages_of_any_size_give_every_row_once(
    sync: Sync, service: Service, output: Output, size: int
) -> None:
    names = ("topics", "products", "workflows")
    found = sync(*names, page_size=size).records
    for name in names:
        assert found[name] == output.records[name]
    assert asked(service, "topics")[0]["details"] == (
        f"{{from_index:0,range:{min(size, 200)}}}"
    )
    assert len(asked(service, "topics")) == {1: 4, 2: 3, 3: 2, 500: 2}[size]
    details = [json.loads(each["details"]) for each in asked(service, "workflow")]
    # Each page begins right behind the one before, the last behind all rows.
    begin = [(int(each.pop("page")) - 1) * int(each["limit"]) for each in details]
    total = len(found["workflows"])
    assert begin == [*range(0, total, min(size, 200)), total]
    assert details[0] == {
        "limit": str(min(size, 200)),
        "sort_order": "asc",
        "user": "all",
        "trigger_type": "open",
    }


def topics(number: int) -> Record:
    rows = [{"topicId": str(EXACT + n), "topicName": str(n)} for n in range(number)]
    return {"code": "200", "message": "Success", "topicDetails": rows}


@pytest.mark.parametrize(("rows", "size"), [(25, 500), (3, 1), (201, 500)])
def test_topics_that_come_all_at_once_are_read_once(
    sync: Sync, service: Service, rows: int, size: int
) -> None:
    answer(service, "topics", topics(rows))
    found = sync("topics", page_size=size).records["topics"]
    assert [row["topic_id"] for row in found] == [str(EXACT + n) for n in range(rows)]
    assert len(asked(service, "topics")) == 2


def test_a_full_page_that_comes_again_is_not_taken_for_all(
    sync: Sync, service: Service
) -> None:
    answer(service, "topics", topics(200))
    with pytest.raises(FatalError, match="repeats the same page of topics"):
        sync("topics")


def in_pages(
    service: Service, endpoint: str, rows: list[Record], caps: list[int]
) -> None:
    """Let an endpoint give pages, at most as long as the next cap."""
    lengths = cycle(caps)

    def intercept(call: Call) -> Reply | None:
        if call.endpoint != endpoint:
            return None
        numbers = [int(n) for n in re.findall(r"\d+", call.params["details"])]
        first, size = numbers[:2]
        if endpoint == "workflow":
            first = (first - 1) * size
        assert len(service.calls) < 200
        page = rows[first : first + min(size, next(lengths))]
        name = {"workflow": "workflows", "topics": "topicDetails"}[endpoint]
        body = {"code": "200", "message": "Success", name: page}
        return Reply(200, json.dumps(body).encode())

    service.intercept = intercept


@pytest.mark.parametrize(
    "caps", [[200], [1], [7], [20], [100], [100, 50], [20, 7, 1, 30]]
)
@pytest.mark.parametrize("endpoint", ["topics", "workflow"])
@pytest.mark.parametrize("number", [5, 40, 230])
def test_pages_shorter_than_asked_lose_no_row(
    sync: Sync, service: Service, endpoint: str, number: int, caps: list[int]
) -> None:
    if number > 40 and min(caps) < 20:
        number = 41
    rows = [
        {"topicId": str(EXACT + n), "topicName": "a", "workflow_key": str(EXACT + n)}
        for n in range(number)
    ]
    in_pages(service, endpoint, rows, caps)
    stream = {"topics": "topics", "workflow": "workflows"}[endpoint]
    key = {"topics": "topic_id", "workflow": "workflow_key"}[endpoint]
    found = [row[key] for row in sync(stream).records[stream]]
    assert sorted(found) == [str(EXACT + n) for n in range(number)]


def test_a_burst_that_makes_a_page_come_again_is_no_failure(
    sync: Sync, service: Service
) -> None:
    rows = topics(450)["topicDetails"]
    in_pages(service, "topics", rows, [200])
    pages = service.intercept

    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "topics" and len(asked(service, "topics")) == 2:
            rows[:0] = [{"topicId": str(n), "topicName": "new"} for n in range(200)]
        return pages(call) if pages else None

    service.intercept = intercept
    found = {row["topic_id"] for row in sync("topics").records["topics"]}
    assert found >= {str(EXACT + n) for n in range(450)}


@pytest.mark.parametrize("none", [None, "", "null"])
def test_a_row_without_its_key_is_left_out_with_a_warning(
    sync: Sync,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    none: str | None,
) -> None:
    body = topics(25)
    body["topicDetails"][3]["topicId"] = body["topicDetails"][9]["topicId"] = none
    answer(service, "topics", body)
    found = sync("topics").records["topics"]
    assert len(found) == 23
    told = [r.getMessage() for r in caplog.records if "without their key" in r.message]
    assert told == ["Left out 2 rows of topics without their key."]


def test_rows_that_all_lack_their_key_are_no_failure(
    sync: Sync, service: Service
) -> None:
    answer(service, "topics/products", {"code": "200", "products": [{}]})
    assert sync("products").records["products"] == []


# What Zoho's pages show.

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


# Formats and codes.


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
        ("tag/getalltags", "OAUTH_SCOPE_MISMATCH", Action.FORBID),
        ("tag/getalltags", "INVALID_OAUTHSCOPE", Action.FORBID),
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
