"""Feeds of lists and campaigns."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.sync.inventory import Inventory
from tests.support.zoho import (
    CONFIG,
    Answer,
    Clock,
    Request,
    Zoho,
    as_json,
    error,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    Row = dict[str, t.Any]
LOGGER = "tap-zohocampaigns.inventory"
NONE = {"getmailinglists": "2401", "recentcampaigns": "6101"}
PLACES = {"getmailinglists": "list_of_details", "recentcampaigns": "recent_campaigns"}


class Feeds:
    """An account told as rows of lists and campaigns, or as errors."""

    def __init__(
        self,
        lists: list[Row] | str = "2401",
        campaigns: list[Row] | str = "6101",
        details: Row | str = "2206",
    ) -> None:
        self.told = {"getmailinglists": lists, "recentcampaigns": campaigns}
        self.details = details

    def answer(self, asked: Request) -> Answer:
        """Answer a call."""
        told = self.told.get(asked.endpoint, self.details)
        if isinstance(told, str):
            return Answer(error(told))
        if isinstance(told, dict):
            return as_json({"code": "0", "campaign-details": [{}], **told})
        first = int(asked.params["fromindex"]) - 1
        rows = told[first : first + int(asked.params["range"])]
        if not rows:
            return Answer(error(NONE[asked.endpoint]))
        return as_json({"code": "0", PLACES[asked.endpoint]: rows})


@contextmanager
def account_of(feeds: Feeds, **settings: object) -> Iterator[Inventory]:
    clock = Clock()
    with Zoho(feeds.answer) as zoho:
        yield Inventory(zoho.client(clock), CONFIG | settings)


def lists(*keys: str, **more: object) -> list[Row]:
    return [{"listkey": key, **more} for key in keys]


def campaigns(*keys: str, **more: object) -> list[Row]:
    return [{"campaign_key": key, "campaign_status": "Sent", **more} for key in keys]
