"""The settings that reading and writing share: which account, and how it is called."""

from __future__ import annotations

import re
import typing as t
from contextlib import suppress
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from jsonschema import Draft7Validator
from singer_sdk import typing as th
from singer_sdk.helpers import capabilities

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.redact import redact

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Schema: t.TypeAlias = dict[str, t.Any]

SANDBOX = "sandbox"
DAY = 86_400
# Settings that the SDK has for some taps and targets; others pass them to all.
_OF_THE_SDK = frozenset(
    name
    for config in vars(capabilities).values()
    if isinstance(config, dict)
    for name in config.get("properties", ())
)
# How much a name has to have in common with a known one, to be taken for it.
_ALIKE = 0.75
_LONGEST = 100
# A line break at the end is none of them.
_ACCOUNT_ID = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
_NO_ACCOUNT_ID = "must be 1 to 64 letters, digits, `-` or `_`"


def whole(
    name: str, default: int | None, bounds: tuple[int, int], description: str
) -> th.Property[t.Any]:
    """Return a setting that is a whole number within bounds."""
    least, most = bounds
    kind = th.IntegerType(minimum=least, maximum=most)
    return th.Property(name, kind, default=default, description=description)


def account(scopes: str) -> list[th.Property[t.Any]]:
    """Return the settings that tell which account it is.

    Args:
        scopes: Those that a token needs, in words.
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
                "Data center of the account. The ending of the address that Zoho shows "
                "tells which it is. `sandbox` is an imitation account inside the tap; "
                "it needs no credentials."
            ),
        ),
        th.Property(
            "account_id",
            th.StringType(pattern=_ACCOUNT_ID),
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
    whole(
        "rate_limit_calls",
        490,
        (1, 1_000_000),
        "Calls of one endpoint that are allowed within `rate_limit_seconds`. Zoho "
        "allows 500 in 5 minutes.",
    ),
    whole(
        "rate_limit_seconds",
        300,
        (1, DAY),
        "Seconds in which `rate_limit_calls` are allowed.",
    ),
    whole(
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
    whole(
        "request_timeout",
        60,
        (1, 3_600),
        "Seconds that a whole call may take, from the look-up of the host to the last "
        "byte.",
    ),
    whole(
        "retry_max_seconds",
        180,
        (0, DAY),
        "Seconds for which a failing call is tried again before the run fails.",
    ),
]


def complete(config: Mapping[str, t.Any], schema: Schema) -> dict[str, t.Any]:
    """Return the settings with their defaults; one that is null is as if unset."""
    defaults = {
        name: about["default"]
        for name, about in schema["properties"].items()
        if "default" in about
    }
    known = defaults | {
        name: _plain(value) for name, value in config.items() if value is not None
    }
    version = known["api_version"]
    # YAML and JSON take it for a number, environments for a text.
    if isinstance(version, Decimal | float | int) and not isinstance(version, bool):
        known["api_version"] = f"{version:g}"
    return known


def _plain(value: t.Any) -> t.Any:  # noqa: ANN401 (JSON)
    """Return a whole number as such however it is written, and a list without doubles.

    What is not hashable has no place in a list of settings, and is told of later.
    """
    if isinstance(value, Decimal | float):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, list):
        with suppress(TypeError):
            return [*dict.fromkeys(value)]
    return value


def mistaken(config: Mapping[str, t.Any], schema: Schema) -> list[str]:
    """Return which settings have no such value: a sentence each, without the values.

    Args:
        config: The settings, complete.
        schema: What they may be.
    """
    close, _ = unknown(config, schema)
    found: dict[object, str] = {}
    for error in Draft7Validator(schema).iter_errors(dict(config)):
        found.setdefault(error.path[0], _sentence(error))
    return [
        *(
            f"There is no setting `{name}`: write `{meant}`, or leave it out."
            for name, meant in close.items()
        ),
        *found.values(),
    ]


def unknown(
    config: Mapping[str, t.Any], schema: Schema
) -> tuple[dict[str, str], list[str]]:
    """Return the names that are no settings, fit for a log.

    Names that begin with an underscore are those of whoever runs the program.

    Args:
        config: The settings.
        schema: What they may be.

    Returns:
        Those that look like a slip of the pen, with the setting that is meant; and all
        others.
    """
    known = {_letters(name): name for name in [*_OF_THE_SDK, *schema["properties"]]}
    close: dict[str, str] = {}
    others: list[str] = []
    for name in config:
        if name in known.values() or name.startswith("_") or config[name] is None:
            continue
        alike = get_close_matches(_letters(name)[:_LONGEST], known, 1, _ALIKE)
        if alike:
            close[redact(name)] = known[alike[0]]
        else:
            others.append(redact(name))
    return close, others


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def problems(config: Mapping[str, t.Any]) -> list[str]:
    """Return why the account can't be reached: a sentence each, without the values."""
    found = [] if config["data_center"] == SANDBOX else _credential_problems(config)
    for name in ("rate_limit_ledger", "reject_file"):
        try:
            Path(config.get(name) or "").expanduser()
        except RuntimeError:
            found.append(f"Setting `{name}` is in the home of a user who is not known.")
    try:
        hosts.find(config)
    except SettingError as error:
        found.append(str(error))
    return found


def reachable(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings; for the data center `sandbox`, those of one that starts."""
    if config["data_center"] != SANDBOX:
        return config
    from tap_zohocampaigns import sandbox  # noqa: PLC0415 (for this one setting)

    service = sandbox.serve()
    # Its quota begins and ends with it.
    own = {"rate_limit_ledger": "memory", "api_version": config["api_version"]}
    return config | service.config_v1 | service.config | own


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
    if error.validator == "maximum":
        return f"Setting `{name}` must be at most {error.validator_value}."
    if error.validator == "pattern":
        named = error.validator_value == _ACCOUNT_ID
        why = _NO_ACCOUNT_ID if named else "has an entry that is empty"
        return f"Setting `{name}` {why}."
    if error.validator != "type":
        return f"Setting `{name}` has a value of another form than it needs."
    kinds = error.validator_value
    kind = kinds if isinstance(kinds, str) else kinds[0]
    within = "Each of " if len(error.path) > 1 else ""
    return f"{within}setting `{name}` must be of the type {kind}.".capitalize()
