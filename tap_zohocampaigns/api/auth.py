"""What lets a call in: an access token of OAuth, or the token of API version 1.

One access token serves a whole run: Zoho issues at most 10 in 10 minutes for a refresh
token, and keeps 15 of them alive. Version 1 has one token that never changes:
https://www.zoho.com/campaigns/help/campaign-management-using-apis.html
"""

from __future__ import annotations

import threading
import typing as t
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.api.errors import (
    Action,
    Failed,
    SettingError,
    Transient,
    redact,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.transport import Reply

# A token that ends within this time (seconds) is renewed before it is used.
_MARGIN = 60.0
_LIFETIME = 3600.0
# Old accounts servers told `expires_in` in milliseconds.
_LONGEST_LIFETIME = 86_400.0

# Errors come with HTTP 200, so the words decide.
_REFUSALS = {
    "invalid_client": (
        "check `client_id`, and that `data_center` is where the client was registered"
    ),
    "invalid_client_secret": "check `client_secret`",
    "invalid_code": (
        "`refresh_token` is wrong, revoked, or of another data centre: check it and "
        "`data_center`, or make a new one"
    ),
    "invalid_scope": "make a new `refresh_token` with the scopes that the README names",
    "access_denied": "make a new `refresh_token`",
}


_PASSING = {"internal_error", "server_error", "temporarily_unavailable"}


class Signature(t.NamedTuple):
    """What a call carries to be let in: parameters of its form, and headers."""

    form: Mapping[str, str]
    headers: Mapping[str, str]


class Authenticator:
    """Keeps the access token of one refresh token; safe for threads."""

    renews: t.ClassVar = True
    """Whether there may be a better token than one that is not accepted."""
    advice: t.ClassVar[Mapping[Action, str]] = {}
    """What to check instead of what the table of codes says."""

    def __init__(
        self,
        config: Mapping[str, t.Any],
        post: Callable[[dict[str, str]], Reply],
        clock: Callable[[], float],
    ) -> None:
        """Keep what is needed to ask for tokens.

        Args:
            config: The settings `client_id`, `client_secret` and `refresh_token`.
            post: Posts a form to the token service; raises `Transient`.
            clock: Seconds on a clock that never steps.
        """
        self._form = {
            "grant_type": "refresh_token",
            "client_id": config["client_id"],
            "client_secret": config["client_secret"],
            "refresh_token": config["refresh_token"],
        }
        self._post = post
        self._clock = clock
        self._guard = threading.Lock()
        self._token = ""
        self._ends = 0.0

    @staticmethod
    def whose(config: Mapping[str, t.Any]) -> str:
        """Return what tells whose calls these are, and is no secret."""
        return str(config["client_id"])

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        known = (self._form["client_secret"], self._form["refresh_token"], self._token)
        return tuple(secret for secret in known if secret)

    def token(self) -> str:
        """Return an access token that is good for another minute at least.

        Raises:
            SettingError: Zoho does not accept the credentials.
            Transient: The token service does not answer, or asks for patience.
        """
        with self._guard:
            if self._clock() >= self._ends - _MARGIN:
                self._renew()
            return self._token

    def sign(self, token: str) -> Signature:
        """Return what a call with a token carries."""
        return Signature({}, {"Authorization": f"Zoho-oauthtoken {token}"})

    def discard(self, token: str) -> None:
        """Forget a token that was not accepted, unless it has been renewed already."""
        with self._guard:
            if token == self._token:
                self._ends = 0.0

    def _renew(self) -> None:
        reply = self._post(self._form)
        try:
            answer = msgspec.json.decode(reply.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = None
        if not isinstance(answer, dict):
            msg = (
                f"the token service answered HTTP {reply.status} without JSON "
                "(check `data_center` or `accounts_url`)"
            )
            raise Transient(msg)
        token = answer.get("access_token")
        if not (isinstance(token, str) and token.isascii() and token.isprintable()):
            token = ""
        if not token:
            raise self._refusal(answer)
        self._token = token
        self._ends = self._clock() + _lifetime(answer)

    def _refusal(self, answer: dict[str, t.Any]) -> Exception:
        error = str(answer.get("error") or "no token")
        if check := _REFUSALS.get(error.casefold()):
            return SettingError(f"Zoho gave no access token ({error}): {check}.")
        told = redact(str(answer.get("error_description") or error), self.secrets)
        if "too many" in told.casefold() or error.casefold() == "access denied":
            return Transient(f"the token service asks for patience ({told})")
        if error.casefold() in _PASSING:
            return Transient(f"the token service fails ({told})")
        return Failed(
            f"Zoho gave no access token ({told}): check `client_id`, `client_secret`, "
            "`refresh_token` and `data_center`."
        )


def _lifetime(answer: dict[str, t.Any]) -> float:
    try:
        seconds = float(answer.get("expires_in_sec") or answer.get("expires_in"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _LIFETIME
    return seconds / 1000 if seconds > _LONGEST_LIFETIME else seconds


class AuthToken:
    """Keeps the token of version 1, which ends with its account only."""

    renews: t.ClassVar = False
    advice: t.ClassVar[Mapping[Action, str]] = {
        Action.RENEW: "check `auth_token` and `data_center`",
        Action.FORBID: "check that the user of `auth_token` may see this",
    }

    def __init__(self, config: Mapping[str, t.Any], *_: object) -> None:
        """Keep the setting `auth_token`; nobody has to be asked for another."""
        self._token: str = config["auth_token"]

    @staticmethod
    def whose(config: Mapping[str, t.Any]) -> str:
        """Return what tells whose calls these are, and is no secret."""
        return blake2b(config["auth_token"].encode(), digest_size=16).hexdigest()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self._token,)

    def token(self) -> str:
        """Return the token."""
        return self._token

    def sign(self, token: str) -> Signature:
        """Return what a call with a token carries."""
        form = {"authtoken": token, "scope": "CampaignsAPI", "version": "1"}
        return Signature(form, {})

    def discard(self, token: str) -> None:
        """Do nothing: there is no better one."""
