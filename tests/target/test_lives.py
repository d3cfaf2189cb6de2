"""Random lives of the target: whatever happens, each contact ends as the input says.

A life is a random input that is run again and again from the last state that was passed
on, as a source does, until a run ends well. Meanwhile runs are killed at any call, Zoho
is out, contacts are refused, postponed for a while or for good, records can't be sent,
maps drop and rename streams, and everything is sent in batches of any size.

`TARGET_LIVES` is how many lives there are.
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
from tests.support.target import lines, record, state

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tap_zohocampaigns.target.rejects import Reject
    from tests.support.target import Message

    Log: t.TypeAlias = dict[str, dict[tuple[str, ...], str]]

LIVES = int(os.environ.get("TARGET_LIVES", "400"))
BLOCKS = 8
EVERY_CALL = (BULK, *CALLS.values())
PATIENCE = 40
SENTENCE = "Zoho says no."
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
    """The process is gone."""


class Zoho:
    """Remembers of each contact what was done last, in order."""

    def __init__(self, chance: random.Random) -> None:
        self.log: Log = {}
        self.now = 0.0
        self.kinds: dict[str, str] = {}
        for kind in ("bad", "busy", "refused", "unknown"):
            if chance.random() < 0.3:
                self.kinds[chance.choice(CONTACTS).lower()] = kind
        self.busy_until = chance.uniform(0, PATIENCE / 2)
        self.begin("", 0)

    def begin(self, move: str, call: int) -> None:
        """Begin a run to which something happens at a call."""
        self.move, self.call = move, call
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
            if self.move == "kill":
                raise Killed
            if self.move == "down":
                raise Outage(SENTENCE)
            if self.move == "out":
                raise Postponed(SENTENCE, "2001", "")
        for who in map(str.lower, emails):
            self._judge(who)
        for who in map(str.lower, emails):
            done = self.log.setdefault(who, {})
            done.pop(key, None)
            done[key] = action
        if self.move == "lose" and self.calls == self.call:
            raise Killed
        self.answers[endpoint] += 1

    def _judge(self, who: str) -> None:
        kind = self.kinds.get(who)
        if kind == "bad" or (kind == "busy" and self.now < self.busy_until):
            raise Postponed(SENTENCE, "2001", "")
        if kind == "refused":
            raise Rejected(SENTENCE, "2004", "")
        if kind == "unknown":
            raise UnknownRejection(SENTENCE, "7777", "")


class Rejects:
    """Keeps rejects in memory."""

    path: Path
    private = True

    def __init__(self) -> None:
        self.told: list[Reject] = []

    def add(self, reject: Reject) -> None:
        self.told.append(reject)

    def end(self) -> None:
        """Do nothing."""


def make_input(chance: random.Random) -> list[Message]:
    messages: list[Message] = []
    numbers = itertools.count()
    for _ in range(chance.randrange(2, 40)):
        (stream,) = chance.choices([*STREAMS], [*STREAMS.values()])
        fields: dict[str, t.Any] = {"list_key": chance.choice(LISTS)}
        if chance.random() < 0.3:
            fields["topic_id"] = "12"
        if chance.random() < 0.3:
            fields["first_name"] = chance.choice("xy")
        if chance.random() < 0.7:
            fields["keep"] = "1"
        email = chance.choice([*CONTACTS * 4, None])
        if not email:
            fields["row"] = len(messages)
        elif chance.random() < 0.2:
            email = chance.choice([email.upper(), f" {email}"])
        messages.append(record(stream, email, **fields))
        if chance.random() < 0.4:
            messages.append(state(next(numbers)))
    return [*messages, state(next(numbers))]


def mapped(messages: list[Message], maps: dict[str, t.Any]) -> Iterator[Message]:
    """Yield the records that maps let pass."""
    filtered = "__filter__" in (maps.get("subscribe") or {})
    for message in messages:
        if message["type"] == "RECORD" and message["stream"] != "crm":
            through = "keep" in message["record"] or message["stream"] != "subscribe"
            if through or not filtered:
                yield message


def wanted(messages: Iterable[Message]) -> Log:
    """Return what has to be done with each contact, one after the other."""
    log: Log = {}
    for message in messages:
        told, stream = message["record"], message["stream"]
        if not told["contact_email"]:
            continue
        action = "subscribe" if stream == "joined" else str(stream)
        blocks = action == "do_not_mail"
        key = ("", "") if blocks else (told["list_key"], told.get("topic_id", ""))
        done = log.setdefault(told["contact_email"].strip().lower(), {})
        done.pop(key, None)
        done[key] = action
    return log


class Life:
    """One input, run until it is done."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 (no secret)
        # What the target draws how long it waits with.
        random.seed(seed)
        self.zoho = Zoho(self.chance)
        self.maps = self.chance.choice(MAPS)
        self.messages = make_input(self.chance)
        self.rejects = Rejects()
        self.left = self.messages
        self.excused = {who for who, kind in self.zoho.kinds.items() if kind != "busy"}

    def run(self, **settings: t.Any) -> BaseException | None:
        """Run what is left; keep what is left then."""
        config = {"data_center": "sandbox", "dry_run": False, "stream_maps": self.maps}
        config |= {"retry_max_seconds": PATIENCE, **settings}
        target = TargetZohoCampaigns(config=json.loads(json.dumps(config)))
        target.most_pending = self.chance.choice([1, 2, 3, 5, 8, 13, 100])
        target.clock = lambda: self.zoho.now  # type: ignore[method-assign]
        target.shutdown.sleep = self.zoho.sleep  # type: ignore[method-assign]
        target.__dict__ |= {"sender": self.zoho, "rejects": self.rejects}
        written, error = io.StringIO(), None
        with redirect_stdout(written):
            try:
                target.listen(io.StringIO(lines(self.left)))
            except (FatalError, Killed) as raised:
                error = raised
            finally:
                target.report._ticker.stop()  # noqa: SLF001 (its thread ends)
        states = [*map(json.loads, written.getvalue().splitlines())]
        if states:
            values = [one.get("value") for one in self.left]
            self.left = self.left[values.index(states[-1]) + 1 :]
        return error

    def live(self) -> None:
        """Run until all is done, and look at what was done."""
        chance = self.chance
        for _ in range(chance.randrange(4)):
            self._suffer(chance.choice(["kill", "lose", "down", "out", "limit"]))
            if not self.left:
                break
        while self.left:
            before = self.left
            self.zoho.begin("", 0)
            error = self.run()
            if error is None:
                assert not self.left
            else:
                # Nobody was answered who could show that it is one contact.
                assert isinstance(error, Outage)
                assert "bad" in self.zoho.kinds.values()
                assert not all(self.zoho.answers[name] for name in EVERY_CALL)
                return
            assert len(self.left) < len(before)
        self._look()

    def _suffer(self, move: str) -> None:
        zoho, call = self.zoho, self.chance.randrange(1, 25)
        zoho.begin(move, call)
        if move == "limit":
            error = self.run(max_writes=call)
            # So many were answered at most, or tried for others.
            assert zoho.answers.total() <= call
            assert error is None or isinstance(error, FatalError)
        else:
            error = self.run()
            assert error is None or isinstance(error, Killed | FatalError)
        if move == "out":
            # When it begins as one is left that was postponed before, who can tell?
            wrong = self._blamed() - self.excused
            assert len(wrong) <= 1
            self.excused |= wrong

    def _blamed(self) -> set[str]:
        """Return the contacts that Zoho did not take."""
        told = [one.record["contact_email"] for one in self.rejects.told if one.code]
        return {email.strip().lower() for email in told}

    def _look(self) -> None:
        records = [*mapped(self.messages, self.maps)]
        log = wanted(records)
        for who, done in log.items():
            if who not in self.excused:
                assert [*self.zoho.log[who].items()] == [*done.items()], who
        assert self._blamed() <= self.excused
        assert {who for who in log if who in self.excused} <= self._blamed()
        rows = {one["record"].get("row") for one in records}
        assert rows <= {None, *(one.record.get("row") for one in self.rejects.told)}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_each_contact_ends_as_the_input_says(block: int) -> None:
    for seed in range(block, LIVES, BLOCKS):
        try:
            Life(seed).live()
        except Exception as error:
            error.add_note(f"This is life {seed}.")
            raise
