"""The bodies of answers, in both formats, for an account with fixed values."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sandbox.bodies import segments, times
from tap_zohocampaigns.sandbox.bodies.envelope import Page, encode
from tap_zohocampaigns.sandbox.bodies.lists import SegmentsForm
from tap_zohocampaigns.sandbox.world.account import Contact, Member
from tests.support.fixed_account import (
    AB_CAMPAIGN,
    CHILDREN,
    MAILING_LIST,
    MINIMAL_CONTACT,
    ODD_CONTACT,
    SEGMENT,
    SENT,
    SPRING,
    SUMMER,
    WINTER,
    FixedAccount,
)
from tests.support.sandbox_client import Client, fields, parse

NEW_YORK = ZoneInfo("America/New_York")
HOUR = 3_600_000


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def recipients(client: Client, action: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the first recipient in both formats."""
    params = {"campaignkey": SENT.key, "action": action}
    body = client.json("getcampaignrecipientsdata", **params)
    document = client.xml("getcampaignrecipientsdata", **params)
    return body["list_of_details"][0], fields(document.find("contacts/contact"))


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (datetime(2025, 3, 7, 23, 59, 59, tzinfo=UTC), 8),
        (datetime(2025, 3, 8, tzinfo=UTC), 7),
        (datetime(2025, 4, 1, 23, tzinfo=UTC), 7),
        (datetime(2025, 4, 2, tzinfo=UTC), 8),
        (datetime(2025, 10, 9, tzinfo=UTC), 8),
    ],
)
def test_shifted_epochs_are_hours_late(moment: datetime, hours: int) -> None:
    assert int(times.shifted_epoch(moment)) == millis(moment) + hours * HOUR
    assert int(times.epoch(moment)) == millis(moment)
    shifted = datetime.fromisoformat(times.shifted_iso(moment, NEW_YORK))
    assert moment - shifted == timedelta(hours=hours)


def test_texts_of_times_are_in_the_time_zone_of_the_account() -> None:
    assert times.text(SUMMER, NEW_YORK) == "02 Aug 2013, 12:39 PM"
    assert times.text(WINTER, NEW_YORK) == "15 Jan 2013, 12:39 PM"
    midnight = datetime(2024, 2, 29, 5, 5, tzinfo=UTC)
    assert times.text(midnight, NEW_YORK) == "29 Feb 2024, 12:05 AM"


def test_lists_have_all_their_fields_in_json(client: Client) -> None:
    body = client.json("getmailinglists")
    assert body["requestdetails"] == {
        "fromindex": 1,
        "range": 20,
        "sort": "desc",
        "total_list_count": 2,
    }
    first, second = body["list_of_details"]
    assert first == {
        "listkey": MAILING_LIST.key,
        "listname": "News & <offers>",
        "listunino": "1234567890123456",
        "listdesc": "undefined",
        "listtype": "0",
        "servicetype": "1",
        "noofcontacts": "12",
        "noofunsubcnt": "3",
        "noofbouncecnt": "2",
        "sentcnt": "2",
        "list_campaigns_count": "3",
        "sno": "2",
        "date": "11 Mar 2025, 08:55 AM",
        "created_time": str(millis(SPRING) + 7 * HOUR),
        "created_time_gmt": str(millis(SPRING)),
        "updated_time_gmt": str(millis(SUMMER)),
        "list_created_time": "2025-03-11T01:55:07-04:00",
        "list_created_date": "2025-03-11T01:55:07-04:00",
        "owner": "O'Brien",
        "zuid": "4179027",
        "is_public": "false",
        "issmart": "false",
        "editable": "true",
        "deletable": "true",
        "otherslist": "false",
        "lockstatus": "unlocked",
        "listdgs": f"1{1291234567890123456:x}",
        "listnotifications": "[]",
        "zx": "13fc453",
        "segments": {SEGMENT.cvid: "Blue & green"},
    }
    assert second["segments"] == {}
    assert second["sno"] == "1"
    assert second["listdesc"] == "Old, but gold"


