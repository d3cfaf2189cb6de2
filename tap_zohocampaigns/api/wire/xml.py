"""XML bytes -> the plain values that JSON of the same page has.

An element with `<fl val="name">` children is an object of those names; an element that
is repeated is a list.
"""

from __future__ import annotations

import re
import typing as t
from xml.parsers import expat

import xmltodict

from tap_zohocampaigns.api.errors import FatalError

MAX_DEPTH = 40
# What 10,000 rows of 100 fields have. An empty one takes ten bytes of XML, but hundreds
# of memory.
MAX_NODES = 2_000_000
# Bytes that are checked at once: after a refusal, expat goes on to the end of them.
PIECE = 1 << 20

_DECLARATION = re.compile(rb"^(<\?xml\s+version\s*=\s*[\"'])1\.1")
_BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
# XML has no place for them, however they are written.
_CONTROL = re.compile(
    rb"""[\x00-\x08\x0b\x0c\x0e-\x1f]
    |&\#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|x0*(?:1[0-9A-Fa-f]|[0-8BbCcEeFf]));""",
    re.VERBOSE,
)


def read(text: bytes) -> t.Any:  # noqa: ANN401 (a document may be anything)
    """Return the value of a document, mended if it is not quite XML.

    Raises:
        ValueError: It is not XML, mended or not.
        FatalError: It is XML that no service has reason to send.
    """
    try:
        return _parse(text)
    except ValueError:
        pass
    # Zoho's own samples have a bare `&` in names, and declare XML 1.1. Mending a fault
    # takes a hundred bytes of memory, so there is a bound.
    mended = _DECLARATION.sub(rb"\1.0", text, count=1)
    mended = _BARE.sub(b"&amp;", mended, count=MAX_NODES)
    mended = _CONTROL.sub(b"", mended, count=MAX_NODES)
    return _parse(mended.decode(errors="replace").encode())


def _parse(text: bytes) -> t.Any:  # noqa: ANN401
    try:
        _check(text)
        # A text keeps its spaces, as in JSON.
        document = xmltodict.parse(text, disable_entities=True, strip_whitespace=False)
    # LookupError: an encoding that Python does not know.
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(*error.args) from error
    return _plain(document)


def _check(text: bytes) -> None:
    """Refuse what can exhaust the machine, before anything is built of it."""
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
    for place in range(0, len(text), PIECE):
        parser.Parse(text[place : place + PIECE])
    parser.Parse(b"", True)  # noqa: FBT003 (expat takes it by position)


def _plain(value: t.Any) -> t.Any:  # noqa: ANN401
    """Turn xmltodict's form of an element into the value that JSON has.

    Text beside elements is noise: Zoho's own samples have some.
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    fields: dict[str, t.Any] = {}
    for name, item in value.items():
        if name == "fl":
            # A field without a name is noise if it has nothing but text.
            for field in item if isinstance(item, list) else [item]:
                if isinstance(field, dict):
                    fields[field.get("@val", "None")] = _plain(field)
        elif name[0] not in "@#":
            fields[name] = _plain(item)
    return fields or value.get("#text", "")
