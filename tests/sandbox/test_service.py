"""The service: tokens, pages, errors, quota, and what tests may change."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import pytest

from tap_zohocampaigns.sandbox import (
    ACTIONS,
    Call,
    LivingAccount,
    Reply,
    Service,
    serve,
)
from tests.sandbox.conftest import NOON
from tests.support.sandbox_client import FORM, Client, fields
from tests.support.still_account import DRAFT, SEGMENT, SENT, STREAMS, StillAccount

if TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.server.service import LockForm
    from tests.sandbox.conftest import Clock

LISTS = "/api/v1.1/getmailinglists"
RECIPIENTS = "getcampaignrecipientsdata"


def code(answer: dict[str, Any]) -> str:
    """Return the code of a business error."""
    assert answer["status"] == "error"
    assert answer.keys() == {"status", "code", "message", "version", "uri"}
    return str(answer["code"])


# Tokens


def test_a_token(service: Service) -> None:
    with Client(service) as client:
        answer = client.token(scope="whatever")
    assert answer.status == 200
    body = answer.json
    assert body.pop("access_token").startswith("1000.")
    assert body == {
        "api_domain": "https://www.zohoapis.com",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert service.tokens_issued == 1
    assert service.calls == []


def test_a_token_by_query(service: Service) -> None:
    params = urlencode({**service.config, "grant_type": "refresh_token"})
    with Client(service) as client:
        answer = client.send("POST", f"/oauth/v2/token?{params}")
    assert "access_token" in answer.json


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "x", "client_secret": "x"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_secret": "x", "refresh_token": "x"}, "invalid_client_secret"),
        ({"refresh_token": "ü"}, "invalid_code"),
        ({"grant_type": "password"}, "invalid_grant"),
    ],
)
def test_no_token(service: Service, changed: dict[str, str], error: str) -> None:
    with Client(service) as client:
        answer = client.token(**changed)
    assert (answer.status, answer.json) == (200, {"error": error})
    assert (service.tokens_issued, service.tokens_asked) == (0, 1)


@pytest.mark.parametrize("status", [200, 400])
def test_the_eleventh_token(clock: Clock, status: Literal[200, 400]) -> None:
    with (
        Service(StillAccount(), monotonic=clock, throttle_status=status) as service,
        Client(service) as client,
    ):
        for _ in range(10):
            assert "access_token" in client.token().json
            clock.seconds += 1
        answer = client.token()
        assert answer.status == status
        assert answer.json["error"] == "Access Denied"
        assert answer.json["status"] == "failure"
        clock.seconds += 589
        assert "error" in client.token().json
        clock.seconds += 1
        assert "access_token" in client.token().json
        assert service.tokens_issued == 11


def test_a_token_that_lives_for_seconds_and_is_repeated(clock: Clock) -> None:
    with (
        Service(
            StillAccount(), monotonic=clock, token_seconds=30, repeats_token=True
        ) as service,
        Client(service) as client,
    ):
        first, second = client.token().json, client.token().json
        assert first == second
        assert first["expires_in"] == 30
        client.sign()
        clock.seconds += 29
        assert client.get("getmailinglists").status == 200
        clock.seconds += 1
        assert client.get("getmailinglists").status == 401
        client.sign()
        assert client.get("getmailinglists").status == 200


def test_a_token_lives_an_hour(client: Client, clock: Clock) -> None:
    clock.seconds += 3599
    assert client.get("getmailinglists").status == 200
    clock.seconds += 1
    assert client.get("getmailinglists").status == 401
    client.sign()
    assert client.get("getmailinglists").status == 200


@pytest.mark.parametrize("header", [None, "Zoho-oauthtoken x", "Bearer", "x"])
def test_without_a_token(service: Service, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    with Client(service, headers) as client:
        answer = client.get("getmailinglists", resfmt="JSON")
        document = client.get("getmailinglists").xml
    assert answer.status == 401
    assert answer.json == {
        "message": "Unauthorized request.",
        "version": "1.1",
        "URI": LISTS,
        "Code": "1007",
        "status": "error",
    }
    assert document.attrib["URI"] == LISTS
    assert document.findtext("Code") == "1007"


def test_bearer_will_do(client: Client) -> None:
    token = client.headers["Authorization"].removeprefix("Zoho-oauthtoken ")
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get("getmailinglists").status == 200
    client.headers["Authorization"] = f"Basic {token}"
    assert client.get("getmailinglists").status == 401


# Requests


@pytest.mark.parametrize("resfmt", ["JSON", "json", "Json"])
def test_json_in_any_case(client: Client, resfmt: str) -> None:
    answer = client.get("getmailinglists", resfmt=resfmt)
    assert answer.kind == "application/json;charset=UTF-8"
    assert answer.json["uri"] == LISTS


@pytest.mark.parametrize("params", [{}, {"resfmt": "XML"}, {"RESFMT": "JSON"}])
def test_xml_by_default(client: Client, params: dict[str, str]) -> None:
    answer = client.get("getmailinglists", **params)
    assert answer.kind == "text/xml;charset=UTF-8"
    assert answer.xml.attrib == {"uri": LISTS, "version": "1.1"}


def test_parameters_in_a_form_or_in_the_query_of_a_post(client: Client) -> None:
    query = urlencode({"listkey": STREAMS.key, "resfmt": "JSON"})
    path = "/api/v1.1/listsubscriberscount"
    answers = [
        client.send("GET", f"{path}?{query}"),
        client.send("POST", f"{path}?{query}"),
        client.send("POST", path, query, FORM),
    ]
    assert [answer.json["no_of_contacts"] for answer in answers] == [12, 12, 12]


def test_a_json_body_is_ignored(client: Client) -> None:
    body = json.dumps({"listkey": STREAMS.key, "resfmt": "JSON"})
    kind = {"Content-Type": "application/json"}
    answer = client.send("POST", "/api/v1.1/listsubscriberscount", body, kind)
    assert answer.status == 200
    assert answer.xml.findtext("Code") == "903"


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        ("listsubscriberscount", {}),
        ("listsubscriberscount", {"listkey": ""}),
        ("getsegmentdetails", {"listkey": STREAMS.key}),
        ("getsegmentcontacts", {}),
        ("getcampaigndetails", {}),
        ("campaignreports", {}),
        (RECIPIENTS, {"campaignkey": SENT.key}),
    ],
)
def test_missing_parameters(
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
        ("listsubscriberscount", {"listkey": STREAMS.key, "status": "x"}, "2001"),
        ("getsegmentdetails", {"listkey": "3z", "cvid": SEGMENT.cvid}, "2202"),
        ("getsegmentdetails", {"listkey": STREAMS.key, "cvid": "1"}, "2603"),
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
def test_business_errors(
    client: Client, endpoint: str, params: dict[str, object], expected: str
) -> None:
    answer = client.get(endpoint, resfmt="json", **params)
    assert answer.status == 200
    assert code(answer.json) == expected
    document = client.xml(endpoint, **params)
    assert document.attrib == {"uri": f"/api/v1.1/{endpoint}", "version": "1.1"}
    assert {one.tag: one.text for one in document} == {
        "status": "error",
        "code": expected,
        "message": answer.json["message"],
    }


def test_the_empty_account_has_errors_only() -> None:
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
def test_numbers_that_are_none(
    client: Client, params: dict[str, str], expected: str
) -> None:
    assert client.json("getmailinglists", **params)["Code"] == expected


def test_unknown_action(client: Client) -> None:
    answer = client.json(RECIPIENTS, campaignkey=SENT.key, action="sentleads")
    assert answer["Code"] == "1001"


@pytest.mark.parametrize("path", ["/api/v1.1/openapi.json", "/", "/oauth/v2/auth"])
def test_unknown_paths(service: Service, path: str) -> None:
    with Client(service) as client:
        answer = client.send("GET", f"{path}?resfmt=JSON")
    assert answer.status == 200
    assert answer.xml.attrib == {"uri": path, "version": "1"}
    assert answer.xml.findtext("code") == "1004"


@pytest.mark.parametrize(
    ("status", "count"),
    [("", 12), ("active", 12), ("unsub", 3), ("bounce", 2), ("spam", 1)],
)
def test_counts_by_status(client: Client, status: str, count: int) -> None:
    asked = {"listkey": STREAMS.key, "status": status}
    assert client.json("listsubscriberscount", **asked)["no_of_contacts"] == count
    document = client.xml("listsubscriberscount", **asked)
    assert document.findtext("no_of_contacts") == str(count)


# Pages


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("clamp", [None, 50])
@pytest.mark.parametrize("echo", [True, False])
def test_pages_give_every_row_once(
    living: LivingAccount, size: int, clamp: int | None, *, echo: bool
) -> None:
    campaign = living.campaigns()[8]
    expected = [
        row.contact.email for row in living.recipients(campaign.key, "unopenedcontacts")
    ]
    used = min(size, clamp or size)
    seen: list[str] = []
    with (
        Service(living, clamp=clamp, echo_clamped=echo, quota_calls=1000) as service,
        Client(service) as client,
    ):
        client.sign()
        asked = {"campaignkey": campaign.key, "action": "unopenedcontacts"}
        while True:
            first = len(seen) + 1
            page = client.json(RECIPIENTS, fromindex=first, range=size, **asked)
            if page["status"] == "error":
                break
            assert page["requestdetails"] == {
                "action": "unopenedcontacts",
                "fromindex": first,
                "range": used if echo else size,
            }
            seen += [row["contactemailaddress"] for row in page["list_of_details"]]
            assert len(seen) - first < used
        document = client.xml(RECIPIENTS, range=size, **asked)
    assert seen == expected
    assert document.findtext("range") == str(used if echo else size)
    assert [
        fields(one)["contact_email"] for one in document.findall("contacts/contact")
    ] == expected[:used]


def test_twenty_rows_by_default_and_five_hundred_at_most(living_client: Client) -> None:
    service = living_client.service
    campaign = max(
        service.account.campaigns(),
        key=lambda one: service.account.report(one.key)["delivered_count"],
    )
    asked = {"campaignkey": campaign.key, "action": "sentcontacts"}
    assert len(living_client.json(RECIPIENTS, **asked)["list_of_details"]) == 20
    page = living_client.json(RECIPIENTS, range=1000, **asked)
    assert len(page["list_of_details"]) == page["requestdetails"]["range"] == 500


def test_index_zero_is_one(client: Client) -> None:
    first = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=1, range=1)
    again = client.json("getsegmentcontacts", cvid=SEGMENT.cvid, fromindex=0, range=1)
    assert first == again


@pytest.mark.parametrize("endpoint", ["getmailinglists", "recentcampaigns"])
def test_order(client: Client, endpoint: str) -> None:
    payload = {"getmailinglists": "list_of_details"}.get(endpoint, "recent_campaigns")
    name = {"getmailinglists": "listkey"}.get(endpoint, "campaign_key")
    orders = [
        [row[name] for row in client.json(endpoint, sort=sort)[payload]]
        for sort in ("", "desc", "asc")
    ]
    assert orders[0] == orders[1] == orders[2][::-1]


# Quota


def test_one_call_too_many_locks_one_endpoint(client: Client, clock: Clock) -> None:
    service = client.service
    for _ in range(500):
        assert client.json("getmailinglists")["status"] == "success"
    clock.seconds += 299
    locked = client.get("getmailinglists", resfmt="JSON")
    assert locked.status == 200
    assert locked.json == {
        "status": "error",
        "code": "Z101",
        "message": "",
        "version": "1.1",
        "uri": LISTS,
    }
    assert client.json("recentcampaigns")["status"] == "success"
    clock.seconds += 1799
    assert client.json("getmailinglists")["code"] == "Z101"
    clock.seconds += 1
    assert client.json("getmailinglists")["status"] == "success"
    assert len(service.calls) == 504


def test_the_window_slides(clock: Clock) -> None:
    with (
        Service(
            StillAccount(), quota_calls=2, quota_seconds=10, monotonic=clock
        ) as service,
        Client(service) as client,
    ):
        client.sign()
        for seconds in (0, 9, 1, 9):
            clock.seconds += seconds
            assert client.json("recentcampaigns")["status"] == "success"
        assert client.json("recentcampaigns")["code"] == "Z101"


@pytest.mark.parametrize(
    ("form", "status", "expected"),
    [
        ("Z101", 200, "Z101"),
        ("Z101-400", 400, "Z101"),
        ("429", 429, "429"),
        ("2008", 200, "2008"),
    ],
)
def test_forms_of_the_lock(form: LockForm, status: int, expected: str) -> None:
    with (
        Service(StillAccount(), quota_calls=0, lock_form=form) as service,
        Client(service) as client,
    ):
        client.sign()
        answer = client.get("getmailinglists", resfmt="JSON")
        assert (answer.status, code(answer.json)) == (status, expected)
        answer = client.get("getmailinglists")
        assert (answer.status, answer.xml.findtext("code")) == (status, expected)


def test_the_lock_of_another_zoho() -> None:
    with (
        Service(StillAccount(), quota_calls=0, lock_form="projects") as service,
        Client(service) as client,
    ):
        answer = client.sign().get("getmailinglists")
    assert answer.status == 400
    error = answer.json["error"]
    assert error["title"] == "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"
    assert error["status_code"] == "400"
    assert "Try again after 30 minutes" in error["details"]["message"]


# The service itself


def test_calls(client: Client, clock: Clock) -> None:
    client.get("getmailinglists", range=1)
    clock.seconds += 5
    client.send("POST", "/api/v1.1/nothing", "a=1&b=", FORM)
    assert client.service.calls == [
        Call("getmailinglists", {"range": "1"}, 1000.0),
        Call("nothing", {"a": "1", "b": ""}, 1005.0),
    ]


def test_intercept() -> None:
    def intercept(call: Call) -> Reply | None:
        if call.endpoint == "getmailinglists":
            return Reply(503, b"<html>", {"Content-Type": "text/html"})
        return None

    with (
        Service(StillAccount(), intercept=intercept, quota_calls=1) as service,
        Client(service) as client,
    ):
        client.sign()
        for _ in range(2):
            answer = client.get("getmailinglists")
            assert (answer.status, answer.kind) == (503, "text/html")
            assert answer.body == b"<html>"
        assert client.json("recentcampaigns")["status"] == "success"
        assert len(service.calls) == 3


def test_a_cut_answer() -> None:
    cut = Reply(200, b'{"status": "succ', cut=True)
    with (
        Service(StillAccount(), intercept=lambda _: cut) as service,
        Client(service) as client,
        pytest.raises(IncompleteRead),
    ):
        client.get("getmailinglists")


def test_latency(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    service.latency = 0.25
    with Client(service) as client:
        client.sign().get("getmailinglists")
    assert slept == [0.25]


def test_many_at_once(living: LivingAccount) -> None:
    campaign = living.campaigns()[5]
    with Service(living) as service, Client(service) as first:
        headers = first.sign().headers

        def read(action: str) -> int:
            with Client(service, headers) as client:
                page = client.json(
                    RECIPIENTS, campaignkey=campaign.key, action=action, range=500
                )
            return len(page["list_of_details"])

        with ThreadPoolExecutor(9) as pool:
            numbers = list(pool.map(read, ACTIONS * 4))
        assert (
            numbers
            == [len(living.recipients(campaign.key, action)) for action in ACTIONS] * 4
        )
        assert len(service.calls) == 36


def test_connections_are_kept_and_end_with_the_service() -> None:
    service = serve(contacts=10, clock=lambda: NOON)
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/")
    connection.getresponse().read()
    kept = connection.sock
    connection.request("GET", "/")
    connection.getresponse().read()
    assert connection.sock is kept
    service.close()
    assert kept.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port))


def test_a_given_port(service: Service) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(port=service.port)
    port = service.port
    service.close()
    with serve(port=port, contacts=10) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_config(service: Service) -> None:
    config = service.config
    assert config["api_url"] == config["accounts_url"] == service.url
    assert len({config[name] for name in config if "url" not in name}) == 3
    with serve(contacts=10) as other:
        assert other.config["client_id"] == config["client_id"]
