"""Helpers for tests of the sandbox."""

from __future__ import annotations

import typing as t

LISTS = "/api/v1.1/getmailinglists"
RECIPIENTS = "getcampaignrecipientsdata"


def code(answer: dict[str, t.Any]) -> str:
    """Return the code of an error; check that the body has the fields of an error."""
    assert answer["status"] == "error"
    assert answer.keys() == {"status", "code", "message", "version", "uri"}
    return str(answer["code"])
