"""The bodies have the shapes of the samples in Zoho's documentation."""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.sandbox import Service
from tests.support import samples
from tests.support.fixed_account import MAILING_LIST, SEGMENT, SENT, FixedAccount
from tests.support.sandbox_client import Client, fields, parse

# The name of a field in a sample -> its name in live answers.
LIVE_NAMES = {"firstname": "contactfn", "lastname": "contactln"}


def shape(body: object) -> t.Any:
    """Return the names and types of a body, without its values."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    if isinstance(body, list):
        return [shape(item) for item in body[:1]]
    return type(body)


def outline(text: str | bytes) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements of a document with the names of their attributes."""
    return [
        (
            element.tag,
            (element.attrib["val"],) if element.tag == "fl" else tuple(element.attrib),
        )
        for element in parse(text).iter()
    ]


def test_recipients_in_json_have_the_shape_of_the_sample(client: Client) -> None:
    sample = json.loads(samples.RECIPIENTS_JSON)
    body = client.json(
        "getcampaignrecipientsdata", campaignkey=SENT.key, action="sentcontacts"
    )
    [sample_row], row = sample.pop("list_of_details"), body.pop("list_of_details")[1]
    assert shape(body) == shape(sample)
    names = {LIVE_NAMES.get(name, name) for name in sample_row}
    assert names <= row.keys()
    for name in ("phone", "timezone", "companyname", "contactstatus", "lastname"):
        assert row[LIVE_NAMES.get(name, name)] == sample_row[name]
    assert row["sentdate"] == sample_row["sentdate"]


def test_recipients_in_xml_have_the_shape_of_the_sample(client: Client) -> None:
    # The second recipient has no custom fields, like the sample.
    answer = client.get(
        "getcampaignrecipientsdata",
        campaignkey=SENT.key,
        action="sentcontacts",
        fromindex=2,
    )
    assert outline(answer.body) == outline(samples.RECIPIENTS_XML)
    assert fields(answer.xml.find("contacts/contact")) == {
        "added_time": "02 Aug 2013, 12:39 PM",
        "first_name": "",
        "last_name": "",
        "company_name": "",
        "phone": "",
        "contact_email": "bare@example.com",
    }


def test_segment_contacts_in_xml_have_the_shape_of_the_sample(client: Client) -> None:
    sample = outline(samples.SEGMENT_CONTACTS_XML)
    answer = client.get("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=2)
    assert outline(answer.body) == sample[: len(sample) - 21]


def test_segment_contacts_in_json_have_the_same_fields(client: Client) -> None:
    body = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=2)
    assert shape(body) == {
        "requestdetails": {"range": int, "cvid": int, "fromindex": int},
        "list_of_details": [
            dict.fromkeys(
                (
                    "contact_email",
                    "firstname",
                    "lastname",
                    "companyname",
                    "added_time",
                    "phone",
                ),
                str,
            )
        ],
        "status": str,
        "code": str,
        "uri": str,
        "version": str,
    }


def test_counts_have_the_shape_of_the_samples(client: Client) -> None:
    answer = client.get("listsubscriberscount", listkey=MAILING_LIST.key)
    assert outline(answer.body) == outline(samples.COUNT_XML)
    body = client.json("listsubscriberscount", listkey=MAILING_LIST.key)
    assert shape(body) == shape(json.loads(samples.COUNT_JSON))


def test_subscribers_in_xml_have_the_shape_of_the_sample(client: Client) -> None:
    answer = client.get(
        "getlistsubscribers", listkey=MAILING_LIST.key, range=5, fromindex=2
    )
    assert outline(answer.body) == outline(samples.SUBSCRIBERS_XML)
    assert [status.text for status in answer.xml.findall("status")] == [
        "success",
        "active",
    ]


def test_list_details_in_xml_have_the_shape_of_the_sample(client: Client) -> None:
    answer = client.get("getlistadvanceddetails", listkey=MAILING_LIST.key)
    sample, elements = outline(samples.LIST_DETAILS_XML), outline(answer.body)
    # The places of the sample and of the sandbox have different names.
    sample_places = [("fl", (name,)) for name in ("INDIA", "CHENNAI", "TAMIL NADU")]
    places = [("fl", (name,)) for name in fields(answer.xml.find("local_subscribers"))]
    assert places
    others = [element for element in elements if element not in places]
    assert others[: len(sample) - 3] == [
        element for element in sample if element not in sample_places
    ]
    assert others[len(sample) - 3][0] == "sent_campaigns"


def test_tags_have_the_shape_of_the_sample(client: Client) -> None:
    sample = json.loads(samples.TAGS_JSON)
    body = client.json("tag/getalltags")
    [sample_tag] = sample["tags"][0].values()
    [tag] = body["tags"][0].values()
    assert shape(tag) == shape(sample_tag) | {"tag_modified_time": str}
    assert all(len(entry) == 1 for entry in body["tags"])
    assert body["requestdetails"] == sample["requestdetails"]
    assert body.keys() == sample.keys() | {"status", "code"}


def test_topics_and_products_have_the_shapes_of_the_samples(client: Client) -> None:
    params = {"details": "{from_index:0,range:1}"}
    sample, body = json.loads(samples.TOPICS_JSON), client.json("topics", **params)
    sample["topicDetails"][0]["topicDesc"] = ""
    assert shape(body) == shape(sample)
    body = client.json("topics/products", **params)
    assert shape(body) == shape(json.loads(samples.PRODUCTS_JSON))


def test_workflows_have_the_shape_of_the_sample(client: Client) -> None:
    details = (
        '{"page":"1","limit":"5","sort_order":"asc","user":"all","trigger_type":"open"}'
    )
    body = client.json("workflow", details=details)
    sample = json.loads(samples.WORKFLOWS_JSON)
    assert shape(body) == shape(sample) | {"uri": str}
    assert [row.keys() for row in body["workflows"]] == [
        row.keys() for row in sample["workflows"]
    ]
    assert (body["code"], body["limit"], body["sortorder"]) == ("200", 5, "asc")


def test_fields_in_their_other_form_have_the_shape_of_the_sample() -> None:
    with (
        Service(FixedAccount(), fields_form="fieldname") as service,
        Client(service) as client,
    ):
        body = client.sign().get("contact/allfields", type="json").json["response"]
        document = client.get("contact/allfields", type="xml").xml
    sample = json.loads(samples.MA_FIELDS_JSON)["response"]
    assert body.keys() >= sample.keys()
    assert body["fieldname"][0].keys() >= sample["fieldname"][0].keys()
    assert len(document.findall("fieldname")) == len(body["fieldname"])