def test_lists_have_fewer_fields_in_xml(client: Client) -> None:
    document = client.xml("getmailinglists", sort="asc")
    assert document.findtext("sort") == "Ascending Order"
    assert document.findtext("range") == "20"
    old, new = document.findall("list_of_details/list")
    assert fields(new) == {
        "created_date": str(millis(SPRING) + 7 * HOUR),
        "listunino": "1234567890123456",
        "noofbouncecnt": "2",
        "segments": "",
        "lockstatus": "unlocked",
        "is_public": "false",
        "zuid": "4179027",
        "noofunsubcnt": "3",
        "owner": "O'Brien",
        "listkey": MAILING_LIST.key,
        "listname": "News & <offers>",
        "noofcontacts": "12",
    }
    assert fields(new.find("fl[@val='segments']")) == {SEGMENT.cvid: "Blue & green"}
    assert fields(old.find("fl[@val='segments']")) == {}


# Form -> the segments of a list with one, and of a list without any.
SEGMENTS_IN_JSON: dict[str, t.Any] = {
    "object": ({SEGMENT.cvid: SEGMENT.name}, {}),
    "objects": ({SEGMENT.cvid: {"segment_name": SEGMENT.name}}, {}),
    "list": ([{"cvid": SEGMENT.cvid, "segment_name": SEGMENT.name}], []),
    "map_text": (f"{{{SEGMENT.cvid}={SEGMENT.name}}}", "{}"),
}


@pytest.mark.parametrize("form", t.get_args(SegmentsForm))
def test_segments_of_a_list_are_served_in_each_form(form: SegmentsForm) -> None:
    with (
        Service(FixedAccount(), segments_form=form) as service,
        Client(service) as client,
    ):
        rows = client.sign().json("getmailinglists")["list_of_details"]
        element = client.xml("getmailinglists").find(".//fl[@val='segments']")
    assert tuple(row["segments"] for row in rows) == SEGMENTS_IN_JSON[form]
    assert element is not None
    if form == "object":
        assert fields(element) == {SEGMENT.cvid: SEGMENT.name}
    elif form == "objects":
        [child] = element
        assert child.attrib == {"val": SEGMENT.cvid}
        assert fields(child) == {"segment_name": SEGMENT.name}
    elif form == "list":
        assert fields(element.find("segment")) == SEGMENTS_IN_JSON[form][0][0]
    else:
        assert element.text == SEGMENTS_IN_JSON[form][0]


def test_segment_details_contain_the_criteria(client: Client) -> None:
    params = {"listkey": MAILING_LIST.key, "cvid": SEGMENT.cvid}
    body = client.json("getsegmentdetails", **params)
    assert body["segments_details"] == (
        "{column_value=[blue, @], "
        "exact_column_name=[FAVOURITE_COLOUR, CONTACT_EMAIL], "
        "logical_operator_count=1, pattern=(1 or 2), "
        "column_name=[Favourite colour, Contact Email], "
        "logical_operator=[or], column_comparator=[is, contains]}"
    )
    criteria = client.xml("getsegmentdetails", **params).findall(
        "segment_details/criteria"
    )
    assert fields(criteria[1]) == {
        "no": "2",
        "operator": "or",
        "column_name": "Contact Email",
        "comparator": "contains",
        "column_value": "@",
    }


def test_segment_contacts_are_the_same_in_both_formats(client: Client) -> None:
    body = client.json("getsegmentcontacts", cvid=SEGMENT.cvid)
    document = client.xml("getsegmentcontacts", cvid=SEGMENT.cvid)
    assert body["requestdetails"]["cvid"] == int(SEGMENT.cvid)
    assert body["list_of_details"] == [
        fields(contact) for contact in document.findall("segment_contacts/contact")
    ]
    assert body["list_of_details"][0] == {
        "contact_email": ODD_CONTACT.email,
        "firstname": ODD_CONTACT.first_name,
        "lastname": ODD_CONTACT.last_name,
        "companyname": ODD_CONTACT.company,
        "added_time": "15 Jan 2013, 12:39 PM",
        "phone": ODD_CONTACT.phone,
        **ODD_CONTACT.custom,
    }


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"])
    | st.sampled_from("&<>\"'\r\n\t,={}[]")
)


