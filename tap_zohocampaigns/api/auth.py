"""What lets a call in: an access token of OAuth, or the token of API version 1.

One access token serves all runs while it lives: Zoho issues at most 10 in 10 minutes
for a refresh token, and keeps 15 of them alive. Version 1 has one token that never
changes:
https://www.zoho.com/campaigns/help/campaign-management-using-apis.html
"""

from __future__ import annotations

import math
import threading
import typing as t
from contextlib import contextmanager
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.api.errors import (
    Action,
    FatalError,
    SettingError,
    Transient,
    Unanswered,
    ZohoError,
)
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.api.tokens.store import Token, is_sound

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_zohocampaigns.api.tokens.store import TokenStore
    from tap_zohocampaigns.api.transport import Reply

# How long a thread waits at once for another one (seconds).
_SIGHT = 0.5
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
    "invalid_scope": "make a new `refresh_token` with the scopes that the docs name",
    "access_denied": "make a new `refresh_token`",
}


_TOO_MANY, _SERVER_ERROR = 429, 500
_PASSING = {"internal_error", "server_error", "temporarily_unavailable"}


class TokenWait(Exception):
    """There is no token now."""

    def __init__(self, wait: Wait) -> None:
        """Tell how long there will be none."""
        super().__init__()
        self.wait = wait


class _Throttled(Transient):
    """Too many tokens were asked for."""


class Signature(t.NamedTuple):
    """What a call carries to be let in: parameters of its form, and headers."""

    form: Mapping[str, str]
    headers: Mapping[str, str]


