"""The settings of the tap: their schema, and what can be wrong with them."""

from __future__ import annotations

import typing as t
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from singer_sdk import typing as th

from tap_zohocampaigns.api.wire.counters import ACTIONS
from tap_zohocampaigns.settings import shared
from tap_zohocampaigns.settings.checks import account_problems, invalid_values
from tap_zohocampaigns.settings.shared import whole_number

if t.TYPE_CHECKING:
    from collections.abc import Mapping


_FIRST_DAY = date(1900, 1, 1)


def _strings(name: str, description: str, **more: t.Any) -> th.Property[t.Any]:
    kind = th.ArrayType(th.StringType(pattern=r"\S", **more))
    return th.Property(name, kind, description=description)


SCHEMA = th.PropertiesList(
    *shared.account("ZohoCampaigns.contact.READ and ZohoCampaigns.campaign.READ"),
    whole_number("page_size", 500, (1, 10_000), "Rows asked for in one call."),
    th.Property(
        "timezone",
        th.StringType,
        description=(
            "Time zone of the account, by its IANA name, such as America/New_York. "
            "Unset, it is found from the times of campaigns and lists."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        description="Read nothing that was sent or added before this time.",
    ),
    whole_number(
        "lookback_days",
        30,
        (0, 3_650),
        "Days after the sending of a campaign in which it is looked at for late opens "
        "and clicks.",
    ),
    _strings("list_keys", "Read only these mailing lists, by key."),
    _strings("cvids", "Read only these segments, by ID."),
    _strings("campaign_keys", "Read only these campaigns, by key."),
    _strings(
        "actions",
        "Read only these actions of recipients.",
        allowed_values=list(ACTIONS),
    ),
    *shared.QUOTA,
    whole_number("concurrency", 4, (1, 64), "How many calls are underway at once."),
    whole_number(
        "max_duration_minutes",
        None,
        (1, 43_200),
        "End the run in good order after this many minutes. The next run goes on from "
        "there.",
    ),
    *shared.PATIENCE,
).to_dict()


def complete(config: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings with their defaults; null counts as unset."""
    return shared.complete(config, SCHEMA)


def problems(config: Mapping[str, t.Any]) -> list[str]:
    """Return what is wrong with the settings: a sentence each, without their values.

    Args:
        config: The settings, with their defaults.
    """
    if invalid := invalid_values(config, SCHEMA):
        return invalid
    sentences = account_problems(config)
    if (name := config.get("timezone")) and not _is_zone(name):
        sentences.append(
            "Setting `timezone` is no time zone; its names are like America/New_York."
        )
    if start := config.get("start_date"):
        sentences += _problems_of_time(start)
    if not all(cvid.isascii() and cvid.isdigit() for cvid in config.get("cvids", ())):
        sentences.append(
            "Setting `cvids` has an ID that is not a number; Zoho's segment IDs are "
            "digits."
        )
    return sentences


def _problems_of_time(text: str) -> list[str]:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return [
            "Setting `start_date` is no time; it is written like 2024-01-31T00:00:00Z."
        ]
    day = instant.date()
    # In other time zones the day may have begun.
    if _FIRST_DAY <= day <= datetime.now(UTC).date() + timedelta(days=1):
        return []
    return ["Setting `start_date` must be between the year 1900 and today."]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
