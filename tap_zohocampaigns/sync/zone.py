"""The time zone of the account, as its campaigns and lists show it."""

from __future__ import annotations

import logging
import typing as t
from collections import Counter

from tap_zohocampaigns.api.wire.zones import Pair, find_zone

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.api.wire.zones import Finding

logger = logging.getLogger("tap-zohocampaigns.inventory")


def account_zone(
    campaigns: Iterable[Row], lists: Callable[[], Iterable[Row]]
) -> ZoneInfo | None:
    """Return the zone that the times of an account show; None if they show none.

    Args:
        campaigns: Rows of `recentcampaigns`.
        lists: Returns rows of `getmailinglists`. It is called only if the campaigns do
            not show the zone clearly.
    """
    pairs, hints = _pairs_of_campaigns(campaigns)
    finding = find_zone(pairs, hints)
    if finding is None or not finding.is_clear:
        finding = find_zone([*pairs, *_pairs_of_lists(lists())], hints)
    if finding is None:
        logger.warning(
            "The account's time zone can't be found, so times are taken for UTC; "
            "set `timezone` to correct them."
        )
        return None
    _log(finding)
    return finding.zone


def _log(finding: Finding) -> None:
    agree = finding.pairs - finding.disagree
    if agree:
        # If half of the pairs disagree, the zone is little more than a guess.
        logger.log(
            logging.INFO if agree > finding.disagree else logging.WARNING,
            "Times are in %s, as %d of %d pairs of times of campaigns and lists "
            "show (%d disagree); if that is wrong, set `timezone`.",
            finding.zone.key,
            agree,
            finding.pairs,
            finding.disagree,
        )
    else:
        logger.info(
            "Times are in %s, as campaigns were planned there, and none of %d "
            "pairs of times shows a zone; if that is wrong, set `timezone`.",
            finding.zone.key,
            finding.pairs,
        )


def _pairs_of_campaigns(campaigns: Iterable[Row]) -> tuple[list[Pair], list[str]]:
    """Return the pairs of campaigns, and their zones by name, most frequent first."""
    campaigns = [*campaigns]
    hints = Counter(
        str(name) for row in campaigns if (name := row.get("sent_time_zone"))
    )
    pairs = [
        Pair(str(campaign.get(f"{event}_time_gmt")), str(text))
        for campaign in campaigns
        for event in ("sent", "created", "updated")
        if (text := campaign.get(f"{event}_date_string"))
    ]
    return pairs, [name for name, _ in hints.most_common()]


def _pairs_of_lists(lists: Iterable[Row]) -> list[Pair]:
    return [
        Pair(str(row.get("created_time_gmt")), str(row["date"]))
        for row in lists
        if row.get("date")
    ]
