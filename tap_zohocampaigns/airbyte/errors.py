"""Errors of the source: their sentence, and who can help."""

from __future__ import annotations

import logging
import re
import typing as t

from airbyte_protocol_dataclasses.models import FailureType
from singer_sdk.exceptions import ConfigValidationError

from tap_zohocampaigns.airbyte.messages import trace_of_error
from tap_zohocampaigns.api.errors import (
    Forbidden,
    Outage,
    SettingError,
    StoppedAtLock,
    ZohoError,
)
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.singer.user_errors import user_message

_OF_USERS: t.Final = (ConfigValidationError, SettingError, Forbidden)
_SETTING = re.compile(r"`(\w+)`")


def sentence(error: Exception) -> str:
    """Return what went wrong, without secrets and contacts."""
    return user_message(error).rstrip(".") + "."


def error_line(error: Exception, stream: str = "") -> bytes:
    """Return the message of an error; log its traceback for `LOGLEVEL=DEBUG`."""
    logging.getLogger().debug("The error in full", exc_info=error)
    return trace_of_error(sentence(error), failure_type(error), stream)


def failure_type(error: Exception) -> FailureType:
    """Classify an error: configuration, transient, or bug.

    An error that names a setting is one of configuration.
    """
    if isinstance(error, Outage | StoppedAtLock):
        return FailureType.transient_error
    named = _SETTING.findall(str(error)) if isinstance(error, ZohoError) else ()
    settings = tap_settings.SCHEMA["properties"].keys()
    if isinstance(error, _OF_USERS) or settings & {*named}:
        return FailureType.config_error
    return FailureType.system_error
