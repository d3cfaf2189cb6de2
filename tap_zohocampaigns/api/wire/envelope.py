"""Parses the bytes of an answer, JSON or XML, into code, message, status and body."""

from __future__ import annotations

import json
import re
import typing as t
from importlib import import_module

import msgspec

from tap_zohocampaigns.api.errors import FatalError, Transient
from tap_zohocampaigns.api.wire import java_text, numbers

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Json, Row

MAX_BYTES = 64 * 1024 * 1024
_SUCCESSES = {"0", "200", "3023", "6201"}
_FAILURES = {"error", "failure", "failed", "fail", "false"}


class Unreadable(Transient):
    """The body is no answer of the service: cut off, a web page, or something else."""


class Envelope(t.NamedTuple):
    """An answer of the service, in either format."""

    code: str
    message: str
    status: str
    body: Row
    payload: Json = None
    """The rows or the value of a call that reads. See `payloads`."""

    @property
    def success(self) -> bool:
        """Whether neither code nor status is an error; there may be no code."""
        return self.code in {"", *_SUCCESSES} and self.status not in _FAILURES

    @property
    def used_range(self) -> int | None:
        """The page size that the service says it used; None if it does not say."""
        return parse_integer(self.detail("range"), 1)

    @property
    def total(self) -> int | None:
        """The number of rows on all pages; None if the service does not say."""
        total = self.detail("total_list_count")
        return parse_integer(
            self.detail("total_record_count") if total is None else total, 0
        )

    def detail(self, name: str) -> Json:
        """Return a value of the request that the answer repeats; None if it does not.

        In JSON such values are in `requestdetails`.
        """
        details = self.body.get("requestdetails")
        if isinstance(details, str):
            details = java_text.parse_map(details)
        if isinstance(details, dict) and name in details:
            return details[name]
        return self.body.get(name)


def parse(content: bytes) -> Envelope:
    """Parse the body of an answer. Code, message and status may be missing.

    The first character shows the format: the gateway's errors are XML even for calls
    that ask for JSON.

    Raises:
        Unreadable: The body is not JSON or XML, or holds no object. Trying again may
            help.
        FatalError: The body is larger than `MAX_BYTES`, or XML that is never accepted.
    """
    return _envelope(decode(content))


def decode(content: bytes) -> Json:
    """Return the value that the body of an answer holds, whatever it is.

    Raises:
        Unreadable: The body is not JSON or XML.
        FatalError: The body is larger than `MAX_BYTES`, or XML that is never accepted.
    """
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        msg = "an empty body"
        raise Unreadable(msg)
    if len(content) > MAX_BYTES:
        msg = f"Zoho sent more than {MAX_BYTES >> 20} MiB at once: lower `page_size`."
        raise FatalError(msg)
    if text[:1] != b"<":
        return _parse_json(text)
    if re.match(rb"(?i)<(!doctype\s+html|html|head|body)\b", text):
        msg = "a web page instead of data"
        raise Unreadable(msg)
    return _parse_xml(text)


def require_code(envelope: Envelope) -> Envelope:
    """Return the envelope if it has a code.

    Raises:
        Unreadable: It has none. A payload can stand for a code; without one, a success
            can't be told from an error.
    """
    if not envelope.code:
        msg = "an object without a code"
        raise Unreadable(msg)
    return envelope


def _envelope(body: Json) -> Envelope:
    if isinstance(body, dict) and isinstance(body.get("response"), dict):
        body = body["response"]
    if not isinstance(body, dict):
        msg = "something other than an object"
        raise Unreadable(msg)
    # The gateway's errors spell `Code`, all other answers `code`.
    head: dict[str, list[Json]] = {"code": [], "message": [], "status": []}
    for key, value in body.items():
        if (name := key.casefold()) in head and value is not None:
            head[name].append(value)
    # Zoho's XML of subscribers has a second <status>: that of the contacts.
    statuses = [text.strip().casefold() for text in _texts(head["status"])]
    return Envelope(
        _code(head["code"]),
        " ".join(_texts(head["message"])),
        next((name for name in statuses if name in _FAILURES), (*statuses, "none")[0]),
        body,
    )


def _code(values: list[Json]) -> str:
    """Return the code of an answer; empty if it has none, an error's if it has more.

    Raises:
        Unreadable: A code is not a number or a text.
    """
    codes = [value for value in values if value != ""]
    for code in codes:
        if isinstance(code, bool) or not isinstance(code, str | int):
            msg = "an object without a code"
            raise Unreadable(msg)
    texts = [str(code).strip() for code in codes]
    return next((text for text in texts if text not in _SUCCESSES), (*texts, "")[0])


def _texts(value: Json) -> list[str]:
    """Return the texts, numbers and flags within a value, at any depth."""
    texts, waiting = [], [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            waiting += reversed([*item.values()])
        elif item is not None:
            texts.append(str(item))
    return texts


def parse_integer(value: Json, least: int) -> int | None:
    """Return a whole number; None if the value is not one, or is below `least`."""
    if isinstance(value, bool):
        return None
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return number if number >= least else None


def _parse_json(text: bytes) -> Json:
    try:
        value = numbers.decode(text)
        # PostgreSQL accepts no U+0000 in a text. Searching one character first is much
        # faster.
        has_nul = b"\\" in text and b"\\u0000" in text
        return _mend(value) if has_nul else value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # Some answers hold control characters, broken UTF-8 or half an emoji.
    try:
        value = json.loads(
            text.decode(errors="replace"),
            strict=False,
            parse_float=numbers.float_of_json,
            parse_int=numbers.integer_of_json,
            parse_constant=_refuse_constant,
        )
        return _mend(value)
    except (ValueError, RecursionError) as error:
        msg = "a body that is not whole"
        raise Unreadable(msg) from error


def _refuse_constant(name: str) -> t.NoReturn:
    raise ValueError(name)


def _mend(value: Json) -> Json:
    """Return a value without U+0000 and halves of emojis in its names and texts."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, list):
        return [*map(_mend, value)]
    if isinstance(value, dict):
        return {_mend(name): _mend(item) for name, item in value.items()}
    return value


def _parse_xml(text: bytes) -> Json:
    # Few runs read XML, so its packages are imported only by those.
    xml = import_module("tap_zohocampaigns.api.wire.xml")
    try:
        return xml.parse(text)
    except ValueError as error:
        msg = "a body that is not whole"
        raise Unreadable(msg) from error
