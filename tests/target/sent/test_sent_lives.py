"""Random lives of a ledger: what a run does not send is in effect.

A life is a series of views. Rows come, go, change and move between runs. Runs are
killed at any call, before or behind the change; the ledger is lost in parts; other runs
change the same contacts in between. After a whole run, sending all of its view once
more would change nothing at Zoho.

The environment variable `SENT_LIVES` sets the number of lives of the long test.
"""

from __future__ import annotations

import io
import os
import random
import typing as t
from contextlib import redirect_stdout, suppress
from copy import deepcopy

import pytest

from tap_zohocampaigns.api.errors import (
    Outage,
    Postponed,
    Rejected,
    UnknownRejection,
)
from tap_zohocampaigns.target.options import Options
from tap_zohocampaigns.target.sent.hashes import Hasher
from tap_zohocampaigns.target.sent.ledger import SentLedger
from tap_zohocampaigns.target.sent.sender import RecordingSender
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.target import as_lines, record
from tests.target.test_lives import Killed, MemoryRejectFile

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.support.target import Message

FEW_LIVES, BATCHES = 2, 4
LIVES = int(os.environ.get("SENT_LIVES", "120"))
RUNS = 12
CONFIG = {
    "client_id": "planted",
    "client_secret": "planted",
    "refresh_token": "planted",
    "dry_run": False,
    "retry_max_seconds": 0,
}
# Mostly the same contact, since the others have no effect on it.
CONTACTS = (*["bert@example.com"] * 8, "Bert@example.com", "ann@example.com")
LISTS = ("3z1", "3z2")
ACTIONS = {"subscribe": 6, "unsubscribe": 3, "do_not_mail": 1}
REFUSED, UNKNOWN, BUSY = "refused", "unknown", "busy"


class MemoryStore:
    """A store in memory, which all runs of a life share."""

    def __init__(self) -> None:
        self.contents: dict[bytes, bytes] = {}

    def read(self, contacts: Sequence[bytes]) -> dict[bytes, bytes]:
        return {c: self.contents[c] for c in contacts if c in self.contents}

    def edit(
        self, contacts: Sequence[bytes], edit: Callable[[bytes, bytes], bytes]
    ) -> None:
        for contact in contacts:
            self.contents[contact] = edit(contact, self.contents.get(contact, b""))

    def close(self) -> None:
        """Do nothing."""


