"""The bodies of getlistsubscribers and getlistadvanceddetails."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import places, times
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    fls,
    success,
    tag,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.bodies.envelope import Page
    from tap_zohocampaigns.sandbox.world.account import Campaign, MailingList, Member

FILTERS = {
    "sentcampaigns": "sent_campaigns",
    "scheduledcampaigns": "scheduled_campaigns",
    "recentcampaigns": "recent_campaigns",
}
"""The values of `filtertype`, and the name of the campaigns for each.

No public source shows these names; they are like those of recentcampaigns.
"""

_ORDERS = {"asc": "Ascending Order", "desc": "Descending Order"}


@dataclass(frozen=True, slots=True)
class Feed:
    """The list, status and order of a page; `active` counts active contacts."""

    mailing_list: MailingList
    active: int
    status: str
    order: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A list, its numbers of contacts by status, and its campaigns."""

    mailing_list: MailingList
    numbers: Mapping[str, int]
    sent: int
    scheduled: int
    campaigns: Sequence[Campaign]


def as_json(
    page: Page, feed: Feed, rows: Sequence[Member], zone: ZoneInfo
) -> dict[str, object]:
    """Return a page of contacts; no contact has an id here."""
    return success(
        page.uri,
        requestdetails={
            "sort": _ORDERS[feed.order],
            "range": page.range,
            "status": feed.status,
            "fromindex": page.fromindex,
        },
        list_of_details=[_fields(feed, row, zone, absent="null") for row in rows],
    )


def as_xml(page: Page, feed: Feed, rows: Sequence[Member], zone: ZoneInfo) -> bytes:
    """Return a page of contacts; the second `status` is that of the contacts."""
    return xml_success(
        page.uri,
        tag("sort", _ORDERS[feed.order]),
        tag("range", page.range),
        tag("status", feed.status),
        tag("fromindex", page.fromindex),
        block("list_details", *fls(_list(feed.mailing_list, feed.active))),
        block(
            "result_of_subscribers",
            *(
                block("contact", *fls(_fields(feed, row, zone, absent="")))
                for row in rows
            ),
        ),
    )


def details_as_json(
    page: Page, filtertype: str, board: Dashboard, zone: ZoneInfo
) -> dict[str, object]:
    """Return the advanced details of a list, with a page of its campaigns."""
    return success(
        page.uri,
        requestdetails={
            "range": page.range,
            "filtertype": filtertype,
            "fromindex": page.fromindex,
        },
        local_subscribers=_local(board),
        list_details=_list(board.mailing_list, board.numbers["active"]),
        list_dashboard_data={"contact_stats": _stats(board)},
        **{FILTERS[filtertype]: [_campaign(one, zone) for one in board.campaigns]},
    )


def details_as_xml(
    page: Page, filtertype: str, board: Dashboard, zone: ZoneInfo
) -> bytes:
    """Return the advanced details of a list, with a page of its campaigns."""
    rows = (block("campaign", *fls(_campaign(one, zone))) for one in board.campaigns)
    return xml_success(
        page.uri,
        tag("range", page.range),
        tag("filtertype", filtertype),
        tag("fromindex", page.fromindex),
        block("local_subscribers", *fls(_local(board))),
        block("list_details", *fls(_list(board.mailing_list, board.numbers["active"]))),
        block("list_dashboard_data", block("contact_stats", *fls(_stats(board)))),
        block(FILTERS[filtertype], *rows),
    )


def _fields(feed: Feed, row: Member, zone: ZoneInfo, *, absent: str) -> dict[str, str]:
    contact = row.contact
    return {
        "contact_email": contact.email,
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "phone": contact.phone or absent,
        "companyname": contact.company or absent,
        "zuid": feed.mailing_list.zuid,
        "added_time": times.text(row.added, zone),
        **contact.custom,
    }


def _list(one: MailingList, active: int) -> dict[str, str]:
    return {
        "ispublic": str(one.public).lower(),
        "noofcontacts": str(active),
        "listname": one.name,
    }


def _local(board: Dashboard) -> dict[str, str]:
    counts = places.local(board.numbers["active"])
    return {place: str(number) for place, number in counts.items()}


def _stats(board: Dashboard) -> dict[str, str]:
    return {
        "no_of_bounce": str(board.numbers["bounce"]),
        "no_of_active": str(board.numbers["active"]),
        "sent_count": str(board.sent),
        "no_of_unsub": str(board.numbers["unsub"]),
        "schedule_count": str(board.scheduled),
    }


def _campaign(one: Campaign, zone: ZoneInfo) -> dict[str, str]:
    fields = {
        "campaign_key": one.key,
        "campaign_name": one.name,
        "campaign_status": one.status,
        "email_subject": one.subject,
        "created_time": times.text(one.created, zone),
    }
    if one.sent is not None:
        fields["sent_time"] = times.text(one.sent, zone)
    return fields
