"""The sandbox serves what its OpenAPI document says."""

from __future__ import annotations

import copy
import typing as t

import jsonschema
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
from tap_zohocampaigns.sandbox.bodies.lists import SegmentsForm
from tap_zohocampaigns.sandbox.bodies.recipients import TimelineForm
from tap_zohocampaigns.sandbox.bodies.reports import PlacesForm, SegmentsInfoForm
from tap_zohocampaigns.sandbox.server.routes import ENDPOINTS, WRITES
from tests.sandbox.conftest import NOON
from tests.support.openapi.document import document
from tests.support.sandbox_client import Client

Document = dict[str, t.Any]


def described(client: Client) -> Document:
    return document(client.service.account)


def bodies(described: Document, path: str) -> list[Document]:
    """Return the schemas of a success and of the errors of a path."""
    content = described["paths"][path]["get"]["responses"]["200"]["content"]
    found: list[Document] = copy.deepcopy(
        content["application/json"]["schema"]["anyOf"]
    )
    return [
        described["components"]["schemas"][one["$ref"].rpartition("/")[2]]
        if "$ref" in one
        else one
        for one in found
    ]


def asked(described: Document, path: str) -> dict[str, str]:
    """Return parameters with which a path answers rows."""
    params = described["paths"][path]["get"].get("parameters", ())
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
            segments_form=t.get_args(SegmentsForm)[form],
            segments_info_form=t.get_args(SegmentsInfoForm)[form],
            places_form=t.get_args(PlacesForm)[form],
            timeline_form=t.get_args(TimelineForm)[form],
            fields_form=t.get_args(FieldsForm)[form],
        ) as service,
        Client(service) as client,
    ):
        client.sign()
        description = described(client)
        path = f"/api/v1.1/{endpoint}"
        params = asked(description, path)
        for more in ({}, {"type": "open_timeline", "action": "openedcontacts"}):
            body = client.get(endpoint, **more | params).json
            success, *errors = bodies(description, path)
            jsonschema.validate(body, success)
            for error in errors:
                assert not jsonschema.Draft202012Validator(error).is_valid(body)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_errors_are_as_described(endpoint: str, client: Client) -> None:
    description = described(client)
    path = f"/api/v1.1/{endpoint}"
    params = asked(description, path)
    _, error, gateway = bodies(description, path)
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
    description = described(client)
    path = f"/api/v1.1/{endpoint}"
    params = asked(description, path) | {"fromindex": "1000000"}
    _, error, _ = bodies(description, path)
    jsonschema.validate(client.get(endpoint, **params).json, error)


def test_every_path_is_described_and_served(client: Client) -> None:
    description = described(client)
    assert description["openapi"] == "3.1.0"
    for path, operations in description["paths"].items():
        for method in operations:
            answer = client.send(method.upper(), path)
            assert b">1004<" not in answer.body
            assert answer.status != 405
    assert {path for path in description["paths"] if path.startswith("/api/v1.1/")} == {
        f"/api/v1.1/{endpoint}" for endpoint in (*ENDPOINTS, *WRITES)
    }
    assert {
        path for path in description["paths"] if not path.startswith("/api/v1.1/")
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
@pytest.mark.parametrize("path", ["/api/v1.1/getmailinglists", "/oauth/v2/token"])
def test_other_methods(client: Client, method: str, path: str) -> None:
    assert client.send(method, path, "a=1").status == 405
    assert client.json("getmailinglists")["status"] == "success"