class Zoho:
    """What Zoho knows of each contact: in each case, the last change counts."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], str] = {}
        self.calls = 0
        self.on_call: Callable[[int, bool], None] = lambda *_: None

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        self._send(action, [contact], params)
        return False

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        contacts = [{"Contact Email": address} for address in addresses]
        self._send("subscribe", contacts, {"listkey": list_key})

    def _send(
        self,
        action: str,
        contacts: Sequence[Mapping[str, str]],
        params: Mapping[str, str],
    ) -> None:
        self.calls += 1
        number = self.calls
        self.on_call(number, False)  # noqa: FBT003 (it is positional)
        answers = {*contacts[0].values()}
        message = "Zoho says no."
        if REFUSED in answers:
            raise Rejected(message, "2004", "")
        for contact in contacts:
            self._apply(action, contact, params)
        # These answers do not say whether the change was made.
        if UNKNOWN in answers:
            raise UnknownRejection(message, "7777", "")
        if BUSY in answers:
            raise Postponed(message, "2001", "")
        self.on_call(number, True)  # noqa: FBT003

    def _apply(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> None:
        email = contact["Contact Email"]
        person = email.lower()
        facts = {"spelling": email} if action == "subscribe" else {}
        if action == "do_not_mail":
            facts |= dict.fromkeys(LISTS, "blocked")
        elif topic := params.get("topic_id"):
            # A topic is the same in all lists.
            facts[f"topic {topic}"] = action
        if action == "subscribe" or (action != "do_not_mail" and not topic):
            facts[params["listkey"]] = action
        facts |= {name: x for name, x in contact.items() if name != "Contact Email"}
        facts |= {"source": params["source"]} if "source" in params else {}
        self.known |= {(person, name): text for name, text in facts.items()}


class Life:
    """A series of runs over the same ledger."""

    def __init__(self, seed: int) -> None:
        self.randomness = random.Random(seed)  # noqa: S311 (no secret)
        self.zoho = Zoho()
        self.store = MemoryStore()
        self.views: list[list[Message]] = [[]]

    def make_row(self) -> Message:
        choose = self.randomness.choice
        (action,) = self.randomness.choices([*ACTIONS], [*ACTIONS.values()])
        fields: dict[str, t.Any] = {"list_key": choose(LISTS)}
        if self.randomness.random() < 0.2:
            fields["topic_id"] = choose(["12", "13"])
        if self.randomness.random() < 0.5:
            fields["first_name"] = choose(["x", "y", REFUSED, UNKNOWN, BUSY])
        if self.randomness.random() < 0.2:
            fields["source"] = choose(["shop", "fair"])
        return record(action, choose(CONTACTS), **fields)

    def next_view(self) -> list[Message]:
        """Return a view that has much in common with an earlier one."""
        view = [*self.randomness.choice(self.views[-3:])]
        for _ in range(self.randomness.randrange(4)):
            if view and self.randomness.random() < 0.5:
                view.pop(self.randomness.randrange(len(view)))
            place = self.randomness.randrange(len(view) + 1)
            view.insert(place, self.make_row())
        if self.randomness.random() < 0.2:
            self.randomness.shuffle(view)
        self.views.append(view)
        return view

    def run(
        self,
        view: list[Message],
        *,
        limit: int | None = None,
        most_pending: int = 100,
        with_ledger: bool = True,
    ) -> None:
        """Run the target; a killed one writes nothing more."""
        target = TargetZohoCampaigns(config=dict(CONFIG))
        target.given = Options(limit=limit)
        target.most_pending = most_pending
        sender: t.Any = self.zoho
        if with_ledger:
            ledger = SentLedger(self.store, Hasher(CONFIG | {"data_center": "us"}))
            target.sent, sender = ledger, RecordingSender(self.zoho, ledger)
        target.__dict__ |= {"sender": sender, "rejects": MemoryRejectFile()}
        try:
            with redirect_stdout(io.StringIO()):
                target.listen(io.StringIO(as_lines(view)))
            if target.sent:
                target.sent.close()
        finally:
            target.report._ticker.stop()  # noqa: SLF001 (its thread ends)

    def run_with_fault(self) -> None:
        """Run a view while another run changes the same contacts; both may be killed.

        The other run goes on from the call at `place`, before or behind its change.
        """
        place, late = self.randomness.randrange(1, 8), self.randomness.random() < 0.5
        others = self.randomness.choice([0, self.randomness.randrange(1, 5), 100])
        kills_at = self.randomness.choice([(place, False), (place, True), (0, False)])
        start = self.zoho.calls
        views = [self.next_view(), self.next_view()]

        def on_call(number: int, applied: bool) -> None:  # noqa: FBT001 (see above)
            if (number - start, applied) == (place, late) and others:
                self.run_until_killed(views[1], number + others)
                self.zoho.on_call = on_call
            if (number - start, applied) == kills_at:
                raise Killed

        self.zoho.on_call = on_call
        with suppress(Killed, Outage):
            self.run(views[0], most_pending=self.randomness.choice([1, 3, 100]))
        self.zoho.on_call = lambda *_: None

    def run_until_killed(self, view: list[Message], call: int) -> None:
        """Run a view until it is killed at a call, before or behind its change."""
        late = self.randomness.random() < 0.5

        def on_call(number: int, applied: bool) -> None:  # noqa: FBT001 (see above)
            if (number, applied) == (call, late):
                raise Killed

        self.zoho.on_call = on_call
        with suppress(Killed, Outage):
            self.run(view, most_pending=self.randomness.choice([1, 3, 100]))

    def lose(self) -> None:
        """Lose what is known of some contacts."""
        for contact in [*self.store.contents]:
            if self.randomness.random() < 0.5:
                del self.store.contents[contact]

    def run_and_check(self, view: list[Message]) -> None:
        """Run a view, and check that all of it is in effect."""
        # Of the changes with one key, only the last one of a batch is sent.
        most_pending = self.randomness.choice([1, 2, 5, 100])
        # If nobody but a busy contact is answered, the run has to be repeated.
        with suppress(Outage):
            self.run(view, most_pending=most_pending)
            before, calls = deepcopy(self.zoho.known), self.zoho.calls
            self.run(view, with_ledger=False, most_pending=most_pending)
            assert self.zoho.known == before
            self.zoho.calls = calls

    def live(self) -> None:
        """Run views with and without faults, and check each whole run."""
        for _ in range(RUNS):
            fault = self.randomness.random()
            if fault < 0.4:
                self.run_with_fault()
            elif fault < 0.5:
                self.lose()
            elif fault < 0.6:
                with suppress(Outage):
                    self.run(self.next_view(), limit=self.randomness.randrange(1, 4))
            view = self.next_view()
            self.run_and_check(view)
        # What has no clear answer is sent in each run.
        view = [
            row
            for row in view
            if row["record"].get("first_name") not in (UNKNOWN, BUSY)
        ]
        for _ in range(2):
            self.run(view)
        calls = self.zoho.calls
        self.run(view)
        assert self.zoho.calls == calls


def live(seeds: Iterable[int]) -> None:
    for seed in seeds:
        try:
            Life(seed).live()
        except Exception as error:
            error.add_note(f"The seed of this life is {seed}.")
            raise


def test_what_is_not_sent_is_in_effect() -> None:
    live(range(FEW_LIVES))


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_not_sent_is_in_effect_in_many_lives(batch: int) -> None:
    live(range(FEW_LIVES + batch, LIVES, BATCHES))
