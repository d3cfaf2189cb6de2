"""The bodies of getmailinglists and listsubscriberscount."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import times
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    escaped,
    field,
    fl,
    fls,
    java_map,
    response,
    success,
    tag,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.bodies.envelope import Page
    from tap_zohocampaigns.sandbox.world.account import MailingList, Segment

SegmentsForm = t.Literal["object", "objects", "list", "map_text"]
"""How a list names its segments; no public source shows what the service does.

`object` is cvid -> name, `objects` cvid -> object with `segment_name`, `list` a
list of objects with `cvid` and `segment_name`, `map_text` the text `{cvid=name}`.
"""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list, with its segments and numbers; `sno` is its row number."""

    mailing_list: MailingList
    segments: Sequence[Segment]
    numbers: Mapping[str, int]
    campaigns: int
    sent_campaigns: int
    sno: int


def as_json(
    page: Page, order: str, rows: Sequence[ListRow], zone: ZoneInfo, form: SegmentsForm
) -> dict[str, object]:
    """Return a page of mailing lists."""
    return success(
        page.uri,
        requestdetails={
            "fromindex": page.fromindex,
            "range": page.range,
            "sort": order,
            "total_list_count": page.total,
        },
        list_of_details=[_item(row, zone, form) for row in rows],
    )


def as_xml(
    page: Page, order: str, rows: Sequence[ListRow], form: SegmentsForm
) -> bytes:
    """Return a page of mailing lists; fewer fields than in JSON."""
    sort = "Ascending Order" if order == "asc" else "Descending Order"
    return xml_success(
        page.uri,
        tag("sort", sort),
        tag("range", page.range),
        tag("fromindex", page.fromindex),
        block("list_of_details", *(_element(row, form) for row in rows)),
    )


def count_as_json(uri: str, count: int) -> dict[str, object]:
    """Return a number of subscribers: a JSON number, unlike most numbers."""
    return success(uri, no_of_contacts=count)


def count_as_xml(uri: str, count: int) -> bytes:
    """Return a number of subscribers."""
    return response(
        uri, tag("code", "0"), tag("status", "success"), tag("no_of_contacts", count)
    )


def _item(row: ListRow, zone: ZoneInfo, form: SegmentsForm) -> dict[str, object]:
    one = row.mailing_list
    created_iso = times.shifted_iso(one.created, zone)
    return {
        "listkey": one.key,
        "listname": one.name,
        "listunino": one.number,
        "listdesc": one.description or "undefined",
        "listtype": "0",
        "servicetype": "1",
        "noofcontacts": str(row.numbers["active"]),
        "noofunsubcnt": str(row.numbers["unsub"]),
        "noofbouncecnt": str(row.numbers["bounce"]),
        "sentcnt": str(row.sent_campaigns),
        "list_campaigns_count": str(row.campaigns),
        "sno": str(row.sno),
        "date": times.text(one.created, zone),
        "created_time": times.shifted_epoch(one.created),
        "created_time_gmt": times.epoch(one.created),
        "updated_time_gmt": times.epoch(one.updated),
        "list_created_time": created_iso,
        "list_created_date": created_iso,
        "owner": one.owner,
        "zuid": one.zuid,
        "is_public": str(one.public).lower(),
        "issmart": "false",
        "editable": "true",
        "deletable": "true",
        "otherslist": "false",
        "lockstatus": "unlocked",
        "listdgs": f"1{int('129' + one.number):x}",
        "listnotifications": "[]",
        "zx": f"1{int(one.zuid):x}",
        "segments": _segments(row.segments, form),
    }


def _segments(segments: Sequence[Segment], form: SegmentsForm) -> object:
    names = {one.cvid: one.name for one in segments}
    if form == "object":
        return names
    if form == "objects":
        return {cvid: {"segment_name": name} for cvid, name in names.items()}
    if form == "list":
        return [{"cvid": cvid, "segment_name": name} for cvid, name in names.items()]
    return java_map(names)


def _element(row: ListRow, form: SegmentsForm) -> str:
    one = row.mailing_list
    return block(
        "list",
        fl("created_date", times.shifted_epoch(one.created)),
        fl("listunino", one.number),
        fl("noofbouncecnt", str(row.numbers["bounce"])),
        field("segments", _segment_elements(row.segments, form)),
        fl("lockstatus", "unlocked"),
        fl("is_public", str(one.public).lower()),
        fl("zuid", one.zuid),
        fl("noofunsubcnt", str(row.numbers["unsub"])),
        fl("owner", one.owner),
        fl("listkey", one.key),
        fl("listname", one.name),
        fl("noofcontacts", str(row.numbers["active"])),
    )


def _segment_elements(segments: Sequence[Segment], form: SegmentsForm) -> str:
    if form == "object":
        return "".join(fl(one.cvid, one.name) for one in segments)
    if form == "objects":
        return "".join(
            field(one.cvid, fl("segment_name", one.name)) for one in segments
        )
    if form == "list":
        return "".join(
            block("segment", *fls({"cvid": one.cvid, "segment_name": one.name}))
            for one in segments
        )
    names = {one.cvid: one.name for one in segments}
    return escaped(java_map(names)) if names else ""
