"""The sandbox's description of itself is true."""

from __future__ import annotations

import copy
from typing import Any, get_args

import jsonschema
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
from tap_zohocampaigns.sandbox.bodies.lists import SegmentsForm
from tap_zohocampaigns.sandbox.bodies.recipients import TimelineForm
from tap_zohocampaigns.sandbox.bodies.reports import PlacesForm, SegmentsInfoForm
from tap_zohocampaigns.sandbox.server.routes import ENDPOINTS, WRITES
from tests.sandbox.conftest import NOON
from tests.support.sandbox_client import Client

Document = dict[str, Any]


def described(client: Client) -> Document:
    answer = client.send("GET", "/openapi.json")
    assert (answer.status, answer.kind) == (200, "application/json;charset=UTF-8")
    return answer.json


def bodies(document: Document, path: str) -> list[Document]:
    """Return the schemas of a success and of the errors of a path."""
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    found: list[Document] = copy.deepcopy(
        content["application/json"]["schema"]["anyOf"]
    )
    return [
        document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
        if "$ref" in one
        else one
        for one in found
    ]


def asked(document: Document, path: str) -> dict[str, str]:
    """Return parameters with which a path answers rows."""
    params = document["paths"][path]["get"].get("parameters", ())
    found = {}
    for param in params:
        schema = param["schema"]
        if "examples" in schema:
            found[param["name"]] = schema["examples"][0]
        elif param["required"]:
            found[param["name"]] = schema["enum"][0]
    return found | {"resfmt": "JSON"}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("form", [0, -1])
def test_successes_are_as_described(endpoint: str, form: int) -> None:
    account = LivingAccount(clock=lambda: NOON, contacts=200)
    with (
        Service(
            account,
            segments_form=get_args(SegmentsForm)[form],
            segments_info_form=get_args(SegmentsInfoForm)[form],
            places_form=get_args(PlacesForm)[form],
            timeline_form=get_args(TimelineForm)[form],
            fields_form=get_args(FieldsForm)[form],
        ) as service,
        Client(service) as client,
    ):
        client.sign()
        document = described(client)
        path = f"/api/v1.1/{endpoint}"
        params = asked(document, path)
        for more in ({}, {"type": "open_timeline", "action": "openedcontacts"}):
            sent = client.get(endpoint, **more | params).json
            success, *errors = bodies(document, path)
            jsonschema.validate(sent, success)
            for error in errors:
                assert not jsonschema.Draft202012Validator(error).is_valid(sent)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_errors_are_as_described(endpoint: str, client: Client) -> None:
    document = described(client)
    path = f"/api/v1.1/{endpoint}"
    params = asked(document, path)
    _, error, gateway = bodies(document, path)
    for key in {"listkey", "cvid", "campaignkey"} & params.keys():
        answer = client.get(endpoint, **params | {key: "3z"}).json
        jsonschema.validate(answer, error)
        fewer = {name: value for name, value in params.items() if name != key}
        jsonschema.validate(client.get(endpoint, **fewer).json, gateway)
    client.headers.clear()
    jsonschema.validate(client.get(endpoint, **params).json, gateway)


@pytest.mark.parametrize(
    "endpoint",
    [
        "getmailinglists",
        "getlistsubscribers",
        "getsegmentcontacts",
        "recentcampaigns",
        "getcampaignrecipientsdata",
    ],
)
def test_the_ends_of_pages_are_as_described(endpoint: str, client: Client) -> None:
    document = described(client)
    path = f"/api/v1.1/{endpoint}"
    params = asked(document, path) | {"fromindex": "1000000"}
    _, error, _ = bodies(document, path)
    jsonschema.validate(client.get(endpoint, **params).json, error)


def test_every_path_is_described_and_served(client: Client) -> None:
    document = described(client)
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method in operations:
            answer = client.send(method.upper(), path)
            assert b">1004<" not in answer.body
            assert answer.status != 405
    assert {path for path in document["paths"] if path.startswith("/api/v1.1/")} == {
        f"/api/v1.1/{endpoint}" for endpoint in (*ENDPOINTS, *WRITES)
    }
    assert {
        path for path in document["paths"] if not path.startswith("/api/v1.1/")
    } == {
        "/api/getmailinglists",
        "/api/listsubscriberscount",
        "/api/getsegmentdetails",
        "/api/getsegmentcontacts",
        "/api/recentcampaigns",
        "/api/getcampaignrecipientsdata",
        "/api/json/listsubscribe",
        "/api/xml/listsubscribe",
        "/api/json/listunsubscribe",
        "/api/xml/listunsubscribe",
        "/oauth/v2/token",
        "/openapi.json",
    }


def test_what_changes_contacts_is_posted_and_nothing_is_deleted() -> None:
    words = ("subscribe", "add", "donotmail", "update", "associate", "change", "send")
    for endpoint in ENDPOINTS:
        name = endpoint.replace("subscribers", "")
        assert not any(word in name for word in words), endpoint
    for written, about in WRITES.items():
        assert any(word in written for word in words), written
        assert about.methods == ("POST",)
    assert not any("delete" in name for name in (*ENDPOINTS, *WRITES))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "QUERY", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/api/v1.1/getmailinglists", "/oauth/v2/token", "/openapi.json"]
)
def test_other_methods(client: Client, method: str, path: str) -> None:
    assert client.send(method, path, "a=1").status == 405
    assert client.json("getmailinglists")["status"] == "success"


def test_the_description_costs_no_call(client: Client) -> None:
    described(client)
    assert client.service.calls == []
