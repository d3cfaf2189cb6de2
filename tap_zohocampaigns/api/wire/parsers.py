"""Parses values with a structure of their own: counts, criteria, segments, times."""

from __future__ import annotations

import re
import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire import java_text
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.shapes import as_list, as_objects

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Json, Row

_COUNT = re.compile(r"([^=]*)=\s*([0-9]+)\s*(?:,\s*|$)")
_SEGMENTS = (
    "The `segments` of a mailing list have a form that this version does not know: "
    "name the segments in the setting `cvids`."
)
_SEGMENT_ID = ("cvid", "segment_id", "segmentid")


def parse_places(value: Json) -> list[Row]:
    """Parse how many contacts live in each place.

    Returns:
        A row `place`, `contact_count` for each place.

    Raises:
        FatalError: The value has an unknown form.
        TypeError: A count is null.
        ValueError: A count is not a number.
    """
    return [
        {"place": place, "contact_count": int(count)}
        for place, count in parse_counts(value)
    ]


def parse_counts(value: Json) -> list[tuple[str, Json]]:
    """Parse counts by name from an object, several objects, or a Java map's text.

    Names in such a text may hold commas: `{Korea, Republic of=2, India=1}`.

    Raises:
        FatalError: The value has an unknown form.
    """
    if isinstance(value, str) and value.strip().startswith("{"):
        text = value.strip().removeprefix("{").removesuffix("}")
        if not _COUNT.sub("", text).strip():
            return _COUNT.findall(text)
    counts: Row = {}
    for row in as_objects(value):
        if counts.keys() & row.keys():
            msg = "Zoho sent counts in a form that this version does not know."
            raise FatalError(msg)
        counts |= row
    return [*counts.items()]


def parse_criteria(value: Json) -> list[Row]:
    """Parse the conditions of a segment: one row each, in order.

    XML has an element for each condition. JSON has the text of a Java map, in which
    each name holds the list of that name's values:
    https://www.zoho.com/campaigns/help/developers/get-segment-details.html

    Raises:
        FatalError: The value has an unknown form.
        ValueError: There are no conditions, or the lists differ in length.
    """
    rows = as_objects(value)
    if rows and "criteria" in rows[0]:
        rows = as_objects(rows[0]["criteria"])
    if not rows:
        return []
    if "column_comparator" in rows[0]:
        columns, comparators, values, operators = (
            java_text.parse_list(item) if isinstance(item, str) else as_list(item)
            for item in (
                rows[0].get("column_name"),
                rows[0].get("column_comparator"),
                rows[0].get("column_value"),
                rows[0].get("logical_operator"),
            )
        )
    else:
        names = ("column_name", "comparator", "column_value", "operator")
        columns, comparators, values, operators = (
            [row.get(name) for row in rows] for name in names
        )
    if None in columns:
        raise ValueError
    # Operators stand between conditions. Some answers have one more, before the first.
    joins = [None, *operators[len(operators) - len(columns) + 1 :]]
    return [
        {
            "column_name": column,
            "comparator": comparator,
            "column_value": text,
            "operator": joins[position] if position < len(joins) else None,
        }
        for position, (column, comparator, text) in enumerate(
            zip(columns, comparators, values, strict=True)
        )
    ]


class Segments(t.NamedTuple):
    """The segments of a mailing list."""

    by_id: dict[str, Row]
    """The ID of each segment, with its other fields."""
    without_id: int = 0
    """How many segments came without their ID."""


def parse_segments(value: Json) -> Segments:
    """Parse the `segments` of a mailing list.

    Zoho documents only the empty form. These are accepted: an object of IDs with names
    or objects, a list of objects, the text of a Java map, and their forms in XML.

    Raises:
        FatalError: The value has an unknown form, or no segment has an ID.
    """
    pairs = [*_segments(value)]
    segments = {cvid: fields for cvid, fields in pairs if cvid is not None}
    if pairs and not segments:
        raise FatalError(_SEGMENTS)
    return Segments(segments, sum(cvid is None for cvid, _ in pairs))


_Segment: t.TypeAlias = "tuple[str | None, Row]"


def _segments(value: Json) -> t.Iterator[_Segment]:
    if isinstance(value, str):
        text = value.strip()
        value = java_text.parse_map(text) if text.startswith("{") else text
    if not value or value in ("null", "undefined", "[]"):
        return
    for item in value if isinstance(value, list) else [value]:
        yield from _segments_of(item if isinstance(item, dict) else {"cvid": item})


def _segments_of(item: Row) -> t.Iterator[_Segment]:
    names = {name.casefold(): name for name in item}
    if len(item) == 1 and names.keys() <= {"segment", "segments", "fl"}:
        yield from _segments(next(iter(item.values())))
        return
    for name in _SEGMENT_ID:
        if name in names:
            others = {key: field for key, field in item.items() if key != names[name]}
            yield _segment(item[names[name]], others)
            return
    for cvid, fields in item.items():
        is_object = isinstance(fields, dict)
        yield _segment(cvid, fields if is_object else {"segment_name": fields})


def _segment(value: Json, fields: Row) -> _Segment:
    text = as_key(value)
    if text is None:
        return None, {}
    if not text.strip().isdigit():
        raise FatalError(_SEGMENTS)
    return text.strip(), fields


def parse_subscriber_counts(mailing_list: Row) -> dict[str, int | None]:
    """Parse how many contacts a list has in each status that can be read.

    The statuses `recent` and `mostrecent` are parts of `active`:
    https://www.zoho.com/campaigns/help/developers/get-list-subscribers.html

    Returns:
        The count of each status; None where the list does not have it.
    """
    counters = {
        "active": "noofcontacts",
        "unsub": "noofunsubcnt",
        "bounce": "noofbouncecnt",
    }
    texts = {status: str(mailing_list.get(name)) for status, name in counters.items()}
    return {
        status: int(text) if text.isdecimal() else None
        for status, text in texts.items()
    }


def parse_event_times(value: Json) -> list[str]:
    """Parse the texts of times in the `reports` of a contact.

    Only the XML form was seen: `<report><fl val="time">…`. Accepted are that form, a
    list of objects with a `time`, one such object, a list of texts, and any of these
    below `report`.
    """
    if isinstance(value, dict) and "report" in value:
        value = value["report"]
    times = [
        item.get("time") if isinstance(item, dict) else item for item in as_list(value)
    ]
    return [str(time) for time in times if time]
