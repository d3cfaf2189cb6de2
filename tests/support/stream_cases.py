"""What several tests of streams need."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount
    from tap_zohocampaigns.sandbox.world.account import Campaign
    from tests.support.taps import Output
FORMATS = ("json", "xml")


def sent(account: LivingAccount) -> list[Campaign]:
    """Return all that was sent: campaigns, and the test sends of A/B campaigns."""
    parents = [campaign for campaign in account.campaigns() if campaign.sent]
    children = [account.campaign(key) for each in parents for key in each.children]
    return [*parents, *filter(None, children)]


def keys(output: Output, stream: str) -> list[tuple[t.Any, ...]]:
    primary = next(each for each in STREAMS if each.name == stream).primary_keys
    return [
        tuple(record[name] for name in primary) for record in output.records[stream]
    ]
