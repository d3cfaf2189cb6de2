"""NEW."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.converter import as_key
from tap_zohocampaigns.api.wire.envelope import as_list, as_objects
from tap_zohocampaigns.api.wire.java_text import java_list

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.envelope import Envelope, Json, Row


from contextlib import suppress

from tap_zohocampaigns.api.wire import times
from tap_zohocampaigns.api.wire.java_text import java_map

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.wire.envelope import Envelope, Json, Row

    Call: t.TypeAlias = Callable[[str, Row], Envelope | None]


def read_places(value: Json) -> list[Row]:
    """Read how many contacts are in each place.

    Raises:
        FatalError: It has another form.
        TypeError: A number is nothing.
        ValueError: A number is none.
    """
    return [
        {"place": place, "contact_count": int(number)}
        for place, number in read_counts(value)
    ]


_COUNT = re.compile(r"([^=]*)=\s*([0-9]+)\s*(?:,\s*|$)")


def read_counts(value: Json) -> list[tuple[str, Json]]:
    """Read what is counted by name: of an object, of several, or of a Java map's text.

    In such a text names may have commas, as `{Korea, Republic of=2, India=1}`.

    Raises:
        FatalError: It has another form.
    """
    if isinstance(value, str) and value.strip().startswith("{"):
        text = value.strip().removeprefix("{").removesuffix("}")
        if not _COUNT.sub("", text).strip():
            return _COUNT.findall(text)
    counts: Row = {}
    for each in as_objects(value):
        if counts.keys() & each.keys():
            msg = "Zoho sent counts in a form that this version does not know."
            raise FatalError(msg)
        counts |= each
    return [*counts.items()]


def read_criteria(value: Json) -> list[Row]:
    """Read the conditions of a segment, one object each, in order.

    XML has an element for each. JSON has the text of a Java map, in which every name
    holds the list of that name's values:
    https://www.zoho.com/campaigns/help/developers/get-segment-details.html

    Raises:
        FatalError: It has another form.
        ValueError: It has no conditions, or the lists are not of the same length.
    """
    rows = as_objects(value)
    if rows and "criteria" in rows[0]:
        rows = as_objects(rows[0]["criteria"])
    if not rows:
        return []
    if "column_comparator" in rows[0]:
        columns, comparators, compared, operators = (
            java_list(told) if isinstance(told, str) else as_list(told)
            for told in (
                rows[0].get("column_name"),
                rows[0].get("column_comparator"),
                rows[0].get("column_value"),
                rows[0].get("logical_operator"),
            )
        )
    else:
        names = ("column_name", "comparator", "column_value", "operator")
        columns, comparators, compared, operators = (
            [row.get(name) for row in rows] for name in names
        )
    if None in columns:
        raise ValueError
    # Operators stand between conditions; some count one more, before the first.
    joins = [None, *operators[len(operators) - len(columns) + 1 :]]
    return [
        {
            "column_name": column,
            "comparator": comparator,
            "column_value": against,
            "operator": joins[position] if position < len(joins) else None,
        }
        for position, (column, comparator, against) in enumerate(
            zip(columns, comparators, compared, strict=True)
        )
    ]


# Nothing has been sent to anybody in these states, whatever their spelling.
_UNSENT = {"draft", "drafts", "scheduled", "tobereviewed", "reviewed"}


_CANCELED = {"canceled", "cancelled"}


# A campaign in these states goes on, however long ago it began.
_UNFINISHED = {"inprogress", "paused", "intesting"}


_SEGMENTS = (
    "The `segments` of a mailing list have a form that this version does not know: "
    "name the segments in the setting `cvids`."
)


_SEGMENT_ID = ("cvid", "segment_id", "segmentid")


# Best first. Those without `gmt` are hours off, and all that the pages of API v1 show.
_TIMES = (
    *("sent_time_gmt", "updated_time_gmt", "created_time_gmt"),
    *("sent_time", "updated_time", "created_time"),
)


def read_segments(value: Json, lost: Counter[str] | None = None) -> dict[str, Row]:
    """Read the `segments` of a mailing list: ID -> what is told of it.

    Zoho documents only the empty form. Taken are: an object of ID -> name or -> object,
    a list of objects, the text of a Java map, and what XML makes of these.

    Args:
        value: As it comes on the wire.
        lost: Where those without an ID are counted.

    Raises:
        FatalError: It has another form, or none of them has an ID.
    """
    lost = Counter() if lost is None else lost
    found = _segments(value, lost)
    if lost and not found:
        raise FatalError(_SEGMENTS)
    return found


def _segments(value: Json, lost: Counter[str]) -> dict[str, Row]:
    if isinstance(value, str):
        text = value.strip()
        value = java_map(text) if text.startswith("{") else text
    if not value or value in ("null", "undefined", "[]"):
        return {}
    found: dict[str, Row] = {}
    for item in value if isinstance(value, list) else [value]:
        found |= _segments_of(item if isinstance(item, dict) else {"cvid": item}, lost)
    return found


def _segments_of(item: Row, lost: Counter[str]) -> dict[str, Row]:
    names = {name.casefold(): name for name in item}
    if len(item) == 1 and names.keys() <= {"segment", "segments", "fl"}:
        return _segments(next(iter(item.values())), lost)
    for name in _SEGMENT_ID:
        if name in names:
            about = {key: told for key, told in item.items() if key != names[name]}
            return _segment(item[names[name]], about, lost)
    found: dict[str, Row] = {}
    for cvid, told in item.items():
        about = told if isinstance(told, dict) else {"segment_name": told}
        found |= _segment(cvid, about, lost)
    return found


def _segment(value: Json, about: Row, lost: Counter[str]) -> dict[str, Row]:
    text = as_key(value)
    if text is None:
        lost["segments"] += 1
        return {}
    if not text.strip().isdigit():
        raise FatalError(_SEGMENTS)
    return {text.strip(): about}


def read_subscribers(mailing_list: Row) -> dict[str, int | None]:
    """Return how many contacts a list has in each status that Zoho lets be read.

    Who is `recent` or `mostrecent` is active too:
    https://www.zoho.com/campaigns/help/developers/get-list-subscribers.html
    """
    counters = {
        "active": "noofcontacts",
        "unsub": "noofunsubcnt",
        "bounce": "noofbouncecnt",
    }
    texts = {s: str(mailing_list.get(name)) for s, name in counters.items()}
    return {s: int(text) if text.isdecimal() else None for s, text in texts.items()}


def changed_time(campaign: Row, now: str) -> str:
    """Return when anything is known to have happened to a campaign.

    A scheduled one may tell when it is to be sent: that has not happened.
    """
    texts = (str(campaign.get(name)) for name in _TIMES[:3])
    instants = filter(None, map(_from_epoch, texts))
    known = [each for each in (sent_time(campaign), *instants) if each <= now]
    return max(known, default=times.from_epoch("0"))


def sent_time(campaign: Row) -> str:
    """Return when a campaign was sent; what Zoho knows next best, if it tells that."""
    for name in _TIMES:
        if instant := _from_epoch(str(campaign.get(name))):
            return instant
    return times.from_epoch("0")


def _from_epoch(text: str) -> str | None:
    """Return the time of an epoch, if it is one and not beyond the calendar."""
    with suppress(ValueError):
        return times.from_epoch(text) if text.isdecimal() else None
    return None


def is_sent(campaign: Row) -> bool:
    """Return whether a campaign may have been sent to somebody."""
    status = _status(campaign)
    if status in _CANCELED:
        return bool(campaign.get("sent_time_gmt"))
    return status not in _UNSENT


def is_unfinished(campaign: Row) -> bool:
    """Return whether a campaign goes on, however long ago it began."""
    return _status(campaign) in _UNFINISHED


def _status(campaign: Row) -> str:
    return re.sub(r"[^a-z]", "", str(campaign.get("campaign_status")).casefold())
