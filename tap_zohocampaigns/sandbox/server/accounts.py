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

_OAUTH = "/oauth/v2"
TOKEN_PATH: t.Final = f"{_OAUTH}/token"
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


class Codes(t.Protocol):
    """Exchanges codes; see `Consent`."""

    def exchange(self, params: Mapping[str, str]) -> dict[str, str] | str:
        """Return what is granted for a code, or the error."""


def token_reply(
    settings: TokenSettings, tokens: Tokens, codes: Codes, params: Mapping[str, str]
) -> Reply:
    """Return an access token for a refresh token or a code, or the error."""
    kind = {"Content-Type": JSON}
    if params.get("grant_type") == "authorization_code":
        granted = codes.exchange(params)
        if isinstance(granted, str):
            return Reply(200, encode({"error": granted}), kind)
        issued = _issued(settings, tokens)
        return (
            Reply(200, encode(issued | granted), kind)
            if issued
            else _throttled(settings)
        )
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
    body = _issued(settings, tokens)
    if body is None:
        return _throttled(settings)
    if settings.tells_scopes:
        body["scope"] = " ".join(settings.scopes)
    return Reply(200, encode(body), kind)


def _issued(settings: TokenSettings, tokens: Tokens) -> dict[str, t.Any] | None:
    token = tokens.issue()
    if token is None:
        return None
    return {
        "access_token": token,
        "api_domain": "https://www.zohoapis.com",
        "token_type": "Bearer",
        "expires_in": settings.token_seconds,
    }


def _throttled(settings: TokenSettings) -> Reply:
    body = encode(_THROTTLED)
    return Reply(settings.throttle_status, body, {"Content-Type": JSON})
