"""A small imitation of Zoho Campaigns, for the demo account and the tests.

with serve(seed=7) as service:
    print(service.url, service.config)
"""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.server.http import Reply
from tap_zohocampaigns.sandbox.server.service import Call, Service
from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    EVENTS,
    FEED_STATUSES,
    STATUSES,
    Account,
    Campaign,
    Contact,
    Criterion,
    Field,
    FullAccount,
    MailingList,
    Member,
    Product,
    Recipient,
    Segment,
    Tag,
    Topic,
    Workflow,
    WritableAccount,
    tally,
)
from tap_zohocampaigns.sandbox.world.living_account import LivingAccount, Sizes

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = [
    "ACTIONS",
    "EVENTS",
    "FEED_STATUSES",
    "STATUSES",
    "Account",
    "Call",
    "Campaign",
    "Contact",
    "Criterion",
    "Field",
    "FullAccount",
    "LivingAccount",
    "MailingList",
    "Member",
    "Product",
    "Recipient",
    "Reply",
    "Segment",
    "Service",
    "Sizes",
    "Tag",
    "Topic",
    "Workflow",
    "WritableAccount",
    "serve",
    "tally",
]


class Life(Sizes, total=False):
    """The arguments of `LivingAccount`."""

    seed: int
    clock: Callable[[], datetime]
    zone: str


def serve(*, port: int = 0, latency: float = 0, **life: t.Unpack[Life]) -> Service:
    """Start a service with a living account; close it, or use it as a context."""
    return Service(LivingAccount(**life), port=port, latency=latency)
