"""The fields of a contact -> the text of `contactinfo`, in JSON or XML.

Both are ASCII, so that no server can take the letters for those of another alphabet:
https://www.zoho.com/campaigns/help/developers/contact-subscribe.html
"""

from __future__ import annotations

import json
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS: t.Final = "Contact Email"
"""The name of the field that a contact is known by."""

# What XML 1.0 can't hold, however it is written, and what is no character.
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_XML = re.compile("[^ !#-%(-;=?-~]")
_SIGNS = {ord("+"): "%2B", ord("%"): "%25"}
_ESCAPES = {ord("+"): r"\u002b", ord("%"): r"\u0025"}


def sendable(text: str) -> bool:
    """Return whether a text can be sent in both formats."""
    return not _UNSENDABLE.search(text)


def form(fields: Mapping[str, str], wanted: str) -> str:
    """Return the format in which the fields arrive as they are.

    Args:
        fields: The fields by their display names.
        wanted: The format of the settings.
    """
    # How often the service decodes these signs is known for JSON only.
    told = (*fields, *fields.values())
    return "json" if any(sign in text for text in told for sign in "+%") else wanted


def as_json(fields: Mapping[str, str]) -> str:
    """Write an object of the fields by their display names.

    The service decodes values twice as those of URLs are, or a `+` becomes a space. It
    does not do so with names.
    """
    pairs = (
        f"{json.dumps(name).translate(_ESCAPES)}:{json.dumps(value).translate(_SIGNS)}"
        for name, value in fields.items()
    )
    return f"{{{','.join(pairs)}}}"


def as_xml(fields: Mapping[str, str]) -> str:
    """Write a document of the fields by their display names."""
    pairs = (
        f'<fl val="{_escaped(name)}">{_escaped(value)}</fl>'
        for name, value in fields.items()
    )
    return f"<xml>{''.join(pairs)}</xml>"


def _escaped(text: str) -> str:
    return _NOT_IN_XML.sub(lambda found: f"&#{ord(found[0])};", text)