@given(TEXTS, TEXTS.filter(bool))
def test_any_text_survives_both_formats(text: str, label: str) -> None:
    contact = Contact(text, "1", text, text, text, text, {label: text})
    page = Page("/uri", 1, 20, 1)
    rows = [Member(contact, SUMMER)]
    body = segments.contacts_as_json(page, "1", rows, NEW_YORK)
    document = parse(segments.contacts_as_xml(page, "1", rows, NEW_YORK))
    encode(body)
    assert body["list_of_details"] == [fields(document.find(".//contact"))]


def test_campaigns_have_all_their_fields_in_json(client: Client) -> None:
    body = client.json("recentcampaigns")
    assert body["requestdetails"] == "{range=20, status=All, fromindex=1}"
    numbers = ("fromindex", "range", "total_record_count", "campaign_count")
    assert [body[name] for name in numbers] == ["1", "20", "3", "3"]
    draft, normal, tested = body["recent_campaigns"]
    assert normal == {
        "campaign_key": SENT.key,
        "campaignId": "1293333000000000001",
        "campaign_name": "Survey & more",
        "subject": "How < are you?",
        "from_email": "news@example.com",
        "reply_to": "reply@example.com",
        "campaign_status": "Sent",
        "campaigntype": "normal",
        "folder_id": "",
        "is_hybrid": "false",
        "zuid": "4179027",
        "campaign_preview": f"preview.example.com/campaign/{SENT.key}",
        "created_time": str(millis(WINTER) + 8 * HOUR),
        "created_time_gmt": str(millis(WINTER)),
        "created_date_string": "15 Jan 2013, 12:39 PM",
        "updated_time": str(millis(SUMMER) + 8 * HOUR),
        "updated_time_gmt": str(millis(SUMMER)),
        "updated_date_string": "02 Aug 2013, 12:39 PM",
        "sent_time": str(millis(SUMMER) + 8 * HOUR),
        "sent_time_gmt": str(millis(SUMMER)),
        "sent_date_string": "02 Aug 2013, 12:39 PM",
        "sent_time_zone": "America/New_York",
    }
    assert draft["campaign_status"] == "Draft"
    assert not [name for name in draft if name.startswith("sent_")]
    assert tested["campaigntype"] == "abtesting"


def test_campaigns_are_the_same_in_both_formats(client: Client) -> None:
    body = client.json("recentcampaigns")
    document = client.xml("recentcampaigns")
    assert body["recent_campaigns"] == [
        fields(campaign) for campaign in document.findall("recent_campaigns/campaign")
    ]
    assert document.findtext("total_record_count") == body["total_record_count"]


@pytest.mark.parametrize(
    ("status", "count"),
    [("all", 3), ("All Campaigns", 3), ("drafts", 1), ("sent", 2), ("drafts|sent", 3)],
)
def test_campaigns_are_filtered_by_status(
    client: Client, status: str, count: int
) -> None:
    body = client.json("recentcampaigns", status=status)
    assert len(body["recent_campaigns"]) == count


