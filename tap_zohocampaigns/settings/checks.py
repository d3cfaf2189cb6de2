"""What is wrong with settings: a sentence each, without their values."""

from __future__ import annotations

import re
import typing as t
from difflib import get_close_matches
from pathlib import Path

from jsonschema import Draft7Validator
from singer_sdk.helpers import capabilities

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.settings.shared import ACCOUNT_ID, SANDBOX

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

    Schema: t.TypeAlias = dict[str, t.Any]

# Settings of the SDK. Users pass them to all taps and targets.
_SDK_SETTINGS = frozenset(
    name
    for config in vars(capabilities).values()
    if isinstance(config, dict)
    for name in config.get("properties", ())
)
# How similar a name must be to that of a setting, to be taken for a typing error.
_SIMILAR = 0.75
_LONGEST = 100
_NO_ACCOUNT_ID = "must be 1 to 64 letters, digits, `-` or `_`"


def invalid_values(config: Mapping[str, t.Any], schema: Schema) -> list[str]:
    """Return the settings with invalid values or misspelt names: a sentence each.

    Args:
        config: The settings, with their defaults.
        schema: Their JSON Schema.
    """
    misspelt, _ = _unknown(config, schema)
    sentences: dict[object, str] = {}
    for error in Draft7Validator(schema).iter_errors(dict(config)):
        sentences.setdefault(error.path[0], _sentence(error))
    return [
        *(
            f"There is no setting `{name}`: write `{meant}`, or leave it out."
            for name, meant in misspelt.items()
        ),
        *sentences.values(),
    ]


def unknown_names(config: Mapping[str, t.Any], schema: Schema) -> list[str]:
    """Return the names that are no settings, and similar to none; fit for a log.

    Args:
        config: The settings.
        schema: Their JSON Schema.
    """
    return _unknown(config, schema)[1]


def _unknown(
    config: Mapping[str, t.Any], schema: Schema
) -> tuple[dict[str, str], list[str]]:
    """Return misspelt names with the settings that are meant, and other names.

    Names that begin with an underscore belong to the program that runs the tap.
    """
    names = {_letters(name): name for name in [*_SDK_SETTINGS, *schema["properties"]]}
    misspelt: dict[str, str] = {}
    others: list[str] = []
    for name in config:
        if name in names.values() or name.startswith("_") or config[name] is None:
            continue
        similar = get_close_matches(_letters(name)[:_LONGEST], names, 1, _SIMILAR)
        if similar:
            misspelt[redact(name)] = names[similar[0]]
        else:
            others.append(redact(name))
    return misspelt, others


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def account_problems(config: Mapping[str, t.Any]) -> list[str]:
    """Return why the account can't be reached: a sentence each."""
    problems = [] if config["data_center"] == SANDBOX else _credential_problems(config)
    for name in ("rate_limit_ledger", "sent_ledger", "reject_file"):
        try:
            Path(config.get(name) or "").expanduser()
        except RuntimeError:
            problems.append(
                f"Setting `{name}` is in the home of a user who is not known."
            )
    try:
        hosts.find(config)
    except SettingError as error:
        problems.append(str(error))
    return problems


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


def _sentence(error: ValidationError) -> str:
    name = error.path[0]
    if error.validator == "enum":
        values = t.cast("list[str]", error.validator_value)
        return f"Setting `{name}` must be one of: {', '.join(values)}."
    if error.validator == "minimum":
        return f"Setting `{name}` must be at least {error.validator_value}."
    if error.validator == "maximum":
        return f"Setting `{name}` must be at most {error.validator_value}."
    if error.validator == "pattern":
        is_account = error.validator_value == ACCOUNT_ID
        why = _NO_ACCOUNT_ID if is_account else "has an entry that is empty"
        return f"Setting `{name}` {why}."
    if error.validator != "type":
        return f"Setting `{name}` has a value of another form than it needs."
    types = t.cast("str | list[str]", error.validator_value)
    name_of_type = types if isinstance(types, str) else types[0]
    within = "Each of " if len(error.path) > 1 else ""
    return f"{within}setting `{name}` must be of the type {name_of_type}.".capitalize()
