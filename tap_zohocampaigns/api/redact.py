"""Makes texts of Zoho fit for a log: one line, without secrets and contacts.

The values that were sent in a call are removed, and everything that looks like an
address or a long key. The time is proportional to the length of the text.
"""

from __future__ import annotations

import html
import re
import typing as t
import unicodedata
from urllib.parse import unquote

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HIDDEN: t.Final = "***"
_LONGEST_SENTENCE: t.Final = 200
# A text may be escaped several times, for URLs, XML and JSON.
_MOST_ESCAPES: t.Final = 4
_ESCAPE_OF_JSON = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"\\/]))")
_BETWEEN_WORDS = re.compile(r"([\s<>()\",]+)")
_LONG_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{24,}")
# The letters of alphabets that put spaces between words.
_LETTER: t.Final = "[0-9A-Za-z\u00aa-\u024f\u0370-\u052f]"
_ONE_LETTER = re.compile(rf"{_LETTER}|\W|_")
_SHORTEST_PIECE = 4


def redact(text: str, secrets: Iterable[str] = (), private: Iterable[str] = ()) -> str:
    """Return a text of the service without secrets and contacts, on one line.

    Args:
        text: A text of Zoho, in any length.
        secrets: Values of settings that must not appear.
        private: Addresses and other values of contacts that were sent in the call.
    """
    secrets = sorted(secrets, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    text = _unescaped(text)
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    text = _without(text, private)
    words = _BETWEEN_WORDS.split(text)
    text = "".join(_HIDDEN if "@" in word else word for word in words)
    text = _LONG_KEY.sub(_HIDDEN, " ".join(text.split()))
    cut = len(text) > _LONGEST_SENTENCE
    return text[:_LONGEST_SENTENCE] + "…" if cut else text


def _unescaped(text: str) -> str:
    for _ in range(_MOST_ESCAPES):
        plain = _ESCAPE_OF_JSON.sub(_character, text)
        # Characters beyond U+FFFF come as two escapes.
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        plain = unquote(html.unescape(plain))
        if plain == text:
            break
        text = plain
    return text


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else escape[2]


def _without(text: str, private: Iterable[str]) -> str:
    # A value may itself look like an escaped text.
    values = {part for value in private for part in _parts(_unescaped(value))}
    if not values:
        return text
    # Longest first; otherwise parts of longer values would stay.
    patterns = map(_pattern, sorted(values, key=len, reverse=True))
    # Only whole words: `Ann` must not match in `annual`.
    pattern = rf"(?<!{_LETTER})(?:{'|'.join(patterns)})(?!{_LETTER})"
    text = unicodedata.normalize("NFC", text)
    return re.sub(pattern, _HIDDEN, text, flags=re.IGNORECASE)


def _parts(value: str) -> Iterator[str]:
    value = unicodedata.normalize("NFC", " ".join(value.split())).strip("+")
    # One letter or sign in a sentence reveals nothing about a contact.
    if value and not _ONE_LETTER.fullmatch(value):
        yield value
    local_part, at, domain = value.partition("@")
    if at:
        # Zoho may cut an address at a sign.
        pieces = (local_part, domain, *re.split(r"\W+", local_part))
        yield from (piece for piece in pieces if len(piece) >= _SHORTEST_PIECE)


def _pattern(value: str) -> str:
    # Zoho may turn a plus into a space, and change the number of spaces.
    return r"[\s+]+".join(map(re.escape, re.split(r"[\s+]+", value)))
