"""Reads randomly changed answers of each endpoint: only `ZohoError` may be raised."""

from __future__ import annotations

import json
import logging
import random
import resource
import signal
import typing as t
from contextlib import contextmanager
from pathlib import Path
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
from tests.proof.proof import Outcome, Proof
from tests.support import samples
from tests.support.taps import NOW
from tests.support.zoho import VALUES

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.proof import Play

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
# What one answer may take. Those of the sandbox take some milliseconds.
MOST_SECONDS = 2
MOST_BYTES = 256 << 20


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

    def play(self, seed: int) -> Outcome:
        """Read the changed answer of a seed; bound the time that it takes."""
        endpoint, body = self._answers[seed % len(self._answers)]
        status, changed = Mutator(str(seed)).mutate(body)
        # Checked by the CPU time, which other programs of this machine do not take.
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        try:
            written = self.read(endpoint, status, changed)
        except ZohoError as error:
            result, trace = "a documented error", f"{type(error).__name__} {error}"
        except Exception as error:
            error.add_note(f"{endpoint} HTTP {status}\n{changed!r}")
            raise
        else:
            result, trace = "read", written
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        case = "JSON" if body[:1] == b"{" else "XML"
        return Outcome(case, result, trace)

    def read(self, endpoint: str, status: int, body: bytes) -> str:
        """Read an answer as the tap does; return the records.

        Raises:
            ZohoError: The answer is an error or can't be read.
        """
        envelope = interpret(ENDPOINTS[endpoint], status, body)
        if envelope is None or endpoint in WRITES:
            return repr(envelope is None)
        for number in (envelope.total, envelope.used_range):
            if number is not None and number < 0:
                raise AssertionError(number)
        rows = envelope.payload
        if endpoint in VALUES:
            rows = [] if isinstance(rows, int | str) else as_objects(rows)
        written = [
            msgspec.json.encode(converter.records(rows))
            for converter in self._converters.get(endpoint, ())
        ]
        return repr(written)


class TooSlow(Exception):
    """An answer took more CPU time than any may."""


def _stop(*_: object) -> None:
    msg = f"Reading took more than {MOST_SECONDS} s of CPU."
    raise TooSlow(msg)


@contextmanager
def _open() -> Iterator[Play]:
    logger = logging.getLogger("tap-zohocampaigns")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    fuzzer = Fuzzer()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGVTALRM, _stop)
    # More would raise MemoryError, which no answer may cause.
    resource.setrlimit(resource.RLIMIT_AS, (_used_bytes() + MOST_BYTES, limits[1]))
    try:
        yield fuzzer.play
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGVTALRM, handler)
        logger.setLevel(level)


def _used_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


PROOF = Proof(
    "fuzz",
    "An answer that was changed at random gives rows or a documented error, within "
    f"{MOST_SECONDS} s of CPU and {MOST_BYTES >> 20} MiB.",
    20_000,
    _open,
)
