"""The settings that tap and target share: the account, its quota, and retries."""

from __future__ import annotations

import typing as t
from contextlib import suppress
from decimal import Decimal

from singer_sdk import typing as th

from tap_zohocampaigns.api import hosts, versions

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zohocampaigns.api.wire.types import Json

    Schema: t.TypeAlias = dict[str, t.Any]

SANDBOX = "sandbox"
DAY = 86_400
# Without the last part, a line break at the end would be accepted.
ACCOUNT_ID = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"


def whole_number(
    name: str, default: int | None, bounds: tuple[int, int], description: str
) -> th.Property[t.Any]:
    """Return a setting that is a whole number within bounds."""
    least, most = bounds
    kind = th.IntegerType(minimum=least, maximum=most)
    return th.Property(name, kind, default=default, description=description)


def account(scopes: str) -> list[th.Property[t.Any]]:
    """Return the settings of the account and its credentials.

    Args:
        scopes: The scopes that a token needs, in words.
    """
    return [
        th.Property(
            "client_id",
            th.StringType,
            description="Client ID of your self client (OAuth 2).",
        ),
        th.Property(
            "client_secret",
            th.StringType,
            secret=True,
            description="Client secret of your self client.",
        ),
        th.Property(
            "refresh_token",
            th.StringType,
            secret=True,
            description=f"Refresh token with the scopes {scopes}.",
        ),
        th.Property(
            "data_center",
            th.StringType(allowed_values=[*hosts.DATA_CENTERS, SANDBOX]),
            default="us",
            description=(
                "Data center of the account. The ending of Zoho's address in your "
                "browser names it. `sandbox` is an imitation account inside the tap; "
                "it needs no credentials."
            ),
        ),
        th.Property(
            "account_id",
            th.StringType(pattern=ACCOUNT_ID),
            description=(
                "Your own name for the account: 1 to 64 letters, digits, `-` and `_`. "
                "Accounts that share a client need one each; the tap writes it into "
                "each record, first in its key."
            ),
        ),
        th.Property(
            "api_url",
            th.StringType,
            description=(
                "Host of Zoho Campaigns, if it is not that of `data_center`. It needs "
                "https, or http on this machine."
            ),
        ),
        th.Property(
            "accounts_url",
            th.StringType,
            description=(
                "Host that issues tokens, if it is not that of `data_center`. It needs "
                "https, or http on this machine."
            ),
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
            description=(
                "Format that Zoho is asked for. The records are the same, except for "
                "what XML does not carry."
            ),
        ),
    ]


QUOTA: list[th.Property[t.Any]] = [
    whole_number(
        "rate_limit_calls",
        490,
        (1, 1_000_000),
        "Calls of one endpoint that are allowed within `rate_limit_seconds`. Zoho "
        "allows 500 in 5 minutes.",
    ),
    whole_number(
        "rate_limit_seconds",
        300,
        (1, DAY),
        "Seconds in which `rate_limit_calls` are allowed.",
    ),
    whole_number(
        "rate_limit_lock_seconds",
        1800,
        (1, DAY),
        "Seconds that an endpoint rests when Zoho says that it is locked.",
    ),
    th.Property(
        "rate_limit_ledger",
        th.StringType,
        secret=True,
        description=(
            "Where calls and the access token are kept between runs and across "
            "programs: the path of a file, a URL redis://… or rediss://…, or `memory` "
            "for this run alone. Unset, it is a file in the user's state folder."
        ),
    ),
    th.Property(
        "rate_limit_on_lock",
        th.StringType(allowed_values=["wait", "stop"]),
        default="wait",
        description=(
            "What to do when Zoho says that an endpoint is locked, or that too many "
            "tokens were asked for: `wait`, or `stop` with all state saved."
        ),
    ),
]
PATIENCE: list[th.Property[t.Any]] = [
    whole_number(
        "request_timeout",
        60,
        (1, 3_600),
        "Seconds that a whole call may take, from the look-up of the host to the last "
        "byte.",
    ),
    whole_number(
        "retry_max_seconds",
        180,
        (0, DAY),
        "Seconds for which a failing call is tried again before the run fails.",
    ),
]


def complete(config: Mapping[str, t.Any], schema: Schema) -> dict[str, t.Any]:
    """Return the settings with their defaults; null counts as unset."""
    defaults = {
        name: property_schema["default"]
        for name, property_schema in schema["properties"].items()
        if "default" in property_schema
    }
    complete = defaults | {
        name: _plain(value) for name, value in config.items() if value is not None
    }
    version = complete["api_version"]
    # It is a number in YAML and JSON, and a text in an environment.
    if isinstance(version, Decimal | float | int) and not isinstance(version, bool):
        complete["api_version"] = f"{version:g}"
    return complete


def _plain(value: Json) -> Json:
    """Return a whole number as an integer, and a list without repeated items.

    Lists of objects stay as they are; they are reported later.
    """
    if isinstance(value, Decimal | float):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, list):
        with suppress(TypeError):
            return [*dict.fromkeys(value)]
    return value


def reachable(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings; those of a new sandbox for the data center `sandbox`."""
    if config["data_center"] != SANDBOX:
        return config
    from tap_zohocampaigns import sandbox  # noqa: PLC0415 (for this one setting)

    service = sandbox.serve()
    # The quota of a sandbox ends with it.
    own = {"rate_limit_ledger": "memory", "api_version": config["api_version"]}
    return config | service.config_v1 | service.config | own
