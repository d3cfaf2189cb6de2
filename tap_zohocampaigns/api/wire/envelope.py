"""JSON or XML bytes -> one envelope -> rows."""

from __future__ import annotations

import json
import re
import typing as t

import msgspec

from tap_zohocampaigns.api.errors import FatalError, Transient, asks_for_patience
from tap_zohocampaigns.api.wire import numbers, xml
from tap_zohocampaigns.api.wire.java_text import java_list, java_map

Json: t.TypeAlias = t.Any
Row: t.TypeAlias = dict[str, t.Any]

MAX_BYTES = 64 * 1024 * 1024
# Of a list within a list, as a text.
MAX_DEPTH = 40

# Where an endpoint keeps what it was asked for; names differ between the formats.
LISTS = {
    "getmailinglists": ("list_of_details",),
    "getsegmentcontacts": ("list_of_details", "segment_contacts"),
    "getlistsubscribers": ("list_of_details", "result_of_subscribers"),
    "recentcampaigns": ("recent_campaigns", "recent-campaigns"),
    "getcampaignrecipientsdata": ("list_of_details", "contacts", "recipients"),
    "contact/allfields": ("fieldnames", "fieldname"),
    "tag/getalltags": ("tags",),
    "topics": ("topicDetails",),
    "topics/products": ("products",),
    "workflow": ("workflows",),
}
# Rows that stand under their keys, one map for each or one for all; what the key is.
_KEYS = {"tag/getalltags": "tag_id"}
OBJECTS = {
    "campaignreports": ("campaign-reports",),
    "getcampaigndetails": ("campaign-details",),
    "getsegmentdetails": ("segments_details", "segment_details"),
    "listsubscriberscount": ("no_of_contacts",),
    "getlistadvanceddetails": ("list_details", "list-details"),
}
_COUNTS = {"listsubscriberscount"}
_COUNT_NAMES = {name for endpoint in _COUNTS for name in OBJECTS[endpoint]}
_PAYLOADS = {name for names in (*LISTS.values(), *OBJECTS.values()) for name in names}
# How Zoho says that it has no value.
NOTHING = frozenset({"", "null", "undefined"})
_NONE = ("", "null", "undefined")
_SUCCESSES = {"0", "200", "3023", "6201"}
_FAILURES = {"error", "failure", "failed", "fail", "false"}
# Whatever they hold, an answer that has one of them tells of an error.
_ERROR_NAMES = {"error", "errors", "error_code", "errorcode"}
# The element of one row, in XML.
_ROW_ELEMENTS = ("list", "contact", "campaign", "fieldname")
# Zoho's pages show no XML of these.
_JSON_ONLY = {"tag/getalltags", "topics", "topics/products", "workflow"}
# These name the parameter of the format `type`, and its values in small letters.
_TYPED = {"contact/allfields"}


class Unreadable(Transient):
    """The body is not an answer of the service: cut, a web page, another shape."""


class Envelope(t.NamedTuple):
    """An answer of the service, in either format.

    `payload` is what was asked for: a list of rows where the endpoint has rows.
    """

    code: str
    message: str
    status: str
    body: Row
    payload: Json = None

    @property
    def success(self) -> bool:
        """Whether neither code nor status tells of an error; there may be no code."""
        return self.code in {"", *_SUCCESSES} and self.status not in _FAILURES

    @property
    def used_range(self) -> int | None:
        """How many rows the service says it gives at most, if it says so."""
        return _integer(self.detail("range"), 1)

    @property
    def total(self) -> int | None:
        """How many rows there are in all, if the service says so."""
        total = self.detail("total_list_count")
        return _integer(
            self.detail("total_record_count") if total is None else total, 0
        )

    def detail(self, name: str) -> Json:
        """Return what the answer repeats of the request (JSON: in `requestdetails`)."""
        details = self.body.get("requestdetails")
        if isinstance(details, str):
            details = java_map(details)
        if isinstance(details, dict) and name in details:
            return details[name]
        return self.body.get(name)


