"""Read randomly changed answers of every endpoint: only a `ZohoError` may be raised.

`python -m tests.support.fuzz --inputs 200000 --seed 1` tries 200,000 answers. For each
failure it prints the traceback and the command that repeats it.
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
DEPTH = 30


def valid_answers() -> list[Answer]:
    """Return valid answers, from the sandbox and from the samples of Zoho's pages."""
    account = LivingAccount(clock=lambda: NOW, contacts=120, campaigns=8)
    choices = Choices("object", "list", "object", "list", "fieldnames")
    endpoints = Endpoints(account, choices, 500, echo_clamped=True)
    mailing_list, segment = next(
        (candidate, segments[0])
        for candidate in account.lists()
        if (segments := account.segments(candidate.key))
    )
    campaign = next(candidate for candidate in account.campaigns() if candidate.sent)
    values = {
        "listkey": mailing_list.key,
        "cvid": segment.cvid,
        "campaignkey": campaign.key,
        "action": "openedcontacts",
        "range": "3",
    }
    answers: list[Answer] = []
    for name in READS:
        endpoint = routes.ENDPOINTS[name]
        for form in FORMS:
            params = {
                p.name: values[p.name] for p in endpoint.params if p.name in values
            }
            params[endpoint.format_param] = form
            uri = f"/api/v1.1/{name}"
            answers.append((name, endpoint.reply(endpoints, uri, params)))
    for number, name in enumerate(ENDPOINTS):
        body = error("/api", "2603", "It is odd.", as_json=bool(number % 2))
        answers.append((name, body))
    for name in WRITES:
        answers += [(name, samples.SUBSCRIBE_JSON), (name, samples.SUBSCRIBE_XML)]
    return [
        *answers,
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
    """Changes answers at random; the same seed gives the same changes."""

    def __init__(self, seed: str) -> None:
        """Seed the random changes."""
        self._random = random.Random(seed)  # noqa: S311 (not for secrets)

    def mutate(self, body: bytes) -> tuple[int, bytes]:
        """Return an HTTP status and a changed body."""
        rng = self._random
        if body[:1] == b"{" and rng.random() < 0.8:
            value = json.loads(body)
            for _ in range(rng.randint(1, 3)):
                # Parsed again after each change, so that values share no parts.
                body = json.dumps(self._change_value(value)).encode()
                value = json.loads(body)
        elif rng.random() < 0.8:
            for _ in range(rng.randint(1, 3)):
                body = self._change_xml(body)
        while rng.random() < 0.1:
            body = self._damage(body)
        return rng.choice(STATUSES), body

    def _change_value(self, value: t.Any) -> t.Any:
        """Change one part of a value; return the value."""
        rng = self._random
        has_parts = isinstance(value, dict | list) and value
        if not has_parts or rng.random() < 0.1:
            return self._replace_value(value)
        if isinstance(value, list):
            index = rng.randrange(len(value))
            change = rng.random()
            if change < 0.1:
                value.insert(index, value[index])
            elif change < 0.2:
                del value[index]
            else:
                value[index] = self._change_value(value[index])
            return value
        name = rng.choice([*value])
        change = rng.random()
        if change < 0.15:
            value[rng.choice(NAMES)] = value.pop(name)
        elif change < 0.3:
            del value[name]
        elif change < 0.4:
            value[rng.choice(NAMES)] = value[rng.choice([*value])]
        else:
            value[name] = self._change_value(value[name])
        return value

    def _replace_value(self, value: t.Any) -> t.Any:
        """Return another value, or the value nested in lists or objects."""
        rng = self._random
        change = rng.random()
        if change < 0.15:
            return [value]
        if change < 0.3:
            return {rng.choice(NAMES): value}
        if change < 0.35:
            for _ in range(rng.choice((DEPTH, 200))):
                value = [value] if rng.random() < 0.5 else {"a": value}
            return value
        return rng.choice(ODD)

    def _change_xml(self, body: bytes) -> bytes:
        """Return a document with a changed element, name or text."""
        rng = self._random
        text = body.decode(errors="replace")
        pieces = text.replace("<", "\x01<").replace(">", ">\x01").split("\x01")
        index = rng.randrange(len(pieces))
        other_index = rng.randrange(len(pieces))
        change = rng.random()
        if change < 0.2:
            pieces[index], pieces[other_index] = pieces[other_index], pieces[index]
        elif change < 0.35:
            del pieces[index]
        elif change < 0.5:
            pieces.insert(other_index, pieces[index])
        elif change < 0.6:
            name = rng.choice("abc")
            times = rng.choice((2, DEPTH, 500))
            pieces[index] = f"<{name}>" * times + pieces[index] + f"</{name}>" * times
        elif change < 0.7:
            ends = sorted((index, other_index))
            pieces[ends[0] : ends[1]] *= rng.choice((0, 2))
        elif pieces[index].startswith("<"):
            word = rng.choice(NAMES)
            pieces[index] = pieces[index].replace("val=", f'val="{word}" x=', 1)
        else:
            pieces[index] = str(rng.choice(ODD))
        return "".join(pieces).encode(errors="replace")

    def _damage(self, body: bytes) -> bytes:
        """Return a body with random damage: cut, overwritten, repeated or prefixed."""
        rng = self._random
        if not body:
            return bytes(rng.choices(range(256), k=3))
        index = rng.randrange(len(body))
        change = rng.random()
        if change < 0.3:
            return body[:index]
        if change < 0.7:
            return body[:index] + bytes([rng.randrange(256)]) + body[index + 1 :]
        if change < 0.8:
            return body[:index] + body + body[index:]
        return rng.choice((b"\xef\xbb\xbf", b" ", b"\xff\xfe", b"<", b"{")) + body


class Fuzzer:
    """Reads answers as the tap does."""

    def __init__(self) -> None:
        """Prepare the answers and the converters of all streams."""
        self._answers = valid_answers()
        self._converters: dict[str, list[Converter]] = {}
        for stream in streams.STREAMS:
            if stream.endpoint:
                converter = Converter(
                    stream.name, load_schema(stream.name), lambda: ZoneInfo("UTC")
                )
                self._converters.setdefault(stream.endpoint, []).append(converter)

    def run(self, seed: int, numbers: range, report: Callable[[int, str], None]) -> int:
        """Read changed answers; return how many of them were successes.

        Args:
            seed: Seed of all changes.
            numbers: Numbers of the answers to read.
            report: Called with the number and the traceback of each failure.
        """
        successes = 0
        for number in numbers:
            endpoint, status, body = self.answer(seed, number)
            try:
                successes += self.read(endpoint, status, body)
            except ZohoError:
                pass
            except Exception:  # noqa: BLE001 (any other exception is a bug)
                report(number, traceback.format_exc(limit=-3))
        return successes

    def answer(self, seed: int, number: int) -> tuple[str, int, bytes]:
        """Return endpoint, HTTP status and body of the changed answer of a number."""
        endpoint, body = self._answers[number % len(self._answers)]
        return endpoint, *Mutator(f"{seed}/{number}").mutate(body)

    def read(self, endpoint: str, status: int, body: bytes) -> bool:
        """Read an answer as the tap does; return whether it is a success.

        Raises:
            ZohoError: The answer is an error or can't be read.
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
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="read only this answer, and print it")
    options = parser.parse_args()
    logging.getLogger("tap-zohocampaigns").setLevel(logging.CRITICAL)
    failed: list[int] = []

    def report(number: int, trace: str) -> None:
        failed.append(number)
        command = f"python -m tests.support.fuzz --seed {options.seed} --only {number}"
        sys.stdout.write(f"{trace}Repeat with: {command}\n\n")

    fuzzer, only = Fuzzer(), options.only
    if only is not None:
        endpoint, status, body = fuzzer.answer(options.seed, only)
        sys.stdout.write(f"{endpoint} HTTP {status}\n{body!r}\n")
    numbers = range(options.inputs) if only is None else range(only, only + 1)
    successes = fuzzer.run(options.seed, numbers, report)
    sys.stdout.write(
        f"{len(numbers)} answers, {successes} read, {len(failed)} failed\n"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
