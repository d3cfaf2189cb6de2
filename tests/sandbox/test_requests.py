"""Formats, parameters, errors and pages of the sandbox."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.fixed_account import DRAFT, MAILING_LIST, SEGMENT, SENT
from tests.support.sandbox_client import FORM, Client, fields
from tests.support.service import LISTS, RECIPIENTS, code


@pytest.mark.parametrize("resfmt", ["JSON", "json", "Json"])
def test_the_format_is_read_in_any_case(client: Client, resfmt: str) -> None:
    answer = client.get("getmailinglists", resfmt=resfmt)
    assert answer.kind == "application/json;charset=UTF-8"
    assert answer.json["uri"] == LISTS


@pytest.mark.parametrize("params", [{}, {"resfmt": "XML"}, {"RESFMT": "JSON"}])
def test_xml_is_the_default_format(client: Client, params: dict[str, str]) -> None:
    answer = client.get("getmailinglists", **params)
    assert answer.kind == "text/xml;charset=UTF-8"
    assert answer.xml.attrib == {"uri": LISTS, "version": "1.1"}


def test_parameters_are_read_from_the_query_or_a_form(client: Client) -> None:
    query = urlencode({"listkey": MAILING_LIST.key, "resfmt": "JSON"})
    path = "/api/v1.1/listsubscriberscount"
    answers = [
        client.send("GET", f"{path}?{query}"),
        client.send("POST", f"{path}?{query}"),
        client.send("POST", path, query, FORM),
    ]
    assert [answer.json["no_of_contacts"] for answer in answers] == [12, 12, 12]


def test_a_json_body_is_ignored(client: Client) -> None:
    body = json.dumps({"listkey": MAILING_LIST.key, "resfmt": "JSON"})
    headers = {"Content-Type": "application/json"}
    answer = client.send("POST", "/api/v1.1/listsubscriberscount", body, headers)
    assert answer.status == 200
    assert answer.xml.findtext("Code") == "903"


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        ("listsubscriberscount", {}),
        ("listsubscriberscount", {"listkey": ""}),
        ("getsegmentdetails", {"listkey": MAILING_LIST.key}),
        ("getsegmentcontacts", {}),
        ("getcampaigndetails", {}),
        ("campaignreports", {}),
        (RECIPIENTS, {"campaignkey": SENT.key}),
    ],
)
def test_missing_parameters_are_an_error(
    client: Client, endpoint: str, params: dict[str, str]
) -> None:
    assert client.json(endpoint, **params) == {
        "message": "Mandatory fields are missing.",
        "version": "1.1",
        "URI": f"/api/v1.1/{endpoint}",
        "Code": "903",
        "status": "error",
    }


@pytest.mark.parametrize(
    ("endpoint", "params", "expected"),
    [
        ("listsubscriberscount", {"listkey": "3z"}, "2202"),
        ("listsubscriberscount", {"listkey": MAILING_LIST.key, "status": "x"}, "2001"),
        ("getsegmentdetails", {"listkey": "3z", "cvid": SEGMENT.cvid}, "2202"),
        ("getsegmentdetails", {"listkey": MAILING_LIST.key, "cvid": "1"}, "2603"),
        ("getsegmentcontacts", {"cvid": "1"}, "2603"),
        ("getsegmentcontacts", {"cvid": "x"}, "2603"),
        ("getsegmentcontacts", {"cvid": SEGMENT.cvid, "fromindex": 3}, "2604"),
        ("getmailinglists", {"fromindex": 3}, "2401"),
        ("recentcampaigns", {"fromindex": 4}, "6101"),
        ("recentcampaigns", {"status": "scheduled"}, "6101"),
        ("campaignreports", {"campaignkey": "3z"}, "6002"),
        ("campaignreports", {"campaignkey": DRAFT.key}, "6002"),
        ("getcampaigndetails", {"campaignkey": "3z"}, "6301"),
        ("getcampaigndetails", {"campaignkey": DRAFT.key}, "6302"),
        (RECIPIENTS, {"campaignkey": DRAFT.key, "action": "sentcontacts"}, "6002"),
        (RECIPIENTS, {"campaignkey": "3z", "action": "sentcontacts"}, "6002"),
        (RECIPIENTS, {"campaignkey": SENT.key, "action": "spamcontacts"}, "6303"),
        (
            RECIPIENTS,
            {"campaignkey": SENT.key, "action": "sentcontacts", "fromindex": 3},
            "6303",
        ),
    ],
)
def test_business_errors_have_http_200_and_a_code(
    client: Client, endpoint: str, params: dict[str, object], expected: str
) -> None:
    answer = client.get(endpoint, resfmt="json", **params)
    assert answer.status == 200
    assert code(answer.json) == expected
    document = client.xml(endpoint, **params)
    assert document.attrib == {"uri": f"/api/v1.1/{endpoint}", "version": "1.1"}
    assert {element.tag: element.text for element in document} == {
        "status": "error",
        "code": expected,
        "message": answer.json["message"],
    }


def test_an_empty_account_answers_with_errors() -> None:
    account = LivingAccount(lists=0, segments=0, campaigns=0, contacts=0)
    with Service(account) as service, Client(service) as client:
        client.sign()
        assert code(client.json("getmailinglists")) == "2401"
        assert code(client.json("recentcampaigns")) == "6101"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"range": "x"}, "1005"),
        ({"fromindex": "-1"}, "1005"),
        ({"range": "-1"}, "1005"),
    ],
)
def test_invalid_numbers_are_an_error(
    client: Client, params: dict[str, str], expected: str
) -> None:
    assert client.json("getmailinglists", **params)["Code"] == expected


def test_an_unknown_action_is_an_error(client: Client) -> None:
    answer = client.json(RECIPIENTS, campaignkey=SENT.key, action="sentleads")
    assert answer["Code"] == "1001"


@pytest.mark.parametrize("path", ["/api/v1.1/openapi.json", "/", "/oauth/v2/other"])
def test_unknown_paths_are_an_error(service: Service, path: str) -> None:
    with Client(service) as client:
        answer = client.send("GET", f"{path}?resfmt=JSON")
    assert answer.status == 200
    assert answer.xml.attrib == {"uri": path, "version": "1"}
    assert answer.xml.findtext("code") == "1004"


@pytest.mark.parametrize(
    ("status", "count"),
    [("", 12), ("active", 12), ("unsub", 3), ("bounce", 2), ("spam", 1)],
)
def test_contacts_are_counted_by_status(
    client: Client, status: str, count: int
) -> None:
    params = {"listkey": MAILING_LIST.key, "status": status}
    assert client.json("listsubscriberscount", **params)["no_of_contacts"] == count
    document = client.xml("listsubscriberscount", **params)
    assert document.findtext("no_of_contacts") == str(count)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("clamp", [None, 50])
@pytest.mark.parametrize("echo", [True, False])
def test_pages_contain_every_row_once(
    living_account: LivingAccount, size: int, clamp: int | None, *, echo: bool
) -> None:
    campaign = living_account.campaigns()[8]
    expected = [
        row.contact.email
        for row in living_account.recipients(campaign.key, "unopenedcontacts")
    ]
    used_size = min(size, clamp or size)
    emails: list[str] = []
    with (
        Service(
            living_account, clamp=clamp, echo_clamped=echo, quota_calls=1000
        ) as service,
        Client(service) as client,
    ):
        client.sign()
        params = {"campaignkey": campaign.key, "action": "unopenedcontacts"}
        while True:
            first = len(emails) + 1
            page = client.json(RECIPIENTS, fromindex=first, range=size, **params)
            if page["status"] == "error":
                break
            assert page["requestdetails"] == {
                "action": "unopenedcontacts",
                "fromindex": first,
                "range": used_size if echo else size,
            }
            emails += [row["contactemailaddress"] for row in page["list_of_details"]]
            assert len(emails) - first < used_size
        document = client.xml(RECIPIENTS, range=size, **params)
    assert emails == expected
    assert document.findtext("range") == str(used_size if echo else size)
    assert [
        fields(contact)["contact_email"]
        for contact in document.findall("contacts/contact")
    ] == expected[:used_size]


def test_a_page_has_20_rows_by_default_and_500_at_most(living_client: Client) -> None:
    service = living_client.service
    campaign = max(
        service.account.campaigns(),
        key=lambda campaign: service.account.report(campaign.key)["delivered_count"],
    )
    params = {"campaignkey": campaign.key, "action": "sentcontacts"}
    assert len(living_client.json(RECIPIENTS, **params)["list_of_details"]) == 20
    page = living_client.json(RECIPIENTS, range=1000, **params)
    assert len(page["list_of_details"]) == page["requestdetails"]["range"] == 500


def test_index_zero_means_the_first_row(client: Client) -> None:
    first = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=1, range=1)
    zero = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=0, range=1)
    assert first == zero


@pytest.mark.parametrize("endpoint", ["getmailinglists", "recentcampaigns"])
def test_the_order_is_descending_by_default(client: Client, endpoint: str) -> None:
    payload = {"getmailinglists": "list_of_details"}.get(endpoint, "recent_campaigns")
    name = {"getmailinglists": "listkey"}.get(endpoint, "campaign_key")
    orders = [
        [row[name] for row in client.json(endpoint, sort=sort)[payload]]
        for sort in ("", "desc", "asc")
    ]
    assert orders[0] == orders[1] == orders[2][::-1]
