"""Keeps changes until they are sent, and sends them in order.

Changes are kept until the input ends, or until there are very many, so that only the
last change of a contact and list is sent. A state is passed on when Zoho has answered
all changes before it, including those that a later change replaced.
"""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.contacts import BULK, CALLS, MOST_AT_ONCE
from tap_zohocampaigns.api.errors import (
    FatalError,
    Postponed,
    Rejected,
    UnknownRejection,
)
from tap_zohocampaigns.target.pending import Claim, PendingChange, StateQueue
from tap_zohocampaigns.target.postponed import PostponedContacts
from tap_zohocampaigns.target.rejects import Reject
from tap_zohocampaigns.target.report import ALREADY, REJECTED, SENT, SKIPPED

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from tap_zohocampaigns.target.changes import Change, Key
    from tap_zohocampaigns.target.dry_run import Sender
    from tap_zohocampaigns.target.postponed import RetryPolicy
    from tap_zohocampaigns.target.rejects import RejectFile
    from tap_zohocampaigns.target.report import Report
    from tap_zohocampaigns.target.selection import Selection

# If this many contacts in a row get unknown codes, it is not the contacts.
_MOST_UNKNOWN = 5


class Outbox:
    """Sends changes in order, and passes on states behind them."""

    def __init__(  # noqa: PLR0913 (its collaborators)
        self,
        open_sender: Callable[[], Sender],
        rejects: RejectFile,
        report: Report,
        *,
        emit: Callable[[dict[str, t.Any]], None],
        undisturbed: Callable[[], AbstractContextManager[None]],
        retries: RetryPolicy,
        bulk: bool,
        selection: Selection,
        most_pending: int,
    ) -> None:
        """Start empty.

        Args:
            open_sender: Returns the sender. It is called when there is a change.
            rejects: Stores records that can't be sent or are not accepted.
            report: Counts records by outcome.
            emit: Passes a state on.
            undisturbed: A context in which no signal ends the run.
            retries: How long a postponed contact is tried again.
            bulk: Whether several subscribers can be sent in one call.
            selection: Selects which changes are sent.
            most_pending: After how many records they are sent.
        """
        self._open_sender = open_sender
        self._rejects = rejects
        self._report = report
        self._undisturbed = undisturbed
        self._bulk = bulk
        self._selection = selection
        self._most_pending = most_pending
        self._states = StateQueue(emit)
        self._pending: dict[Key, PendingChange] = {}
        self._groups: dict[str, dict[str, PendingChange]] = {}
        """List -> contact -> what is sent in the next call for several contacts."""
        self._postponed: PostponedContacts[PendingChange] = PostponedContacts(retries)
        self._doubtful: list[tuple[PendingChange, Rejected]] = []
        """Records that got unknown codes since the last known answer."""
        self._last: dict[str, bytes] = {}
        """Contact -> digest of the last change that was made."""
        self._records = 0

    def add(self, change: Change) -> None:
        """Add a change; an earlier one of the same key is not sent."""
        pending = self._pending.pop(change.key, None)
        if pending:
            self._count(SKIPPED, pending.change)
            pending.change = change
        else:
            pending = PendingChange(change)
        # At the end, since changes of a contact are made in the order of the records.
        self._pending[change.key] = pending
        self._states.add_claim(pending)
        self._records += 1
        if self._records >= self._most_pending:
            self.send()

    def reserve(self) -> Claim:
        """Let states wait for a record that may still be rejected."""
        claim = Claim()
        self._states.add_claim(claim)
        return claim

    def reject(self, reject: Reject, action: str, claim: Claim | None = None) -> None:
        """Reject a record that can't be sent.

        Args:
            reject: The record and the reason.
            action: What should have been done with the contact.
            claim: What `reserve` returned for the record, if it was called.
        """
        with self._undisturbed():
            self._rejects.add(reject)
            self._report.count_record(REJECTED, action, reject.number)
            if claim:
                claim.answered = True
                self._states.pass_on()

    def add_state(self, state: dict[str, t.Any]) -> None:
        """Add a state, which is passed on when all records before it are answered."""
        self._states.add_state(state)

    def finish(self) -> None:
        """Send all pending changes, since no record follows."""
        self.send()
        while self._postponed:
            for pending in self._postponed.all():
                self._try_again(pending, last=True)
            # Changes behind a postponed contact may have filled groups again.
            self._send_groups([*self._groups])
        self._reject_doubtful()

    def send(self) -> None:
        """Send all pending changes, except those of postponed contacts.

        Raises:
            FatalError: There are more than `max_writes`; none of them was sent.
        """
        batch = [*self._pending.values()]
        outcomes = self._selection.select(batch, self._last)
        self._pending, self._records = {}, 0
        for pending in batch:
            if outcome := outcomes.get(pending.change.key):
                self._leave_out(pending, outcome)
                continue
            self._dispatch(pending)
            for due in self._postponed.due():
                self._try_again(due)
        self._send_groups([*self._groups])

    def _leave_out(self, pending: PendingChange, outcome: str) -> None:
        self._count(outcome, pending.change)
        pending.answered = True
        self._states.pass_on()

    def _dispatch(self, pending: PendingChange) -> None:
        """Send a change, or keep it for a call for several contacts."""
        change = pending.change
        contact = change.contact_id
        # An unanswered change of the contact goes first.
        self._send_groups([key for key, g in self._groups.items() if contact in g])
        if self._postponed.queue(contact, pending):
            return
        if self._last.get(contact) == change.digest:
            self._finish(pending, SKIPPED)
        elif self._endpoint(change) != BULK:
            self._send(pending)
        else:
            list_key = change.params["listkey"]
            group = self._groups.setdefault(list_key, {})
            group[contact] = pending
            if len(group) == MOST_AT_ONCE:
                self._send_groups([list_key])

    def _endpoint(self, change: Change) -> str:
        return BULK if change.address_only and self._bulk else CALLS[change.action]

    def _send(self, pending: PendingChange, *, last: bool = False) -> None:
        """Send a change alone.

        Args:
            pending: The change.
            last: Whether only postponed contacts are left.
        """
        change, endpoint = pending.change, self._endpoint(pending.change)
        contact = change.contact_id
        # A call that fails may have made the change all the same.
        self._last.pop(contact, None)
        try:
            already = self._call(endpoint, change)
        except Postponed as postponed:
            if self._postponed.put(contact, pending, endpoint, postponed, last=last):
                return
            self._reject(pending, postponed)
        except UnknownRejection as rejected:
            self._note_unknown(pending, rejected)
        except Rejected as rejected:
            self._note_answer(endpoint)
            self._reject(pending, rejected)
        else:
            self._note_answer(endpoint)
            self._finish(pending, ALREADY if already else SENT)
        self._release(contact)

    def _try_again(self, pending: PendingChange, *, last: bool = False) -> None:
        contact = pending.change.contact_id
        if postponed := self._postponed.wait(contact):
            self._reject(pending, postponed)
            self._release(contact)
        else:
            self._send(pending, last=last)

    def _release(self, contact: str) -> None:
        for pending in self._postponed.release(contact):
            self._dispatch(pending)

    def _call(self, endpoint: str, change: Change) -> bool:
        if endpoint == BULK:
            self._open_sender().add_to_list(change.params["listkey"], [change.email])
            return False
        sender = self._open_sender()
        return sender.change(change.action, change.contact, change.params)

    def _send_groups(self, list_keys: Sequence[str]) -> None:
        for list_key in list_keys:
            group = [*self._groups.pop(list_key, {}).values()]
            if len(group) > 1 and self._send_together(list_key, group):
                continue
            # The answer does not name the contact that was not accepted.
            for pending in group:
                self._send(pending)

    def _send_together(self, list_key: str, group: Sequence[PendingChange]) -> bool:
        addresses = [pending.change.email for pending in group]
        try:
            self._open_sender().add_to_list(list_key, addresses)
        except (Rejected, Postponed):
            return False
        self._note_answer(BULK)
        with self._undisturbed():
            for pending in group:
                self._finish(pending, SENT)
        return True

    def _note_answer(self, endpoint: str) -> None:
        self._postponed.note_answer(endpoint)
        self._reject_doubtful()

    def _note_unknown(self, pending: PendingChange, rejected: UnknownRejection) -> None:
        self._doubtful.append((pending, rejected))
        contacts = {doubtful.change.contact_id for doubtful, _ in self._doubtful}
        if len(contacts) == _MOST_UNKNOWN:
            msg = (
                f"Zoho answered {_MOST_UNKNOWN} contacts in a row with unknown codes, "
                f"so the contacts are not the reason; the last answer: {rejected}"
            )
            raise FatalError(msg)

    def _reject_doubtful(self) -> None:
        """Reject the records with unknown codes, since Zoho answers other contacts."""
        doubtful, self._doubtful = self._doubtful, []
        for pending, rejected in doubtful:
            self._reject(pending, rejected)

    def _reject(self, pending: PendingChange, why: Rejected | Postponed) -> None:
        change = pending.change
        reject = Reject(
            change.number, change.stream, why.code, why.message, change.record
        )
        with self._undisturbed():
            self._rejects.add(reject)
            self._finish(pending, REJECTED)

    def _finish(self, pending: PendingChange, outcome: str) -> None:
        change = pending.change
        with self._undisturbed():
            self._count(outcome, change)
            if outcome != REJECTED:
                self._last[change.contact_id] = change.digest
            pending.answered = True
            self._states.pass_on()

    def _count(self, outcome: str, change: Change) -> None:
        self._report.count_record(outcome, change.action, change.number)
