"""What waits to be sent, what has been answered, and the states that may be passed on.

Changes wait until the input ends, or there are very many of them, so that of those
about the same contact and list only the last one is sent. A state is passed on when
Zoho has answered everything before it, also what a later change stands for.
"""

from __future__ import annotations

import typing as t
from collections import deque

from tap_zohocampaigns.api.contacts import BULK, CALLS, MOST_AT_ONCE
from tap_zohocampaigns.api.errors import (
    FatalError,
    Postponed,
    Rejected,
    UnknownRejection,
)
from tap_zohocampaigns.target.asides import Asides
from tap_zohocampaigns.target.rejects import Reject
from tap_zohocampaigns.target.report import ALREADY, REJECTED, SENT, SKIPPED

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tap_zohocampaigns.target.asides import Patience
    from tap_zohocampaigns.target.changes import Change, Key
    from tap_zohocampaigns.target.rejects import RejectFile
    from tap_zohocampaigns.target.report import Report

# Unknown codes about so many contacts in a row are not the fault of the contacts.
_MOST_UNKNOWN = 5


class Sender(t.Protocol):
    """Whoever sends changes; see `api.writes.Writes`."""

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Send one, and return whether it was so already."""

    def add(self, list_key: str, addresses: Sequence[str]) -> None:
        """Send subscribers of whom nothing but the address is known."""


class Claim:
    """A record that states wait for."""

    def __init__(self) -> None:
        """Begin unanswered."""
        self.answered = False


class PendingChange(Claim):
    """What is to be done with a contact in a list; its last change counts."""

    def __init__(self, change: Change) -> None:
        """Take the first change."""
        super().__init__()
        self.change = change


class State(t.NamedTuple):
    """A state of the input; all before it has to be answered."""

    value: dict[str, t.Any]


class Outbox:
    """Sends changes in order, and passes on states behind them."""

    def __init__(  # noqa: PLR0913 (what it is connected with)
        self,
        wires: Callable[[], Sender],
        rejects: RejectFile,
        report: Report,
        *,
        emit: Callable[[dict[str, t.Any]], None],
        undisturbed: Callable[[], AbstractContextManager[None]],
        patience: Patience,
        bulk: bool,
        max_writes: int | None,
        most_waiting: int,
    ) -> None:
        """Begin empty.

        Args:
            wires: Opens what changes are sent with, when there is the first.
            rejects: Takes what can't be sent, or is not accepted.
            report: Counts what becomes of the records.
            emit: Passes a state on.
            undisturbed: Entered while an answer is noted, which must not end within.
            patience: How long a contact that Zoho postpones is tried again.
            bulk: Whether several subscribers can be sent in one call.
            max_writes: How many changes may be made.
            most_waiting: How many records may wait.
        """
        self._wires = wires
        self._rejects = rejects
        self._report = report
        self._emit = emit
        self._undisturbed = undisturbed
        self._bulk = bulk
        self._max_writes = max_writes
        self._most_waiting = most_waiting
        self._claims: deque[Claim | State] = deque()
        self._matters: dict[Key, PendingChange] = {}
        self._groups: dict[str, dict[str, PendingChange]] = {}
        self._asides: Asides[PendingChange] = Asides(patience)
        self._doubtful: list[tuple[PendingChange, Rejected]] = []
        """Records with the unknown codes that Zoho has answered in a row."""
        self._last: dict[str, bytes] = {}
        """What was done last with each contact, as a digest."""
        self._writes = self._waiting = 0

    def add(self, change: Change) -> None:
        """Take a change; one before it about the same is not sent."""
        matter = self._matters.pop(change.key, None)
        if matter:
            self._note(SKIPPED, matter.change)
            matter.change = change
        else:
            matter = PendingChange(change)
        # To the end: the order of what is done with a contact is that of the records.
        self._matters[change.key] = matter
        self._claims.append(matter)
        self._waiting += 1
        if self._waiting >= self._most_waiting:
            self.send()

    def hold(self) -> Claim:
        """Let states wait for a record that is not judged yet."""
        claim = Claim()
        self._claims.append(claim)
        return claim

    def refuse(self, reject: Reject, action: str, claim: Claim | None = None) -> None:
        """Take what can't be sent, and what states have waited for if they have."""
        with self._undisturbed():
            self._rejects.add(reject)
            self._report.note(REJECTED, action, reject.number)
            if claim:
                claim.answered = True
                self._pass_on()

    def mark(self, state: dict[str, t.Any]) -> None:
        """Take a state, to be passed on when everything before it is answered."""
        if self._claims and isinstance(self._claims[-1], State):
            self._claims.pop()
        self._claims.append(State(state))
        self._pass_on()

    def end(self) -> None:
        """Send everything that waits, since nothing comes behind it."""
        self.send()
        while self._asides:
            for aside in self._asides.all():
                self._try_again(aside, last=True)
            # What has waited for a contact that was put aside may fill groups again.
            self._send_groups([*self._groups])
        self._believe()

    def send(self) -> None:
        """Send everything that waits, but for contacts that Zoho postpones.

        Raises:
            FatalError: There is more than `max_writes` allows; nothing of it was sent.
        """
        matters = [*self._matters.values()]
        self._brake(matters)
        self._matters, self._waiting = {}, 0
        for matter in matters:
            self._take(matter)
            for due in self._asides.due():
                self._try_again(due)
        self._send_groups([*self._groups])

    def _brake(self, matters: Iterable[PendingChange]) -> None:
        """Count the changes before the first call."""
        if self._max_writes is None:
            return
        last, before = dict[str, bytes](), self._writes
        for matter in matters:
            who, digest = matter.change.who, matter.change.digest
            if last.get(who, self._last.get(who)) != digest:
                last[who] = digest
                self._writes += 1
        if self._writes > self._max_writes:
            made = f", of which {before} are made" if before else ""
            msg = (
                f"{self._writes - before} changes wait, and `max_writes` allows "
                f"{self._max_writes} in one run{made}: none of those that wait was "
                "sent; raise the setting if they are meant."
            )
            raise FatalError(msg)

    def _take(self, matter: PendingChange) -> None:
        change = matter.change
        # What is not answered yet of the contact comes before all that is later.
        self._send_groups([key for key, g in self._groups.items() if change.who in g])
        if self._asides.queue(change.who, matter):
            return
        if self._last.get(change.who) == change.digest:
            self._settle(matter, SKIPPED)
        elif self._endpoint(change) != BULK:
            self._send(matter)
        else:
            list_key = change.params["listkey"]
            group = self._groups.setdefault(list_key, {})
            group[change.who] = matter
            if len(group) == MOST_AT_ONCE:
                self._send_groups([list_key])

    def _endpoint(self, change: Change) -> str:
        return BULK if change.bare and self._bulk else CALLS[change.action]

    def _send(self, matter: PendingChange, *, last: bool = False) -> None:
        """Send a change alone.

        Args:
            matter: The change.
            last: Whether nothing is left but contacts that were put aside.
        """
        change, endpoint = matter.change, self._endpoint(matter.change)
        # What is refused may have been done all the same.
        self._last.pop(change.who, None)
        try:
            already = self._call(endpoint, change)
        except Postponed as postponed:
            if self._asides.put(change.who, matter, endpoint, postponed, last=last):
                return
            self._reject(matter, postponed)
        except UnknownRejection as rejected:
            self._doubt(matter, rejected)
        except Rejected as rejected:
            self._answered(endpoint)
            self._reject(matter, rejected)
        else:
            self._answered(endpoint)
            self._settle(matter, ALREADY if already else SENT)
        self._release(change.who)

    def _try_again(self, matter: PendingChange, *, last: bool = False) -> None:
        if postponed := self._asides.wait(matter.change.who):
            self._reject(matter, postponed)
            self._release(matter.change.who)
        else:
            self._send(matter, last=last)

    def _release(self, who: str) -> None:
        for waiting in self._asides.release(who):
            self._take(waiting)

    def _call(self, endpoint: str, change: Change) -> bool:
        if endpoint == BULK:
            self._wires().add(change.params["listkey"], [change.email])
            return False
        return self._wires().change(change.action, change.contact, change.params)

    def _send_groups(self, list_keys: Sequence[str]) -> None:
        for list_key in list_keys:
            group = [*self._groups.pop(list_key, {}).values()]
            if len(group) > 1 and self._add(list_key, group):
                continue
            # The answer does not tell whose fault it is.
            for matter in group:
                self._send(matter)

    def _add(self, list_key: str, group: Sequence[PendingChange]) -> bool:
        try:
            self._wires().add(list_key, [matter.change.email for matter in group])
        except (Rejected, Postponed):
            return False
        self._answered(BULK)
        with self._undisturbed():
            for matter in group:
                self._settle(matter, SENT)
        return True

    def _answered(self, endpoint: str) -> None:
        self._asides.answered(endpoint)
        self._believe()

    def _doubt(self, matter: PendingChange, rejected: UnknownRejection) -> None:
        self._doubtful.append((matter, rejected))
        if len({one.change.who for one, _ in self._doubtful}) == _MOST_UNKNOWN:
            msg = (
                f"Zoho has answered {_MOST_UNKNOWN} contacts in a row with codes that "
                f"are not known, so it is not the contacts; the last time: {rejected}"
            )
            raise FatalError(msg)

    def _believe(self) -> None:
        """Reject what unknown codes were about, as others were answered otherwise."""
        doubtful, self._doubtful = self._doubtful, []
        for matter, rejected in doubtful:
            self._reject(matter, rejected)

    def _reject(self, matter: PendingChange, why: Rejected | Postponed) -> None:
        change = matter.change
        reject = Reject(
            change.number, change.stream, why.code, why.message, change.record
        )
        with self._undisturbed():
            self._rejects.add(reject)
            self._settle(matter, REJECTED)

    def _settle(self, matter: PendingChange, fate: str) -> None:
        change = matter.change
        with self._undisturbed():
            self._note(fate, change)
            if fate != REJECTED:
                self._last[change.who] = change.digest
            matter.answered = True
            self._pass_on()

    def _note(self, fate: str, change: Change) -> None:
        self._report.note(fate, change.action, change.number)

    def _pass_on(self) -> None:
        passed = None
        while self._claims:
            claim = self._claims[0]
            if isinstance(claim, State):
                passed = claim
            elif not claim.answered:
                break
            self._claims.popleft()
        if passed:
            self._emit(passed.value)
