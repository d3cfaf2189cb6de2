"""The store of the access token, so that all processes use the same one.

A request for a token is entered before it is sent. One process requests a token while
the others wait, and the token is for all of them.
"""

from __future__ import annotations

import logging
import secrets
import time
import typing as t

import msgspec

from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.tokens.entry import (
    LONGEST_LIFETIME,
    WINDOW,
    Entry,
    Token,
    margin,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection

logger = logging.getLogger("tap-zohocampaigns.tokens")

# How often a waiting process looks for the token (seconds).
_POLL = 0.1
# A request lasts a minute at most, so a process that needs longer hangs (seconds).
_PATIENCE = 120.0


class TokenStore:
    """Keeps the token in the memory of this process. The other stores extend it.

    Not safe for threads: one thread requests a token for all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a token.

        Args:
            clock: Returns the seconds of a monotonic clock.
        """
        self._clock = clock
        self._entry = Entry()
        self._asked_at = 0.0
        self._waiting_since: float | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other processes use the same token."""
        return False

    def acquire(self, refused: Collection[str]) -> Token | Wait | None:
        """Return the token, how long to wait for it, or None: then request one.

        After None, other processes wait until `keep`, `note_throttled` or `release` is
        called.

        Args:
            refused: Issues of tokens that the service did not accept.
        """
        if result := self._usable(refused) or self._due():
            self._waiting_since = None
            return result
        if not self._has_turn():
            return Wait(_POLL, locked=False)
        try:
            # Another process may have requested one meanwhile.
            result = self._usable(refused) or self._enter()
        except BaseException:
            self._unlock()
            raise
        if result:
            self._unlock()
        return result

    def keep(self, text: str, lifetime: float) -> Token:
        """Keep a token that was issued, and let other processes go on.

        Args:
            text: The token.
            lifetime: How long it lives (seconds).
        """
        lifetime = min(lifetime, LONGEST_LIFETIME)
        issue = secrets.token_hex(8)
        self._settle(
            token=text, issue=issue, asked_at=self._asked_at, lifetime=lifetime
        )
        return Token(text, issue, lifetime - margin(lifetime))

    def note_throttled(self) -> Wait:
        """Note that the service issues no token for ten minutes; return that wait."""
        self._settle(throttled=True)
        return Wait(WINDOW, locked=True)

    def release(self, *, issued: bool) -> None:
        """Let other processes request a token.

        Args:
            issued: Whether the service may have issued a token.
        """
        self._settle(issued=issued)

    def _usable(self, refused: Collection[str]) -> Token | None:
        entry, now = self._read()
        return entry.usable(refused, now)

    def _has_turn(self) -> bool:
        if self._lock():
            self._waiting_since = None
            return True
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < _PATIENCE:
            return False
        logger.warning(
            "Another process has been asking for an access token for %.0f s: "
            "not waiting for it any longer.",
            now - self._waiting_since,
        )
        self._waiting_since = None
        return True

    def _due(self) -> Wait | None:
        """Return how long no token may be requested, if the entry is consistent.

        An entry with times in the future is corrected by the process that has its turn.
        """
        entry, now = self._read()
        corrected = entry.without_future(now)
        return corrected.wait(now) if corrected == entry else None

    def _enter(self) -> Wait | None:
        """Enter a request if it may be sent now; else return how long to wait."""
        entry, now = self._read()
        entry = entry.without_future(now)
        wait = entry.wait(now)
        if wait is None:
            entry = msgspec.structs.replace(entry, requests=(*entry.requests, now))
        self._asked_at = now
        self._write(entry)
        return wait

    def _settle(
        self, *, issued: bool = True, throttled: bool = False, **token: str | float
    ) -> None:
        entry, now = self._read()
        # The service counts a request when it arrives, some time before its answer.
        requests = (*entry.requests[:-1], *([now] if issued else ()))
        until = now + WINDOW if throttled else entry.rests_until
        self._write(
            msgspec.structs.replace(
                entry, requests=requests, rests_until=until, **token
            )
        )
        self._unlock()

    def _read(self) -> tuple[Entry, float]:
        """Return what is kept, and the time of the store's clock."""
        return self._entry, self._clock()

    def _write(self, entry: Entry) -> None:
        """Replace what is kept."""
        self._entry = entry

    def _lock(self) -> bool:
        """Keep other processes from requesting; return False if one does now."""
        return True

    def _unlock(self) -> None:
        """Let other processes request a token."""
