"""Custom fields of contacts: at discovery they become columns with a type.

A catalog carries them to the sync, so that no run has to ask for them again. What a
catalog does not know is kept in `custom_fields`, as it is without a catalog.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tap_zohocampaigns.api.wire import Row

NAMES = "x-zoho-names"
"""Beside a column in a catalog: what Zoho calls the field in its feeds."""

# https://www.zoho.com/campaigns/help/developers/ tells none; these are Zoho's words for
# kinds of fields. Dates stay texts, since the layout in the feeds is not known.
_TYPES = {
    **dict.fromkeys(("integer", "long", "bigint"), "integer"),
    **dict.fromkeys(("number", "decimal", "double", "currency", "percent"), "number"),
    **dict.fromkeys(("boolean", "checkbox"), "boolean"),
}
_STANDARD = frozenset(
    [
        *("contact_email", "firstname", "lastname", "companyname", "phone", "mobile"),
        *("address", "city", "state", "country", "zipcode", "title", "job_title"),
        *("secondary_email", "website", "note", "facebook_handle", "twitter_handle"),
        "linkedin_handle",
    ]
)


def read_columns(fields: Iterable[Row], taken: Collection[str]) -> dict[str, Row]:
    """Make columns of the custom ones among the fields of contacts.

    Args:
        fields: The records of `contact_fields`, in any order.
        taken: Names that a column can't have.

    Returns:
        Name of the column -> its schema.
    """
    columns: dict[str, Row] = {}
    for field in sorted(fields, key=_number):
        shown, name = field.get("display_name"), field.get("field_name")
        kind = str(field.get("field_type") or "").casefold()
        if not shown or kind == "standard" or (not kind and name in _STANDARD):
            continue
        words = re.sub(r"\W+", "_", str(shown).casefold()).strip("_")
        column = words or f"field_{field['field_id']}"
        while column in columns or column in taken:
            column += "_custom"
        typed = _TYPES.get(str(field.get("ui_type") or "").casefold(), "string")
        names = [str(shown).casefold(), str(shown), *([name] if name else [])]
        columns[column] = {
            "type": [typed, "null"],
            "description": f"Custom field “{shown}”.",
            NAMES: [*dict.fromkeys(names)],
        }
    return columns


def fit(columns: Mapping[str, Row], schema: Mapping[str, Row]) -> dict[str, Row]:
    """Return columns without the names on the wire that a schema reads already.

    Args:
        columns: As `read_columns` makes them.
        schema: The properties of a stream, with what they are called on the wire.
    """
    known = {
        wire
        for name, about in schema.items()
        for wire in about.get("x-wire-names", [name])
    }
    fitting: dict[str, Row] = {}
    for name, about in columns.items():
        free = [wire for wire in about[NAMES] if wire not in known]
        if free:
            fitting[name] = {**about, NAMES: free}
    return fitting


def _number(field: Row) -> int:
    # Older fields first, so that a new one takes no name from another.
    text = str(field.get("field_id"))
    return int(text) if text.isdigit() else 0


def in_catalog(catalog: object, stream: str) -> dict[str, Row]:
    """Return the columns that a catalog has for a stream."""
    entries = catalog.get("streams", []) if isinstance(catalog, dict) else []
    for entry in entries:
        if entry.get("tap_stream_id") == stream:
            properties = entry.get("schema", {}).get("properties", {})
            return {
                name: about
                for name, about in properties.items()
                if isinstance(about, dict) and about.get(NAMES)
            }
    return {}


def add_to_catalog(entry: Row, columns: Mapping[str, Row]) -> None:
    """Add columns to the entry of a stream in a catalog."""
    entry["schema"]["properties"] |= columns
    entry["metadata"] += [
        {"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}}
        for name in columns
    ]
