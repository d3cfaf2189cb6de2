"""Zoho's refusals of a login, each as one sentence with the way out."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError, SettingError, Transient
from tap_zohocampaigns.api.redact import redact

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_CREATE = "generate a new one in the API console and use it within its minutes"
_REFUSALS: t.Final = {
    "invalid_client": (
        "the client is not known there: check `client_id`, and that `data_center` is "
        "where the client was registered"
    ),
    "invalid_client_secret": "check `client_secret`",
    "invalid_code": f"the code is wrong, was used before, or has expired: {_CREATE}",
    "invalid_redirect_uri": (
        "add the redirect address that `login` shows to the client in the API console"
    ),
    "invalid_scope": "Zoho does not know one of the scopes: check `--add-scope`",
    "invalid_client_type": (
        "the client is of another type: use a non-browser client for `--device`, a "
        "self client for `--code`, and a server-based client otherwise"
    ),
    "access_denied": "consent was denied: run `login` again and accept",
    "expired": "nobody entered the code in time: run `login` again",
}
_SPELLINGS: t.Final = {
    "expired_token": "expired",
    "redirect_uri_mismatch": "invalid_redirect_uri",
    "invalid_grant": "invalid_code",
    "unauthorized_client": "invalid_client_type",
}


def refusal(
    error: str,
    status: int = 0,
    answer: Mapping[str, t.Any] | None = None,
    secrets: Collection[str] = (),
) -> Exception:
    """Return the error for a refusal.

    Args:
        error: What Zoho calls it.
        status: HTTP status; 0 for a redirect.
        answer: The whole answer.
        secrets: Texts that must not appear in the error.
    """
    name = error.casefold().strip()
    name = _SPELLINGS.get(name, name)
    if check := _REFUSALS.get(name):
        return SettingError(f"Zoho refuses ({name}): {check}.")
    text = str((answer or {}).get("error_description") or error)
    text = redact(text, secrets)
    if "too many" in text.casefold() or name == "access denied":
        return Transient(f"Zoho refuses for now ({text}): run `login` again later.")
    known = f", HTTP {status}" if status else ""
    return FatalError(f"Zoho refuses ({text}{known}): check the client and its type.")
