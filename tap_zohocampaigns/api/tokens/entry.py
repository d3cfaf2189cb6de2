"""What the processes share about the access token: its text, times and requests.

Zoho issues at most 10 access tokens in 10 minutes for a refresh token. After that it
issues none to anybody who has it.
"""

from __future__ import annotations

import typing as t

import msgspec

from tap_zohocampaigns.api.quota.ledger import TICK, Wait

if t.TYPE_CHECKING:
    from collections.abc import Collection

WINDOW = 600.0
"""The time in which Zoho counts requests for tokens (seconds)."""
LONGEST_LIFETIME = 86_400.0
_MOST_REQUESTS = 10
# A token that ends within this time (seconds), or within a quarter of its lifetime, is
# renewed before it is used.
_MARGIN = 60.0


class Token(t.NamedTuple):
    """An access token."""

    text: str
    issue: str = ""
    """ID of the request that it came from: the service may give one text twice."""
    seconds: float = 0.0
    """How long it may be used from now on."""


class Entry(msgspec.Struct, frozen=True):
    """What a store keeps. Times are seconds of the store's clock."""

    token: str = ""
    issue: str = ""
    asked_at: float = 0.0
    lifetime: float = 0.0
    requests: tuple[float, ...] = ()
    """When tokens were requested within the last ten minutes."""
    rests_until: float = 0.0
    """Until when the service issues no token."""

    @classmethod
    def parse(cls, content: bytes) -> Entry:
        """Parse what was kept; an unknown form counts as nothing."""
        try:
            return msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return cls()

    def usable(self, refused: Collection[str], now: float) -> Token | None:
        """Return the token if it may be used.

        Args:
            refused: Issues of tokens that the service did not accept.
            now: Seconds of the store's clock.
        """
        if self.issue in refused or not is_sound(self.token):
            return None
        lifetime = min(self.lifetime, LONGEST_LIFETIME)
        # A token does not live longer because a clock was set back.
        rest = min(self.asked_at + lifetime - now, lifetime) - margin(lifetime)
        return Token(self.token, self.issue, rest) if rest > 0 else None

    def without_future(self, now: float) -> Entry:
        """Return the entry without times in the future, or times that no longer count.

        A clock may have been set back. A request from the future was made now at the
        latest.
        """
        requests = [min(at, now) for at in self.requests if at > now - WINDOW]
        return msgspec.structs.replace(
            self,
            requests=tuple(sorted(requests)),
            rests_until=min(self.rests_until, now + WINDOW),
        )

    def wait(self, now: float) -> Wait | None:
        """Return how long no token may be requested; None if one may be."""
        if self.rests_until > now:
            return Wait(max(self.rests_until - now, TICK), locked=True)
        if len(self.requests) >= _MOST_REQUESTS:
            rest = self.requests[-_MOST_REQUESTS] + WINDOW - now
            return Wait(max(rest, TICK), locked=False)
        return None


def is_sound(token: object) -> t.TypeGuard[str]:
    """Return whether a value can be sent as a token."""
    return (
        isinstance(token, str)
        and token.isascii()
        and token.isprintable()
        and token != ""
    )


def margin(lifetime: float) -> float:
    """Return how long before its end a token is renewed (seconds)."""
    return min(_MARGIN, lifetime / 4)
