"""Custom fields of contacts: at discovery they become columns with a type.

A catalog carries them to the sync, so that no run has to ask for them again. What a
catalog does not know is kept in `custom_fields`, as it is without a catalog.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata
from hashlib import blake2b
from itertools import count

from singer_sdk.singerlib import Metadata, Schema, StreamMetadata

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from singer_sdk.singerlib import CatalogEntry

    from tap_zohocampaigns.api.wire.types import Row

NAMES = "x-zoho-names"
"""Beside a column in a catalog: what Zoho calls the field in its feeds."""

ACCOUNT = "account_id"
"""The column of the user's own name for the account."""
_ABOUT_ACCOUNT: t.Final[Row] = {
    "type": "string",
    "description": "Your own name for the account, as the setting `account_id` has it.",
    # No field of Zoho is read into it.
    "x-wire-names": [],
}

# All kinds that Zoho documents, in small letters, and words that it uses for the same:
# https://www.zoho.com/campaigns/help/developers/create-custom-field.html
# Dates stay texts, since the layout in the feeds is not known.
_TYPES = {
    **dict.fromkeys(("text", "textarea", "phone", "email", "url"), "string"),
    **dict.fromkeys(("picklist", "radiooption", "multiselect"), "string"),
    **dict.fromkeys(("date", "datetime"), "string"),
    **dict.fromkeys(("integer", "longinteger", "long", "bigint"), "integer"),
    **dict.fromkeys(("number", "decimal", "double", "currency", "percent"), "number"),
    **dict.fromkeys(("boolean", "checkbox"), "boolean"),
}
# PostgreSQL cuts what is longer, and other databases refuse it.
_MOST_BYTES = 63
_HASH_BYTES = 4
# PostgreSQL and Redshift have these in each table. Names that loaders add begin with
# `_`, and no column of ours does.
_RESERVED = frozenset(
    [
        *("oid", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"),
        *("insertxid", "deletexid"),
    ]
)
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

    A field has the same column in each run, whatever their order, and whatever fields
    are added: an older field never gives its name up.

    Args:
        fields: The records of `contact_fields`, in any order.
        taken: Names that a column can't have.

    Returns:
        Name of the column -> its schema.
    """
    columns: dict[str, Row] = {}
    used = {*map(_folded, taken), *_RESERVED}
    for field in sorted(fields, key=_age):
        shown, name = field.get("display_name"), field.get("field_name")
        kind = str(field.get("field_type") or "").casefold()
        if not shown or kind == "standard" or (not kind and name in _STANDARD):
            continue
        column = next(
            each for each in _names(field, str(shown)) if _folded(each) not in used
        )
        used.add(_folded(column))
        ui_type = re.sub(r"[\W_]", "", str(field.get("ui_type") or "").lower())
        # The feeds have the names in small letters.
        names = [str(shown).lower(), str(shown), *([name] if name else [])]
        columns[column] = {
            "type": [_TYPES.get(ui_type, "string"), "null"],
            "description": f"Custom field “{shown}”.",
            NAMES: [*dict.fromkeys(names)],
        }
    return columns


def _names(field: Row, shown: str) -> Iterator[str]:
    """Yield names for the column of a field, best first."""
    words = re.sub(r"\W+", "_", shown.lower()).strip("_")
    name = words or f"field_{field['field_id']}"
    yield _cut(name)
    yield _cut(name, "_custom")
    # Of several fields of one name, this is the same whatever becomes of the others.
    identity = f"{field.get('field_id')}/{field.get('field_name')}/{shown}"
    for number in count():
        yield _cut(name, f"_custom_{_hash(f'{identity}/{number}')}")


def _cut(name: str, end: str = "") -> str:
    """Return a name with an ending, not longer than databases take.

    A name that is cut gets a hash of all of it.
    """
    if len((name + end).encode()) <= _MOST_BYTES:
        return name + end
    end = f"_{_hash(name)}{end}"
    start = name.encode()[: _MOST_BYTES - len(end)].decode(errors="ignore")
    return start + end


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()


def _folded(name: str) -> str:
    """Return what a name has in common with those that a database may not tell apart.

    Some turn names into capital letters, some compose accents.
    """
    return unicodedata.normalize("NFKC", name).casefold()


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


def _age(field: Row) -> tuple[int, str, str]:
    """Return what sorts older fields before newer ones, in one order only."""
    text = str(field.get("field_id"))
    number = int(text) if text.isascii() and text.isdecimal() else 0
    return number, str(field.get("field_name")), str(field.get("display_name"))


def add_account(schema: Row) -> None:
    """Add the column of the user's own name for the account, first among the keys."""
    schema["properties"] = {ACCOUNT: {**_ABOUT_ACCOUNT}} | schema["properties"]
    keys = [name for name in schema["required"] if name != ACCOUNT]
    schema["required"] = [ACCOUNT, *keys]


def fit_account(entry: CatalogEntry, fields: Mapping[str, Row]) -> None:
    """Let the entry of a catalog have that column if the stream has it, and only then.

    The setting may be another than at discovery.

    Args:
        entry: What the catalog has of the stream.
        fields: The properties of the schema of the stream.
    """
    about = fields.get(ACCOUNT, {})
    if NAMES in about:
        # A custom field of contacts has that name, and there is no such setting.
        return
    known = {**(entry.schema.properties or {})}
    keys, required = [*(entry.key_properties or ())], [*(entry.schema.required or ())]
    place = ("properties", ACCOUNT)
    known.pop(ACCOUNT, None)
    entry.metadata.pop(place, None)
    for names in (keys, required):
        if ACCOUNT in names:
            names.remove(ACCOUNT)
        if about:
            names.insert(0, ACCOUNT)
    if about:
        known = {ACCOUNT: Schema.from_dict(about), **known}
        entry.metadata[place] = Metadata(Metadata.InclusionType.AUTOMATIC)
    entry.schema.properties, entry.schema.required = known, required
    entry.key_properties = keys
    if isinstance(root := entry.metadata.get(()), StreamMetadata):
        root.table_key_properties = keys


def known_in(catalog: object, stream: str) -> Row | None:
    """Return the columns that a catalog knows of a stream; None if it tells none."""
    entries = catalog.get("streams", []) if isinstance(catalog, dict) else []
    for entry in entries:
        if entry.get("tap_stream_id") == stream:
            return entry.get("schema", {}).get("properties") or None
    return None


def in_catalog(catalog: object, stream: str) -> dict[str, Row]:
    """Return the columns that a catalog has for a stream."""
    return {
        name: about
        for name, about in (known_in(catalog, stream) or {}).items()
        if isinstance(about, dict) and about.get(NAMES)
    }


def add_to_catalog(entry: Row, columns: Mapping[str, Row]) -> None:
    """Add columns to the entry of a stream in a catalog."""
    entry["schema"]["properties"] |= columns
    entry["metadata"] += [
        {"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}}
        for name in columns
    ]
