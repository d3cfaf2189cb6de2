"""Helpers for tests of the streams with reference data."""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.sandbox import Reply, Service

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Record
FORMATS = ("json", "xml")
# From here on, a float can't represent every integer.
FIRST_INEXACT_INTEGER = 2**53
REFERENCE_ENDPOINTS = {
    "contact_fields": "contact/allfields",
    "tags": "tag/getalltags",
    "topics": "topics",
    "products": "topics/products",
    "workflows": "workflow",
}


def answer(service: Service, endpoint: str, body: object) -> None:
    """Let an endpoint answer with this body; what is not bytes is encoded as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def intercept(call: Call) -> Reply | None:
        return Reply(200, content) if call.endpoint == endpoint else None

    service.intercept = intercept


def params_of_calls(service: Service, endpoint: str) -> list[dict[str, str]]:
    """Return the parameters of each call of an endpoint."""
    return [call.params for call in service.calls if call.endpoint == endpoint]


def without_nulls(records: list[Record]) -> list[Record]:
    """Return records without their null fields."""
    return [{n: v for n, v in row.items() if v is not None} for row in records]


def topics(number: int) -> Record:
    rows = [
        {"topicId": str(FIRST_INEXACT_INTEGER + n), "topicName": str(n)}
        for n in range(number)
    ]
    return {"code": "200", "message": "Success", "topicDetails": rows}