def ask(endpoint: str, form: str) -> dict[str, str]:
    """Return the parameter that asks an endpoint for a format, if it has the format.

    Args:
        endpoint: Name of the call.
        form: `json` or `xml`.
    """
    if endpoint in _TYPED:
        return {"type": form}
    return {"resfmt": "JSON" if endpoint in _JSON_ONLY else form.upper()}


def read(content: bytes) -> Envelope:
    """Read the body of an answer.

    The first character tells the format: errors of the gateway come as XML even where
    JSON was asked for.

    Raises:
        Unreadable: It is no JSON or XML, or lacks the envelope; trying again may help.
        FatalError: It is XML that no service has reason to send.
    """
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        msg = "an empty body"
        raise Unreadable(msg)
    if len(content) > MAX_BYTES:
        msg = f"Zoho sent more than {MAX_BYTES >> 20} MiB at once: lower `page_size`."
        raise FatalError(msg)
    if text[:1] != b"<":
        return _envelope(_json(text))
    if re.match(rb"(?i)<(!doctype\s+html|html|head|body)\b", text):
        msg = "a web page instead of data"
        raise Unreadable(msg)
    return _envelope(_xml(text))


def payload(endpoint: str, envelope: Envelope) -> Json:
    """Return what an endpoint was asked for: a list of rows, or a value.

    Raises:
        Unreadable: Its place is missing, or holds something else.
    """
    for name in LISTS.get(endpoint) or OBJECTS[endpoint]:
        if name in envelope.body and (
            envelope.code or _holds_row(name, envelope.body[name])
        ):
            found = envelope.body[name]
            if endpoint in OBJECTS:
                if endpoint in _COUNTS and _integer(found, 0) is None:
                    break
                return found
            listed = as_list(found)
            if endpoint in _KEYS:
                listed = _keyed(listed, _KEYS[endpoint])
            if {*map(type, listed)} <= {dict}:
                return listed
    msg = "a success without what was asked for"
    raise Unreadable(msg)


def coded(envelope: Envelope) -> Envelope:
    """Return an envelope that has a code.

    Raises:
        Unreadable: It has none. A payload can stand for it, but where there is none
            nothing tells a success from an error.
    """
    if not envelope.code:
        msg = "an object without a code"
        raise Unreadable(msg)
    return envelope


def _keyed(maps: list[Json], name: str) -> list[Json]:
    """Return the rows of maps, each with its key as a field."""
    return [
        {name: key, **row} if isinstance(row, dict) else row
        for each in maps
        for key, row in (each.items() if isinstance(each, dict) else [("", each)])
    ]


def inside(body: Row, *path: str) -> Row:
    """Return the object at a path, which has underscores or hyphens; empty if none."""
    for name in path:
        known = {key.replace("-", "_"): value for key, value in body.items()}
        found = as_list(known.get(name))
        if not found or not isinstance(found[0], dict):
            return {}
        body = found[0]
    return body


def as_list(value: Json) -> list[Json]:
    """Return a list: of one where a single object came, or XML wraps it."""
    if value is None or value == {} or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, dict):
        for name in _ROW_ELEMENTS:
            # Zoho's page of campaigns in API v1 has line breaks of HTML between rows.
            if value.keys() - {"br"} == {name}:
                value = value[name]
                break
    return value if isinstance(value, list) else [value]


def as_objects(value: Json, depth: int = 0) -> list[Row]:
    """Return the objects of a list; they may be texts of Java maps.

    Raises:
        FatalError: Something else is in it.
    """
    found: list[Row] = []
    for each in as_list(value):
        text = each.strip() if isinstance(each, str) else ""
        if isinstance(each, dict):
            found.append(each)
        elif text[:1] + text[-1:] == "{}":
            found.append(java_map(text))
        elif text[:1] + text[-1:] == "[]" and depth < MAX_DEPTH:
            found += as_objects(java_list(text), depth + 1)
        elif each is not None and (text or each) not in _NONE:
            msg = "Zoho sent an object in a form that this version does not know."
            raise FatalError(msg)
    return [each for each in found if each]


