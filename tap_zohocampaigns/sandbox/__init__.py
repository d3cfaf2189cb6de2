"""A small imitation of Zoho Campaigns, for the demo account and the tests.

with serve(seed=7) as service:
    print(service.url, service.config)
"""

from __future__ import annotations

from tap_zohocampaigns.sandbox.server.http import Reply
from tap_zohocampaigns.sandbox.server.service import Call, Service
from tap_zohocampaigns.sandbox.serving import serve
from tap_zohocampaigns.sandbox.world.living_account import LivingAccount

__all__ = ["Call", "LivingAccount", "Reply", "Service", "serve"]
