"""A summary of each endpoint of the sandbox, and the schema of its success."""

from __future__ import annotations

import typing as t

from tests.support.openapi import schemas

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.openapi.schemas import Schema


class Description(t.NamedTuple):
    """The description of one endpoint."""

    summary: str
    body: Schema


DESCRIPTIONS: t.Final[Mapping[str, Description]] = {
    "getmailinglists": Description(
        "The mailing lists and their segments", schemas.LISTS
    ),
    "getlistadvanceddetails": Description(
        "Numbers, places and campaigns of a list", schemas.LIST_DETAILS
    ),
    "getlistsubscribers": Description("The contacts of a list", schemas.SUBSCRIBERS),
    "listsubscriberscount": Description("How many contacts a list has", schemas.COUNT),
    "getsegmentdetails": Description("The criteria of a segment", schemas.SEGMENT),
    "getsegmentcontacts": Description("The contacts in a segment", schemas.MEMBERS),
    "recentcampaigns": Description("The campaigns", schemas.CAMPAIGNS),
    "getcampaigndetails": Description(
        "A campaign, its lists and its report", schemas.DETAILS
    ),
    "getcampaignrecipientsdata": Description(
        "The recipients of a campaign by action", schemas.RECIPIENTS
    ),
    "contact/allfields": Description("The fields of contacts", schemas.FIELDS),
    "tag/getalltags": Description("The tags", schemas.TAGS),
    "topics": Description("The topics that contacts consent to", schemas.TOPICS),
    "topics/products": Description(
        "The products that topics belong to", schemas.PRODUCTS
    ),
    "workflow": Description("The open custom workflows", schemas.WORKFLOWS),
    "listsubscribe": Description("Subscribe a contact", schemas.WRITTEN),
    "listunsubscribe": Description("Unsubscribe a contact", schemas.WRITTEN),
    "contactdonotmail": Description("Never mail a contact again", schemas.WRITTEN),
    "addlistsubscribersinbulk": Description("Add contacts to a list", schemas.ADDED),
    "campaignreports": Description("The report of a campaign", schemas.REPORT),
    "getcampaignreports": Description("The report of a campaign", schemas.REPORT),
}
