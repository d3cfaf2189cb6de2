"""Interprets the answers of the token service. It needs no I/O."""

from __future__ import annotations

import math
import typing as t

import msgspec

from tap_zohocampaigns.api.errors import FatalError, SettingError, Transient
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.api.tokens.entry import is_sound

if t.TYPE_CHECKING:
    from collections.abc import Collection

_LIFETIME = 3600.0
# Old accounts servers sent `expires_in` in milliseconds.
_LONGEST_LIFETIME = 86_400.0

# Errors come with HTTP 200, so the texts decide.
_REFUSALS = {
    "invalid_client": (
        "check `client_id`, and that `data_center` is where the client was registered"
    ),
    "invalid_client_secret": "check `client_secret`",
    "invalid_code": (
        "`refresh_token` is wrong, revoked, or of another data center: check it and "
        "`data_center`, or make a new one"
    ),
    "invalid_scope": "make a new `refresh_token` with the scopes that the docs name",
    "access_denied": "make a new `refresh_token`",
}
_TOO_MANY, _SERVER_ERROR = 429, 500
_TEMPORARY = {"internal_error", "server_error", "temporarily_unavailable"}


class Throttled(Transient):
    """Too many tokens were requested."""


def interpret(
    status: int, content: bytes, secrets: Collection[str] = ()
) -> tuple[str, float]:
    """Return the token of an answer of the token service, and its lifetime (seconds).

    Args:
        status: HTTP status.
        content: Body.
        secrets: Texts that must not appear in an error.

    Raises:
        SettingError: The service does not accept the credentials.
        FatalError: It refuses for a reason that is not known.
        Transient: It may answer otherwise later, or too many tokens were requested.
    """
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if status == _TOO_MANY:
        msg = "too many requests"
        raise Throttled(msg)
    if not isinstance(answer, dict):
        msg = (
            f"the token service answered HTTP {status} without JSON "
            "(check `data_center` or `accounts_url`)"
        )
        raise Transient(msg)
    token = answer.get("access_token")
    if not is_sound(token):
        raise _refusal(answer, status, secrets)
    return token, _lifetime(answer)


def _refusal(
    answer: dict[str, t.Any], status: int, secrets: Collection[str]
) -> Exception:
    error = str(answer.get("error") or "no token")
    if check := _REFUSALS.get(error.casefold()):
        return SettingError(f"Zoho gave no access token ({error}): {check}.")
    message = redact(str(answer.get("error_description") or error), secrets)
    if "too many" in message.casefold() or error.casefold() == "access denied":
        return Throttled(message)
    if error.casefold() in _TEMPORARY or status >= _SERVER_ERROR:
        return Transient(f"the token service fails ({message})")
    return FatalError(
        f"Zoho gave no access token ({message}): check `client_id`, `client_secret`, "
        "`refresh_token` and `data_center`."
    )


def _lifetime(answer: dict[str, t.Any]) -> float:
    try:
        seconds = float(answer.get("expires_in_sec") or answer["expires_in"])
    except (KeyError, TypeError, ValueError):
        return _LIFETIME
    if not (math.isfinite(seconds) and seconds > 0):
        return _LIFETIME
    return seconds / 1000 if seconds > _LONGEST_LIFETIME else seconds
