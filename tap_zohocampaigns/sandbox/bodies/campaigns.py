"""The bodies of recentcampaigns."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies import times
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    fls,
    java_map,
    success,
    tag,
    version,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.bodies.envelope import Page
    from tap_zohocampaigns.sandbox.world.account import Campaign


def as_json(
    page: Page, status: str, rows: Sequence[Campaign], zone: ZoneInfo
) -> dict[str, object]:
    """Return a page of campaigns; `requestdetails` is Java-Map text here."""
    details = {"range": page.range, "status": status, "fromindex": page.fromindex}
    return success(
        page.uri,
        requestdetails=java_map(details),
        **_numbers(page, rows),
        recent_campaigns=[item(row, zone) for row in rows],
    )


def as_xml(page: Page, rows: Sequence[Campaign], zone: ZoneInfo) -> bytes:
    """Return a page of campaigns; version 1 has a hyphen in the name, and a count."""
    old = version(page.uri) == "1"
    return xml_success(
        page.uri,
        *(tag(name, number) for name, number in _numbers(page, rows).items()),
        block(
            "recent-campaigns" if old else "recent_campaigns",
            *(
                block(
                    "campaign",
                    *fls(item(row, zone)),
                    attributes=f' no="{number}"' if old else "",
                )
                for number, row in enumerate(rows, start=page.fromindex)
            ),
        ),
    )


def item(row: Campaign, zone: ZoneInfo) -> dict[str, str]:
    """Return the fields of a campaign; a draft has no `sent_*`."""
    fields = {
        "campaign_key": row.key,
        "campaignId": row.campaign_id,
        "campaign_name": row.name,
        "subject": row.subject,
        "from_email": row.sender,
        "reply_to": row.reply_to,
        "campaign_status": row.status,
        "campaigntype": row.kind,
        "folder_id": "",
        "is_hybrid": "false",
        "zuid": row.zuid,
        "campaign_preview": preview(row),
        **stamps("created", row.created, zone),
        **stamps("updated", row.updated, zone),
    }
    if row.sent is not None:
        fields |= stamps("sent", row.sent, zone)
        fields["sent_time_zone"] = zone.key
    return fields


def stamps(name: str, moment: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Return an instant in the three forms that a campaign has."""
    return {
        f"{name}_time": times.shifted_epoch(moment),
        f"{name}_time_gmt": times.epoch(moment),
        f"{name}_date_string": times.text(moment, zone),
    }


def preview(row: Campaign) -> str:
    """Return the address of the preview: host and path, without a scheme."""
    return f"preview.example.com/campaign/{row.key}"


def _numbers(page: Page, rows: Sequence[Campaign]) -> dict[str, str]:
    return {
        "fromindex": str(page.fromindex),
        "range": str(page.range),
        "total_record_count": str(page.total),
        "campaign_count": str(len(rows)),
    }
