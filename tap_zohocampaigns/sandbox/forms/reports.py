"""The bodies of campaignreports and getcampaigndetails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_zohocampaigns.sandbox.forms import times
from tap_zohocampaigns.sandbox.forms.campaigns import preview, stamps
from tap_zohocampaigns.sandbox.forms.envelope import (
    block,
    fl,
    fls,
    success,
    tag,
    xml_success,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.account import Campaign, MailingList

_COUNTS = (
    "autoreply_count",
    "bounces_count",
    "complaints_count",
    "delivered_count",
    "emails_sent_count",
    "forwards_count",
    "hardbounce_count",
    "opens_count",
    "softbounce_count",
    "spams_count",
    "unique_clicks_count",
    "unopened",
    "unsent_count",
    "unsub_count",
)
_PERCENTS = {
    "bounce_percent": ("bounces_count", "emails_sent_count"),
    "clicksperopenrate": ("unique_clicks_count", "opens_count"),
    "complaints_percent": ("complaints_count", "delivered_count"),
    "delivered_percent": ("delivered_count", "emails_sent_count"),
    "forward_percent": ("forwards_count", "delivered_count"),
    "open_percent": ("opens_count", "delivered_count"),
    "spam_percent": ("spams_count", "delivered_count"),
    "unique_clicked_percent": ("unique_clicks_count", "delivered_count"),
    "unopened_percent": ("unopened", "delivered_count"),
    "unsent_percent": ("unsent_count", "emails_sent_count"),
    "unsubscribe_percent": ("unsub_count", "delivered_count"),
}
_REACH = dict.fromkeys(
    (
        "emails",
        "facebook",
        "gplus",
        "linkedin",
        "other",
        "pinterest",
        "total",
        "tumblr",
        "twitter",
    ),
    "0",
)
_UNSET = {
    "advanceTypeString": "",
    "email_options": "Both",
    "email_type": "html_template_editor",
    "encodeName": "UTF-8",
    "folder_id": "",
    "isGAConfig": "false",
    "isReplyTrackingEnabled": "false",
    "isToNameConfig": "false",
    "isWistia": "false",
    "is_advance": "false",
    "is_hybrid": "false",
    "preheader": "",
    "schedule_type": "immediate",
    "sender_name": "Sandbox",
    "topic_id": "",
    "topic_name": "",
    "webAutoStatus": "false",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """The list a campaign went to, how many it has, and in what state the list is."""

    mailing_list: MailingList
    contacts: int


@dataclass(frozen=True, slots=True)
class Story:
    """A campaign with its counts; those of the children of an A/B campaign too.

    Without `counts` the answer has no reports: the type asked for was not that of
    the campaign.
    """

    campaign: Campaign
    counts: Mapping[str, int] | None
    children: Mapping[str, Mapping[str, int]]
    audience: Audience | None
    zone: ZoneInfo


def report_as_json(uri: str, story: Story) -> dict[str, object]:
    """Return the report of a campaign; its key is only in the details."""
    reports = [{**row, "campaign_name": story.campaign.name} for row in _reports(story)]
    return success(
        uri,
        message="success",
        **{
            "campaign-by-loaction": _places(story),
            "campaign-reports": reports,
            "campaign-reach": [_REACH],
            "campaign-details": [_details(story)],
        },
    )


def report_as_xml(uri: str, story: Story) -> bytes:
    """Return the report of a campaign."""
    return xml_success(uri, *_sections(story))


def details_as_json(uri: str, story: Story) -> dict[str, object]:
    """Return the details of a campaign."""
    reports = _reports(story)
    body = success(
        uri,
        associated_mailing_lists=_lists(story),
        segments_info=[],
        total_subscribers_count=story.audience.contacts if story.audience else 0,
        campaign_status=story.campaign.status,
        **{
            "campaign-by-loaction": _places(story),
            "campaign-reports": reports,
            "campaign-reach": [_REACH] if reports else [],
            "campaign-details": [_details(story)],
        },
    )
    if story.children:
        body["AB-split-details"] = [_split(story)]
    return body


def details_as_xml(uri: str, story: Story) -> bytes:
    """Return the details of a campaign."""
    lists = (block("list", *fls(one)) for one in _lists(story))
    inner = [
        tag("campaign_status", story.campaign.status),
        tag(
            "total_subscribers_count", story.audience.contacts if story.audience else 0
        ),
        block("associated_mailing_lists", *lists),
        *_sections(story),
    ]
    if story.children:
        inner.append(block("AB-split-details", *fls(_split(story))))
    return xml_success(uri, *inner)


def _sections(story: Story) -> list[str]:
    # The stray word is in Zoho's own sample: a parser has to ignore text there.
    reports = " segment ".join(
        fl(name, value) for row in _reports(story) for name, value in row.items()
    )
    zone, campaign = story.zone, story.campaign
    details = _details(story) | {
        "created_time": times.text(campaign.created, zone),
        "updated_time": times.text(campaign.updated, zone),
        "modified_time": times.text(campaign.updated, zone),
    }
    if campaign.sent is not None:
        details["sent_time"] = times.text(campaign.sent, zone)
    places = {place: str(number) for place, number in _places(story).items()}
    return [
        block("campaign-reach", *(fls(_REACH) if reports else ())),
        block("campaign-by-location", *fls(places)),
        block("campaign-details", *fls(details)),
        block("campaign-reports", *filter(None, (reports,))),
    ]


def _reports(story: Story) -> list[dict[str, str]]:
    counts = story.counts
    if counts is None:
        return []
    percents = {
        name: f"{100 * counts.get(part, 0) / (counts.get(whole, 0) or 1):.1f}"
        for name, (part, whole) in _PERCENTS.items()
    }
    return [{name: str(counts.get(name, 0)) for name in _COUNTS} | percents]


def _places(story: Story) -> dict[str, int]:
    opens = (story.counts or {}).get("opens_count", 0)
    places = {"United States": opens - opens // 3, "Germany": opens // 3}
    return {place: number for place, number in places.items() if number}


def _lists(story: Story) -> list[dict[str, str]]:
    if story.audience is None:
        return []
    one = story.audience.mailing_list
    return [
        {
            "listkey": one.key,
            "listname": one.name,
            "liststatus": "active",
            "contactscount": str(story.audience.contacts),
        }
    ]


def _details(story: Story) -> dict[str, str]:
    campaign, zone = story.campaign, story.zone
    details = {
        **_UNSET,
        "campaign_key": campaign.key,
        "campaign_name": campaign.name,
        "campaign_preview": preview(campaign),
        "campaigntype": campaign.kind,
        "email_from": campaign.sender,
        "email_subject": campaign.subject,
        "reply_to": campaign.reply_to,
        "zuid": campaign.zuid,
        **stamps("created", campaign.created, zone),
        **stamps("updated", campaign.updated, zone),
        "modified_time": times.shifted_epoch(campaign.updated),
        "modified_time_gmt": times.epoch(campaign.updated),
        "modifieddate": times.text(campaign.updated, zone),
    }
    if campaign.sent is not None:
        details |= stamps("sent", campaign.sent, zone)
        details["sent_time_zone"] = zone.key
        details["sent_time_zone_short"] = f"{campaign.sent.astimezone(zone):%Z}"
    return details


def _split(story: Story) -> dict[str, str]:
    fields: dict[str, str] = {}
    for letter, (key, counts) in zip("ab", story.children.items(), strict=False):
        fields |= {
            f"{letter}_child_campaignkey": key,
            f"{letter}_open_count": str(counts.get("opens_count", 0)),
            f"{letter}_click_count": str(counts.get("unique_clicks_count", 0)),
        }
    return fields
