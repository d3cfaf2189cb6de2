"""Helpers for tests that parse response bodies."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.wire.envelope import Envelope, Unreadable
from tests.support.zoho import parse_envelope, rows_or_value_of


def rows_of(content: bytes, endpoint: str = "getsegmentcontacts") -> t.Any:
    return rows_or_value_of(endpoint, parse_envelope(content))


def require_success(envelope: Envelope) -> Envelope:
    """Return the envelope of a success, or raise `Unreadable`."""
    if not envelope.success:
        raise Unreadable
    return envelope
