"""The ways in which Zoho writes lists and objects.

A list may be a list, one item alone, an element around the items (XML), or the text of
a Java list. An object may be an object or the text of a Java map.
"""

from __future__ import annotations

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire import java_text
from tap_zohocampaigns.api.wire.types import NOTHING, Json, Row

# How deep texts of lists may be nested.
MAX_DEPTH = 40
# The element of one row, in XML.
_ROW_ELEMENTS = ("list", "contact", "campaign", "fieldname")


def object_at(body: Row, *path: str) -> Row:
    """Return the object at a path of names; an empty one if there is none.

    Args:
        body: The object to start from.
        path: Names with underscores; the answer may have hyphens instead.
    """
    for name in path:
        values = {key.replace("-", "_"): value for key, value in body.items()}
        items = as_list(values.get(name))
        if not items or not isinstance(items[0], dict):
            return {}
        body = items[0]
    return body


def as_list(value: Json) -> list[Json]:
    """Return a list: a single value becomes a list of one, and XML is unwrapped."""
    if value is None or value == {} or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, dict):
        for name in _ROW_ELEMENTS:
            # Zoho's page on campaigns in API v1 has line breaks of HTML between rows.
            if value.keys() - {"br"} == {name}:
                value = value[name]
                break
    return value if isinstance(value, list) else [value]


def as_objects(value: Json, depth: int = 0) -> list[Row]:
    """Return the objects of a list. They may be texts of Java maps.

    Raises:
        FatalError: The list holds something else.
    """
    rows: list[Row] = []
    for item in as_list(value):
        text = item.strip() if isinstance(item, str) else ""
        if isinstance(item, dict):
            rows.append(item)
        elif text[:1] + text[-1:] == "{}":
            rows.append(dict(java_text.parse_map(text)))
        elif text[:1] + text[-1:] == "[]" and depth < MAX_DEPTH:
            rows += as_objects(java_text.parse_list(text), depth + 1)
        elif item is not None and (text or item) not in tuple(NOTHING):
            msg = "Zoho sent an object in a form that this version does not know."
            raise FatalError(msg)
    return [row for row in rows if row]
