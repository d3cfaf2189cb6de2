"""Bodies of the endpoints for lists, campaigns, fields, tags, topics and workflows."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.world.account import FEED_STATUSES
from tests.support.fixed_account import (
    AB_CAMPAIGN,
    DELETED,
    DRAFT,
    MAILING_LIST,
    MINIMAL_CONTACT,
    ODD_CONTACT,
    SEGMENT,
    SENT,
    TOPIC,
    FixedAccount,
)
from tests.support.sandbox_client import Client, fields
from tests.support.service import code

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.bodies.recipients import TimelineForm
    from tap_zohocampaigns.sandbox.bodies.reports import PlacesForm, SegmentsInfoForm
RECIPIENTS = "getcampaignrecipientsdata"


def rows_of(answer: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    rows: list[dict[str, t.Any]] = answer["list_of_details"]
    return rows


def test_subscribers_have_all_their_fields_in_json(client: Client) -> None:
    body = client.json("getlistsubscribers", listkey=MAILING_LIST.key)
    assert body["requestdetails"] == {
        "sort": "Ascending Order",
        "range": 20,
        "status": "active",
        "fromindex": 1,
    }
    odd, bare = body["list_of_details"]
    assert odd == {
        "contact_email": ODD_CONTACT.email,
        "firstname": ODD_CONTACT.first_name,
        "lastname": ODD_CONTACT.last_name,
        "phone": ODD_CONTACT.phone,
        "companyname": ODD_CONTACT.company,
        "zuid": "4179027",
        "added_time": "15 Jan 2013, 12:39 PM",
        **ODD_CONTACT.custom,
    }
    assert bare["contact_email"] == MINIMAL_CONTACT.email
    assert (bare["firstname"], bare["phone"]) == ("", "null")


def test_subscribers_have_the_same_fields_in_xml(client: Client) -> None:
    body = client.json("getlistsubscribers", listkey=MAILING_LIST.key, sort="desc")
    document = client.xml("getlistsubscribers", listkey=MAILING_LIST.key, sort="desc")
    assert document.findtext("sort") == "Descending Order"
    assert fields(document.find("list_details")) == {
        "ispublic": "false",
        "noofcontacts": "12",
        "listname": MAILING_LIST.name,
    }
    rows = [
        fields(contact) for contact in document.findall("result_of_subscribers/contact")
    ]
    assert [
        {name: "" if text == "null" else text for name, text in row.items()}
        for row in body["list_of_details"]
    ] == rows
    assert rows[0]["contact_email"] == MINIMAL_CONTACT.email


@pytest.mark.parametrize("status", FEED_STATUSES)
def test_subscribers_are_filtered_by_status(client: Client, status: str) -> None:
    params = {"listkey": MAILING_LIST.key, "status": status}
    expected = {"active": 2, "recent": 1}.get(status, 0)
    body = client.json("getlistsubscribers", **params)
    if not expected:
        assert code(body) == "2502"
        return
    assert body["requestdetails"]["status"] == status
    assert len(body["list_of_details"]) == expected


@pytest.mark.parametrize(
    ("endpoint", "params", "expected"),
    [
        ("getlistsubscribers", {"listkey": "3z"}, "2501"),
        ("getlistsubscribers", {"listkey": DELETED.key}, "2203"),
        ("getlistsubscribers", {"listkey": MAILING_LIST.key, "fromindex": 3}, "2502"),
        ("getlistadvanceddetails", {"listkey": "3z"}, "2202"),
        ("getlistadvanceddetails", {"listkey": DELETED.key}, "2206"),
        ("listsubscriberscount", {"listkey": DELETED.key}, "2707"),
    ],
)
def test_unknown_and_deleted_lists_are_errors(
    client: Client, endpoint: str, params: dict[str, object], expected: str
) -> None:
    body = client.json(endpoint, **params)
    assert code(body) == expected
    document = client.xml(endpoint, **params)
    assert document.findtext("code") == expected
    assert document.findtext("message") == body["message"]


def test_the_end_of_a_list_has_zohos_message(client: Client) -> None:
    body = client.json("getlistsubscribers", listkey=MAILING_LIST.key, fromindex=3)
    assert body["message"] == "Yet,There are no contacts in this list."


def test_a_deleted_list_is_not_among_the_lists(client: Client) -> None:
    body = client.json("getmailinglists")
    assert body["requestdetails"]["total_list_count"] == 2
    assert DELETED.key not in {row["listkey"] for row in body["list_of_details"]}


@pytest.mark.parametrize(
    ("filtertype", "name", "keys"),
    [
        ("", "sent_campaigns", [SENT.key, AB_CAMPAIGN.key]),
        ("sentcampaigns", "sent_campaigns", [SENT.key, AB_CAMPAIGN.key]),
        ("scheduledcampaigns", "scheduled_campaigns", []),
        ("recentcampaigns", "recent_campaigns", [DRAFT.key, SENT.key, AB_CAMPAIGN.key]),
    ],
)
def test_list_details_contain_the_campaigns_of_the_filter(
    client: Client, filtertype: str, name: str, keys: list[str]
) -> None:
    params = {"listkey": MAILING_LIST.key, "filtertype": filtertype}
    body = client.json("getlistadvanceddetails", **params)
    assert [row["campaign_key"] for row in body[name]] == keys
    assert body["list_details"] == {
        "ispublic": "false",
        "noofcontacts": "12",
        "listname": MAILING_LIST.name,
    }
    stats = body["list_dashboard_data"]["contact_stats"]
    assert stats == {
        "no_of_bounce": "2",
        "no_of_active": "12",
        "sent_count": "2",
        "no_of_unsub": "3",
        "schedule_count": "0",
    }
    document = client.xml("getlistadvanceddetails", **params)
    assert fields(document.find("list_dashboard_data/contact_stats")) == stats
    assert fields(document.find("local_subscribers")) == body["local_subscribers"]
    assert [
        fields(campaign) for campaign in document.findall(f"{name}/campaign")
    ] == body[name]


@pytest.mark.parametrize(
    ("form", "without", "expected"),
    [
        ("list", [], [{"cvid": SEGMENT.cvid, "segment_name": SEGMENT.name}]),
        ("object", {}, {SEGMENT.cvid: SEGMENT.name}),
    ],
)
def test_segments_of_a_campaign_are_served_in_each_form(
    form: SegmentsInfoForm, without: object, expected: object
) -> None:
    with (
        Service(FixedAccount(), segments_info_form=form) as service,
        Client(service) as client,
    ):
        client.sign()
        answers = [
            client.json(
                "getcampaigndetails", campaignkey=campaign.key, campaigntype=kind
            )
            for campaign, kind in ((AB_CAMPAIGN, "abtesting"), (SENT, "normal"))
        ]
        document = client.xml("getcampaigndetails", campaignkey=SENT.key)
    assert [answer["segments_info"] for answer in answers] == [without, expected]
    assert fields(document.find("segments_info/segment")) == {
        "cvid": SEGMENT.cvid,
        "segment_name": SEGMENT.name,
    }


def test_a_campaign_has_its_topic_if_any(client: Client) -> None:
    for campaign, expected in (
        (SENT, (TOPIC.topic_id, TOPIC.name)),
        (AB_CAMPAIGN, ("", "")),
    ):
        [row] = client.json("campaignreports", campaignkey=campaign.key)[
            "campaign-details"
        ]
        assert (row["topic_id"], row["topic_name"]) == expected


@pytest.mark.parametrize(
    ("form", "places"), [("object", {"United States": 2}), ("map_text", "{us=2}")]
)
@pytest.mark.parametrize("endpoint", ["campaignreports", "getcampaigndetails"])
def test_places_are_served_in_each_form(
    endpoint: str, form: PlacesForm, places: object
) -> None:
    with (
        Service(FixedAccount(), places_form=form) as service,
        Client(service) as client,
    ):
        body = client.sign().json(endpoint, campaignkey=SENT.key)
    assert body["campaign-by-loaction"] == places
    assert "campaign-by-location" not in body


def test_the_parts_of_the_reach_add_up_to_the_total(
    living_client: Client, living_account: LivingAccount
) -> None:
    campaign = next(
        campaign for campaign in living_account.campaigns() if campaign.sent is not None
    )
    body = living_client.json("campaignreports", campaignkey=campaign.key)
    [reach] = body["campaign-reach"]
    total = int(reach.pop("total"))
    assert total == sum(map(int, reach.values())) > 0
    [report] = body["campaign-reports"]
    assert sum(body["campaign-by-loaction"].values()) == int(report["opens_count"])
    document = living_client.xml("campaignreports", campaignkey=campaign.key)
    assert fields(document.find("campaign-by-location")) == {
        place: str(number) for place, number in body["campaign-by-loaction"].items()
    }


TIMES = [{"time": "Aug 02, 2013 12:39 PM"}, {"time": "Mar 11, 2025 08:55 AM"}]


@pytest.mark.parametrize(
    ("form", "expected", "without"),
    [("list", TIMES, []), ("object", {"report": TIMES}, {"report": []})],
)
def test_timelines_are_served_in_each_form(
    form: TimelineForm, expected: object, without: object
) -> None:
    params = {
        "campaignkey": SENT.key,
        "action": "openedcontacts",
        "type": "open_timeline",
    }
    with (
        Service(FixedAccount(), timeline_form=form) as service,
        Client(service) as client,
    ):
        body = client.sign().json(RECIPIENTS, **params)
        other_type = client.json(RECIPIENTS, **params | {"type": ""})
        document = client.xml(RECIPIENTS, **params)
    assert [row.pop("reports") for row in rows_of(body)] == [expected, without]
    assert body == other_type
    odd, bare = document.findall("contacts/contact")
    assert [fields(report) for report in odd.findall("reports/report")] == TIMES
    assert [element.tag for element in bare.findall("reports/*")] == []
    assert fields(odd)["contact_email"] == ODD_CONTACT.email


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("openedcontacts", "click_timeline"),
        ("clickedcontacts", "open_timeline"),
        ("sentcontacts", "open_timeline"),
        ("clickedcontacts", "timeline"),
    ],
)
def test_other_actions_and_types_have_no_timeline(
    client: Client, action: str, kind: str
) -> None:
    params = {"campaignkey": SENT.key, "action": action}
    assert client.json(RECIPIENTS, **params, type=kind) == client.json(
        RECIPIENTS, **params
    )


def test_fields_have_the_same_values_in_both_formats(client: Client) -> None:
    body = client.get("contact/allfields", type="json").json
    assert body.keys() == {"response"}
    rows = body["response"]["fieldnames"]["fieldname"]
    assert [row["DISPLAY_NAME"] for row in rows[:8]] == [
        *("Contact Email", "First Name", "Last Name", "Company Name", "Phone"),
        *("Address", "City", "State"),
    ]
    assert [row["IS_MANDATORY"] for row in rows].count(True) == 1
    assert {len(str(row["FIELD_ID"])) for row in rows} == {19}
    assert len({row["FIELD_ID"] for row in rows}) == len(rows)
    assert rows[-2] == {
        "no": len(rows) - 1,
        "FIELD_ID": 1293333000000009991,
        "FIELD_NAME": "favourite_colour",
        "FIELD_DISPLAY_NAME": "FAVOURITE_COLOUR",
        "DISPLAY_NAME": "Favourite colour",
        "BLOCK_LABEL": "CONTACT_MORE_DETAILS_BLOCK",
        "UITYPE": "picklist",
        "TYPE": "custom",
        "SEQUENCE": len(rows) - 1,
        "block_sequence": 2,
        "MAXLENGTH": 50,
        "IS_MANDATORY": False,
        "is_otheruser_field": False,
    }
    document = client.get("contact/allfields", type="xml").xml
    assert [
        fields(element) for element in document.findall("fieldnames/fieldname")
    ] == [
        {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in row.items()
        }
        for row in rows
    ]


def test_contacts_have_the_custom_fields_of_the_account(
    living_account: LivingAccount,
) -> None:
    names = {field.name.lower() for field in living_account.fields()}
    used: set[str] = set()
    for member in living_account.contacts(living_account.lists()[0].key, "active"):
        used |= member.contact.custom.keys()
    assert used == names


def test_fields_without_a_format_are_an_error(client: Client) -> None:
    answer = client.get("contact/allfields", resfmt="JSON")
    assert answer.xml.findtext("Code") == "903"


def test_tags_are_json_by_default(client: Client) -> None:
    answer = client.get("tag/getalltags")
    assert answer.kind == "application/json;charset=UTF-8"
    assert answer.json["uri"] == "/tag/getalltags"
    assert answer.json["tags"][0] == {
        "16492000023685218": {
            "tagowner": "O'Brien",
            "tag_created_time": "15 Jan 2013, 12:39 PM",
            "tag_modified_time": "02 Aug 2013, 12:39 PM",
            "tag_name": "SATLIV",
            "tag_color": "#48b9d1",
            "tag_desc": "Test & Tag",
            "tagged_contact_count": "64",
            "is_crm_tag": "false",
            "zuid": "4179027",
        }
    }


@pytest.mark.parametrize(
    ("details", "numbers"),
    [
        ("", [0, 1]),
        ("{from_index:0,range:1}", [0]),
        ("{from_index:1,range:1}", [1]),
        ('{"from_index": "1", "range": 200}', [1]),
        ("{from_index:2,range:1}", []),
    ],
)
def test_topics_and_products_are_paged_by_details(
    client: Client, details: str, numbers: list[int]
) -> None:
    for endpoint, payload in (
        ("topics", "topicDetails"),
        ("topics/products", "products"),
    ):
        all_rows = client.json(endpoint)[payload]
        body = client.json(endpoint, details=details)
        assert body["code"] == "200"
        assert body[payload] == [all_rows[number] for number in numbers]


@pytest.mark.parametrize(
    ("details", "names"),
    [
        ("", ["Workflow 1", "Workflow 2"]),
        ("{page:1,limit:1}", ["Workflow 1"]),
        ("{page:2,limit:1,user:my}", ["Workflow 2"]),
        ("{sort_order:asc,trigger_type:open}", ["Workflow 2", "Workflow 1"]),
    ],
)
def test_workflows_are_paged_and_filtered_by_details(
    client: Client, details: str, names: list[str]
) -> None:
    body = client.json("workflow", details=details)
    assert [row["workflow_name"] for row in body["workflows"]] == names
    assert body["workflows"][0]["created_time"] == "2013-01-15T12:39:21-05:00"


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ("{page:3,limit:1}", "9001"),
        ("{user:other}", "9001"),
        ("{trigger_type:closed}", "9008"),
    ],
)
def test_no_workflows_are_an_error(client: Client, details: str, expected: str) -> None:
    assert code(client.json("workflow", details=details)) == expected


@pytest.mark.parametrize("endpoint", ["topics", "topics/products", "workflow"])
def test_details_with_invalid_numbers_are_an_error(
    client: Client, endpoint: str
) -> None:
    details = "{from_index:x,page:x}"
    assert client.json(endpoint, details=details)["Code"] == "1005"


@pytest.mark.parametrize(
    "endpoint",
    ["contact/allfields", "tag/getalltags", "topics", "topics/products", "workflow"],
)
def test_reference_data_cannot_be_posted(client: Client, endpoint: str) -> None:
    answer = client.send("POST", f"/api/v1.1/{endpoint}?type=json")
    assert answer.status == 405
    assert client.get(endpoint, type="json").status == 200
