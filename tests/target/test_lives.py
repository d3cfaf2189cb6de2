"""Random lives of the target: each contact ends as the input asks for.

A life is a random input with random faults. It is run until a run succeeds, each time
from the last state that was written. Runs are killed at any call, Zoho is down,
contacts are refused, or postponed for a while or for good, records are invalid, stream
maps drop and rename streams, and changes are sent in batches of any size.

The environment variable `TARGET_LIVES` sets the number of lives.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import typing as t
from collections import Counter
from contextlib import redirect_stdout

import pytest

from tap_zohocampaigns.api.contacts import BULK, CALLS
from tap_zohocampaigns.api.errors import (
    FatalError,
    Outage,
    Postponed,
    Rejected,
    UnknownRejection,
)
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.target import as_lines, record, state

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tap_zohocampaigns.target.rejects import Reject
    from tests.support.target import Message

    Log: t.TypeAlias = dict[str, dict[tuple[str, ...], str]]

LIVES = int(os.environ.get("TARGET_LIVES", "400"))
BATCHES = 8
ENDPOINTS = (BULK, *CALLS.values())
RETRY_SECONDS = 40
MESSAGE = "Zoho says no."
CONTACTS = [f"{name}@example.com" for name in ("Ann", "bert", "cleo", "dora", "emil")]
LISTS = ("3z1", "3z2")
STREAMS = {"subscribe": 6, "unsubscribe": 2, "do_not_mail": 1, "joined": 2, "crm": 1}
MAPS: t.Final[list[dict[str, t.Any]]] = [
    {"joined": {"__alias__": "subscribe"}, "crm": None},
    {"joined": {"__alias__": "subscribe"}, "crm": "__NULL__"},
    {
        "joined": {"__alias__": "subscribe"},
        "subscribe": {"__filter__": "'keep' in record", "keep": None},
        "crm": None,
    },
    {"crm": None, "subscribe": {"__source__": "joined"}, "joined": None},
]


class Killed(BaseException):
    """The process was killed."""


class Zoho:
    """Logs the last action for each contact, list and topic, in order.

    Some contacts are of a kind that fails: `bad` (always postponed), `busy` (postponed
    for a while), `refused`, or `unknown` (an unknown code).
    """

    def __init__(self, randomness: random.Random) -> None:
        self.log: Log = {}
        self.now = 0.0
        self.kinds: dict[str, str] = {}
        for kind in ("bad", "busy", "refused", "unknown"):
            if randomness.random() < 0.3:
                self.kinds[randomness.choice(CONTACTS).lower()] = kind
        self.busy_until = randomness.uniform(0, RETRY_SECONDS / 2)
        self.start_run("", 0)

    def start_run(self, fault: str, call: int) -> None:
        """Start a run in which a fault begins at a call.

        Args:
            fault: `kill`: the target is killed before the change is applied; `lose`:
                after it. `down`: Zoho has an outage. `postpone`: it postpones everyone.
            call: The number of the call.
        """
        self.fault, self.call = fault, call
        self.calls = 0
        self.answers: Counter[str] = Counter()

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        key = (params.get("listkey", ""), params.get("topic_id", ""))
        self._answer(CALLS[action], action, key, [contact["Contact Email"]])
        return self.calls % 5 == 0

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        assert 0 < len(addresses) <= 10
        self._answer(BULK, "subscribe", (list_key, ""), addresses)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def _answer(
        self, endpoint: str, action: str, key: tuple[str, ...], emails: Sequence[str]
    ) -> None:
        self.now += 0.1
        self.calls += 1
        if self.calls >= self.call:
            if self.fault == "kill":
                raise Killed
            if self.fault == "down":
                raise Outage(MESSAGE)
            if self.fault == "postpone":
                raise Postponed(MESSAGE, "2001", "")
        for email in map(str.lower, emails):
            self._refuse(email)
        for email in map(str.lower, emails):
            actions = self.log.setdefault(email, {})
            actions.pop(key, None)
            actions[key] = action
        if self.fault == "lose" and self.calls == self.call:
            raise Killed
        self.answers[endpoint] += 1

    def _refuse(self, email: str) -> None:
        """Raise an error if the contact is of a kind that fails."""
        kind = self.kinds.get(email)
        if kind == "bad" or (kind == "busy" and self.now < self.busy_until):
            raise Postponed(MESSAGE, "2001", "")
        if kind == "refused":
            raise Rejected(MESSAGE, "2004", "")
        if kind == "unknown":
            raise UnknownRejection(MESSAGE, "7777", "")


class MemoryRejectFile:
    """A file of rejects in memory."""

    path: Path
    private = True

    def __init__(self) -> None:
        self.rejects: list[Reject] = []

    def add(self, reject: Reject) -> None:
        self.rejects.append(reject)

    def end(self) -> None:
        """Do nothing."""


def make_input(randomness: random.Random) -> list[Message]:
    messages: list[Message] = []
    numbers = itertools.count()
    for _ in range(randomness.randrange(2, 40)):
        (stream,) = randomness.choices([*STREAMS], [*STREAMS.values()])
        fields: dict[str, t.Any] = {"list_key": randomness.choice(LISTS)}
        if randomness.random() < 0.3:
            fields["topic_id"] = "12"
        if randomness.random() < 0.3:
            fields["first_name"] = randomness.choice("xy")
        if randomness.random() < 0.7:
            fields["keep"] = "1"
        email = randomness.choice([*CONTACTS * 4, None])
        if not email:
            fields["row"] = len(messages)
        elif randomness.random() < 0.2:
            email = randomness.choice([email.upper(), f" {email}"])
        messages.append(record(stream, email, **fields))
        if randomness.random() < 0.4:
            messages.append(state(next(numbers)))
    return [*messages, state(next(numbers))]


def apply_maps(messages: list[Message], maps: dict[str, t.Any]) -> Iterator[Message]:
    """Yield the records that the stream maps do not drop."""
    filtered = "__filter__" in (maps.get("subscribe") or {})
    for message in messages:
        if message["type"] == "RECORD" and message["stream"] != "crm":
            passes = "keep" in message["record"] or message["stream"] != "subscribe"
            if passes or not filtered:
                yield message


def expected_log(messages: Iterable[Message]) -> Log:
    """Return the actions for each contact, in the order in which they must be sent."""
    log: Log = {}
    for message in messages:
        fields, stream = message["record"], message["stream"]
        if not fields["contact_email"]:
            continue
        action = "subscribe" if stream == "joined" else str(stream)
        blocks = action == "do_not_mail"
        key = ("", "") if blocks else (fields["list_key"], fields.get("topic_id", ""))
        actions = log.setdefault(fields["contact_email"].strip().lower(), {})
        actions.pop(key, None)
        actions[key] = action
    return log


class Life:
    """An input that is run until all of it is processed."""

    def __init__(self, seed: int) -> None:
        self.randomness = random.Random(seed)  # noqa: S311 (no secret)
        # The target waits for random times between retries.
        random.seed(seed)
        self.zoho = Zoho(self.randomness)
        self.maps = self.randomness.choice(MAPS)
        self.messages = make_input(self.randomness)
        self.reject_file = MemoryRejectFile()
        self.remaining = self.messages
        self.may_be_rejected = {
            email for email, kind in self.zoho.kinds.items() if kind != "busy"
        }

    def run(self, **settings: t.Any) -> BaseException | None:
        """Run the remaining input once, and drop the part before the last state."""
        config = {"data_center": "sandbox", "dry_run": False, "stream_maps": self.maps}
        config |= {"retry_max_seconds": RETRY_SECONDS, **settings}
        target = TargetZohoCampaigns(config=json.loads(json.dumps(config)))
        target.most_pending = self.randomness.choice([1, 2, 3, 5, 8, 13, 100])
        target.clock = lambda: self.zoho.now  # type: ignore[method-assign]
        target.shutdown.sleep = self.zoho.sleep  # type: ignore[method-assign]
        target.__dict__ |= {"sender": self.zoho, "rejects": self.reject_file}
        written, error = io.StringIO(), None
        with redirect_stdout(written):
            try:
                target.listen(io.StringIO(as_lines(self.remaining)))
            except (FatalError, Killed) as raised:
                error = raised
            finally:
                target.report._ticker.stop()  # noqa: SLF001 (its thread ends)
        states = [*map(json.loads, written.getvalue().splitlines())]
        if states:
            values = [message.get("value") for message in self.remaining]
            self.remaining = self.remaining[values.index(states[-1]) + 1 :]
        return error

    def run_to_end(self) -> None:
        """Run until the input is processed, and check the result."""
        randomness = self.randomness
        for _ in range(randomness.randrange(4)):
            self._run_with_fault(
                randomness.choice(["kill", "lose", "down", "postpone", "limit"])
            )
            if not self.remaining:
                break
        while self.remaining:
            input_before = self.remaining
            self.zoho.start_run("", 0)
            error = self.run()
            if error is None:
                assert not self.remaining
            else:
                # A bad contact looks like an outage if an endpoint answers no other.
                assert isinstance(error, Outage)
                assert "bad" in self.zoho.kinds.values()
                assert not all(self.zoho.answers[name] for name in ENDPOINTS)
                return
            assert len(self.remaining) < len(input_before)
        self._check_result()

    def _run_with_fault(self, fault: str) -> None:
        zoho, call = self.zoho, self.randomness.randrange(1, 25)
        zoho.start_run(fault, call)
        if fault == "limit":
            error = self.run(max_writes=call)
            # No more calls are answered than the limit allows.
            assert zoho.answers.total() <= call
            assert error is None or isinstance(error, FatalError)
        else:
            error = self.run()
            assert error is None or isinstance(error, Killed | FatalError)
        if fault == "postpone":
            # A contact that was already postponed when the fault began can be rejected:
            # the target can't tell that it is not the reason.
            wrongly_rejected = self._rejected() - self.may_be_rejected
            assert len(wrongly_rejected) <= 1
            self.may_be_rejected |= wrongly_rejected

    def _rejected(self) -> set[str]:
        """Return the contacts that were rejected with a code of Zoho."""
        emails = [
            reject.record["contact_email"]
            for reject in self.reject_file.rejects
            if reject.code
        ]
        return {email.strip().lower() for email in emails}

    def _check_result(self) -> None:
        records = [*apply_maps(self.messages, self.maps)]
        log = expected_log(records)
        for email, actions in log.items():
            if email not in self.may_be_rejected:
                assert [*self.zoho.log[email].items()] == [*actions.items()], email
        assert self._rejected() <= self.may_be_rejected
        assert {
            email for email in log if email in self.may_be_rejected
        } <= self._rejected()
        invalid_rows = {message["record"].get("row") for message in records}
        assert invalid_rows <= {
            None,
            *(reject.record.get("row") for reject in self.reject_file.rejects),
        }


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_each_contact_ends_with_the_status_of_the_input(batch: int) -> None:
    for seed in range(batch, LIVES, BATCHES):
        try:
            Life(seed).run_to_end()
        except Exception as error:
            error.add_note(f"The seed of this life is {seed}.")
            raise