def test_recipients_have_all_their_fields_in_json(client: Client) -> None:
    row, _ = recipients(client, "sentcontacts")
    expected = {
        "contactid": ODD_CONTACT.contact_id,
        "contactemailaddress": ODD_CONTACT.email,
        "contactstatus": "active",
        "contactfn": ODD_CONTACT.first_name,
        "contactln": ODD_CONTACT.last_name,
        "companyname": ODD_CONTACT.company,
        "phone": ODD_CONTACT.phone,
        "sent_time": str(millis(SUMMER) + 8 * HOUR),
        "sentdate": "02 Aug 2013, 12:39 PM",
        **ODD_CONTACT.custom,
    }
    assert expected.items() <= row.items()
    assert {name: row[name] for name in row.keys() - expected.keys()} == dict.fromkeys(
        (
            *("timezone", "mobile", "jobtitle", "title", "address", "city", "state"),
            *("country", "zipcode", "website", "note", "secondary_email"),
            *("facebook_handle", "twitter_handle", "linkedin_handle"),
        ),
        "null",
    )


def test_missing_fields_of_a_recipient_are_the_text_null_or_empty(
    client: Client,
) -> None:
    body = client.json(
        "getcampaignrecipientsdata",
        campaignkey=SENT.key,
        action="sentcontacts",
        fromindex=2,
    )
    [row] = body["list_of_details"]
    assert row["contactemailaddress"] == MINIMAL_CONTACT.email
    assert row["contactfn"] == row["companyname"] == row["phone"] == "null"
    assert row["contactln"] == ""


def test_recipients_have_fewer_fields_in_xml(client: Client) -> None:
    _, row = recipients(client, "sentcontacts")
    assert row == {
        "added_time": "02 Aug 2013, 12:39 PM",
        "first_name": ODD_CONTACT.first_name,
        "last_name": ODD_CONTACT.last_name,
        "company_name": ODD_CONTACT.company,
        "phone": ODD_CONTACT.phone,
        "contact_email": ODD_CONTACT.email,
        **ODD_CONTACT.custom,
    }
    document = client.xml(
        "getcampaignrecipientsdata", campaignkey=SENT.key, action="sentcontacts"
    )
    assert fields(document.find("campaign_details")) == {
        "email_status": "Sent",
        "zuid": "4179027",
        "campaign_name": "Survey & more",
        "email_subject": "How < are you?",
    }


@pytest.mark.parametrize(
    ("action", "name", "text"),
    [
        ("senthardbounce", "bouncedDate", "02 Aug 2013, 12:39 PM"),
        ("optoutcontacts", "optOutTime", "11 Mar 2025, 08:55 AM"),
    ],
)
def test_bounces_and_opt_outs_have_a_time(
    client: Client, action: str, name: str, text: str
) -> None:
    for row in recipients(client, action):
        assert row[name] == text
        assert {"bouncedDate", "optOutTime"} & row.keys() == {name}


COUNTS = {
    "autoreply_count": "0",
    "bounces_count": "3",
    "complaints_count": "0",
    "delivered_count": "2",
    "emails_sent_count": "5",
    "forwards_count": "0",
    "hardbounce_count": "1",
    "opens_count": "2",
    "softbounce_count": "2",
    "spams_count": "0",
    "unique_clicks_count": "2",
    "unopened": "2",
    "unsent_count": "2",
    "unsub_count": "1",
}
PERCENTS = {
    "bounce_percent": "60.0",
    "clicksperopenrate": "100.0",
    "complaints_percent": "0.0",
    "delivered_percent": "40.0",
    "forward_percent": "0.0",
    "open_percent": "100.0",
    "spam_percent": "0.0",
    "unique_clicked_percent": "100.0",
    "unopened_percent": "100.0",
    "unsent_percent": "40.0",
    "unsubscribe_percent": "50.0",
}


def test_a_report_has_counts_percents_places_and_reach(client: Client) -> None:
    body = client.json("campaignreports", campaignkey=SENT.key)
    assert body["message"] == "success"
    [report] = body["campaign-reports"]
    assert report == {**COUNTS, **PERCENTS, "campaign_name": "Survey & more"}
    assert body["campaign-by-loaction"] == {"United States": 2}
    [details] = body["campaign-details"]
    assert details["campaign_key"] == SENT.key
    [reach] = body["campaign-reach"]
    assert (reach["emails"], reach["total"]) == ("2", "2")
    assert client.json("getcampaignreports", campaignkey=SENT.key) == {
        **body,
        "uri": "/api/v1.1/getcampaignreports",
    }


