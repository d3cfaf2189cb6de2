"""Answers of every endpoint, mutated at random: they end in errors of ours, and rows.

`python -m tests.support.fuzz --inputs 200000 --seed 1` tries so many. What fails is
printed with the command that tries it again.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import traceback
import typing as t
from zoneinfo import ZoneInfo

import msgspec

from tap_zohocampaigns import streams
from tap_zohocampaigns.api.endpoints import ENDPOINTS, READS, WRITES
from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.api.responses import interpret
from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sandbox import LivingAccount
from tap_zohocampaigns.sandbox.bodies.choices import Choices
from tap_zohocampaigns.sandbox.bodies.envelope import error
from tap_zohocampaigns.sandbox.server import routes
from tap_zohocampaigns.sandbox.server.endpoints import Endpoints
from tap_zohocampaigns.sync.schemas import load_schema
from tests.support import samples
from tests.support.taps import NOW
from tests.support.zoho import VALUES

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Answer: t.TypeAlias = tuple[str, bytes]

FORMS = ("json", "xml")
ODD: t.Final[list[t.Any]] = [
    *(None, True, False, 0, 1, -1, 1.5, 1e308, 2**53 + 1, 2**63, 2**64, -(2**70)),
    *(
        "",
        " ",
        "null",
        "undefined",
        "NaN",
        "0",
        "-1",
        "2603",
        "error",
        "success",
        "1e400",
    ),
    *(
        "{}",
        "[]",
        "{a=b}",
        "[{a=b}, c]",
        "{=}",
        "[[[]]]",
        "{" * 60,
        "[" * 60 + "]" * 60,
    ),
    *(
        "\x00",
        "\ud800",
        "\ufffe",
        "é" * 70,
        "9" * 5000,
        "<b>&amp;",
        "&",
        "]]>",
        "a@b.c",
    ),
    *("31 Feb 2026, 25:61 PM", "02 Aug 2013, 12:39 PM", "2026-02-30T00:00:00Z"),
    *([], {}, [[]], [{}], {"a": "b"}, [None], [1, "a", {}], {"": ""}, {"a": {"b": []}}),
    *("99999999999999999999", "-99999999999999", "0x10", "1_000", "١٢", "12%", "∞"),
]
NAMES = (
    *(
        "code",
        "Code",
        "status",
        "message",
        "uri",
        "requestdetails",
        "response",
        "error",
    ),
    *("range", "fromindex", "total_list_count", "list_of_details", "fl", "contact"),
    *("", "a b", "contact_email", "custom_fields", "listkey", "added_time", "x" * 300),
)
STATUSES = (*[200] * 40, 204, 400, 401, 403, 404, 429, 500, 503)
DEEP = 30


def answers() -> list[Answer]:
    """Return real answers: of the sandbox, in both formats, and of Zoho's own pages."""
    account = LivingAccount(clock=lambda: NOW, contacts=120, campaigns=8)
    choices = Choices("object", "list", "object", "list", "fieldnames")
    endpoints = Endpoints(account, choices, 500, echo_clamped=True)
    mailing_list, segment = next(
        (one, segments[0])
        for one in account.lists()
        if (segments := account.segments(one.key))
    )
    campaign = next(one for one in account.campaigns() if one.sent)
    known = {
        "listkey": mailing_list.key,
        "cvid": segment.cvid,
        "campaignkey": campaign.key,
        "action": "openedcontacts",
        "range": "3",
    }
    found: list[Answer] = []
    for name in READS:
        endpoint = routes.ENDPOINTS[name]
        for form in FORMS:
            params = {p.name: known[p.name] for p in endpoint.params if p.name in known}
            params[endpoint.format_param] = form
            uri = f"/api/v1.1/{name}"
            found.append((name, endpoint.reply(endpoints, uri, params)))
    for number, name in enumerate(ENDPOINTS):
        told = error("/api", "2603", "It is odd.", as_json=bool(number % 2))
        found.append((name, told))
    for name in WRITES:
        found += [(name, samples.SUBSCRIBE_JSON), (name, samples.SUBSCRIBE_XML)]
    return [
        *found,
        ("getcampaignrecipientsdata", samples.RECIPIENTS_XML),
        ("getcampaignrecipientsdata", samples.RECIPIENTS_JSON),
        ("getsegmentcontacts", samples.SEGMENT_CONTACTS_XML),
        ("getlistsubscribers", samples.SUBSCRIBERS_XML),
        ("getlistadvanceddetails", samples.LIST_DETAILS_XML),
        ("recentcampaigns", samples.CAMPAIGNS_V1_XML),
        ("listsubscriberscount", samples.COUNT_XML),
        ("listsubscriberscount", samples.COUNT_JSON),
        ("tag/getalltags", samples.TAGS_JSON),
        ("topics", samples.TOPICS_JSON),
        ("topics/products", samples.PRODUCTS_JSON),
        ("workflow", samples.WORKFLOWS_JSON),
        ("contact/allfields", samples.MA_FIELDS_JSON),
    ]


