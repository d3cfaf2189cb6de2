"""The shapes of Zoho's own sample bodies, transcribed from its documentation."""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.sandbox import Service
from tests.support import samples
from tests.support.sandbox_client import Client, fields, parse
from tests.support.still_account import SEGMENT, SENT, STREAMS, StillAccount

RENAMED_LIVE = {"firstname": "contactfn", "lastname": "contactln"}


def shape(body: object) -> t.Any:
    """Keep the names and kinds of a body and forget its values."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    if isinstance(body, list):
        return [shape(one) for one in body[:1]]
    return type(body)


def outline(text: str | bytes) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements of a document with the names of their attributes."""
    return [
        (one.tag, (one.attrib["val"],) if one.tag == "fl" else tuple(one.attrib))
        for one in parse(text).iter()
    ]


def test_recipients_json(client: Client) -> None:
    sample = json.loads(samples.RECIPIENTS_JSON)
    sent = client.json(
        "getcampaignrecipientsdata", campaignkey=SENT.key, action="sentcontacts"
    )
    [row], bare = sample.pop("list_of_details"), sent.pop("list_of_details")[1]
    assert shape(sent) == shape(sample)
    names = {RENAMED_LIVE.get(name, name) for name in row}
    assert names <= bare.keys()
    for name in ("phone", "timezone", "companyname", "contactstatus", "lastname"):
        assert bare[RENAMED_LIVE.get(name, name)] == row[name]
    assert bare["sentdate"] == row["sentdate"]


def test_recipients_xml(client: Client) -> None:
    # Of two recipients the second has no custom fields, as the sample has none.
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


def test_segment_contacts_xml(client: Client) -> None:
    sample = outline(samples.SEGMENT_CONTACTS_XML)
    answer = client.get("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=2)
    assert outline(answer.body) == sample[: len(sample) - 21]


def test_segment_contacts_json(client: Client) -> None:
    sent = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=2)
    assert shape(sent) == {
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


def test_count(client: Client) -> None:
    answer = client.get("listsubscriberscount", listkey=STREAMS.key)
    assert outline(answer.body) == outline(samples.COUNT_XML)
    sent = client.json("listsubscriberscount", listkey=STREAMS.key)
    assert shape(sent) == shape(json.loads(samples.COUNT_JSON))


def test_subscribers_xml(client: Client) -> None:
    answer = client.get("getlistsubscribers", listkey=STREAMS.key, range=5, fromindex=2)
    assert outline(answer.body) == outline(samples.SUBSCRIBERS_XML)
    assert [one.text for one in answer.xml.findall("status")] == ["success", "active"]


def test_list_details_xml(client: Client) -> None:
    answer = client.get("getlistadvanceddetails", listkey=STREAMS.key)
    sample, sent = outline(samples.LIST_DETAILS_XML), outline(answer.body)
    places = [("fl", (name,)) for name in ("INDIA", "CHENNAI", "TAMIL NADU")]
    own = [("fl", (name,)) for name in fields(answer.xml.find("local_subscribers"))]
    assert own
    bare = [one for one in sent if one not in own]
    assert bare[: len(sample) - 3] == [one for one in sample if one not in places]
    assert bare[len(sample) - 3][0] == "sent_campaigns"


def test_tags(client: Client) -> None:
    sample = json.loads(samples.TAGS_JSON)
    sent = client.json("tag/getalltags")
    [row] = sample["tags"][0].values()
    [own] = sent["tags"][0].values()
    assert shape(own) == shape(row) | {"tag_modified_time": str}
    assert all(len(one) == 1 for one in sent["tags"])
    assert sent["requestdetails"] == sample["requestdetails"]
    assert sent.keys() == sample.keys() | {"status", "code"}


def test_topics(client: Client) -> None:
    asked = {"details": "{from_index:0,range:1}"}
    sample, sent = json.loads(samples.TOPICS_JSON), client.json("topics", **asked)
    sample["topicDetails"][0]["topicDesc"] = ""
    assert shape(sent) == shape(sample)
    sent = client.json("topics/products", **asked)
    assert shape(sent) == shape(json.loads(samples.PRODUCTS_JSON))


def test_workflows(client: Client) -> None:
    details = (
        '{"page":"1","limit":"5","sort_order":"asc","user":"all","trigger_type":"open"}'
    )
    sent = client.json("workflow", details=details)
    sample = json.loads(samples.WORKFLOWS_JSON)
    assert shape(sent) == shape(sample) | {"uri": str}
    assert [row.keys() for row in sent["workflows"]] == [
        row.keys() for row in sample["workflows"]
    ]
    assert (sent["code"], sent["limit"], sent["sortorder"]) == ("200", 5, "asc")


def test_the_other_form_of_fields() -> None:
    with (
        Service(StillAccount(), fields_form="fieldname") as service,
        Client(service) as client,
    ):
        sent = client.sign().get("contact/allfields", type="json").json["response"]
        document = client.get("contact/allfields", type="xml").xml
    sample = json.loads(samples.MA_FIELDS_JSON)["response"]
    assert sent.keys() >= sample.keys()
    assert sent["fieldname"][0].keys() >= sample["fieldname"][0].keys()
    assert len(document.findall("fieldname")) == len(sent["fieldname"])
