"""Finds the rows or the value of an answer.

Their names differ between endpoints and formats; `api.endpoints` has them.
"""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api import endpoints
from tap_zohocampaigns.api.codes import asks_for_patience
from tap_zohocampaigns.api.wire import java_text
from tap_zohocampaigns.api.wire.envelope import Envelope, Unreadable, parse_integer
from tap_zohocampaigns.api.wire.shapes import as_list

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.endpoints import Endpoint
    from tap_zohocampaigns.api.wire.types import Json

_COUNT_NAMES = {
    name
    for endpoint in endpoints.ENDPOINTS.values()
    if endpoint.is_count
    for name in endpoint.value
}
_NAMES = {
    name
    for endpoint in endpoints.ENDPOINTS.values()
    for name in (*endpoint.rows, *endpoint.value)
}
# An answer with one of these names is an error, whatever else it holds.
_ERROR_NAMES = {"error", "errors", "error_code", "errorcode"}


def payload(endpoint: Endpoint, envelope: Envelope) -> Json:
    """Return the rows or the value of an answer.

    Raises:
        Unreadable: The answer does not hold it, or holds something else there.
    """
    for name in endpoint.rows or endpoint.value:
        if name in envelope.body and (
            envelope.code or _has_content(name, envelope.body[name])
        ):
            value = envelope.body[name]
            if endpoint.value:
                if endpoint.is_count and parse_integer(value, 0) is None:
                    break
                return value
            rows = as_list(value)
            if endpoint.key:
                rows = _with_keys(rows, endpoint.key)
            if {*map(type, rows)} <= {dict}:
                return rows
    msg = "a success without what was asked for"
    raise Unreadable(msg)


def check(envelope: Envelope) -> Envelope:
    """Return an envelope that has a code, or a payload that stands for a success.

    The fields of contacts came without code, status and message. So rows stand for a
    success if nothing in the answer is an error. Only a code can say that there are no
    rows.

    Raises:
        Unreadable: It has neither.
    """
    body = envelope.body
    if envelope.code or (
        envelope.success
        and _ERROR_NAMES.isdisjoint(key.casefold() for key in body)
        and not asks_for_patience(envelope.message)
        and any(_has_content(name, body[name]) for name in _NAMES & body.keys())
    ):
        return envelope
    msg = "an object without a code"
    raise Unreadable(msg)


def _with_keys(maps: list[Json], name: str) -> list[Json]:
    """Return rows that stand under their keys, each with its key as a field."""
    return [
        {name: key, **row} if isinstance(row, dict) else row
        for rows in maps
        for key, row in (rows.items() if isinstance(rows, dict) else [("", rows)])
    ]


def _has_content(name: str, value: Json) -> bool:
    if name in _COUNT_NAMES:
        return bool(parse_integer(value, 0))
    if isinstance(value, str):
        return bool(java_text.parse_map(value)) or bool(java_text.parse_list(value))
    return any(isinstance(row, dict) and row for row in as_list(value))