def _envelope(body: Json) -> Envelope:
    if isinstance(body, dict) and isinstance(body.get("response"), dict):
        body = body["response"]
    if not isinstance(body, dict):
        msg = "something other than an object"
        raise Unreadable(msg)
    # Errors of the gateway spell `Code`, those of the business `code`.
    head: dict[str, list[Json]] = {"code": [], "message": [], "status": []}
    for key, value in body.items():
        if (name := key.casefold()) in head and value is not None:
            head[name].append(value)
    # Zoho's XML of subscribers has a second <status>: that of the contacts.
    statuses = [text.strip().casefold() for text in _texts(head["status"])]
    envelope = Envelope(
        _code(head["code"]),
        " ".join(_texts(head["message"])),
        next((each for each in statuses if each in _FAILURES), (*statuses, "none")[0]),
        body,
    )
    if not envelope.code and not _speaks_for_itself(envelope):
        msg = "an object without a code"
        raise Unreadable(msg)
    return envelope


def _code(found: list[Json]) -> str:
    """Return the code of an answer, empty if it has none; of several an error's."""
    codes = [each for each in found if each != ""]
    for each in codes:
        if isinstance(each, bool) or not isinstance(each, str | int):
            msg = "an object without a code"
            raise Unreadable(msg)
    texts = [str(each).strip() for each in codes]
    return next((each for each in texts if each not in _SUCCESSES), (*texts, "")[0])


def _texts(value: Json) -> list[str]:
    """Return the texts, numbers and flags within a value, however deep they are."""
    found, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif isinstance(each, dict):
            waiting += reversed([*each.values()])
        elif each is not None:
            found.append(str(each))
    return found


def _speaks_for_itself(envelope: Envelope) -> bool:
    """Return whether an answer without a code is a success all the same.

    The fields of contacts came without code, status and message. So rows stand for a
    success where nothing tells of an error; that there are none is told by a code.
    """
    body = envelope.body
    return (
        envelope.success
        and _ERROR_NAMES.isdisjoint(key.casefold() for key in body)
        and not asks_for_patience(envelope.message)
        and any(_holds_row(name, body[name]) for name in _PAYLOADS & body.keys())
    )


def _holds_row(name: str, value: Json) -> bool:
    """Return whether a payload has something in it."""
    if name in _COUNT_NAMES:
        return bool(_integer(value, 0))
    if isinstance(value, str):
        return bool(java_map(value)) or bool(java_list(value))
    return any(isinstance(each, dict) and each for each in as_list(value))


def _integer(value: Json, least: int) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return number if number >= least else None


def _json(text: bytes) -> Json:
    try:
        value = numbers.decode(text)
        # PostgreSQL takes no U+0000 in a text. The search for one character is the
        # faster by far.
        has_nul = b"\\" in text and b"\\u0000" in text
        return _mended(value) if has_nul else value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # A sloppy writer leaves control characters, broken UTF-8 or half an emoji.
    try:
        value = json.loads(
            text.decode(errors="replace"),
            strict=False,
            parse_float=numbers.float_of_json,
            parse_int=numbers.integer_of_json,
            parse_constant=_refuse_constant,
        )
        return _mended(value)
    except (ValueError, RecursionError) as error:
        msg = "a body that is not whole"
        raise Unreadable(msg) from error


def _refuse_constant(name: str) -> t.NoReturn:
    raise ValueError(name)


def _mended(value: Json) -> Json:
    """Return a value without U+0000 and halves of emojis in its names and texts."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, list):
        return [*map(_mended, value)]
    if isinstance(value, dict):
        return {_mended(name): _mended(each) for name, each in value.items()}
    return value


def _xml(text: bytes) -> Json:
    try:
        return xml.read(text)
    except ValueError as error:
        msg = "a body that is not whole"
        raise Unreadable(msg) from error
