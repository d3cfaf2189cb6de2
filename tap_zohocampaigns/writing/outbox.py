"""What waits to be sent, what has been answered, and the states that may be passed on.

Changes wait until the input ends, or there are very many of them, so that of those
about the same contact and list only the last one is sent. A state is passed on when
Zoho has answered everything before it, also what a later change stands for.
"""

from __future__ import annotations

import typing as t
from collections import deque

from tap_zohocampaigns.api.errors import Failed, Rejected
from tap_zohocampaigns.api.writes import MOST_AT_ONCE
from tap_zohocampaigns.writing.rejects import Reject
from tap_zohocampaigns.writing.report import ALREADY, REJECTED, SENT, SKIPPED

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tap_zohocampaigns.writing.changes import Change, Key
    from tap_zohocampaigns.writing.rejects import RejectFile
    from tap_zohocampaigns.writing.report import Report


class Wires(t.Protocol):
    """Whoever sends changes; see `api.writes.Writes`."""

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Send one, and return whether it was so already."""

    def add(self, list_key: str, addresses: Sequence[str]) -> None:
        """Send subscribers of whom nothing but the address is known."""


class Matter:
    """What is to be done with a contact in a list; its last change counts."""

    def __init__(self, change: Change) -> None:
        """Take the first change."""
        self.change = change
        self.answered = False


class State(t.NamedTuple):
    """A state of the input; all before it has to be answered."""

    value: dict[str, t.Any]


class Outbox:
    """Sends changes in order, and passes on states behind them."""

    def __init__(  # noqa: PLR0913 (what it is connected with)
        self,
        wires: Callable[[], Wires],
        rejects: RejectFile,
        report: Report,
        *,
        emit: Callable[[dict[str, t.Any]], None],
        undisturbed: Callable[[], AbstractContextManager[None]],
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
            bulk: Whether several subscribers can be sent in one call.
            max_writes: How many contacts may be changed.
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
        self._claims: deque[Matter | State] = deque()
        self._matters: dict[Key, Matter] = {}
        self._groups: dict[str, dict[str, Matter]] = {}
        self._last: dict[str, bytes] = {}
        """What was done last with each contact, as a digest."""
        self._writes = 0

    def add(self, change: Change) -> None:
        """Take a change; one before it about the same is not sent."""
        matter = self._matters.pop(change.key, None)
        if matter:
            self._note(SKIPPED, matter.change)
            matter.change = change
        else:
            matter = Matter(change)
        # To the end: the order of what is done with a contact is that of the records.
        self._matters[change.key] = matter
        self._claims.append(matter)
        if len(self._claims) >= self._most_waiting:
            self.send()

    def refuse(self, reject: Reject, action: str) -> None:
        """Take what can't be sent."""
        with self._undisturbed():
            self._rejects.add(reject)
            self._report.note(REJECTED, action, reject.number)

    def mark(self, state: dict[str, t.Any]) -> None:
        """Take a state, to be passed on when everything before it is answered."""
        if self._claims and isinstance(self._claims[-1], State):
            self._claims.pop()
        self._claims.append(State(state))
        self._pass_on()

    def send(self) -> None:
        """Send everything that waits.

        Raises:
            Failed: `max_writes` is reached.
        """
        matters, self._matters = self._matters, {}
        for matter in matters.values():
            if self._last.get(matter.change.who) == matter.change.digest:
                self._settle(matter, SKIPPED)
            else:
                self._take(matter)
        self._send_groups([*self._groups])

    def _take(self, matter: Matter) -> None:
        change = matter.change
        if self._writes == self._max_writes:
            self._send_groups([*self._groups])
            msg = (
                f"More wait than the {self._writes} contacts that `max_writes` allows "
                "in one run; the states of those that wait were not passed on."
            )
            raise Failed(msg)
        self._writes += 1
        self._send_groups([key for key, g in self._groups.items() if change.who in g])
        if not (change.bare and self._bulk):
            self._send(matter)
            return
        list_key = change.params["listkey"]
        group = self._groups.setdefault(list_key, {})
        group[change.who] = matter
        if len(group) == MOST_AT_ONCE:
            self._send_groups([list_key])

    def _send(self, matter: Matter) -> None:
        change = matter.change
        try:
            already = self._wires().change(change.action, change.contact, change.params)
        except Rejected as rejected:
            self._reject(matter, rejected)
        else:
            self._settle(matter, ALREADY if already else SENT)

    def _send_groups(self, list_keys: Sequence[str]) -> None:
        for list_key in list_keys:
            group = [*self._groups.pop(list_key).values()]
            try:
                self._add(list_key, group)
            except Rejected:
                # The answer does not tell whose fault it is.
                for matter in group:
                    try:
                        self._add(list_key, [matter])
                    except Rejected as rejected:
                        self._reject(matter, rejected)

    def _add(self, list_key: str, group: Sequence[Matter]) -> None:
        self._wires().add(list_key, [matter.change.email for matter in group])
        with self._undisturbed():
            for matter in group:
                self._settle(matter, SENT)

    def _reject(self, matter: Matter, rejected: Rejected) -> None:
        change = matter.change
        reject = Reject(
            change.number,
            change.stream,
            rejected.code,
            rejected.message,
            change.record,
        )
        with self._undisturbed():
            self._rejects.add(reject)
            self._settle(matter, REJECTED)

    def _settle(self, matter: Matter, fate: str) -> None:
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