@pytest.mark.parametrize("endpoint", ["campaignreports", "getcampaigndetails"])
def test_a_report_in_xml_has_the_same_numbers(client: Client, endpoint: str) -> None:
    document = client.xml(endpoint, campaignkey=SENT.key)
    report = document.find("campaign-reports")
    assert fields(report) == COUNTS | PERCENTS
    assert report is not None
    assert {element.tail for element in report[:-1]} == {" segment "}
    assert fields(document.find("campaign-by-location")) == {"United States": "2"}
    assert len(fields(document.find("campaign-reach"))) == 9
    details = fields(document.find("campaign-details"))
    assert details["sent_time"] == "02 Aug 2013, 12:39 PM"
    assert details["created_time"] == "15 Jan 2013, 12:39 PM"
    assert details["sent_time_gmt"] == str(millis(SUMMER))


def test_campaign_details_have_segments_lists_and_a_report(client: Client) -> None:
    body = client.json("getcampaigndetails", campaignkey=SENT.key)
    assert body["campaign_status"] == "Sent"
    assert body["total_subscribers_count"] == 12
    assert body["segments_info"] == [
        {"cvid": SEGMENT.cvid, "segment_name": SEGMENT.name}
    ]
    assert body["associated_mailing_lists"] == [
        {
            "listkey": MAILING_LIST.key,
            "listname": MAILING_LIST.name,
            "liststatus": "active",
            "contactscount": "12",
        }
    ]
    assert body["campaign-reports"] == [COUNTS | PERCENTS]
    [details] = body["campaign-details"]
    assert details["sent_time"] == str(millis(SUMMER) + 8 * HOUR)
    assert details["sent_time_zone_short"] == "EDT"
    assert "AB-split-details" not in body


def test_details_of_an_ab_campaign_have_its_child_keys(client: Client) -> None:
    params = {"campaignkey": AB_CAMPAIGN.key, "campaigntype": "abtesting"}
    split = {
        "a_child_campaignkey": CHILDREN[0].key,
        "a_open_count": "0",
        "a_click_count": "0",
        "a_unopened": "0",
        "b_child_campaignkey": CHILDREN[1].key,
        "b_open_count": "0",
        "b_click_count": "0",
        "b_unopened": "0",
    }
    body = client.json("getcampaigndetails", **params)
    assert body["AB-split-details"] == [split]
    assert len(body["campaign-reports"]) == 1
    document = client.xml("getcampaigndetails", **params)
    assert fields(document.find("AB-split-details")) == split


def test_an_ab_campaign_requested_as_normal_has_no_reports(client: Client) -> None:
    body = client.json(
        "getcampaigndetails", campaignkey=AB_CAMPAIGN.key, campaigntype="normal"
    )
    assert body["campaign-reports"] == body["campaign-reach"] == []
    assert len(body["campaign-details"]) == 1
    assert "AB-split-details" not in body
    document = client.xml("getcampaigndetails", campaignkey=AB_CAMPAIGN.key)
    assert fields(document.find("campaign-reports")) == {}


def test_a_normal_campaign_requested_as_ab_has_no_reports(client: Client) -> None:
    body = client.json(
        "getcampaigndetails", campaignkey=SENT.key, campaigntype="abtesting"
    )
    assert body["campaign-reports"] == body["campaign-reach"] == []
    assert len(body["campaign-details"]) == 1
    assert "AB-split-details" not in body


def test_a_sent_time_is_off_by_whole_hours(client: Client) -> None:
    row, _ = recipients(client, "sentcontacts")
    wrong_zone = timezone(timedelta(hours=8))
    shifted = datetime.fromtimestamp(int(row["sent_time"]) / 1000, UTC)
    assert shifted.replace(tzinfo=wrong_zone) == SUMMER
