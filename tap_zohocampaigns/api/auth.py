"""Signs calls: with an access token of OAuth, or with the token of API version 1.

One access token serves all runs while it lives. Zoho issues at most 10 in 10 minutes
for a refresh token, and keeps 15 of them alive. Version 1 has one token that never
changes:
https://www.zoho.com/campaigns/help/campaign-management-using-apis.html
"""

from __future__ import annotations

import threading
import typing as t
from contextlib import contextmanager
from hashlib import blake2b

from tap_zohocampaigns.api.codes import Action
from tap_zohocampaigns.api.errors import (
    Transient,
    Unanswered,
    ZohoError,
)
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.token_answers import Throttled, interpret
from tap_zohocampaigns.api.tokens.entry import Token

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_zohocampaigns.api.tokens.store import TokenStore
    from tap_zohocampaigns.api.transport import Reply

# How long a thread waits for another one before it checks for signals (seconds).
_POLL_SECONDS = 0.5


class TokenWait(Exception):
    """There is no access token now."""

    def __init__(self, wait: Wait) -> None:
        """Keep how long to wait."""
        super().__init__()
        self.wait = wait


class Signature(t.NamedTuple):
    """The credentials of a call: parameters and headers."""

    parameters: Mapping[str, str]
    headers: Mapping[str, str]


class Authenticator:
    """Gets access tokens for one refresh token; safe for threads."""

    renews: t.ClassVar = True
    """Whether a new token can be requested when one is not accepted."""
    advice: t.ClassVar[Mapping[Action, str]] = {}
    """Advice for errors where that of the table of codes does not fit."""

    def __init__(
        self,
        config: Mapping[str, t.Any],
        post: Callable[[dict[str, str]], Reply],
        clock: Callable[[], float],
        tokens: TokenStore,
    ) -> None:
        """Request nothing yet.

        Args:
            config: The settings `client_id`, `client_secret` and `refresh_token`.
            post: Posts a form to the token service; raises `Transient`.
            clock: Returns the seconds of a monotonic clock.
            tokens: Keeps the token for all processes.
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
        self._renew_at = 0.0
        self._refused: set[str] = set()
        self._token_texts: set[str] = set()
        self._requested: set[str] = set()
        self._final_error: ZohoError | None = None

    @staticmethod
    def client_of(config: Mapping[str, t.Any]) -> str:
        """Return an ID of the client that is not secret."""
        return str(config["client_id"])

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown."""
        credentials = (self._form["client_secret"], self._form["refresh_token"])
        return (*filter(None, credentials), *tuple(self._token_texts))

    def token(self) -> Token:
        """Return an access token that lives for another minute at least.

        A token with a lifetime below four minutes has a quarter of it left at least.

        Raises:
            TokenWait: There is none now: another process requests one, or the service
                issues none.
            SettingError: Zoho does not accept the credentials, now or before.
            Transient: The token service does not answer.
        """
        with self._guarded():
            if self._final_error:
                # Each thread raises its own error.
                raise type(self._final_error)(str(self._final_error))
            if self._token is None or self._clock() >= self._renew_at:
                self._token = self._renew()
                self._renew_at = self._clock() + self._token.seconds
                self._token_texts.add(self._token.text)
            return self._token

    def sign(self, token: Token) -> Signature:
        """Return the credentials of a call with this token."""
        return Signature({}, {"Authorization": f"Zoho-oauthtoken {token.text}"})

    def has_requested(self, token: Token) -> bool:
        """Return whether this process requested the token; another one may have."""
        return token.issue in self._requested

    def discard(self, token: Token) -> None:
        """Stop using a token that was not accepted; a newer one stays."""
        with self._guarded():
            self._refused.add(token.issue)
            if self._token and self._token.issue == token.issue:
                self._token = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        # Python handles signals between two steps of the main thread, which therefore
        # must not block for long.
        while not self._guard.acquire(timeout=_POLL_SECONDS):
            pass
        try:
            yield
        finally:
            self._guard.release()

    def _renew(self) -> Token:
        self._token = None
        result = self._tokens.acquire(self._refused)
        if isinstance(result, Wait):
            raise TokenWait(result)
        if result:
            return result
        try:
            reply = self._post(self._form)
            text, lifetime = interpret(reply.status, reply.content, self.secrets)
        except Throttled:
            raise TokenWait(self._tokens.note_throttled()) from None
        except ZohoError as error:
            # A service that is too slow may have issued a token.
            self._tokens.release(issued=isinstance(error, Unanswered))
            if not isinstance(error, Transient):
                self._final_error = error
            raise
        except BaseException:
            self._tokens.release(issued=True)
            raise
        token = self._tokens.keep(text, lifetime)
        self._requested.add(token.issue)
        return token


class AuthToken:
    """Keeps the token of API version 1, which never expires."""

    renews: t.ClassVar = False
    advice: t.ClassVar[Mapping[Action, str]] = {
        Action.REFRESH_TOKEN: "check `auth_token` and `data_center`",
        Action.FORBID: "check that the user of `auth_token` may see this",
    }

    def __init__(self, config: Mapping[str, t.Any], *_: object) -> None:
        """Keep the setting `auth_token`."""
        self._token = Token(config["auth_token"])

    @staticmethod
    def client_of(config: Mapping[str, t.Any]) -> str:
        """Return an ID of the token that is not secret."""
        return blake2b(config["auth_token"].encode(), digest_size=16).hexdigest()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown."""
        return (self._token.text,)

    def token(self) -> Token:
        """Return the token."""
        return self._token

    def sign(self, token: Token) -> Signature:
        """Return the credentials of a call with this token."""
        parameters = {"authtoken": token.text, "scope": "CampaignsAPI", "version": "1"}
        return Signature(parameters, {})

    def has_requested(self, token: Token) -> bool:
        """Return True: the token belongs to this process alone."""
        del token
        return True

    def discard(self, token: Token) -> None:
        """Do nothing: there is no other token."""
