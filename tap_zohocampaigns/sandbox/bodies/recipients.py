"""The bodies of getcampaignrecipientsdata: JSON and XML share no field name."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import times
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    fl,
    fls,
    success,
    tag,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.bodies.envelope import Page
    from tap_zohocampaigns.sandbox.world.account import Campaign, Recipient

TimelineForm = t.Literal["list", "object"]
"""The form of opens and clicks in JSON; only that in XML is known.

`list` is `[{"time": …}]`; `object` is `{"report": [{"time": …}]}`, as XML nests them.
"""

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


@dataclass(frozen=True, slots=True)
class Sheet:
    """The campaign and the action of a page of recipients.

    `timeline` has the times of the action by contact ID, if they were asked for.
    """

    campaign: Campaign
    action: str
    zone: ZoneInfo
    timeline: Mapping[str, Sequence[datetime]] | None


def as_json(
    page: Page, sheet: Sheet, rows: Sequence[Recipient], form: TimelineForm
) -> dict[str, object]:
    """Return a page of recipients."""
    return success(
        page.uri,
        requestdetails={
            "range": page.range,
            "action": sheet.action,
            "fromindex": page.fromindex,
        },
        list_of_details=[
            _item(row, sheet.zone) | _reports(sheet, row, form) for row in rows
        ],
    )


def as_xml(page: Page, sheet: Sheet, rows: Sequence[Recipient]) -> bytes:
    """Return a page of recipients; no contact id, and times only as text."""
    campaign = sheet.campaign
    details = {
        "email_status": campaign.status,
        "zuid": campaign.zuid,
        "campaign_name": campaign.name,
        "email_subject": campaign.subject,
    }
    contacts = (
        block("contact", *fls(_fields(row, sheet.zone)), *_report_elements(sheet, row))
        for row in rows
    )
    return xml_success(
        page.uri,
        tag("range", page.range),
        tag("action", sheet.action),
        tag("fromindex", page.fromindex),
        block("campaign_details", *fls(details)),
        block("contacts", *contacts),
    )


def _item(row: Recipient, zone: ZoneInfo) -> dict[str, object]:
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


def _reports(sheet: Sheet, row: Recipient, form: TimelineForm) -> dict[str, object]:
    if sheet.timeline is None:
        return {}
    entries = [{"time": text} for text in _times(sheet, row)]
    return {"reports": entries if form == "list" else {"report": entries}}


def _report_elements(sheet: Sheet, row: Recipient) -> list[str]:
    if sheet.timeline is None:
        return []
    entries = (block("report", fl("time", text)) for text in _times(sheet, row))
    return [block("reports", *entries)]


def _times(sheet: Sheet, row: Recipient) -> list[str]:
    known = (sheet.timeline or {}).get(row.contact.contact_id, ())
    return [times.event(one, sheet.zone) for one in known]


def _events(row: Recipient, zone: ZoneInfo) -> dict[str, str]:
    events = {"bouncedDate": row.bounced, "optOutTime": row.opted_out}
    return {
        name: times.text(moment, zone)
        for name, moment in events.items()
        if moment is not None
    }
