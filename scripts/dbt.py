"""Write the staging models of the dbt package from the schemas.

    uv run --locked python -m scripts.dbt

writes tap_zohocampaigns_dbt/models/staging: for each stream a model and its
descriptions and tests, and the list of sources.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.sync.base import ZohoStream

    Json: t.TypeAlias = dict[str, t.Any]

ROOT = Path(__file__).parent.parent
STAGING = ROOT / "tap_zohocampaigns_dbt" / "models" / "staging"
_SOURCE = "zohocampaigns"
_NOTE = "Written by `python -m scripts.dbt` from schemas/{}.json."
_ACCOUNT = (
    "What the setting `account_id` calls the account; `default` if it has no value."
)
_CURRENT = "Whether the row was in the last whole read of its part: see snapshots."
_FORMATS = {"date-time": "time", "date": "date"}
_KINDS = {"string": "text", "array": "json", "object": "json"}
_ACTIONS = (
    *("sentcontacts", "openedcontacts", "optoutcontacts", "spamcontacts"),
    *("unopenedcontacts", "clickedcontacts", "senthardbounce", "sentsoftbounce"),
    "unsentcontacts",
)

# The columns of `snapshots` that name the part of a row.
PARTS: t.Final[Mapping[str, Sequence[str]]] = {
    "segment_contacts": ("cvid",),
    "list_subscribers": ("list_key", "status"),
    "campaign_recipients": ("campaign_key", "action"),
    "recipient_events": ("campaign_key", "action"),
    "campaign_lists": ("campaign_key",),
    "campaign_ab_variants": ("campaign_key",),
    "campaign_reach": ("campaign_key", "reported_on"),
    "campaign_locations": ("campaign_key", "reported_on"),
}
ACCEPTED: t.Final[Mapping[tuple[str, str], Sequence[str]]] = {
    ("campaign_recipients", "action"): _ACTIONS,
    ("recipient_events", "action"): ("openedcontacts", "clickedcontacts"),
    ("list_subscriber_counts", "status"): ("active", "unsub", "bounce", "spam"),
    ("list_subscribers", "status"): ("active", "unsub", "bounce"),
    ("snapshots", "stream"): tuple(PARTS),
}
_SENDS = (
    *("campaign_recipients", "campaign_reports", "campaign_reach"),
    *("campaign_locations", "recipient_events"),
)
# Stream -> an expression, and the stream and column that it has to be found in.
RELATIONS: t.Final[Mapping[str, Sequence[tuple[str, str, str]]]] = {
    "segments": [("list_key", "mailing_lists", "list_key")],
    "segment_contacts": [("cvid", "segments", "cvid")],
    "list_details": [("list_key", "mailing_lists", "list_key")],
    "list_subscribers": [("list_key", "mailing_lists", "list_key")],
    "list_subscriber_counts": [("list_key", "mailing_lists", "list_key")],
    "campaign_details": [("campaign_key", "campaigns", "campaign_key")],
    "campaign_ab_variants": [("campaign_key", "campaigns", "campaign_key")],
    "campaign_lists": [("campaign_key", "campaigns", "campaign_key")],
} | {
    name: [("coalesce(parent_campaign_key, campaign_key)", "campaigns", "campaign_key")]
    for name in _SENDS
}


def kind_of(about: Json) -> str:
    """Return what the macros call the type of a field."""
    kinds = [about["type"]] if isinstance(about["type"], str) else about["type"]
    kind = next(one for one in kinds if one != "null")
    return _FORMATS.get(about.get("format", ""), _KINDS.get(kind, kind))


def keys_of(stream: type[ZohoStream]) -> list[str]:
    """Return the keys of a stream, without the account."""
    return [name for name in stream.primary_keys if name != "account_id"]


def columns_of(name: str) -> dict[str, Json]:
    """Return the fields of a stream, without the account."""
    fields = load_schema(name)["properties"]
    return {field: about for field, about in fields.items() if field != "account_id"}


def model(stream: type[ZohoStream]) -> str:
    """Return the SQL of a staging model."""
    name = stream.name
    quoted = [f"'{key}'" for key in keys_of(stream) or ["account_id"]]
    columns = "".join(
        f"        ('{field}', '{kind_of(about)}'),\n"
        for field, about in columns_of(name).items()
    )
    part = ", ".join(f"'{field}'" for field in PARTS.get(name, ()))
    return (
        f"-- {_NOTE.format(name)}\n"
        f"{{{{ zoho_stage(\n    '{name}',\n    keys=[{', '.join(quoted)}],\n"
        f"    columns=[\n{columns}    ],\n"
        + (f"    part=[{part}],\n" if part else "")
        + ") }}\n"
    )


def column(stream: type[ZohoStream], field: str, about: Json) -> Json:
    """Return the description and the tests of a column."""
    text = {"name": field, "description": about["description"]}
    tests: list[str | Json] = ["not_null"] if field in keys_of(stream) else []
    if values := ACCEPTED.get((stream.name, field)):
        tests.append({"accepted_values": {"arguments": {"values": [*values]}}})
    return text | ({"data_tests": tests} if tests else {})


def relation(expression: str, parent: str, field: str, *, has_parts: bool) -> Json:
    """Return a test that each value is found in another stream.

    It warns, because Zoho may name what it does not list.
    """
    config = {"severity": "warn"} | ({"where": "is_current"} if has_parts else {})
    arguments = {"to": f"ref('stg_{parent}')", "field": field}
    arguments["column_name"] = expression
    return {
        "relationships": {
            "name": f"{{}}_has_its_{parent.removesuffix('s')}",
            "arguments": arguments,
            "config": config,
        }
    }


def properties(stream: type[ZohoStream]) -> Json:
    """Return the descriptions and the tests of a staging model."""
    name = stream.name
    key = ["account_id", *keys_of(stream)]
    tests: list[Json] = [{"zoho_unique_key": {"arguments": {"columns": key}}}]
    for expression, parent, field in RELATIONS.get(name, ()):
        test = relation(expression, parent, field, has_parts=name in PARTS)
        test["relationships"]["name"] = test["relationships"]["name"].format(name)
        tests.append(test)
    columns = [
        {"name": "account_id", "description": _ACCOUNT, "data_tests": ["not_null"]},
        *(column(stream, field, about) for field, about in columns_of(name).items()),
    ]
    if name in PARTS:
        columns.append({"name": "is_current", "description": _CURRENT})
    description = load_schema(name)["description"]
    about = {"name": f"stg_{name}", "description": description}
    return {"models": [about | {"data_tests": tests, "columns": columns}]}


def sources() -> Json:
    """Return the tables that a loader fills."""
    tables = [
        {"name": stream.name, "description": load_schema(stream.name)["description"]}
        for stream in STREAMS
    ]
    return {
        "sources": [
            {
                "name": _SOURCE,
                "description": "What tap-zohocampaigns loads.",
                "database": "{{ var('zohocampaigns_database', target.database) }}",
                "schema": "{{ var('zohocampaigns_schema', 'zohocampaigns') }}",
                "tables": tables,
            }
        ]
    }


def as_yaml(note: str, value: Json) -> str:
    """Return a file of properties."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return f"# {note}\nversion: 2\n{text}"


def build() -> dict[Path, str]:
    """Return each file with the text that it has to have."""
    texts = {STAGING / "_sources.yml": as_yaml(_NOTE.format("*"), sources())}
    for stream in STREAMS:
        stem = STAGING / f"stg_{stream.name}"
        note = _NOTE.format(stream.name)
        texts[stem.with_suffix(".sql")] = model(stream)
        texts[stem.with_suffix(".yml")] = as_yaml(note, properties(stream))
    return texts


def main() -> None:
    """Write the files, and remove those of streams that are no more."""
    STAGING.mkdir(parents=True, exist_ok=True)
    texts = build()
    for path in {*STAGING.iterdir()} - {*texts}:
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
