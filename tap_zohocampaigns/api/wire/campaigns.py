"""The status and the times of a campaign, from its row of `recentcampaigns`."""

from __future__ import annotations

import re
import typing as t
from contextlib import suppress

from tap_zohocampaigns.api.wire import times

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Row

# In these states nothing has been sent. Spellings differ between answers.
_UNSENT = {"draft", "drafts", "scheduled", "tobereviewed", "reviewed"}
_CANCELED = {"canceled", "cancelled"}
# A campaign in these states goes on, however long ago it began.
_UNFINISHED = {"inprogress", "paused", "intesting"}
# Best first. Epochs without `gmt` are hours off, but API v1 documents no others.
_TIMES = (
    *("sent_time_gmt", "updated_time_gmt", "created_time_gmt"),
    *("sent_time", "updated_time", "created_time"),
)


def is_sent(campaign: Row) -> bool:
    """Return whether a campaign may have been sent to somebody."""
    status = _status(campaign)
    if status in _CANCELED:
        return bool(campaign.get("sent_time_gmt"))
    return status not in _UNSENT


def is_unfinished(campaign: Row) -> bool:
    """Return whether a campaign is still being sent or tested."""
    return _status(campaign) in _UNFINISHED


def sent_time(campaign: Row) -> str:
    """Return when a campaign was sent, or the next best time that Zoho gives.

    Returns:
        A time in RFC 3339; the epoch if the campaign has no time at all.
    """
    for name in _TIMES:
        if time := _from_epoch(str(campaign.get(name))):
            return time
    return times.from_epoch("0")


def changed_time(campaign: Row, now: str) -> str:
    """Return the latest time, up to now, at which a campaign was changed or sent.

    A scheduled campaign may have a sending time in the future; that is left out.

    Args:
        campaign: A row of `recentcampaigns`.
        now: The time of the run, in RFC 3339.
    """
    texts = (str(campaign.get(name)) for name in _TIMES[:3])
    parsed = filter(None, map(_from_epoch, texts))
    past = [time for time in (sent_time(campaign), *parsed) if time <= now]
    return max(past, default=times.from_epoch("0"))


def _from_epoch(text: str) -> str | None:
    """Return the time of an epoch; None if it is not one, or beyond the calendar."""
    with suppress(ValueError):
        return times.from_epoch(text) if text.isdecimal() else None
    return None


def _status(campaign: Row) -> str:
    return re.sub(r"[^a-z]", "", str(campaign.get("campaign_status")).casefold())
