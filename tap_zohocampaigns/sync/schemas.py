"""The schemas of the streams: a JSON file each, with annotations."""

from __future__ import annotations

import json
import typing as t
from importlib import resources
from pathlib import Path

from tap_zohocampaigns.sync import custom_fields

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_zohocampaigns.api.wire.types import Row

_INSTALLED = resources.files("tap_zohocampaigns") / "schemas"
_CHECKOUT = Path(__file__).parents[2] / "schemas"


def load_schema(name: str) -> Row:
    """Return the schema of a stream, with its annotations."""
    # An editable installation has the folder beside the package, a wheel within.
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    return t.cast("Row", json.loads(text))


def annotated_schema(
    name: str, columns: Mapping[str, Row], account_keys: Mapping[str, str]
) -> Row:
    """Return the schema of a stream with the columns of this account.

    Args:
        name: Name of the stream.
        columns: Columns of custom fields, from the catalog.
        account_keys: The column of the setting `account_id`, if it is set.
    """
    schema = load_schema(name)
    if account_keys:
        custom_fields.add_account(schema)
    for column, column_schema in columns.items():
        if column not in account_keys:
            wire = {"x-wire-names": column_schema[custom_fields.NAMES]}
            schema["properties"][column] = {**column_schema, **wire}
    return schema


def published(schema: Row) -> Row:
    """Return a schema without annotations, as loaders get it."""
    # A copy; `deepcopy` would take several times as long.
    schema = json.loads(json.dumps(schema))
    for level in (schema, *schema["properties"].values()):
        for name in [name for name in level if name.startswith(("x-wire-", "x-calls"))]:
            del level[name]
    return schema


def read_by(
    schema: Row, columns: Iterable[str] | None, needed: Iterable[object]
) -> Row:
    """Return the schema for the converter: the fields that the catalog knows.

    Fields that it does not know are kept in `custom_fields` as they came.

    Args:
        schema: With annotations.
        columns: Those of the catalog; None if it names none.
        needed: Fields that are read in any case.
    """
    if columns is None:
        return schema
    fields, wanted = schema["properties"], {*columns, *needed}
    return {**schema, "properties": {n: fields[n] for n in fields if n in wanted}}
