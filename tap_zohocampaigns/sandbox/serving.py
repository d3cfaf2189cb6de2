"""Starts a sandbox with a living account."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.server.service import Service
from tap_zohocampaigns.sandbox.world.living_account import LivingAccount, Sizes

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Life(Sizes, total=False):
    """The arguments of `LivingAccount`."""

    seed: int
    clock: Callable[[], datetime]
    zone: str


def serve(*, port: int = 0, latency: float = 0, **life: t.Unpack[Life]) -> Service:
    """Start a service with a living account; close it, or use it as a context."""
    return Service(LivingAccount(**life), port=port, latency=latency)
