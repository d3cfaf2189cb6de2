"""Encodes the fields of a contact as the parameter `contactinfo`, in JSON or XML.

Both are ASCII, so that no server can misread the encoding:
https://www.zoho.com/campaigns/help/developers/contact-subscribe.html
"""

from __future__ import annotations

import json
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS: t.Final = "Contact Email"
"""The name of the field that identifies a contact."""

# Characters that XML 1.0 can't hold, even escaped, and halves of surrogate pairs.
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_XML = re.compile("[^ !#-%(-;=?-~]")
_SIGNS = {ord("+"): "%2B", ord("%"): "%25"}
_ESCAPES = {ord("+"): r"\u002b", ord("%"): r"\u0025"}


def sendable(text: str) -> bool:
    """Return whether a text can be sent in both formats."""
    return not _UNSENDABLE.search(text)


def choose_format(fields: Mapping[str, str], preferred: str) -> str:
    """Return a format in which Zoho receives the fields unchanged.

    Args:
        fields: The fields by their display names.
        preferred: The format of the settings: `json` or `xml`.
    """
    # How often the service decodes these signs is known for JSON only.
    texts = (*fields, *fields.values())
    return "json" if any(sign in text for text in texts for sign in "+%") else preferred


def as_json(fields: Mapping[str, str]) -> str:
    """Return the fields as a JSON object.

    The service decodes values twice, as in URLs, so that a bare `+` would become a
    space. It does not decode names.
    """
    pairs = (
        f"{json.dumps(name).translate(_ESCAPES)}:{json.dumps(value).translate(_SIGNS)}"
        for name, value in fields.items()
    )
    return f"{{{','.join(pairs)}}}"


def as_xml(fields: Mapping[str, str]) -> str:
    """Return the fields as an XML document."""
    pairs = (
        f'<fl val="{_escaped(name)}">{_escaped(value)}</fl>'
        for name, value in fields.items()
    )
    return f"<xml>{''.join(pairs)}</xml>"


def _escaped(text: str) -> str:
    return _NOT_IN_XML.sub(lambda match: f"&#{ord(match[0])};", text)
