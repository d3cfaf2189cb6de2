"""The token service of the sandbox."""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

import pytest

from tap_zohocampaigns.sandbox import Service
from tests.support.fixed_account import FixedAccount
from tests.support.sandbox_client import Client
from tests.support.service import LISTS

if t.TYPE_CHECKING:
    from tests.sandbox.conftest import Clock


def test_a_refresh_token_gets_an_access_token(service: Service) -> None:
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


def test_a_token_can_be_requested_in_the_query(service: Service) -> None:
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
def test_wrong_credentials_get_no_token(
    service: Service, changed: dict[str, str], error: str
) -> None:
    with Client(service) as client:
        answer = client.token(**changed)
    assert (answer.status, answer.json) == (200, {"error": error})
    assert (service.tokens_issued, service.tokens_asked) == (0, 1)


@pytest.mark.parametrize("status", [200, 400])
def test_the_eleventh_token_in_ten_minutes_is_refused(
    clock: Clock, status: t.Literal[200, 400]
) -> None:
    with (
        Service(FixedAccount(), monotonic=clock, throttle_status=status) as service,
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


def test_a_valid_token_can_be_returned_again_until_it_expires(clock: Clock) -> None:
    with (
        Service(
            FixedAccount(), monotonic=clock, token_seconds=30, repeats_token=True
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


def test_a_token_expires_after_an_hour(client: Client, clock: Clock) -> None:
    clock.seconds += 3599
    assert client.get("getmailinglists").status == 200
    clock.seconds += 1
    assert client.get("getmailinglists").status == 401
    client.sign()
    assert client.get("getmailinglists").status == 200


@pytest.mark.parametrize("header", [None, "Zoho-oauthtoken x", "Bearer", "x"])
def test_a_call_without_a_valid_token_is_unauthorized(
    service: Service, header: str | None
) -> None:
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


def test_bearer_tokens_are_accepted(client: Client) -> None:
    token = client.headers["Authorization"].removeprefix("Zoho-oauthtoken ")
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get("getmailinglists").status == 200
    client.headers["Authorization"] = f"Basic {token}"
    assert client.get("getmailinglists").status == 401
