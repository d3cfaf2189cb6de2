"""The shapes of Zoho's own sample bodies, transcribed from its documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tap_zohocampaigns.sandbox import Service

from .client import Client, fields, parse
from .still import LIST, SEGMENT, SENT, StillAccount

if TYPE_CHECKING:
    from typing import Any

# https://www.zoho.com/campaigns/help/developers/campaign-recipient-data.html
RECIPIENTS_XML = """<response uri="/api/v1.1/getcampaignrecipientsdata" version="1.1">
<status>success</status>
<code>0</code>
<range>20</range>
<action>sentcontacts</action>
<fromindex>1</fromindex>
<campaign_details>
<fl val="email_status">Sent</fl>
<fl val="zuid">4179027</fl>
<fl val="campaign_name">Zoho Survey 7</fl>
<fl val="email_subject">Zoho Survey 7</fl>
</campaign_details>
<contacts>
<contact>
<fl val="added_time">02 Aug 2013, 12:39 PM</fl>
<fl val="first_name">meganath.v</fl>
<fl val="last_name"/>
<fl val="company_name"/>
<fl val="phone"/>
<fl val="contact_email">john.doe@xyz.com</fl>
</contact>
</contacts>
</response>"""
RECIPIENTS_JSON = """{
"requestdetails": {
"range": 20,
"action": "sentcontacts",
"fromindex": 1
},
"status": "success",
"list_of_details": [
{
"phone": "null",
"timezone": "null",
"contactstatus": "active",
"contactemailaddress": "john.doe@xyz.com",
"sent_time": "1375456161000",
"lastname": "",
"sentdate": "02 Aug 2013, 12:39 PM",
"firstname": "meganath.v",
"contactid": "303000014269257",
"companyname": "null"
}
],
"code": "0",
"uri": "/api/v1.1/getcampaignrecipientsdata",
"version": "1.1"
}"""
# https://www.zoho.com/campaigns/help/developers/get-segment-contacts.html
SEGMENT_XML = """<response uri="/api/v1.1/getsegmentcontacts" version="1.1">
<status>success</status>
<code>0</code>
<range>20</range>
<cvid>303000014567003</cvid>
<fromindex>1</fromindex>
<segment_contacts>
<contact>
<fl val="contact_email">user512@thandora.com</fl>
<fl val="firstname"/>
<fl val="lastname"/>
<fl val="companyname"/>
<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
<fl val="phone"/>
</contact>
<contact>
<fl val="contact_email">user118@thandora.com</fl>
<fl val="firstname">changefname users</fl>
<fl val="lastname">users</fl>
<fl val="companyname"/>
<fl val="added_time">16 Apr 2011, 09:00 PM</fl>
<fl val="phone"/>
</contact>
</segment_contacts>
</response>"""
# The list management page of version 1, whose paths lack `v1.1`.
COUNT_XML = (
    '<response uri="/api/listsubscriberscount" version="1"><code>0</code>'
    "<status>success</status><no_of_contacts>2</no_of_contacts></response>"
)
COUNT_JSON = (
    '{"status":"success","code":"0","uri":"/api/listsubscriberscount",'
    '"no_of_contacts":2,"version":"1"}'
)
# https://www.zoho.com/campaigns/help/developers/get-list-subscribers.html
SUBSCRIBERS_XML = """<response uri="/api/v1.1/getlistsubscribers" version="1.1">
<status>success</status>
<code>0</code>
<sort>Ascending Order</sort>
<range>5</range>
<status>active</status>
<fromindex>1</fromindex>
<list_details>
<fl val="ispublic">true</fl>
<fl val="noofcontacts">960</fl>
<fl val="listname">sample</fl>
</list_details>
<result_of_subscribers>
<contact>
<fl val="contact_email">user@example.com</fl>
<fl val="firstname"/>
<fl val="lastname"/>
<fl val="phone"/>
<fl val="companyname"/>
<fl val="zuid">4179027</fl>
<fl val="added_time">22 Apr 2011, 04:37 PM</fl>
</contact>
</result_of_subscribers>
</response>"""
# https://www.zoho.com/campaigns/help/developers/list-advanced-details.html, whose
# campaigns no copy shows.
LIST_DETAILS_XML = """<response uri="/api/v1.1/getlistadvanceddetails" version="1.1">
<status>success</status>
<code>0</code>
<range>5</range>
<filtertype>sentcampaigns</filtertype>
<fromindex>1</fromindex>
<local_subscribers>
<fl val="INDIA">1</fl>
<fl val="CHENNAI">1</fl>
<fl val="TAMIL NADU">1</fl>
</local_subscribers>
<list_details>
<fl val="ispublic">true</fl>
<fl val="noofcontacts">1</fl>
<fl val="listname">meganzoho</fl>
</list_details>
<list_dashboard_data>
<contact_stats>
<fl val="no_of_bounce">0</fl>
<fl val="no_of_active">1</fl>
<fl val="sent_count">30</fl>
<fl val="no_of_unsub">0</fl>
<fl val="schedule_count">0</fl>
</contact_stats>
</list_dashboard_data>
</response>"""
# https://www.zoho.com/campaigns/help/developers/tag-management/get-all-tags.html; a
# real account also answered `status`, `code` and `tag_modified_time`.
TAGS_JSON = """{
"uri": "/api/v1/tag/getalltags",
"version": "1",
"requestdetails": "{}",
"tags": [
{
"16492000023685218": {
"tagowner": "Zylker",
"tag_created_time": "07 Feb 2019, 12:33 PM",
"tag_name": "SATLIV",
"tag_color": "#48b9d1",
"tag_desc": "Test Tag",
"tagged_contact_count": "64",
"is_crm_tag": "false",
"zuid": "xxxxxxxx"
}
}
]
}"""
# https://www.zoho.com/campaigns/help/developers/get-topics.html; `topicDesc` is from
# a real account.
TOPICS_JSON = """{
"topicDetails": [
{
"topicId": "80696000000044001",
"primaryList": 80696000000044003,
"topicName": "default"
}
],
"code": "200",
"message": "Success",
"uri": "/api/v1.1/topics"
}"""
# https://www.zoho.com/marketingautomation/help/developers/get-product.html
PRODUCTS_JSON = """{
"code": "200",
"message": "Success",
"uri": "/api/v1.1/topics/products",
"products": [
{
"product_id": "74726000000064001",
"product_name": "P1"
}
]
}"""
# https://www.zoho.com/campaigns/help/developers/get-open-custom-workflows.html
WORKFLOWS_JSON = """{
"workflows": [
{
"created_time": "2019-03-11T11:28:34+05:30",
"workflow_key": "9bb77af841821fa7767e402a0f250219",
"triggerkey": "9bb77af841821fa704a13363331fd551",
"workflow_name": "Latestopentrigger"
},
{
"created_time": "2019-03-08T07:53:14+05:30",
"workflow_key": "9bb77af841821fa73ce137c1970c6a55",
"trigger_key": "9bb77af841821fa7011c34c6de7e985f",
"workflow_name": "opentrigger"
}
],
"code": "200",
"limit": 5,
"sortorder": "asc"
}"""
# https://www.zoho.com/marketingautomation/help/developers/v1/get-all-leads-fields.html
MA_FIELDS_JSON = """{
"response": {
"message": "success",
"code": "0",
"fieldname": [
{
"DISPLAY_NAME": "lead Email",
"FIELD_NAME": "lead_email",
"no": "1",
"FIELD_ID": "4000000000015"
}
]
}
}"""
RENAMED_LIVE = {"firstname": "contactfn", "lastname": "contactln"}


def shape(body: object) -> Any:
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
    sample = json.loads(RECIPIENTS_JSON)
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
    assert outline(answer.body) == outline(RECIPIENTS_XML)
    assert fields(answer.xml.find("contacts/contact")) == {
        "added_time": "02 Aug 2013, 12:39 PM",
        "first_name": "",
        "last_name": "",
        "company_name": "",
        "phone": "",
        "contact_email": "bare@example.com",
    }


def test_segment_contacts_xml(client: Client) -> None:
    sample = outline(SEGMENT_XML)
    answer = client.get("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=2)
    assert outline(answer.body) == sample[: len(sample) - 7]


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
    answer = client.get("listsubscriberscount", listkey=LIST.key)
    assert outline(answer.body) == outline(COUNT_XML)
    sent = client.json("listsubscriberscount", listkey=LIST.key)
    assert shape(sent) == shape(json.loads(COUNT_JSON))


def test_subscribers_xml(client: Client) -> None:
    answer = client.get("getlistsubscribers", listkey=LIST.key, range=5, fromindex=2)
    assert outline(answer.body) == outline(SUBSCRIBERS_XML)
    assert [one.text for one in answer.xml.findall("status")] == ["success", "active"]


def test_list_details_xml(client: Client) -> None:
    answer = client.get("getlistadvanceddetails", listkey=LIST.key)
    sample, sent = outline(LIST_DETAILS_XML), outline(answer.body)
    places = [("fl", (name,)) for name in ("INDIA", "CHENNAI", "TAMIL NADU")]
    own = [("fl", (name,)) for name in fields(answer.xml.find("local_subscribers"))]
    assert own
    bare = [one for one in sent if one not in own]
    assert bare[: len(sample) - 3] == [one for one in sample if one not in places]
    assert bare[len(sample) - 3][0] == "sent_campaigns"


def test_tags(client: Client) -> None:
    sample = json.loads(TAGS_JSON)
    sent = client.json("tag/getalltags")
    [row] = sample["tags"][0].values()
    [own] = sent["tags"][0].values()
    assert shape(own) == shape(row) | {"tag_modified_time": str}
    assert all(len(one) == 1 for one in sent["tags"])
    assert sent["requestdetails"] == sample["requestdetails"]
    assert sent.keys() == sample.keys() | {"status", "code"}


def test_topics(client: Client) -> None:
    asked = {"details": "{from_index:0,range:1}"}
    sample, sent = json.loads(TOPICS_JSON), client.json("topics", **asked)
    sample["topicDetails"][0]["topicDesc"] = ""
    assert shape(sent) == shape(sample)
    sent = client.json("topics/products", **asked)
    assert shape(sent) == shape(json.loads(PRODUCTS_JSON))


def test_workflows(client: Client) -> None:
    details = (
        '{"page":"1","limit":"5","sort_order":"asc","user":"all","trigger_type":"open"}'
    )
    sent = client.json("workflow", details=details)
    sample = json.loads(WORKFLOWS_JSON)
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
    sample = json.loads(MA_FIELDS_JSON)["response"]
    assert sent.keys() >= sample.keys()
    assert sent["fieldname"][0].keys() >= sample["fieldname"][0].keys()
    assert len(document.findall("fieldname")) == len(sent["fieldname"])
