"""The answers of the sandbox match its OpenAPI document."""

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


def openapi_document(client: Client) -> Document:
    return document(client.service.account)


def response_schemas(description: Document, path: str) -> list[Document]:
    """Return the schemas of the answers of a path: success, error, gateway error."""
    content = description["paths"][path]["get"]["responses"]["200"]["content"]
    schemas: list[Document] = copy.deepcopy(
        content["application/json"]["schema"]["anyOf"]
    )
    return [
        description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "$ref" in schema
        else schema
        for schema in schemas
    ]


def example_params(description: Document, path: str) -> dict[str, str]:
    """Return parameters with which a path returns rows."""
    params = {}
    for param in description["paths"][path]["get"].get("parameters", ()):
        schema = param["schema"]
        if "examples" in schema:
            params[param["name"]] = schema["examples"][0]
        elif param["required"]:
            params[param["name"]] = schema["enum"][0]
    return params | {"resfmt": "JSON"}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("form", [0, -1])
def test_successful_answers_match_the_document(endpoint: str, form: int) -> None:
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
        description = openapi_document(client)
        path = f"/api/v1.1/{endpoint}"
        params = example_params(description, path)
        for timeline in ({}, {"type": "open_timeline", "action": "openedcontacts"}):
            body = client.get(endpoint, **timeline | params).json
            success, *errors = response_schemas(description, path)
            jsonschema.validate(body, success)
            for error in errors:
                assert not jsonschema.Draft202012Validator(error).is_valid(body)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_errors_match_the_document(endpoint: str, client: Client) -> None:
    description = openapi_document(client)
    path = f"/api/v1.1/{endpoint}"
    params = example_params(description, path)
    _, error, gateway = response_schemas(description, path)
    for key in {"listkey", "cvid", "campaignkey"} & params.keys():
        answer = client.get(endpoint, **params | {key: "3z"}).json
        jsonschema.validate(answer, error)
        without_key = {name: value for name, value in params.items() if name != key}
        jsonschema.validate(client.get(endpoint, **without_key).json, gateway)
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
def test_answers_after_the_last_page_match_the_document(
    endpoint: str, client: Client
) -> None:
    description = openapi_document(client)
    path = f"/api/v1.1/{endpoint}"
    params = example_params(description, path) | {"fromindex": "1000000"}
    _, error, _ = response_schemas(description, path)
    jsonschema.validate(client.get(endpoint, **params).json, error)


def test_every_path_is_documented_and_served(client: Client) -> None:
    description = openapi_document(client)
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


def test_writes_are_posted_and_no_endpoint_deletes() -> None:
    write_words = (
        "subscribe",
        "add",
        "donotmail",
        "update",
        "associate",
        "change",
        "send",
    )
    for endpoint in ENDPOINTS:
        name = endpoint.replace("subscribers", "")
        assert not any(word in name for word in write_words), endpoint
    for endpoint, route in WRITES.items():
        assert any(word in endpoint for word in write_words), endpoint
        assert route.methods == ("POST",)
    assert not any("delete" in name for name in (*ENDPOINTS, *WRITES))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "QUERY", "HEAD"])
@pytest.mark.parametrize("path", ["/api/v1.1/getmailinglists", "/oauth/v2/token"])
def test_other_methods_are_refused_and_the_connection_still_works(
    client: Client, method: str, path: str
) -> None:
    assert client.send(method, path, "a=1").status == 405
    assert client.json("getmailinglists")["status"] == "success"
