"""What several tests of the sandbox need."""

from __future__ import annotations

from typing import Any

LISTS = "/api/v1.1/getmailinglists"
RECIPIENTS = "getcampaignrecipientsdata"


def code(answer: dict[str, Any]) -> str:
    """Return the code of a business error."""
    assert answer["status"] == "error"
    assert answer.keys() == {"status", "code", "message", "version", "uri"}
    return str(answer["code"])