class Mutator:
    """Changes an answer, the same way for the same number."""

    def __init__(self, number: str) -> None:
        """Take what the changes depend on."""
        self._random = random.Random(number)  # noqa: S311 (not for secrets)

    def mutate(self, body: bytes) -> tuple[int, bytes]:
        """Return an HTTP status and a body that was changed."""
        choose = self._random
        if body[:1] == b"{" and choose.random() < 0.8:
            value = json.loads(body)
            for _ in range(choose.randint(1, 3)):
                # Written each time, so that no part of it is shared.
                body = json.dumps(self._in_value(value)).encode()
                value = json.loads(body)
        elif choose.random() < 0.8:
            for _ in range(choose.randint(1, 3)):
                body = self._in_xml(body)
        while choose.random() < 0.1:
            body = self._in_bytes(body)
        return choose.choice(STATUSES), body

    def _in_value(self, value: t.Any) -> t.Any:
        """Return a value with a change somewhere in it."""
        choose = self._random
        inner = isinstance(value, dict | list) and value
        if not inner or choose.random() < 0.1:
            return self._other(value)
        if isinstance(value, list):
            place = choose.randrange(len(value))
            change = choose.random()
            if change < 0.1:
                value.insert(place, value[place])
            elif change < 0.2:
                del value[place]
            else:
                value[place] = self._in_value(value[place])
            return value
        name = choose.choice([*value])
        change = choose.random()
        if change < 0.15:
            value[choose.choice(NAMES)] = value.pop(name)
        elif change < 0.3:
            del value[name]
        elif change < 0.4:
            value[choose.choice(NAMES)] = value[choose.choice([*value])]
        else:
            value[name] = self._in_value(value[name])
        return value

    def _other(self, value: t.Any) -> t.Any:
        """Return something else than a value, or the value in something."""
        choose = self._random
        change = choose.random()
        if change < 0.15:
            return [value]
        if change < 0.3:
            return {choose.choice(NAMES): value}
        if change < 0.35:
            for _ in range(choose.choice((DEEP, 200))):
                value = [value] if choose.random() < 0.5 else {"a": value}
            return value
        return choose.choice(ODD)

    def _in_xml(self, body: bytes) -> bytes:
        """Return a document with an element, a name or a text that was changed."""
        choose = self._random
        text = body.decode(errors="replace")
        pieces = text.replace("<", "\x01<").replace(">", ">\x01").split("\x01")
        place = choose.randrange(len(pieces))
        other = choose.randrange(len(pieces))
        change = choose.random()
        if change < 0.2:
            pieces[place], pieces[other] = pieces[other], pieces[place]
        elif change < 0.35:
            del pieces[place]
        elif change < 0.5:
            pieces.insert(other, pieces[place])
        elif change < 0.6:
            name = choose.choice("abc")
            times = choose.choice((2, DEEP, 500))
            pieces[place] = f"<{name}>" * times + pieces[place] + f"</{name}>" * times
        elif change < 0.7:
            ends = sorted((place, other))
            pieces[ends[0] : ends[1]] *= choose.choice((0, 2))
        elif pieces[place].startswith("<"):
            word = choose.choice(NAMES)
            pieces[place] = pieces[place].replace("val=", f'val="{word}" x=', 1)
        else:
            pieces[place] = str(choose.choice(ODD))
        return "".join(pieces).encode(errors="replace")

    def _in_bytes(self, body: bytes) -> bytes:
        """Return a body that was damaged on its way."""
        choose = self._random
        if not body:
            return bytes(choose.choices(range(256), k=3))
        place = choose.randrange(len(body))
        change = choose.random()
        if change < 0.3:
            return body[:place]
        if change < 0.7:
            return body[:place] + bytes([choose.randrange(256)]) + body[place + 1 :]
        if change < 0.8:
            return body[:place] + body + body[place:]
        return choose.choice((b"\xef\xbb\xbf", b" ", b"\xff\xfe", b"<", b"{")) + body


