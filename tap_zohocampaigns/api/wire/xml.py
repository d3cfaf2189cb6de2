"""Parses XML into the values that the JSON of the same page has.

An element with `<fl val="name">` children becomes an object with those names. A
repeated element becomes a list.
"""

from __future__ import annotations

import re
import typing as t
from xml.parsers import expat

import xmltodict

from tap_zohocampaigns.api.errors import FatalError

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Json, Row

MAX_DEPTH = 40
# 10,000 rows of 100 fields have fewer elements. An empty element needs ten bytes of
# XML, but hundreds of bytes of memory.
MAX_NODES = 2_000_000
# Bytes that are checked at once: expat stops only at the end of a piece.
PIECE = 1 << 20

_DECLARATION = re.compile(rb"^(<\?xml\s+version\s*=\s*[\"'])1\.1")
_BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
# XML allows none of these characters, bare or escaped.
_CONTROL = re.compile(
    rb"""[\x00-\x08\x0b\x0c\x0e-\x1f]
    |&\#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|x0*(?:1[0-9A-Fa-f]|[0-8BbCcEeFf]));""",
    re.VERBOSE,
)


def parse(text: bytes) -> Json:
    """Parse a document. Small faults are mended first: a bare `&`, control characters.

    Raises:
        ValueError: It is not XML, even when mended.
        FatalError: It has a DOCTYPE, or is too deep or too large.
    """
    try:
        return _parse(text)
    except ValueError:
        pass
    # Zoho's own samples have a bare `&` in names, and declare XML 1.1. Mending one
    # fault takes a hundred bytes of memory, so their number is limited.
    mended = _DECLARATION.sub(rb"\1.0", text, count=1)
    mended = _BARE.sub(b"&amp;", mended, count=MAX_NODES)
    mended = _CONTROL.sub(b"", mended, count=MAX_NODES)
    return _parse(mended.decode(errors="replace").encode())


def _parse(text: bytes) -> Json:
    try:
        _check(text)
        # Texts keep their spaces, as in JSON.
        document = xmltodict.parse(text, disable_entities=True, strip_whitespace=False)
    # LookupError: an encoding that Python does not know.
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(*error.args) from error
    return _plain(document)


def _check(text: bytes) -> None:
    """Refuse documents that could exhaust memory, before any of it is used.

    Raises:
        FatalError: The document has a DOCTYPE, or is too deep or too large.
    """
    depth = nodes = 0

    def refuse_doctype(*_: object) -> None:
        msg = "Zoho sent XML with a DOCTYPE, which is never read."
        raise FatalError(msg)

    def start(_: str, attributes: list[str]) -> None:
        nonlocal depth, nodes
        depth += 1
        nodes += 1 + len(attributes) // 2
        if depth > MAX_DEPTH:
            msg = f"Zoho sent XML nested deeper than {MAX_DEPTH} elements."
            raise FatalError(msg)
        if nodes > MAX_NODES:
            msg = "Zoho sent XML with too many elements: lower `page_size`."
            raise FatalError(msg)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    for start_byte in range(0, len(text), PIECE):
        parser.Parse(text[start_byte : start_byte + PIECE])
    is_final = True
    parser.Parse(b"", is_final)


def _plain(value: Json) -> Json:
    """Turn xmltodict's form of an element into the value that JSON has.

    Text between elements is dropped: Zoho's own samples have stray text there.
    """
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields: Row = {}
    for name, item in value.items():
        if name == "fl":
            # A field without a name is dropped if it has only text.
            for field in item if isinstance(item, list) else [item]:
                if isinstance(field, dict):
                    fields[field.get("@val", "None")] = _plain(field)
        elif name[0] not in "@#":
            fields[name] = _plain(item)
    return fields or value.get("#text", "")
