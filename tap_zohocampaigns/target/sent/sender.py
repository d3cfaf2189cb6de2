"""Sends changes, and writes their outcomes into the ledger."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.api.contactinfo import ADDRESS
from tap_zohocampaigns.api.errors import Rejected, UnknownRejection

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_zohocampaigns.target.dry_run import Sender
    from tap_zohocampaigns.target.sent.hashes import Fingerprint
    from tap_zohocampaigns.target.sent.ledger import SentLedger


class RecordingSender:
    """Marks contacts before a call, and writes the outcome behind it.

    Its methods raise what those of the sender raise, and `FatalError` if the ledger
    can't be written. A record that Zoho postpones, or answers with an unknown code, has
    no outcome: it is sent again.
    """

    def __init__(self, sender: Sender, ledger: SentLedger) -> None:
        """Use a sender and a ledger."""
        self._sender = sender
        self._ledger = ledger

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Send one change; return whether it was already in effect."""
        fingerprint = self._ledger.fingerprint(action, contact, params)
        with self._recorded([fingerprint]):
            return self._sender.change(action, contact, params)

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        """Send subscribers with nothing but an address."""
        params = {"listkey": list_key}
        fingerprints = [
            self._ledger.fingerprint("subscribe", {ADDRESS: address}, params)
            for address in addresses
        ]
        with self._recorded(fingerprints):
            self._sender.add_to_list(list_key, addresses)

    @contextmanager
    def _recorded(self, fingerprints: Sequence[Fingerprint]) -> Iterator[None]:
        self._ledger.begin(fingerprints)
        try:
            yield
        except UnknownRejection:
            raise
        except Rejected:
            # Of several contacts, the answer does not name the wrong one.
            if len(fingerprints) == 1:
                self._ledger.note(fingerprints, rejected=True)
            raise
        self._ledger.note(fingerprints, rejected=False)
