"""The bodies of getcampaignrecipientsdata: JSON and XML share no field name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_zohocampaigns.sandbox.forms import times
from tap_zohocampaigns.sandbox.forms.envelope import (
    block,
    fls,
    success,
    tag,
    xml_success,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.account import Campaign, Recipient
    from tap_zohocampaigns.sandbox.forms.envelope import Page

_ABSENT = "null"
_UNUSED = dict.fromkeys(
    (
        "timezone",
        "mobile",
        "jobtitle",
        "title",
        "address",
        "city",
        "state",
        "country",
        "zipcode",
        "website",
        "note",
        "secondary_email",
        "facebook_handle",
        "twitter_handle",
        "linkedin_handle",
    ),
    _ABSENT,
)


def as_json(
    page: Page, action: str, rows: Sequence[Recipient], zone: ZoneInfo
) -> dict[str, object]:
    """Return a page of recipients."""
    return success(
        page.uri,
        requestdetails={
            "range": page.range,
            "action": action,
            "fromindex": page.fromindex,
        },
        list_of_details=[_item(row, zone) for row in rows],
    )


def as_xml(
    page: Page,
    action: str,
    rows: Sequence[Recipient],
    campaign: Campaign,
    zone: ZoneInfo,
) -> bytes:
    """Return a page of recipients; no contact id, and times only as text."""
    details = {
        "email_status": campaign.status,
        "zuid": campaign.zuid,
        "campaign_name": campaign.name,
        "email_subject": campaign.subject,
    }
    return xml_success(
        page.uri,
        tag("range", page.range),
        tag("action", action),
        tag("fromindex", page.fromindex),
        block("campaign_details", *fls(details)),
        block("contacts", *(block("contact", *fls(_fields(r, zone))) for r in rows)),
    )


def _item(row: Recipient, zone: ZoneInfo) -> dict[str, str]:
    contact = row.contact
    return {
        **_UNUSED,
        "contactid": contact.contact_id,
        "contactemailaddress": contact.email,
        "contactstatus": row.contact_status,
        "contactfn": contact.first_name or _ABSENT,
        "contactln": contact.last_name,
        "companyname": contact.company or _ABSENT,
        "phone": contact.phone or _ABSENT,
        "sent_time": times.shifted_epoch(row.sent),
        "sentdate": times.text(row.sent, zone),
        **_events(row, zone),
        **contact.custom,
    }


def _fields(row: Recipient, zone: ZoneInfo) -> dict[str, str]:
    contact = row.contact
    return {
        "added_time": times.text(row.sent, zone),
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "company_name": contact.company,
        "phone": contact.phone,
        "contact_email": contact.email,
        **_events(row, zone),
        **contact.custom,
    }


def _events(row: Recipient, zone: ZoneInfo) -> dict[str, str]:
    events = {"bouncedDate": row.bounced, "optOutTime": row.opted_out}
    return {
        name: times.text(moment, zone)
        for name, moment in events.items()
        if moment is not None
    }
