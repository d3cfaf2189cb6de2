"""An imitation of Zoho's token service."""

from __future__ import annotations

import hmac
import typing as t
from hashlib import blake2b

from tap_zohocampaigns.sandbox.bodies.envelope import encode
from tap_zohocampaigns.sandbox.server.http import Reply
from tap_zohocampaigns.sandbox.server.locks import JSON

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_zohocampaigns.sandbox.server.limits import Tokens

TOKEN_PATH: t.Final = "/oauth/v2/token"  # noqa: S105 (a path)
_CREDENTIALS = {
    "client_id": "invalid_client",
    "client_secret": "invalid_client_secret",
    "refresh_token": "invalid_code",
}
"""Credential -> the error if it is wrong."""
_THROTTLED = {
    "error_description": (
        "You have made too many requests continuously. "
        "Please try again after some time."
    ),
    "error": "Access Denied",
    "status": "failure",
}


class TokenSettings(t.Protocol):
    """How tokens are given; see `Service`."""

    scopes: Collection[str]
    tells_scopes: bool
    throttle_status: t.Literal[200, 400]
    token_seconds: int


def credential(name: str) -> str:
    """Return a credential. It is the same in every sandbox."""
    # So settings stay valid after a restart.
    return f"1000.{blake2b(name.encode(), digest_size=16).hexdigest()}"


def token_reply(
    settings: TokenSettings, tokens: Tokens, params: Mapping[str, str]
) -> Reply:
    """Return an access token for a refresh token, or the error of wrong credentials."""
    kind = {"Content-Type": JSON}
    refusal = next(
        (
            error
            for name, error in _CREDENTIALS.items()
            if not hmac.compare_digest(
                params.get(name, "").encode(), credential(name).encode()
            )
        ),
        None,
    )
    if params.get("grant_type") != "refresh_token":
        refusal = "invalid_grant"
    if refusal is not None:
        return Reply(200, encode({"error": refusal}), kind)
    token = tokens.issue()
    if token is None:
        return Reply(settings.throttle_status, encode(_THROTTLED), kind)
    body = {
        "access_token": token,
        "api_domain": "https://www.zohoapis.com",
        "token_type": "Bearer",
        "expires_in": settings.token_seconds,
    }
    if settings.tells_scopes:
        body["scope"] = " ".join(settings.scopes)
    return Reply(200, encode(body), kind)
