"""The names and words of answers that a shape report may show."""

from __future__ import annotations

import re
import typing as t
from functools import cache, partial
from zoneinfo import ZoneInfo

from tap_zohocampaigns.api import codes
from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.wire.casts import CASTS
from tap_zohocampaigns.api.wire.converter import CUSTOM, Converter
from tap_zohocampaigns.api.wire.counters import ACTIONS, EVIDENCE
from tap_zohocampaigns.api.wire.known import Known
from tap_zohocampaigns.api.wire.shapes import as_list
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.streams.lists import STATUSES
from tap_zohocampaigns.sync.schemas import load_schema

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.casts import Cast
    from tap_zohocampaigns.api.wire.types import Row

# Names that answers have, and no schema.
_OF_ENVELOPES = (
    *("response", "code", "Code", "status", "message", "version", "uri", "URI"),
    *("requestdetails", "range", "fromindex", "sort", "action", "cvid", "filtertype"),
    *("total_list_count", "total_record_count", "campaign_count", "limit", "sortorder"),
    *("error", "errors", "error_code", "errorcode", "br"),
)
_OF_ROWS = (
    *("list", "contact", "campaign", "fieldname", "segment", "report", "reports"),
    *("campaign_details", "email_status", "created_date", "campaign_name"),
    *("list_dashboard_data", "contact_stats", "sent_campaigns", "scheduled_campaigns"),
    *("recentcampaigns", "associated_mailing_lists", "AB-split-details"),
    *("webAutoStatus", "totalclicks", "criteria", "segment_name", "segmentid"),
    *("column_name", "comparator", "column_value", "operator", "no", "pattern"),
    *("column_comparator", "logical_operator", "logical_operator_count"),
    *("exact_column_name", "segment_id"),
    *(
        f"{letter}_{name}"
        for letter in "ab"
        for name in ("child_campaignkey", "child_campaign_key", "open_count")
    ),
    *(f"{letter}_{name}" for letter in "ab" for name in ("click_count", "unopened")),
    *("facebook", "twitter", "linkedin", "other", "gplus", "pinterest", "tumblr"),
    *("emails", "total"),
)
# Objects whose names are data: countries, channels, keys.
_MAPS = frozenset(
    [
        *("segments", "segments_info", "local_subscribers", "campaign-reach"),
        *("campaign-by-loaction", "campaign-by-location"),
        *(
            name
            for endpoint in READS.values()
            if endpoint.key
            for name in endpoint.rows
        ),
    ]
)
_WORDS = {
    "action": frozenset(ACTIONS),
    "campaigntype": frozenset(["normal", "abtesting"]),
    "campaign_status": frozenset(
        [
            *("Sent", "Draft", "Drafts", "Scheduled", "To Be Reviewed", "Reviewed"),
            *("Canceled", "Cancelled", "In Progress", "Paused", "In Testing"),
        ]
    ),
    "contactstatus": frozenset(STATUSES),
    "status": frozenset(["success", "error", "all", "All", *STATUSES]),
    "version": frozenset(["1", "1.1"]),
}
_CODE_WORDS = frozenset(
    code
    for rule in codes.RULES
    for code in rule.codes.split()
    if code != "*" and not code.isdigit()
)


def known_of(endpoint: str, labels: frozenset[str] = frozenset()) -> Known:
    """Return what this version has seen of an endpoint.

    Args:
        endpoint: Name of the call.
        labels: Labels of the custom fields of the account, in small letters.
    """
    return Known(
        names=_names(),
        maps=_MAPS,
        labels=labels,
        words=_WORDS,
        casts=_casts(endpoint),
        knows_code=partial(codes.knows_code, endpoint),
        code_words=_CODE_WORDS,
    )


@cache
def _names() -> frozenset[str]:
    of_endpoints = (
        name for row in READS.values() for name in (*row.rows, *row.value, row.key)
    )
    of_counters = (
        name for one in EVIDENCE.values() for name in (*one.rows, *one.others)
    )
    of_schemas = (
        name for stream in STREAMS for name in _wire_names(load_schema(stream.name))
    )
    names = (
        *(*of_endpoints, *of_counters, *of_schemas),
        *(*_OF_ENVELOPES, *_OF_ROWS, *_MAPS),
    )
    return frozenset(filter(None, names))


def _wire_names(schema: Row) -> Iterator[str]:
    yield from schema.get("x-wire-redundant", ())
    for field, field_schema in schema["properties"].items():
        if field != CUSTOM:
            yield from field_schema.get("x-wire-names", [field])
            yield from as_list(field_schema.get("x-wire-seconds"))


@cache
def _casts(endpoint: str) -> dict[str, tuple[Cast, ...]]:
    """Return for each name the casts of the streams that read it."""
    found: dict[str, list[Cast]] = {}
    unread: set[str] = set()
    for stream in STREAMS:
        if stream.endpoint != endpoint:
            continue
        schema = load_schema(stream.name)
        unread |= {*schema.get("x-wire-redundant", ())}
        # Any zone does: only the layout counts.
        converter = Converter(stream.name, schema, lambda: ZoneInfo("UTC"))
        for field, field_schema in schema["properties"].items():
            types = [one for one in as_list(field_schema.get("type")) if one != "null"]
            is_time = field_schema.get("format") == "date-time"
            cast = converter.time if is_time else CASTS[types[0]]
            unread |= {*as_list(field_schema.get("x-wire-seconds"))}
            for name in field_schema.get("x-wire-names", [field]):
                found.setdefault(name, []).append(cast)
        for name in unread:
            # The time zone is found from times that no field has.
            is_time = re.search("time|date", name) and "zone" not in name
            found[name] = [converter.time] if is_time else [CASTS["object"]]
    return {name: (*casts,) for name, casts in found.items()}
