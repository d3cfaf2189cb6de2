"""Parses `contactinfo`: lenient JSON, or XML.

In JSON the values are decoded a second time as those of URLs are, but not the names: a
client in production since 2022 has to send `a%252Bb%2540c.d` in a URL for `a+b@c.d`,
and may not escape the names like that. Zoho's pages have no quotes in their JSON.
"""

from __future__ import annotations

import re
import typing as t
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from tap_zohocampaigns.sandbox.server.requests import Code, RefusedError

_ESCAPED: t.Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_QUOTED = re.compile(
    r"""
    "((?:[^"\\]|\\.)*)"
    | '((?:[^'\\]|\\.)*)'
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BARE_NAME = re.compile(r"[^:,{}\[\]\"']+")
_BARE_VALUE = re.compile(r"[^,{}\[\]\"']*")
_BROKEN_SIGN = re.compile("%(?![0-9a-fA-F]{2})")


def parse(text: str, *, as_json: bool) -> dict[str, str]:
    """Return the fields by their names.

    Raises:
        RefusedError: It is not well formed.
    """
    return _json(text) if as_json else _xml(text)


def _xml(text: str) -> dict[str, str]:
    if "<!" in text:
        raise RefusedError(Code.STATUS)
    try:
        root = ET.fromstring(text)  # noqa: S314 (without a DOCTYPE there is no entity)
    except (ET.ParseError, ValueError):
        raise RefusedError(Code.STATUS) from None
    return {one.get("val", ""): one.text or "" for one in root.iter("fl")}


def _json(text: str) -> dict[str, str]:
    text = text.strip()
    if text[:1] != "{" or text[-1:] != "}":
        raise RefusedError(Code.STATUS)
    rest, fields = text[1:-1].lstrip(), {}
    while rest:
        name, rest = _token(rest, _BARE_NAME)
        if rest[:1] != ":":
            raise RefusedError(Code.STATUS)
        value, rest = _token(rest[1:].lstrip(), _BARE_VALUE)
        fields[name] = _decoded(value)
        if rest and rest[0] != ",":
            raise RefusedError(Code.STATUS)
        rest = rest[1:].lstrip()
    return fields


def _token(text: str, bare: re.Pattern[str]) -> tuple[str, str]:
    """Return the first token of a text, in quotes or not, and the rest."""
    if match := _QUOTED.match(text):
        value = _ESCAPE.sub(_meant, match[1] if match[2] is None else match[2])
        # Characters beyond U+FFFF come as two escapes.
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    elif match := bare.match(text):
        value = match[0].strip()
    else:
        raise RefusedError(Code.STATUS)
    return value, text[match.end() :].lstrip()


def _meant(escape: re.Match[str]) -> str:
    word = escape[1]
    return chr(int(word[1:], 16)) if len(word) > 1 else _ESCAPED.get(word, word)


def _decoded(value: str) -> str:
    # Java's decoder rejects what Python's accepts.
    if _BROKEN_SIGN.search(value):
        raise RefusedError(Code.STATUS)
    return unquote_plus(value)
