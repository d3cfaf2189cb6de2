"""The calls of a shape report: each endpoint that reads, once."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.campaigns import is_sent
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.envelope import parse_integer
from tap_zohocampaigns.api.wire.parsers import parse_segments
from tap_zohocampaigns.streams.reference import Topics, Workflows

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_zohocampaigns.api.wire.types import Row

# So many rows show which fields are sometimes missing.
_ROWS = 50
_PAGE: t.Final[Row] = {"fromindex": 1, "range": _ROWS}
_DETAILS = {"page": 1, "before": 0, "size": _ROWS}


def calls(rows: Mapping[str, list[Row]]) -> Iterator[tuple[str, Row | None]]:
    """Yield each endpoint with its parameters; None if there is no key to ask with.

    Args:
        rows: The rows of the endpoints that were called before.
    """
    yield "getmailinglists", _PAGE
    yield "recentcampaigns", {"status": "all", "sort": "desc", **_PAGE}
    # The labels of custom fields are needed for what follows.
    yield "contact/allfields", {}
    yield "topics", {"details": Topics.details % _DETAILS}
    yield "topics/products", {"details": Topics.details % _DETAILS}
    yield "workflow", {"details": Workflows.details % _DETAILS}
    yield "tag/getalltags", {}
    lists = rows.get("getmailinglists", [])
    # A list with contacts shows more than an empty one.
    lists = sorted(lists, key=lambda row: not _is_positive(row.get("noofcontacts")))
    of_list = _first(lists, "listkey")
    sent = filter(is_sent, rows.get("recentcampaigns", []))
    campaign = next((row for row in sent if as_key(row.get("campaign_key"))), {})
    of_campaign = _first([campaign], "campaign_key", "campaignkey")
    of_segment = _segment(lists)
    of_dashboard = {**_PAGE, "filtertype": "sentcampaigns", "range": 1}
    yield "getlistadvanceddetails", of_list and {**of_list, **of_dashboard}
    yield "getlistsubscribers", of_list and {**of_list, "status": "active", **_PAGE}
    yield "listsubscriberscount", of_list and {**of_list, "status": "active"}
    yield "getsegmentdetails", of_segment
    yield "getsegmentcontacts", of_segment and {"cvid": of_segment["cvid"], **_PAGE}
    is_test = str(campaign.get("campaigntype")).casefold() == "abtesting"
    kind = {"campaigntype": "abtesting" if is_test else "normal"}
    yield "getcampaigndetails", of_campaign and {**of_campaign, **kind}
    yield "campaignreports", of_campaign
    of_sent = {"action": "sentcontacts", **_PAGE}
    yield "getcampaignrecipientsdata", of_campaign and {**of_campaign, **of_sent}


def _first(rows: list[Row], name: str, param: str = "") -> Row | None:
    """Return the first key of rows as a parameter; None if there is none."""
    keys = (as_key(row.get(name)) for row in rows)
    key = next(filter(None, keys), None)
    return {param or name: key} if key else None


def _segment(lists: list[Row]) -> Row | None:
    """Return the parameters of the first segment of lists; None if there is none."""
    for row in lists:
        with suppress(FatalError):
            cvid = next(iter(parse_segments(row.get("segments")).by_id), None)
            key = as_key(row.get("listkey"))
            if cvid and key:
                return {"listkey": key, "cvid": cvid}
    return None


def _is_positive(value: object) -> bool:
    return bool(parse_integer(value, 1))


def labels_of(fields: list[Row]) -> frozenset[str]:
    """Return the labels of the fields of contacts, in small letters."""
    names = ("DISPLAY_NAME", "FIELD_NAME", "FIELD_DISPLAY_NAME")
    labels = (as_key(field.get(name)) for field in fields for name in names)
    return frozenset(label.casefold() for label in labels if label)
