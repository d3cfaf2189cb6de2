"""Scopes, version 1 of the API with its token, and secrets in URLs."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import urlencode

import pytest

from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sandbox.server.routes import CAMPAIGN, CONTACT, ENDPOINTS, SCOPES
from tests.sandbox.test_docs import outline, shape
from tests.support import samples
from tests.support.fixed_account import MAILING_LIST, SEGMENT, SENT, FixedAccount
from tests.support.sandbox_client import FORM, Answer, Client, fields

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# The endpoints of version 1, with their parameters.
V1: tuple[tuple[str, dict[str, str]], ...] = (
    ("getmailinglists", {}),
    ("listsubscriberscount", {"listkey": MAILING_LIST.key}),
    ("getsegmentdetails", {"listkey": MAILING_LIST.key, "cvid": SEGMENT.cvid}),
    ("getsegmentcontacts", {"cvid": SEGMENT.cvid}),
    ("recentcampaigns", {}),
    (
        "getcampaignrecipientsdata",
        {"campaignkey": SENT.key, "action": "sentcontacts"},
    ),
)


@pytest.fixture
def v1_client(service: Service) -> Iterator[Client]:
    """Return a client without an access token."""
    with Client(service) as client:
        yield client


def call(client: Client, endpoint: str, **params: object) -> Answer:
    """Call version 1. Its token is sent in the form; None leaves a parameter out."""
    all_params = {
        "authtoken": client.service.config_v1["auth_token"],
        "scope": "CampaignsAPI",
        "version": 1,
        "resfmt": "JSON",
    } | params
    form = {name: value for name, value in all_params.items() if value is not None}
    return client.send("POST", f"/api/{endpoint}", urlencode(form), FORM)


# Scopes


def test_all_scopes_are_granted_by_default(client: Client) -> None:
    assert client.service.scopes == SCOPES
    for endpoint in ENDPOINTS:
        assert client.get(endpoint).status == 200


@pytest.mark.parametrize("scope", SCOPES)
def test_a_missing_scope_refuses_its_endpoints(client: Client, scope: str) -> None:
    client.service.scopes = [other for other in SCOPES if other != scope]
    for name, endpoint in ENDPOINTS.items():
        answer = client.get(name, resfmt="JSON", type="json")
        assert answer.status == (401 if endpoint.scope == scope else 200)
        if answer.status == 401:
            assert (answer.json["Code"], answer.json["status"]) == ("1007", "error")
            assert answer.json["message"] == "Unauthorized request."


def test_tags_and_workflows_need_other_scopes_than_contacts(client: Client) -> None:
    client.service.scopes = (CONTACT, CAMPAIGN)
    assert client.get("tag/getalltags").status == 401
    assert client.get("workflow").status == 401
    assert client.get("topics").status == 200


def test_the_scope_contact_all_includes_tags(client: Client) -> None:
    client.service.scopes = ("ZohoCampaigns.contact.ALL",)
    assert client.get("tag/getalltags").status == 200
    assert client.get("getmailinglists").status == 200
    assert client.get("recentcampaigns").status == 401


def test_a_token_can_list_its_scopes() -> None:
    with (
        Service(
            FixedAccount(), scopes=(CONTACT, CAMPAIGN), tells_scopes=True
        ) as service,
        Client(service) as client,
    ):
        assert client.token().json["scope"] == f"{CONTACT} {CAMPAIGN}"


# Version 1


def test_the_settings_of_version_1_have_their_own_token(service: Service) -> None:
    config = service.config_v1
    assert (config["api_version"], config["api_url"]) == ("1", service.url)
    assert config["auth_token"] not in service.config.values()


@pytest.mark.parametrize(("endpoint", "params"), V1)
def test_version_1_gives_the_same_answers_as_version_1_1(
    v1_client: Client, client: Client, endpoint: str, params: dict[str, str]
) -> None:
    old = call(v1_client, endpoint, **params).json
    assert (old.pop("uri"), old.pop("version")) == (f"/api/{endpoint}", "1")
    new = client.json(endpoint, **params)
    assert (new.pop("uri"), new.pop("version")) == (f"/api/v1.1/{endpoint}", "1.1")
    assert old == new
    document = call(v1_client, endpoint, **params, resfmt="XML").xml
    assert document.attrib == {"uri": f"/api/{endpoint}", "version": "1"}
    assert document.findtext("status") == "success"
    assert [(seen.endpoint, seen.version) for seen in v1_client.service.calls] == [
        (endpoint, "1"),
        (endpoint, "1.1"),
        (endpoint, "1"),
    ]


def test_answers_of_version_1_have_the_shapes_of_the_samples(v1_client: Client) -> None:
    counts = [
        call(v1_client, "listsubscriberscount", listkey=MAILING_LIST.key, resfmt=resfmt)
        for resfmt in ("XML", "JSON")
    ]
    assert outline(counts[0].body) == outline(samples.COUNT_XML)
    assert counts[0].xml.attrib == {"uri": "/api/listsubscriberscount", "version": "1"}
    assert shape(counts[1].json) == shape(json.loads(samples.COUNT_JSON))
    recipients = call(
        v1_client,
        "getcampaignrecipientsdata",
        campaignkey=SENT.key,
        action="sentcontacts",
        resfmt=None,
        fromindex=2,
    )
    assert outline(recipients.body) == outline(samples.RECIPIENTS_CN_XML)


def test_campaigns_of_version_1_are_in_numbered_elements(
    v1_client: Client, client: Client
) -> None:
    document = call(v1_client, "recentcampaigns", resfmt="XML", fromindex=2).xml
    rows = document.findall("recent-campaigns/campaign")
    assert [row.attrib for row in rows] == [{"no": "2"}, {"no": "3"}]
    new = client.json("recentcampaigns", fromindex=2)["recent_campaigns"]
    assert [fields(row) for row in rows] == new


def test_version_1_ignores_the_status_of_a_count(v1_client: Client) -> None:
    params = {"listkey": MAILING_LIST.key, "status": "unsub"}
    assert (
        call(v1_client, "listsubscriberscount", **params).json["no_of_contacts"] == 12
    )


@pytest.mark.parametrize(
    ("params", "status", "code", "message"),
    [
        ({"authtoken": "x"}, 401, "1007", "Unauthorized key"),
        ({"authtoken": None}, 401, "1007", "Unauthorized key"),
        ({"scope": "CRMAPI"}, 401, "1007", "Unauthorized key"),
        ({"scope": None}, 200, "1003", "No mandatory fields in this URL"),
        ({"listkey": None}, 200, "1003", "No mandatory fields in this URL"),
    ],
)
def test_version_1_refuses_wrong_and_missing_parameters(
    v1_client: Client, params: dict[str, t.Any], status: int, code: str, message: str
) -> None:
    answer = call(
        v1_client, "listsubscriberscount", **{"listkey": MAILING_LIST.key, **params}
    )
    assert answer.status == status
    assert answer.json == {
        "message": message,
        "version": "1",
        "URI": "/api/listsubscriberscount",
        "Code": code,
        "status": "error",
    }


def test_version_1_refuses_a_wrong_list_key(v1_client: Client) -> None:
    answer = call(v1_client, "listsubscriberscount", listkey="x")
    assert (answer.json["code"], answer.json["version"]) == ("2202", "1")


def test_the_tokens_of_the_versions_are_not_interchangeable(client: Client) -> None:
    assert client.send("GET", "/api/getmailinglists?scope=CampaignsAPI").status == 401
    authtoken = client.service.config_v1["auth_token"]
    client.headers["Authorization"] = f"Zoho-oauthtoken {authtoken}"
    assert client.get("getmailinglists").status == 401


@pytest.mark.parametrize(
    "endpoint", ["campaignreports", "topics", "getlistsubscribers"]
)
def test_endpoints_without_a_version_1_are_unknown(
    v1_client: Client, endpoint: str
) -> None:
    answer = call(v1_client, endpoint)
    assert answer.status == 200
    assert answer.xml.findtext("code") == "1004"


def test_each_version_has_its_own_quota() -> None:
    with Service(FixedAccount(), quota_calls=1) as service, Client(service) as client:
        client.sign()
        assert client.json("getmailinglists")["status"] == "success"
        assert call(client, "getmailinglists").json["status"] == "success"
        assert call(client, "getmailinglists").json["code"] == "Z101"


# Secrets in URLs


def test_a_token_in_a_form_or_header_does_not_count_as_in_a_url(client: Client) -> None:
    client.get("getmailinglists")
    call(client, "getmailinglists")
    assert [seen.secret_in_url for seen in client.service.calls] == [False, False]


def test_secrets_in_urls_are_detected(client: Client) -> None:
    service = client.service
    token = client.headers["Authorization"].partition(" ")[2]
    for path in (
        f"getmailinglists?x={token}",
        f"getmailinglists?{urlencode({'refresh': service.config['refresh_token']})}",
        "getmailinglists?authtoken=guessed",
        "getmailinglists?resfmt=JSON",
    ):
        client.send("GET", f"/api/v1.1/{path}")
    query = urlencode({"authtoken": service.config_v1["auth_token"]})
    answer = client.send("GET", f"/api/getmailinglists?scope=CampaignsAPI&{query}")
    assert answer.xml.findtext("status") == "success"
    assert [seen.secret_in_url for seen in service.calls] == [
        *(True, True, True),
        *(False, True),
    ]
