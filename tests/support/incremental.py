"""What several tests of incremental runs need."""

from __future__ import annotations

RECIPIENTS, MEMBERS = "getcampaignrecipientsdata", "getsegmentcontacts"
