"""Custom fields of contacts: at discovery they become columns with a type.

The catalog carries the columns to the sync, so that no run reads the fields again.
Fields that the catalog does not know are kept in `custom_fields`.
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
"""Annotation of a column in a catalog: the names of the field in answers."""

ACCOUNT = "account_id"
"""The column of the setting `account_id`."""
_ACCOUNT_SCHEMA: t.Final[Row] = {
    "type": "string",
    "description": "Your own name for the account, as the setting `account_id` has it.",
    # It never comes from an answer.
    "x-wire-names": [],
}

# All types that Zoho documents, in small letters, and its synonyms:
# https://www.zoho.com/campaigns/help/developers/create-custom-field.html
# Dates stay texts, since their layout in answers is not known.
_TYPES = {
    **dict.fromkeys(("text", "textarea", "phone", "email", "url"), "string"),
    **dict.fromkeys(("picklist", "radiooption", "multiselect"), "string"),
    **dict.fromkeys(("date", "datetime"), "string"),
    **dict.fromkeys(("integer", "longinteger", "long", "bigint"), "integer"),
    **dict.fromkeys(("number", "decimal", "double", "currency", "percent"), "number"),
    **dict.fromkeys(("boolean", "checkbox"), "boolean"),
}
# PostgreSQL truncates longer names, and other databases refuse them.
_MOST_BYTES = 63
_HASH_BYTES = 4
# PostgreSQL and Redshift have these columns in each table. Columns that loaders add
# begin with `_`, and none of ours does.
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


def make_columns(fields: Iterable[Row], taken: Collection[str]) -> dict[str, Row]:
    """Make columns for the custom fields of contacts.

    A field has the same column in each run, whatever the order of the fields, and
    whatever fields are added: an older field keeps its name.

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
            name for name in _names(field, str(shown)) if _folded(name) not in used
        )
        used.add(_folded(column))
        ui_type = re.sub(r"[\W_]", "", str(field.get("ui_type") or "").lower())
        # Answers have the names in small letters.
        names = [str(shown).lower(), str(shown), *([name] if name else [])]
        columns[column] = {
            "type": [_TYPES.get(ui_type, "string"), "null"],
            "description": f"Custom field “{shown}”.",
            NAMES: [*dict.fromkeys(names)],
        }
    return columns


def _names(field: Row, shown: str) -> Iterator[str]:
    """Yield possible names for the column of a field, best first."""
    words = re.sub(r"\W+", "_", shown.lower()).strip("_")
    name = words or f"field_{field['field_id']}"
    yield _cut(name)
    yield _cut(name, "_custom")
    # If several fields have one name, this does not depend on the others.
    identity = f"{field.get('field_id')}/{field.get('field_name')}/{shown}"
    for number in count():
        yield _cut(name, f"_custom_{_hash(f'{identity}/{number}')}")


def _cut(name: str, end: str = "") -> str:
    """Return a name with an ending, short enough for databases.

    A name that is cut gets a hash of the whole name.
    """
    if len((name + end).encode()) <= _MOST_BYTES:
        return name + end
    end = f"_{_hash(name)}{end}"
    start = name.encode()[: _MOST_BYTES - len(end)].decode(errors="ignore")
    return start + end


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()


def _folded(name: str) -> str:
    """Return a name in a form that is equal for names that a database may confuse.

    Some databases ignore case, some compose accents.
    """
    return unicodedata.normalize("NFKC", name).casefold()


def fit(columns: Mapping[str, Row], schema: Mapping[str, Row]) -> dict[str, Row]:
    """Return columns without the names that the schema of a stream already reads.

    Args:
        columns: As `make_columns` returns them.
        schema: The properties of a stream, with annotations.
    """
    used = {
        wire
        for name, field in schema.items()
        for wire in field.get("x-wire-names", [name])
    }
    fitting: dict[str, Row] = {}
    for name, column in columns.items():
        free = [wire for wire in column[NAMES] if wire not in used]
        if free:
            fitting[name] = {**column, NAMES: free}
    return fitting


def _age(field: Row) -> tuple[int, str, str]:
    """Return a sort key: older fields come first."""
    text = str(field.get("field_id"))
    number = int(text) if text.isascii() and text.isdecimal() else 0
    return number, str(field.get("field_name")), str(field.get("display_name"))


def add_account(schema: Row) -> None:
    """Add the column of the setting `account_id`, first among the keys."""
    schema["properties"] = {ACCOUNT: {**_ACCOUNT_SCHEMA}} | schema["properties"]
    keys = [name for name in schema["required"] if name != ACCOUNT]
    schema["required"] = [ACCOUNT, *keys]


def fit_account(entry: CatalogEntry, fields: Mapping[str, Row]) -> None:
    """Add or remove the column `account_id` of a catalog entry, as the stream has it.

    The setting may have changed since discovery.

    Args:
        entry: The entry of a stream; it is changed.
        fields: The properties of the stream's schema.
    """
    column = fields.get(ACCOUNT, {})
    if NAMES in column:
        # A custom field has that name, and the setting is not used.
        return
    properties = {**(entry.schema.properties or {})}
    keys, required = [*(entry.key_properties or ())], [*(entry.schema.required or ())]
    breadcrumb = ("properties", ACCOUNT)
    properties.pop(ACCOUNT, None)
    entry.metadata.pop(breadcrumb, None)
    for names in (keys, required):
        if ACCOUNT in names:
            names.remove(ACCOUNT)
        if column:
            names.insert(0, ACCOUNT)
    if column:
        properties = {ACCOUNT: Schema.from_dict(column), **properties}
        entry.metadata[breadcrumb] = Metadata(Metadata.InclusionType.AUTOMATIC)
    entry.schema.properties, entry.schema.required = properties, required
    entry.key_properties = keys
    if isinstance(root := entry.metadata.get(()), StreamMetadata):
        root.table_key_properties = keys


def known_in(catalog: object, stream: str) -> Row | None:
    """Return the columns of a stream in a catalog; None if it has none."""
    entries = catalog.get("streams", []) if isinstance(catalog, dict) else []
    for entry in entries:
        if entry.get("tap_stream_id") == stream:
            return entry.get("schema", {}).get("properties") or None
    return None


def in_catalog(catalog: object, stream: str) -> dict[str, Row]:
    """Return the columns of custom fields that a catalog has for a stream."""
    return {
        name: column
        for name, column in (known_in(catalog, stream) or {}).items()
        if isinstance(column, dict) and column.get(NAMES)
    }


def add_to_catalog(entry: Row, columns: Mapping[str, Row]) -> None:
    """Add columns to a catalog entry."""
    entry["schema"]["properties"] |= columns
    entry["metadata"] += [
        {"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}}
        for name in columns
    ]
