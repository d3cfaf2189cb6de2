"""What several tests of the sandbox need."""

from __future__ import annotations

import typing as t

LISTS = "/api/v1.1/getmailinglists"
RECIPIENTS = "getcampaignrecipientsdata"


def code(answer: dict[str, t.Any]) -> str:
    """Return the code of a business error."""
    assert answer["status"] == "error"
    assert answer.keys() == {"status", "code", "message", "version", "uri"}
    return str(answer["code"])
