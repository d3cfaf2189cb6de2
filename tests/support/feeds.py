"""A service that returns given mailing lists and campaigns."""

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
NO_ROWS_CODES = {"getmailinglists": "2401", "recentcampaigns": "6101"}
ROWS_KEYS = {
    "getmailinglists": "list_of_details",
    "recentcampaigns": "recent_campaigns",
}


class Feeds:
    """An account given as rows, or as the error code that each endpoint returns."""

    def __init__(
        self,
        lists: list[Row] | str = "2401",
        campaigns: list[Row] | str = "6101",
        details: Row | str = "2206",
    ) -> None:
        self.feeds = {"getmailinglists": lists, "recentcampaigns": campaigns}
        self.details = details

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        content = self.feeds.get(request.endpoint, self.details)
        if isinstance(content, str):
            return Answer(error(content))
        if isinstance(content, dict):
            return as_json({"code": "0", "campaign-details": [{}], **content})
        first = int(request.params["fromindex"]) - 1
        rows = content[first : first + int(request.params["range"])]
        if not rows:
            return Answer(error(NO_ROWS_CODES[request.endpoint]))
        return as_json({"code": "0", ROWS_KEYS[request.endpoint]: rows})


@contextmanager
def inventory_of(feeds: Feeds, **settings: object) -> Iterator[Inventory]:
    clock = Clock()
    with Zoho(feeds.answer) as zoho:
        yield Inventory(zoho.client(clock), CONFIG | settings)


def list_rows(*keys: str, **more: object) -> list[Row]:
    return [{"listkey": key, **more} for key in keys]


def campaign_rows(*keys: str, **more: object) -> list[Row]:
    return [{"campaign_key": key, "campaign_status": "Sent", **more} for key in keys]
