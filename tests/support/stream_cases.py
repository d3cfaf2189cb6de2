"""Helpers for tests of streams."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount
    from tap_zohocampaigns.sandbox.world.account import Campaign
    from tests.support.taps import Output
FORMATS = ("json", "xml")


def sent_campaigns(account: LivingAccount) -> list[Campaign]:
    """Return all campaigns that were sent, with the test sends of A/B campaigns."""
    parents = [campaign for campaign in account.campaigns() if campaign.sent]
    children = [account.campaign(key) for parent in parents for key in parent.children]
    return [*parents, *filter(None, children)]


def primary_keys_of(output: Output, stream: str) -> list[tuple[t.Any, ...]]:
    """Return the primary keys of the records of a stream."""
    names = next(one for one in STREAMS if one.name == stream).primary_keys
    return [tuple(record[name] for name in names) for record in output.records[stream]]
