"""The settings: what they are, and whether they make sense together."""

from __future__ import annotations

import typing as t
from datetime import datetime
from zoneinfo import ZoneInfo

from jsonschema import Draft7Validator
from singer_sdk import typing as th

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.streams import ACTIONS

if t.TYPE_CHECKING:
    from collections.abc import Mapping

SANDBOX = "sandbox"


def _strings(name: str, description: str, **more: t.Any) -> th.Property[t.Any]:  # noqa: ANN401
    kind = th.ArrayType(th.StringType(**more))
    return th.Property(name, kind, description=description)


def _whole(name: str, default: int, least: int, description: str) -> th.Property[t.Any]:
    kind = th.IntegerType(minimum=least)
    return th.Property(name, kind, default=default, description=description)


SCHEMA = th.PropertiesList(
    th.Property(
        "client_id", th.StringType, description="Client ID of a self client (OAuth 2)."
    ),
    th.Property(
        "client_secret", th.StringType, secret=True, description="Its client secret."
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        description=(
            "Refresh token with the scopes ZohoCampaigns.contact.READ and "
            "ZohoCampaigns.campaign.READ."
        ),
    ),
    th.Property(
        "data_center",
        th.StringType(allowed_values=[*hosts.DATA_CENTERS, SANDBOX]),
        default="us",
        description=(
            "Where the account is: the ending of the address that Zoho shows. "
            "`sandbox` is an imitation account inside the tap, without credentials."
        ),
    ),
    th.Property(
        "api_url",
        th.StringType,
        description="Another host of Zoho Campaigns than that of `data_center`.",
    ),
    th.Property(
        "accounts_url",
        th.StringType,
        description="Another host for tokens than that of `data_center`.",
    ),
    th.Property(
        "api_version",
        th.StringType(allowed_values=[*versions.VERSIONS]),
        default=versions.LATEST,
        description=(
            "Version of Zoho's API: 1.1 with OAuth 2, or 1 with `auth_token`, for "
            "accounts that still have one."
        ),
    ),
    th.Property(
        "auth_token",
        th.StringType,
        secret=True,
        description="API authentication token, for `api_version` 1 only.",
    ),
    th.Property(
        "response_format",
        th.StringType(allowed_values=["json", "xml"]),
        default="json",
        description="Format that Zoho is asked for; the records are the same.",
    ),
    _whole("page_size", 500, 1, "Rows asked for in one call."),
    th.Property(
        "timezone",
        th.StringType,
        description=(
            "Time zone of the account, such as America/New_York. Unset, it is found "
            "from the times of campaigns and lists."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        description="Nothing that was sent or added before this time is read.",
    ),
    _whole(
        "lookback_days",
        30,
        0,
        "Days after its sending in which a campaign is looked at for late opens and "
        "clicks.",
    ),
    _strings("list_keys", "Read only these mailing lists."),
    _strings("cvids", "Read only these segments, by ID."),
    _strings("campaign_keys", "Read only these campaigns."),
    _strings(
        "actions",
        "Read only these actions of recipients.",
        allowed_values=list(ACTIONS),
    ),
    _whole(
        "rate_limit_calls",
        490,
        1,
        "Calls of one endpoint that are allowed within `rate_limit_seconds`; Zoho "
        "locks at 500.",
    ),
    _whole("rate_limit_seconds", 300, 1, "Length of that window."),
    _whole(
        "rate_limit_lock_seconds",
        1800,
        1,
        "How long an endpoint rests when Zoho says that it is locked.",
    ),
    th.Property(
        "rate_limit_ledger",
        th.StringType,
        secret=True,
        description=(
            "Where calls are remembered between runs and across programs: the path of "
            "a file, a URL redis://… or rediss://…, or `memory` for this run alone. "
            "Unset, it is a file in the user's state folder."
        ),
    ),
    th.Property(
        "rate_limit_on_lock",
        th.StringType(allowed_values=["wait", "stop"]),
        default="wait",
        description=(
            "What to do when Zoho says that an endpoint is locked: `wait` until it is "
            "open again, or `stop` with all state saved."
        ),
    ),
    _whole("concurrency", 4, 1, "How many calls are underway at once."),
    th.Property(
        "max_duration_minutes",
        th.IntegerType(minimum=1),
        description=(
            "End after this time in good order; the next run goes on from there."
        ),
    ),
    _whole("request_timeout", 60, 1, "Seconds that a call may take, answer included."),
    _whole(
        "retry_max_seconds",
        180,
        0,
        "How long a failing call is tried again before the run fails.",
    ),
).to_dict()


def complete(config: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings with their defaults; one that is null is as if unset."""
    defaults = {
        name: about["default"]
        for name, about in SCHEMA["properties"].items()
        if "default" in about
    }
    known = defaults | {name: v for name, v in config.items() if v is not None}
    version = known["api_version"]
    # YAML and JSON take it for a number, environments for a text.
    if isinstance(version, float | int) and not isinstance(version, bool):
        known["api_version"] = f"{version:g}"
    return known


def problems(config: Mapping[str, t.Any]) -> list[str]:
    """Return what is wrong with the settings: a sentence each, without their values.

    Args:
        config: The settings, complete.
    """
    found = [_sentence(e) for e in Draft7Validator(SCHEMA).iter_errors(dict(config))]
    if found:
        return found
    if config["data_center"] != SANDBOX:
        found += _credential_problems(config)
    try:
        hosts.find(config)
    except SettingError as error:
        found.append(str(error))
    if (name := config.get("timezone")) and not _is_zone(name):
        found.append(
            "Setting `timezone` is no time zone; its names are like America/New_York."
        )
    if (start := config.get("start_date")) and not _is_time(start):
        found.append(
            "Setting `start_date` is no time; it is written like 2024-01-31T00:00:00Z."
        )
    if not all(cvid.isdigit() for cvid in config.get("cvids", ())):
        found.append(
            "Setting `cvids` has an ID that is not a number; Zoho's segment IDs are "
            "digits."
        )
    return found


def _credential_problems(config: Mapping[str, t.Any]) -> list[str]:
    version = config["api_version"]
    needed = versions.VERSIONS[version].credentials
    if config.get("auth_token") and "auth_token" not in needed:
        return [
            "Setting `auth_token` is for `api_version` 1: set that, or leave it out."
        ]
    return [
        f"Setting `{name}` is missing, which `api_version` {version} needs; without an "
        f"account, set `data_center` to `{SANDBOX}`."
        for name in needed
        if not config.get(name)
    ]


def _sentence(error: t.Any) -> str:  # noqa: ANN401 (jsonschema's error is untyped)
    name = error.path[0]
    if error.validator == "enum":
        return f"Setting `{name}` must be one of: {', '.join(error.validator_value)}."
    if error.validator == "minimum":
        return f"Setting `{name}` must be at least {error.validator_value}."
    kinds = error.validator_value
    kind = kinds if isinstance(kinds, str) else kinds[0]
    within = "Each of " if len(error.path) > 1 else ""
    return f"{within}setting `{name}` must be of the type {kind}.".capitalize()


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
