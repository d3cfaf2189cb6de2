"""The tap's settings -> the form in which Airbyte asks for them."""

from __future__ import annotations

import typing as t

from airbyte_protocol_dataclasses.models import ConnectorSpecification
from singer_sdk.helpers.capabilities import (
    BATCH_CONFIG,
    FLATTENING_CONFIG,
    STREAM_MAPS_CONFIG,
)

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.settings import tap as tap_settings

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Json, Row

CREDENTIALS = "credentials"
_VERSION = "api_version"
# The SDK adds these to the settings of each tap; Airbyte maps and flattens itself.
_SDKS = {
    name
    for config in (BATCH_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG)
    for name in config["properties"]
}
_GROUPS = {
    "account": (
        "Inventory",
        (CREDENTIALS, "data_center", "account_id", "api_url", "accounts_url"),
    ),
    "scope": (
        "What is read",
        (
            *("start_date", "lookback_days", "timezone"),
            *("list_keys", "cvids", "campaign_keys", "actions"),
        ),
    ),
    "quota": (
        "Quota",
        (
            *("rate_limit_calls", "rate_limit_seconds", "rate_limit_lock_seconds"),
            *("rate_limit_ledger", "rate_limit_on_lock", "concurrency"),
        ),
    ),
    "run": ("How it is read", ()),
}
_ALTERNATIVES = {"1.1": "OAuth 2", "1": "API authentication token"}
_WORDS = {"api": "API", "url": "URL", "id": "ID", "cvids": "segment IDs"}


def make_spec() -> ConnectorSpecification:
    """Return the settings, with the credentials of each version as an alternative."""
    known = {
        name: schema
        for name, schema in tap_settings.SCHEMA["properties"].items()
        if name not in _SDKS
    }
    alternatives = [
        _alternative(version, schema.credentials, known)
        for version, schema in versions.VERSIONS.items()
    ]
    needed = {
        name for alternative in alternatives for name in alternative["properties"]
    }
    fields = {
        CREDENTIALS: {
            "title": "Credentials",
            "description": "How Zoho knows whose account is read.",
            "type": "object",
            "oneOf": alternatives,
        }
    } | {name: _field(name, known[name]) for name in known if name not in needed}
    for order, (name, field) in enumerate(fields.items()):
        field |= {"order": order, "group": _group(name)}
    return ConnectorSpecification(
        connectionSpecification={
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Zoho Campaigns",
            "type": "object",
            # The sandbox needs none of them.
            "required": [],
            "additionalProperties": True,
            "properties": fields,
            "groups": [{"id": key, "title": of[0]} for key, of in _GROUPS.items()],
        },
        supportsIncremental=True,
    )


def flatten(config: Json) -> Row:
    """Return the tap's settings; those that stand at the top already are taken too.

    A form may leave a setting null or empty, which is as if it were unset.

    Raises:
        SettingError: It is no configuration.
    """
    credentials = config.get(CREDENTIALS) if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(credentials, dict | None):
        msg = f"The configuration, or `{CREDENTIALS}` of it, is not an object of JSON."
        raise SettingError(msg)
    return {
        name: value
        for level in (config, credentials or {})
        for name, value in level.items()
        if name not in {*_SDKS, CREDENTIALS} and value not in ("", None)
    }


def _alternative(version: str, credentials: tuple[str, ...], known: Row) -> Row:
    fields: Row = {_VERSION: {"type": "string", "const": version}}
    fields |= {name: _field(name, known[name]) for name in credentials}
    for order, field in enumerate(fields.values()):
        field["order"] = order
    return {
        "title": _ALTERNATIVES.get(version, version),
        "type": "object",
        "required": [*fields],
        "properties": fields,
    }


def _field(name: str, schema: Row) -> Row:
    words = [_WORDS.get(word, word) for word in name.split("_")]
    title = " ".join(words)
    field: Row = {"title": title[0].upper() + title[1:]} | _shape(schema)
    if schema.get("secret"):
        field["airbyte_secret"] = True
    return field


def _shape(schema: Row) -> Row:
    """Return a schema in the form of which Airbyte can make a form: one type."""
    shape = {k: v for k, v in schema.items() if k not in {"secret", "writeOnly"}}
    shape["type"] = next(kind for kind in schema["type"] if kind != "null")
    if "items" in schema:
        shape["items"] = _shape(schema["items"])
    return shape


def _group(name: str) -> str:
    return next((key for key, (_, names) in _GROUPS.items() if name in names), "run")
