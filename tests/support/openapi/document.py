"""An OpenAPI document of the sandbox, generated from its table of endpoints."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies.envelope import V1, V1_1
from tap_zohocampaigns.sandbox.server.routes import ENDPOINTS, SCOPES, WRITES
from tests.support.openapi import schemas
from tests.support.openapi.descriptions import DESCRIPTIONS

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.sandbox.server.requests import Param
    from tap_zohocampaigns.sandbox.server.routes import Endpoint
    from tap_zohocampaigns.sandbox.world.account import Account
    from tests.support.openapi.descriptions import Description
    from tests.support.openapi.schemas import Schema

_JSON, _XML = "application/json", "text/xml"
_FORM = "application/x-www-form-urlencoded"
_TEXT: Schema = {"type": "string"}
_V1_PARAMS: dict[str, Schema] = {
    "scope": {"type": "string", "enum": ["CampaignsAPI"]},
    "version": {"type": "string", "enum": ["1"]},
}


TOKEN_PATH = "/oauth/v2/token"


def document(account: Account) -> Schema:
    """Return an OpenAPI document of all endpoints of the sandbox.

    Its examples are keys of the account, so that calls with them find something.
    """
    examples = _examples(account)
    endpoints = {**ENDPOINTS, **WRITES}
    paths = {
        V1_1 + name: _path(f"{name} 1.1", endpoint, examples)
        for name, endpoint in endpoints.items()
    }
    paths |= {
        V1 + name: _path(f"{name} 1", endpoint, examples, _V1_PARAMS)
        for name, endpoint in endpoints.items()
        if endpoint.v1
    }
    paths[TOKEN_PATH] = {"post": _token()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "A small imitation of Zoho Campaigns",
            "version": "1.1",
            "description": "Errors of the service have the HTTP status 200.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": schemas.ERROR, "GatewayError": schemas.GATEWAY_ERROR},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": (
                        f"Zoho-oauthtoken and a token for {', '.join(SCOPES)}"
                    ),
                },
                "authtoken": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "authtoken",
                    "description": "It may be a form parameter instead.",
                },
            },
        },
    }


def _examples(account: Account) -> dict[str, list[str]]:
    lists = [one.key for one in account.lists()]
    segments = [one for key in lists for one in account.segments(key)]
    segments.sort(key=lambda one: not account.members(one.cvid))
    sent = {one.kind: one.key for one in account.campaigns() if one.sent is not None}
    return {
        "listkey": [one.list_key for one in segments[:1]] or lists[:1],
        "cvid": [one.cvid for one in segments[:1]],
        "campaignkey": [*sent.values()],
    }


def _path(
    name: str,
    endpoint: Endpoint,
    examples: Mapping[str, list[str]],
    v1_params: Mapping[str, Schema] | None = None,
) -> Schema:
    """Describe a path; `v1_params` are the parameters that only version 1 has."""
    params = {param.name: _param(param, examples) for param in endpoint.params}
    required = [param.name for param in endpoint.params if param.required]
    if endpoint.format_param == "resfmt" and not endpoint.format:
        params["resfmt"] = {"type": "string", "enum": ["JSON", "XML"]}
    if v1_params:
        params |= v1_params
        required.append("scope")
    inputs = {"GET": _query, "POST": _form}
    return {
        method.lower(): {
            "operationId": f"{method} {name}",
            "summary": _described(name).summary,
            "security": [{"authtoken" if v1_params else "token": []}],
            "responses": _responses(_described(name).body),
            **inputs[method](params, required),
        }
        for method in endpoint.methods
    }


def _query(params: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "schema": schema,
            }
            for name, schema in params.items()
        ]
    }


def _form(params: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    body = {"type": "object", "properties": params, "required": required}
    content = {_FORM: {"schema": body}}
    return {"requestBody": {"required": bool(required), "content": content}}


def _param(param: Param, examples: Mapping[str, list[str]]) -> Schema:
    description: Schema = {"description": param.about}
    if param.number:
        return {"type": "integer", "minimum": 0, "maximum": 10**9, **description}
    if param.words:
        return {"type": "string", "enum": [*param.words], **description}
    if keys := examples.get(param.name):
        description["examples"] = keys
    return {"type": "string", "minLength": int(param.required), **description}


def _described(operation: str) -> Description:
    """Return the description of an operation, which is a path and a version."""
    path = operation.rpartition(" ")[0]
    return DESCRIPTIONS[path.removeprefix("json/").removeprefix("xml/")]


def _responses(body: Schema) -> Schema:
    error = {"$ref": "#/components/schemas/Error"}
    gateway = {"$ref": "#/components/schemas/GatewayError"}
    locked = {
        "description": "Locked, if the sandbox is set to answer so",
        "content": {_JSON: {}, _XML: {}},
    }
    return {
        "200": _answer("The content, or an error", body, error, gateway),
        "401": _answer("No valid token, or none for the scope", gateway),
        "400": locked,
        "429": locked,
    }


def _answer(description: str, *bodies: Schema) -> Schema:
    body = {"anyOf": [*bodies]} if len(bodies) > 1 else bodies[0]
    content = {_JSON: {"schema": body}, _XML: {"schema": _TEXT}}
    return {"description": description, "content": content}


def _token() -> Schema:
    names = ("client_id", "client_secret", "refresh_token", "grant_type")
    body = {
        "type": "object",
        "properties": dict.fromkeys(names, _TEXT)
        | {"grant_type": {"enum": ["refresh_token"]}},
        "required": [*names],
    }
    token = {
        "type": "object",
        "properties": {
            "access_token": _TEXT,
            "expires_in": {"type": "integer"},
            "token_type": {"const": "Bearer"},
            "api_domain": _TEXT,
            "scope": _TEXT,
        },
        "required": ["access_token", "expires_in", "token_type", "api_domain"],
        "additionalProperties": False,
    }
    refused = {
        "type": "object",
        "properties": {"error": _TEXT},
        "required": ["error"],
    }
    return {
        "operationId": "token",
        "summary": "An access token for a refresh token",
        "requestBody": {"required": True, "content": {_FORM: {"schema": body}}},
        "responses": {
            "200": {
                "description": "A token, or an error",
                "content": {_JSON: {"schema": {"anyOf": [token, refused]}}},
            },
            "400": {
                "description": "Too many tokens",
                "content": {_JSON: {"schema": refused}},
            },
        },
    }
