"""Finds out why Zoho did not accept an access token.

The answer is the same for a token that lacks a scope, one that has expired, and one
that Zoho does not accept at all. Zoho issues few tokens, so a new one is not requested
for every refusal. Calls to other endpoints show which of the three it is.
"""

from __future__ import annotations

import threading
import typing as t

from tap_zohocampaigns.api.endpoints import ENDPOINTS, PROBES
from tap_zohocampaigns.api.errors import (
    FatalError,
    MissingScope,
    SettingError,
    Unauthorized,
    ZohoError,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_zohocampaigns.api.auth import Authenticator, AuthToken
    from tap_zohocampaigns.api.tokens.entry import Token

ISSUER = "Zoho's token service"
_REPEATED = (
    f"{ISSUER} gives the same access token again, which Zoho does not accept: "
    "check `data_center`, and `api_url` and `accounts_url` if they are set."
)


class NoProbe(ZohoError):
    """A probe would have to wait for the quota, so it is not made."""


class TokenChanged(ZohoError):
    """Another token is in use by now, so a probe would not test the old one."""


class Refusals:
    """Decides after each refusal: try again, request a new token, or fail."""

    def __init__(
        self,
        auth: Authenticator | AuthToken,
        probe: Callable[[str, Token], None],
    ) -> None:
        """Start with no token tested.

        Args:
            auth: Requests and discards tokens.
            probe: Makes a cheap call to an endpoint with a token. It raises
                `Unauthorized` if that is refused, `NoProbe` if the quota is used up,
                `TokenChanged` if the token is not in use any more, and `ZohoError` if
                the call fails for another reason.
        """
        self._auth = auth
        self._probe = probe
        self.granted_scopes: set[str] = set()
        """Scopes that the token is known to have."""
        self.missing_scopes: set[str] = set()
        self._refusing: set[str] = set()
        """Endpoints that refuse tokens which other endpoints accept."""
        self._accepted: set[str] = set()
        """Issues of tokens that were accepted."""
        self._discarded: dict[str, str] = {}
        """Issues and texts of tokens that were not accepted."""
        self._final_text = ""
        """Why all calls fail, whatever the token; empty if they don't."""
        self._probing = threading.Lock()

    def check_scope(self, endpoint: str) -> None:
        """Fail if the token is known to lack the scope of an endpoint.

        Raises:
            MissingScope: It lacks the scope.
        """
        if ENDPOINTS[endpoint].scope in self.missing_scopes:
            raise _lacks_scope(endpoint)

    def note_accepted(self, endpoint: str, token: Token) -> None:
        """Note that a call was let in."""
        self.granted_scopes.add(ENDPOINTS[endpoint].scope)
        self._accepted.add(token.issue)
        self._refusing.discard(endpoint)
        self._final_text = ""

    def note_refused(
        self, endpoint: str, tokens: Sequence[Token], error: Unauthorized
    ) -> None:
        """Return if the call should be tried again; else raise the error to report.

        A token that is not accepted is discarded, so that the next try has a new one.

        Args:
            endpoint: Name of the call.
            tokens: Those with which it was refused.
            error: The last refusal.

        Raises:
            SettingError: The token never changes.
            MissingScope: The token lacks the scope.
            FatalError: A new token would not help.
        """
        if not self._auth.renews:
            raise SettingError(str(error)) from None
        token, again = tokens[-1], len(tokens) > 1
        unproven = ENDPOINTS[endpoint].scope not in self.granted_scopes
        if (again and unproven) or self._is_replacement(tokens):
            self._compare(endpoint, tokens, error)
        if unproven and not (again or self._auth.has_requested(token)):
            self._check_elsewhere(endpoint, token)
        if self._final_text or endpoint in self._refusing:
            raise FatalError(self._final_text or str(error)) from None
        # A token that other endpoints accept may lack a scope, so it is not replaced at
        # once.
        if again or not (unproven and self.granted_scopes):
            self._discarded[token.issue] = token.text
            self._auth.discard(token)

    def _check_elsewhere(self, endpoint: str, token: Token) -> None:
        """Find out whether a token that another run requested is accepted anywhere.

        Otherwise each run whose first call lacks its scope would request a new token.
        """
        with self._probing:
            if not self.granted_scopes and token.issue not in self._discarded:
                self._is_accepted_elsewhere(endpoint, token)

    def _is_replacement(self, tokens: Sequence[Token]) -> bool:
        """Return whether the last token replaces one that was refused."""
        issue = tokens[-1].issue
        is_new = issue not in self._discarded and issue not in self._accepted
        return issue != tokens[0].issue or (bool(self._discarded) and is_new)

    def _compare(
        self, endpoint: str, tokens: Sequence[Token], error: Unauthorized
    ) -> None:
        """Tell a token that lacks a scope from one that is not accepted at all.

        One thread probes other endpoints for all threads.

        Args:
            endpoint: Name of the call.
            tokens: Those with which it was refused; no new one is requested.
            error: The last refusal.

        Raises:
            MissingScope: The token lacks the scope.
            FatalError: A new token would not help.
        """
        scope, replaced = ENDPOINTS[endpoint].scope, self._is_replacement(tokens)
        with self._probing:
            if self._final_text:
                raise FatalError(self._final_text) from None
            unproven = scope not in self.granted_scopes
            accepted = None
            if replaced or (unproven and scope not in self.missing_scopes):
                accepted = self._is_accepted_elsewhere(endpoint, tokens[-1])
            if accepted and unproven:
                self.missing_scopes.add(scope)
            elif accepted:
                self._refusing.add(endpoint)
            sentence = str(error)
            if replaced and tokens[-1].text in self._discarded.values():
                sentence = _REPEATED
            if replaced and accepted is False:
                self._final_text = sentence
        if scope in self.missing_scopes:
            raise _lacks_scope(endpoint) from None
        if replaced:
            raise FatalError(sentence) from None

    def _is_accepted_elsewhere(self, endpoint: str, token: Token) -> bool | None:
        """Probe other endpoints; return None if no probe gave a result."""
        own_scope = ENDPOINTS[endpoint].scope
        unproven = own_scope not in self.granted_scopes
        refused = unknown = 0
        for other in PROBES:
            scope = ENDPOINTS[other].scope
            same = scope == own_scope if unproven else other == endpoint
            if same or scope in self.missing_scopes:
                continue
            try:
                self._probe(other, token)
            except TokenChanged:
                return None
            except Unauthorized:
                refused += 1
            except ZohoError:
                unknown += 1
            else:
                return True
        return False if refused and not unknown else None


def _lacks_scope(endpoint: str) -> MissingScope:
    row = ENDPOINTS[endpoint]
    way_out = "" if row.writes else ", or deselect the streams that need it"
    return MissingScope(
        f"The token lacks the scope {row.scope}: make a new `refresh_token` "
        f"with it{way_out}."
    )