class Authenticator:
    """Has the access token of one refresh token; safe for threads."""

    renews: t.ClassVar = True
    """Whether there may be a better token than one that is not accepted."""
    advice: t.ClassVar[Mapping[Action, str]] = {}
    """What to check instead of what the table of codes says."""

    def __init__(
        self,
        config: Mapping[str, t.Any],
        post: Callable[[dict[str, str]], Reply],
        clock: Callable[[], float],
        tokens: TokenStore,
    ) -> None:
        """Keep what is needed to ask for tokens.

        Args:
            config: The settings `client_id`, `client_secret` and `refresh_token`.
            post: Posts a form to the token service; raises `Transient`.
            clock: Seconds on a clock that never steps.
            tokens: Where the token is kept.
        """
        self._form = {
            "grant_type": "refresh_token",
            "client_id": config["client_id"],
            "client_secret": config["client_secret"],
            "refresh_token": config["refresh_token"],
        }
        self._post = post
        self._clock = clock
        self._tokens = tokens
        self._guard = threading.Lock()
        self._token: Token | None = None
        self._ends = 0.0
        self._refused: set[str] = set()
        self._texts: set[str] = set()
        self._own: set[str] = set()
        self._verdict: ZohoError | None = None

    @staticmethod
    def whose(config: Mapping[str, t.Any]) -> str:
        """Return what tells whose calls these are, and is no secret."""
        return str(config["client_id"])

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        known = (self._form["client_secret"], self._form["refresh_token"])
        return (*filter(None, known), *tuple(self._texts))

    def token(self) -> Token:
        """Return an access token that is good for another minute at least.

        Of one that lives for minutes only, a quarter of its life has to be left.

        Raises:
            TokenWait: There is none now, as another process asks for it, or the service
                issues none.
            SettingError: Zoho does not accept the credentials, or did not before.
            Transient: The token service does not answer.
        """
        with self._alone():
            if self._verdict:
                # Each thread raises one of its own.
                raise type(self._verdict)(str(self._verdict))
            if self._token is None or self._clock() >= self._ends:
                self._token = self._renew()
                self._ends = self._clock() + self._token.seconds
                self._texts.add(self._token.text)
            return self._token

    def sign(self, token: Token) -> Signature:
        """Return what a call with a token carries."""
        return Signature({}, {"Authorization": f"Zoho-oauthtoken {token.text}"})

    def has_asked_for(self, token: Token) -> bool:
        """Return whether a token was asked for here, and not by another process."""
        return token.issue in self._own

    def discard(self, token: Token) -> None:
        """Use a token no more that was not accepted; a newer one is not touched."""
        with self._alone():
            self._refused.add(token.issue)
            if self._token and self._token.issue == token.issue:
                self._token = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # A wait without end would keep the main thread from obeying a signal.
        while not self._guard.acquire(timeout=_SIGHT):
            pass
        try:
            yield
        finally:
            self._guard.release()

    def _renew(self) -> Token:
        self._token = None
        found = self._tokens.take(self._refused)
        if isinstance(found, Wait):
            raise TokenWait(found)
        if found:
            return found
        try:
            text, lifetime = self._ask()
        except _Throttled:
            raise TokenWait(self._tokens.rest()) from None
        except ZohoError as error:
            # A service that is too slow has made a token all the same.
            self._tokens.release(issued=isinstance(error, Unanswered))
            if not isinstance(error, Transient):
                self._verdict = error
            raise
        except BaseException:
            self._tokens.release(issued=True)
            raise
        token = self._tokens.keep(text, lifetime)
        self._own.add(token.issue)
        return token

    def _ask(self) -> tuple[str, float]:
        reply = self._post(self._form)
        try:
            answer = msgspec.json.decode(reply.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if reply.status == _TOO_MANY:
            msg = "too many requests"
            raise _Throttled(msg)
        if not isinstance(answer, dict):
            msg = (
                f"the token service answered HTTP {reply.status} without JSON "
                "(check `data_center` or `accounts_url`)"
            )
            raise Transient(msg)
        token = answer.get("access_token")
        if not is_sound(token):
            raise self._refusal(answer, reply.status)
        return token, _lifetime(answer)

    def _refusal(self, answer: dict[str, t.Any], status: int) -> Exception:
        error = str(answer.get("error") or "no token")
        if check := _REFUSALS.get(error.casefold()):
            return SettingError(f"Zoho gave no access token ({error}): {check}.")
        told = redact(str(answer.get("error_description") or error), self.secrets)
        if "too many" in told.casefold() or error.casefold() == "access denied":
            return _Throttled(told)
        if error.casefold() in _PASSING or status >= _SERVER_ERROR:
            return Transient(f"the token service fails ({told})")
        return FatalError(
            f"Zoho gave no access token ({told}): check `client_id`, `client_secret`, "
            "`refresh_token` and `data_center`."
        )


def _lifetime(answer: dict[str, t.Any]) -> float:
    try:
        seconds = float(answer.get("expires_in_sec") or answer.get("expires_in"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _LIFETIME
    if not (math.isfinite(seconds) and seconds > 0):
        return _LIFETIME
    return seconds / 1000 if seconds > _LONGEST_LIFETIME else seconds


class AuthToken:
    """Keeps the token of version 1, which ends with its account only."""

    renews: t.ClassVar = False
    advice: t.ClassVar[Mapping[Action, str]] = {
        Action.REFRESH_TOKEN: "check `auth_token` and `data_center`",
        Action.FORBID: "check that the user of `auth_token` may see this",
    }

    def __init__(self, config: Mapping[str, t.Any], *_: object) -> None:
        """Keep the setting `auth_token`; nobody has to be asked for another."""
        self._token = Token(config["auth_token"])

    @staticmethod
    def whose(config: Mapping[str, t.Any]) -> str:
        """Return what tells whose calls these are, and is no secret."""
        return blake2b(config["auth_token"].encode(), digest_size=16).hexdigest()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self._token.text,)

    def token(self) -> Token:
        """Return the token."""
        return self._token

    def sign(self, token: Token) -> Signature:
        """Return what a call with a token carries."""
        form = {"authtoken": token.text, "scope": "CampaignsAPI", "version": "1"}
        return Signature(form, {})

    def has_asked_for(self, token: Token) -> bool:
        """Return that nobody else has."""
        del token
        return True

    def discard(self, token: Token) -> None:
        """Do nothing: there is no better one."""
