"""The endpoints of Zoho Campaigns: one row each.

An endpoint that is not in the table is never called. Some GETs of Zoho change data, so
no undocumented call is tried. No endpoint that deletes is in the table.
"""

from __future__ import annotations

import enum
import typing as t

from tap_zohocampaigns.api.quota.limits import DAY, HOUR, MINUTE, Quota

if t.TYPE_CHECKING:
    from collections.abc import Mapping

CONTACTS = "ZohoCampaigns.contact.READ"
CAMPAIGNS = "ZohoCampaigns.campaign.READ"
WORKFLOWS = "ZohoCampaigns.workflow.READ"
CHANGES = "ZohoCampaigns.contact.UPDATE"
ADDITIONS = "ZohoCampaigns.contact.CREATE"
# Zoho's page asks for the right to change contacts, to read tags.
TAGS = CHANGES


class DryRun(enum.Enum):
    """What a dry run does instead of a call."""

    CALL = "call"
    """It makes the call: the answer is small, and other calls depend on it."""
    ROWS = "rows"
    """It makes up as many rows as counters and the state say."""
    ONE_ROW = "one row"
    """It makes up one row."""


class Endpoint(t.NamedTuple):
    """One call, as Zoho's page of it says."""

    name: str
    """Its path below that of the API version."""
    scope: str
    """The scope that a token needs."""
    rows: tuple[str, ...] = ()
    """Names of the list in its answer; JSON and XML may differ."""
    value: tuple[str, ...] = ()
    """Names of the single object or number in its answer, if it has no list."""
    key: str = ""
    """If rows are values of an object: the field that gets the name of each row."""
    is_count: bool = False
    """Whether its value is a number."""
    writes: bool = False
    """Whether it changes contacts."""
    post: bool = False
    """Whether API version 1.1 wants a POST; version 1 always does."""
    format_name: str = "resfmt"
    """The parameter that names the format: `resfmt` (`JSON`) or `type` (`json`)."""
    json_only: bool = False
    """Whether Zoho documents no XML."""
    format_in_path: bool = False
    """Whether the format is also part of the path, as `json/` or `xml/`."""
    v1: Mapping[str, str] | None = None
    """None if API version 1 does not have the call. Else the parameters that version 1
    does not accept, each with the only value for which the answers are the same."""
    quota: Quota | None = None
    """Its own quota, if it is not the one of the settings; 2 % below Zoho's."""
    dry_run: DryRun = DryRun.ONE_ROW
    """What `plan` does instead of the call."""

    def format_parameter(self, data_format: str) -> dict[str, str]:
        """Return the parameter that asks for a format.

        Args:
            data_format: `json` or `xml`.
        """
        if self.format_name == "type":
            return {"type": data_format}
        return {self.format_name: "JSON" if self.json_only else data_format.upper()}


_TABLE = (
    Endpoint(
        "getmailinglists",
        CONTACTS,
        rows=("list_of_details",),
        v1={},
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "getlistadvanceddetails", CONTACTS, value=("list_details", "list-details")
    ),
    Endpoint(
        "getlistsubscribers",
        CONTACTS,
        rows=("list_of_details", "result_of_subscribers"),
        dry_run=DryRun.ROWS,
    ),
    Endpoint(
        "listsubscriberscount",
        CONTACTS,
        value=("no_of_contacts",),
        is_count=True,
        # Version 1 counts only subscribers, which leaves out who left or bounced.
        v1={"status": "active"},
    ),
    Endpoint(
        "getsegmentdetails",
        CONTACTS,
        value=("segments_details", "segment_details"),
        v1={},
    ),
    Endpoint(
        "getsegmentcontacts",
        CONTACTS,
        rows=("list_of_details", "segment_contacts"),
        v1={},
        dry_run=DryRun.ROWS,
    ),
    Endpoint(
        "contact/allfields",
        CONTACTS,
        rows=("fieldnames", "fieldname"),
        format_name="type",
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "topics", CONTACTS, rows=("topicDetails",), json_only=True, dry_run=DryRun.CALL
    ),
    Endpoint(
        "topics/products",
        CONTACTS,
        rows=("products",),
        json_only=True,
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "recentcampaigns",
        CAMPAIGNS,
        rows=("recent_campaigns", "recent-campaigns"),
        v1={},
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "getcampaigndetails",
        CAMPAIGNS,
        value=("campaign-details",),
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "campaignreports", CAMPAIGNS, value=("campaign-reports",), dry_run=DryRun.CALL
    ),
    Endpoint(
        "getcampaignrecipientsdata",
        CAMPAIGNS,
        rows=("list_of_details", "contacts", "recipients"),
        # Zoho documents it as POST only. It answers GET too, but that is no promise.
        post=True,
        v1={},
        dry_run=DryRun.ROWS,
    ),
    Endpoint(
        "workflow", WORKFLOWS, rows=("workflows",), json_only=True, dry_run=DryRun.CALL
    ),
    Endpoint(
        "tag/getalltags",
        TAGS,
        rows=("tags",),
        key="tag_id",
        json_only=True,
        dry_run=DryRun.CALL,
    ),
    Endpoint(
        "listsubscribe",
        CHANGES,
        writes=True,
        post=True,
        format_in_path=True,
        v1={},
        # 500 a minute, 12,500 an hour and 75,000 a day, then a lock of half an hour:
        # https://www.zoho.com/campaigns/help/developers/contact-subscribe.html
        quota=Quota(490, MINUTE, 1800, wider=((12_250, HOUR), (73_500, DAY))),
    ),
    Endpoint(
        "listunsubscribe", CHANGES, writes=True, post=True, format_in_path=True, v1={}
    ),
    Endpoint("contactdonotmail", CHANGES, writes=True, post=True, format_in_path=True),
    Endpoint(
        "addlistsubscribersinbulk",
        ADDITIONS,
        writes=True,
        post=True,
        # 2,000 a minute, then a lock of ten minutes:
        # https://www.zoho.com/campaigns/help/developers/add-contacts-existing-list.html
        quota=Quota(1960, MINUTE, 600),
    ),
)

ENDPOINTS: t.Final[Mapping[str, Endpoint]] = {row.name: row for row in _TABLE}
READS: t.Final = {row.name: row for row in _TABLE if not row.writes}
"""The endpoints that the tap may call."""
WRITES: t.Final = {row.name: row for row in _TABLE if row.writes}
"""The endpoints that the target may call besides."""
OWN_QUOTAS: t.Final = {row.name: row.quota for row in _TABLE if row.quota}
# The cheapest calls, with the two scopes of which each token has at least one.
PROBES = ("getmailinglists", "recentcampaigns")