class Fuzzer:
    """Reads answers as the tap does."""

    def __init__(self) -> None:
        """Make what reads them."""
        self._answers = answers()
        self._converters: dict[str, list[Converter]] = {}
        for stream in streams.STREAMS:
            if stream.endpoint:
                converter = Converter(
                    stream.name, load_schema(stream.name), lambda: ZoneInfo("UTC")
                )
                self._converters.setdefault(stream.endpoint, []).append(converter)

    def run(self, seed: int, numbers: range, report: Callable[[int, str], None]) -> int:
        """Try answers; return how many of them were successes.

        Args:
            seed: What all changes depend on.
            numbers: Which answers to try.
            report: Told the number of each that fails, and how.
        """
        read = 0
        for number in numbers:
            endpoint, status, body = self.answer(seed, number)
            try:
                read += self.read(endpoint, status, body)
            except ZohoError:
                pass
            except Exception:  # noqa: BLE001 (whatever it is, it is a fault of ours)
                report(number, traceback.format_exc(limit=-3))
        return read

    def answer(self, seed: int, number: int) -> tuple[str, int, bytes]:
        """Return the endpoint, the HTTP status and the body of an answer."""
        endpoint, body = self._answers[number % len(self._answers)]
        return endpoint, *Mutator(f"{seed}/{number}").mutate(body)

    def read(self, endpoint: str, status: int, body: bytes) -> bool:
        """Read an answer; return whether it is a success.

        Raises:
            ZohoError: It is none.
        """
        envelope = interpret(ENDPOINTS[endpoint], status, body)
        if envelope is None or endpoint in WRITES:
            return envelope is not None
        for number in (envelope.total, envelope.used_range):
            if number is not None and number < 0:
                raise AssertionError(number)
        rows = envelope.payload
        if endpoint in VALUES:
            rows = [] if isinstance(rows, int | str) else as_objects(rows)
        for converter in self._converters.get(endpoint, ()):
            msgspec.json.encode(converter.records(rows))
        return True


def main() -> int:
    """Try as many answers as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="try this one, and show it")
    options = parser.parse_args()
    logging.getLogger("tap-zohocampaigns").setLevel(logging.CRITICAL)
    failed: list[int] = []

    def report(number: int, how: str) -> None:
        failed.append(number)
        again = f"python -m tests.support.fuzz --seed {options.seed} --only {number}"
        sys.stdout.write(f"{how}Again: {again}\n\n")

    fuzzer, only = Fuzzer(), options.only
    if only is not None:
        endpoint, status, body = fuzzer.answer(options.seed, only)
        sys.stdout.write(f"{endpoint} HTTP {status}\n{body!r}\n")
    numbers = range(options.inputs) if only is None else range(only, only + 1)
    read = fuzzer.run(options.seed, numbers, report)
    sys.stdout.write(f"{len(numbers)} answers, {read} read, {len(failed)} failed\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
