"""Questions to the service, and its refusals."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from enum import StrEnum

from tap_zohocampaigns.sandbox.bodies.envelope import error, gateway_error, version

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAIR = re.compile(r"""["']?(\w+)["']?\s*:\s*["']?([^"',}]*)""")


class Code(StrEnum):
    """The codes of errors that the sandbox knows."""

    MISSING = "903"
    NO_TAGS = "992"
    PATTERN = "1001"
    MISSING_V1 = "1003"
    TYPE = "1005"
    UNAUTHORIZED = "1007"
    STATUS = "2001"
    SUBSCRIBE_LIST = "2002"
    IN_LIST = "2003"
    ADDRESS = "2004"
    GROUP = "2005"
    UNSUBSCRIBE_LIST = "2102"
    NOT_IN_LIST = "2103"
    LIST = "2202"
    FEED_DELETED = "2203"
    DELETED = "2206"
    NO_LISTS = "2401"
    FEED_LIST = "2501"
    NO_SUBSCRIBERS = "2502"
    SEGMENT = "2603"
    PRIVILEGE = "2701"
    NO_MEMBERS = "2604"
    COUNT_DELETED = "2707"
    NO_TOPICS = "4016"
    UNSENT = "6002"
    NO_CAMPAIGNS = "6101"
    CAMPAIGN = "6301"
    NO_DETAILS = "6302"
    NO_RECIPIENTS = "6303"
    NO_WORKFLOWS = "9001"
    TRIGGER = "9008"


_SENTENCES = {
    Code.MISSING: "Mandatory fields are missing.",
    Code.NO_TAGS: "No tags found to display",
    Code.PATTERN: "Pattern doesn't match.",
    Code.MISSING_V1: "No mandatory fields in this URL",
    Code.TYPE: "Please enter correct data type format.",
    Code.UNAUTHORIZED: "Unauthorized request.",
    Code.STATUS: "Please enter the data in correct format.",
    Code.SUBSCRIBE_LIST: "List key is empty or Invalid List key",
    Code.IN_LIST: "Contact exists in this list",
    Code.ADDRESS: "Contact email address is invalid.",
    Code.GROUP: "Group email addresses cannot be subscribed.",
    Code.UNSUBSCRIBE_LIST: "Listkey is empty or Invalid Listkey",
    Code.NOT_IN_LIST: "Contact does not exist.",
    Code.LIST: "Listkey is empty or invalid.",
    Code.FEED_DELETED: "This list has been deleted.",
    Code.DELETED: "This list has been deleted.",
    Code.NO_LISTS: "There are no mailing lists.",
    Code.FEED_LIST: "Listkey is empty or invalid.",
    Code.NO_SUBSCRIBERS: "Yet,There are no contacts in this list.",
    Code.SEGMENT: "Error in getting segments details. Please try after sometime.",
    Code.PRIVILEGE: "You do not have enough privilege to do this.",
    Code.NO_MEMBERS: "There are no contacts in this segments.",
    Code.COUNT_DELETED: "Mailing list is deleted from your account.",
    Code.NO_TOPICS: "The topic associated with contacts not enabled",
    Code.UNSENT: "Invalid campaign key (or) campaign is not yet sent.",
    Code.NO_CAMPAIGNS: "There are no campaigns in this view.",
    Code.CAMPAIGN: "Invalid campaign key.",
    Code.NO_DETAILS: "There are no details in this campaign.",
    Code.NO_RECIPIENTS: "There are no contacts in the selected mailing list.",
    Code.NO_WORKFLOWS: "No custom workflow matches the given criteria",
    Code.TRIGGER: "No such trigger exist",
}
_GATEWAY = (
    Code.MISSING,
    Code.MISSING_V1,
    Code.PATTERN,
    Code.TYPE,
    Code.UNAUTHORIZED,
)


_SENTENCES_V1 = {
    Code.UNAUTHORIZED: "Unauthorized key",
    Code.NOT_IN_LIST: "Subscriber does not exist",
}
_CODES_V1 = {Code.MISSING: Code.MISSING_V1}
_MOST_DIGITS = 18


class RefusedError(Exception):
    """The service refuses, with a `Code`."""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter. If it has `words`, another value is refused with `code`.

    If `code` is None, any value is accepted.
    """

    name: str
    about: str
    required: bool = False
    number: bool = False
    words: tuple[str, ...] = ()
    code: Code | None = Code.PATTERN


@dataclass(frozen=True, slots=True)
class Question:
    """A call that passed the checks. `uri` is the name of the endpoint in answers."""

    uri: str
    params: Mapping[str, str]
    as_json: bool

    def check(self, known: Sequence[Param]) -> None:
        """Refuse missing parameters and invalid values."""
        if not all(self.params.get(one.name) for one in known if one.required):
            raise RefusedError(Code.MISSING)
        for one in known:
            value = self.params.get(one.name)
            if value and one.number:
                self.number(one.name, 0)
            elif value and one.words and one.code and value not in one.words:
                raise RefusedError(one.code)

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter, or the default when it is missing or empty."""
        return self.params.get(name) or default

    def number(self, name: str, default: int) -> int:
        """Return a parameter that must be a number."""
        return _number(self.params, name, default)

    @property
    def order(self) -> str:
        """The parameter `sort`: `asc`, `desc` or empty."""
        asked = self.text("sort").lower()
        return asked if asked in {"asc", "desc"} else ""

    def details(self) -> Details:
        """Return the pairs of `details`, such as `{from_index:0,range:1}`."""
        return Details(dict(_PAIR.findall(self.text("details"))))


@dataclass(frozen=True, slots=True)
class Details:
    """The pairs of a parameter `details`, whose names may be in quotes or not."""

    pairs: Mapping[str, str]

    def text(self, name: str, default: str) -> str:
        """Return a value, or the default when it is missing or empty."""
        return self.pairs.get(name, "").strip() or default

    def number(self, name: str, default: int) -> int:
        """Return a value that has to be a number."""
        return _number(self.pairs, name, default)


def refusal(uri: str, code: Code, *, as_json: bool) -> bytes:
    """Write the body with which the service says no."""
    sentences = _SENTENCES
    if version(uri) == "1":
        code = _CODES_V1.get(code, code)
        sentences = _SENTENCES | _SENTENCES_V1
    write = gateway_error if code in _GATEWAY else error
    return write(uri, code, sentences[code], as_json=as_json)


def _number(pairs: Mapping[str, str], name: str, default: int) -> int:
    text = pairs.get(name, "").strip() or str(default)
    # Python reads digits of every script, and as many as there are.
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise RefusedError(Code.TYPE)
    return int(text)
