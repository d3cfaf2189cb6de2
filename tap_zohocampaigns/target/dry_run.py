"""What sends changes, and its stand-in for dry runs."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.contacts import BULK, CALLS

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence


class Sender(t.Protocol):
    """Sends changes: `api.contacts.ContactWriter`, or a dry run."""

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Send one change; return whether it was already in effect."""

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        """Send subscribers with nothing but an address."""


class DryRunSender:
    """Sends nothing, and counts the calls that would be made."""

    def __init__(self, tally: Counter[str]) -> None:
        """Keep the counter of calls by endpoint."""
        self._tally = tally

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Count a call; return False, as no change is known to be in effect."""
        del contact, params
        self._tally[CALLS[action]] += 1
        return False

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        """Count a call."""
        del list_key, addresses
        self._tally[BULK] += 1
