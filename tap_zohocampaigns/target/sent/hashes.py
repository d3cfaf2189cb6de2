"""Keyed hashes of contacts and changes: a ledger holds no address."""

from __future__ import annotations

import typing as t
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.contactinfo import ADDRESS

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_SIZE = 16
# The settings that decide whose contacts are changed.
_OWNER = ("account_id", "client_id", "client_secret", "refresh_token", "auth_token")


class Fingerprint(t.NamedTuple):
    """The hashes of a change."""

    contact: bytes
    key: bytes
    """Of the list and the topics."""
    kind: bytes
    """Of everything that is sent, except the list."""


class Hasher:
    """Hashes with a key that only the owner of the account has.

    With another account, client or token all hashes differ, so nothing that was sent to
    one account is taken for sent to another one.
    """

    def __init__(self, config: Mapping[str, t.Any]) -> None:
        """Derive the key from the settings of the account."""
        owner = [hosts.find(config).api, *(config.get(name) for name in _OWNER)]
        self._key = blake2b(msgspec.json.encode(owner), person=b"sent ledger").digest()

    def fingerprint(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> Fingerprint:
        """Return the hashes of a change.

        Args:
            action: Name of the action.
            contact: Everything that is sent of the contact, with its address.
            params: Everything else that is sent.
        """
        # Zoho ignores the case of an address.
        person = contact[ADDRESS].lower()
        where = [params.get("listkey", ""), params.get("topic_id", "")]
        others = {name: text for name, text in params.items() if name != "listkey"}
        return Fingerprint(
            self._hash("contact", person),
            self._hash("key", where),
            self._hash("kind", [action, dict(contact), others]),
        )

    def _hash(self, purpose: str, content: object) -> bytes:
        text = msgspec.json.encode([purpose, content], order="deterministic")
        return blake2b(text, key=self._key, digest_size=_SIZE).digest()
