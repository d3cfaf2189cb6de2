"""Names of endpoints for tests of incremental runs."""

from __future__ import annotations

RECIPIENTS, MEMBERS = "getcampaignrecipientsdata", "getsegmentcontacts"
