"""The ledger of what was sent: which changes need no call, as they are in effect.

A change is taken for unchanged only if nothing that was sent behind it may have undone
it. Two changes of a contact are independent if they differ in nothing but the list.

Before a call, its contacts are marked in the ledger, and the mark goes when the outcome
is written. If a contact has the mark of another run, that run was killed, or is about
to change the contact: then nothing is known of it.
"""

from __future__ import annotations

import secrets
import typing as t
from collections import defaultdict
from contextlib import suppress

import msgspec

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.target.report import REJECTED_BEFORE, UNCHANGED

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_zohocampaigns.target.changes import Change, Key
    from tap_zohocampaigns.target.sent.hashes import Fingerprint, Hasher
    from tap_zohocampaigns.target.sent.store import Store

# So many lists and topics of a contact are remembered.
_MOST_ENTRIES = 1000


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    """What was sent last for a list and topics."""

    key: bytes
    kind: bytes
    rejected: bool


class _Contact(msgspec.Struct, array_like=True):
    """What was sent of a contact."""

    sender: bytes = b""
    """The mark of a call whose outcome is not written."""
    entries: list[_Entry] = []
    """In the order in which they were sent."""


class SentLedger:
    """Knows which changes are in effect, and writes what was sent."""

    def __init__(self, store: Store, hasher: Hasher) -> None:
        """Use a store.

        Args:
            store: Keeps what was sent.
            hasher: Hashes contacts and changes.
        """
        self._store = store
        self.fingerprint = hasher.fingerprint
        self._mark = secrets.token_bytes(8)
        self._unknown: dict[bytes, set[Fingerprint]] = {}
        """Contacts that have the mark of this run -> changes without an outcome."""
        self._contested: set[bytes] = set()
        """Those of them that another run was about to change, too.

        Nobody knows whose change came last, so this run notes nothing more of them.
        """

    def find_unchanged(self, changes: Sequence[Change]) -> dict[Key, str]:
        """Return which changes need not be sent, with their outcomes.

        Args:
            changes: The changes, in order, one for each contact, list and topics.
        """
        contacts: defaultdict[bytes, list[tuple[Key, Fingerprint]]] = defaultdict(list)
        for change in changes:
            fingerprint = self.fingerprint(change.action, change.contact, change.params)
            contacts[fingerprint.contact].append((change.key, fingerprint))
        # What another run sends of them meanwhile is not known here.
        known = self._store.read([*contacts])
        outcomes: dict[Key, str] = {}
        for contact, content in known.items():
            outcomes |= _unchanged(contacts[contact], _decode(content))
        return outcomes

    def begin(self, fingerprints: Iterable[Fingerprint]) -> None:
        """Mark contacts before a call that may change them."""
        contacts: set[bytes] = set()
        for fingerprint in fingerprints:
            contact = fingerprint.contact
            if contact not in self._unknown or contact in self._contested:
                contacts.add(contact)
            # Even if it fails, they may be marked.
            self._unknown.setdefault(contact, set()).add(fingerprint)
        if contacts:
            self._store.edit(sorted(contacts), self._marked)

    def note(self, fingerprints: Iterable[Fingerprint], *, rejected: bool) -> None:
        """Write the outcome of a call.

        The mark of a contact stays if another change of it has no outcome.

        Args:
            fingerprints: The changes that were sent, one for each contact.
            rejected: Whether Zoho does not accept them. Otherwise they are in effect.
        """
        noted = {fingerprint.contact: fingerprint for fingerprint in fingerprints}
        for contact, fingerprint in noted.items():
            self._unknown[contact].discard(fingerprint)

        def with_outcome(contact: bytes, content: bytes) -> bytes:
            known = _decode(content)
            if contact in self._contested or known.sender != self._mark:
                self._contested.add(contact)
                return self._marked(contact, content)
            _, key, kind = noted[contact]
            entries = _with_entry(known.entries, _Entry(key, kind, rejected))
            sender = self._mark if self._unknown[contact] else b""
            return msgspec.msgpack.encode(_Contact(sender, entries))

        self._store.edit(sorted(noted), with_outcome)
        for contact in noted.keys() - self._contested:
            if not self._unknown[contact]:
                del self._unknown[contact]

    def close(self) -> None:
        """Forget the contacts that are still marked, and close the store."""
        unknown, self._unknown = sorted(self._unknown), {}
        # If that fails, they stay marked, and are sent twice more.
        with suppress(FatalError, Stopped):
            if unknown:
                self._store.edit(unknown, lambda *_: b"")
        self._store.close()

    def _marked(self, contact: bytes, content: bytes) -> bytes:
        known = _decode(content)
        if known.sender not in (b"", self._mark):
            self._contested.add(contact)
        known.sender = self._mark
        return msgspec.msgpack.encode(known)


def _decode(content: bytes) -> _Contact:
    try:
        return msgspec.msgpack.decode(content, type=_Contact)
    except msgspec.MsgspecError:
        # It was deleted, or is damaged.
        return _Contact()


def _with_entry(entries: list[_Entry], new: _Entry) -> list[_Entry]:
    """Return the entries with a new one behind them."""
    at = next((at for at, entry in enumerate(entries) if entry.key == new.key), None)
    if at is None:
        return [*entries[1 - _MOST_ENTRIES :], new]
    before, old, behind = entries[:at], entries[at], entries[at + 1 :]
    if old.kind != new.kind:
        # What it replaces may have undone them, which nothing would show any more.
        before = [entry for entry in before if entry.kind == old.kind]
    return [*before, *behind, new]


def _unchanged(
    changes: Sequence[tuple[Key, Fingerprint]], known: _Contact
) -> Mapping[Key, str]:
    """Return which changes of one contact need not be sent, with their outcomes.

    That is so if the same was sent last for its list and topics, if each change of
    another kind that was sent behind it comes behind it here too, unchanged, and if no
    change of another kind is sent before it now.
    """
    if known.sender:
        return {}
    positions = {print_.key: place for place, (_, print_) in enumerate(changes)}
    entries = {entry.key: place for place, entry in enumerate(known.entries)}
    sent_kinds: set[bytes] = set()
    outcomes: dict[Key, str] = {}
    for place, (key, print_) in enumerate(changes):
        at = entries.get(print_.key)
        if at is not None and known.entries[at].kind == print_.kind:
            behind = [e for e in known.entries[at + 1 :] if e.kind != print_.kind]
            if not sent_kinds - {print_.kind} and all(
                positions.get(entry.key, -1) > place
                and changes[positions[entry.key]][1].kind == entry.kind
                for entry in behind
            ):
                rejected = known.entries[at].rejected
                outcomes[key] = REJECTED_BEFORE if rejected else UNCHANGED
                continue
        sent_kinds.add(print_.kind)
    return outcomes
