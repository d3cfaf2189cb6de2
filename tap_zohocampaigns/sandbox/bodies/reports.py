"""The bodies of campaignreports and getcampaigndetails."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import places, times
from tap_zohocampaigns.sandbox.bodies.campaigns import preview, stamps
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    fl,
    fls,
    java_map,
    success,
    tag,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.world.account import Campaign, MailingList, Segment

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
PlacesForm = t.Literal["object", "map_text"]
"""How JSON has the opens by country: an object by name, as was seen, or the text
`{in=2}` by code, as the page of campaignreports has it.
"""

SegmentsInfoForm = t.Literal["list", "object"]
"""How JSON has the segments of a campaign; only `[]` and `{}` are known, if none.

`list` is of objects with `cvid` and `segment_name`; `object` is cvid -> name.
"""

# One of so many clicks comes from a share of the campaign.
_CLICKS_PER_SHARE = {"facebook": 6, "twitter": 9, "linkedin": 14, "other": 20}
_UNUSED_CHANNELS = ("gplus", "pinterest", "tumblr")
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
    "webAutoStatus": "false",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """The list and segments of a campaign, and the number of contacts of the list."""

    mailing_list: MailingList
    contacts: int
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Story:
    """A campaign with its counts, and those of the children of an A/B campaign.

    `counts` is None if another type of campaign was asked for: then the answer has no
    reports.
    """

    campaign: Campaign
    counts: Mapping[str, int] | None
    children: Mapping[str, Mapping[str, int]]
    audience: Audience | None
    zone: ZoneInfo


def report_as_json(uri: str, story: Story, form: PlacesForm) -> dict[str, object]:
    """Return the report of a campaign; its key is only in the details."""
    reports = [{**row, "campaign_name": story.campaign.name} for row in _reports(story)]
    return success(
        uri,
        message="success",
        **{
            "campaign-by-loaction": _located(story, form),
            "campaign-reports": reports,
            "campaign-reach": _reach(story),
            "campaign-details": [_details(story)],
        },
    )


def report_as_xml(uri: str, story: Story) -> bytes:
    """Return the report of a campaign."""
    return xml_success(uri, *_sections(story))


def details_as_json(
    uri: str, story: Story, form: PlacesForm, segments_form: SegmentsInfoForm
) -> dict[str, object]:
    """Return the details of a campaign."""
    body = success(
        uri,
        associated_mailing_lists=_lists(story),
        segments_info=_segments_info(story, segments_form),
        total_subscribers_count=story.audience.contacts if story.audience else 0,
        campaign_status=story.campaign.status,
        **{
            "campaign-by-loaction": _located(story, form),
            "campaign-reports": _reports(story),
            "campaign-reach": _reach(story),
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
        block(
            "segments_info",
            *(block("segment", *fls(one)) for one in _segments(story)),
        ),
        *_sections(story),
    ]
    if story.children:
        inner.append(block("AB-split-details", *fls(_split(story))))
    return xml_success(uri, *inner)


def _sections(story: Story) -> list[str]:
    # The stray word is in Zoho's own sample. A parser has to ignore it.
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
    reach = (field for row in _reach(story) for field in fls(row))
    by_country = places.countries(_opens(story))
    return [
        block("campaign-reach", *reach),
        block(
            "campaign-by-location",
            *(fl(place, str(number)) for place, number in by_country.items()),
        ),
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


def _reach(story: Story) -> list[dict[str, str]]:
    if story.counts is None:
        return []
    clicks = story.counts.get("unique_clicks_count", 0)
    reach = dict.fromkeys(_UNUSED_CHANNELS, 0)
    reach |= {name: clicks // share for name, share in _CLICKS_PER_SHARE.items()}
    reach["emails"] = _opens(story)
    reach["total"] = sum(reach.values())
    return [{name: str(number) for name, number in reach.items()}]


def _opens(story: Story) -> int:
    return (story.counts or {}).get("opens_count", 0)


def _located(story: Story, form: PlacesForm) -> object:
    if form == "map_text":
        return java_map(places.countries(_opens(story), codes=True))
    return places.countries(_opens(story))


def _segments(story: Story) -> list[dict[str, str]]:
    return [
        {"cvid": one.cvid, "segment_name": one.name}
        for one in (story.audience.segments if story.audience else ())
    ]


def _segments_info(story: Story, form: SegmentsInfoForm) -> object:
    rows = _segments(story)
    if form == "list":
        return rows
    return {row["cvid"]: row["segment_name"] for row in rows}


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
    topic = campaign.topic
    details = {
        **_UNSET,
        "campaign_key": campaign.key,
        "campaign_name": campaign.name,
        "campaign_preview": preview(campaign),
        "campaigntype": campaign.kind,
        "email_from": campaign.sender,
        "email_subject": campaign.subject,
        "reply_to": campaign.reply_to,
        "topic_id": topic.topic_id if topic else "",
        "topic_name": topic.name if topic else "",
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
            # There are more; their names are not known.
            f"{letter}_unopened": str(counts.get("unopened", 0)),
        }
    return fields
