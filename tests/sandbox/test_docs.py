"""The shapes of Zoho's own sample bodies, transcribed from its documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .client import fields, parse
from .still import LIST, SEGMENT, SENT

if TYPE_CHECKING:
    from .client import Client

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
RENAMED_LIVE = {"firstname": "contactfn", "lastname": "contactln"}


def shape(body: object) -> object:
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
