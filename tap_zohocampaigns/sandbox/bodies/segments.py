"""The bodies of getsegmentdetails and getsegmentcontacts."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies import times
from tap_zohocampaigns.sandbox.bodies.envelope import (
    block,
    fls,
    java_map,
    success,
    tag,
    xml_success,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.bodies.envelope import Page
    from tap_zohocampaigns.sandbox.world.account import Member, Segment


def details_as_json(uri: str, segment: Segment) -> dict[str, object]:
    """Return the criteria of a segment: Java-Map text under `segments_details`."""
    criteria = segment.criteria
    operators = [one.operator for one in criteria[1:]]
    numbers = range(1, len(criteria) + 1)
    pattern = "".join(
        f"{number} {operator} "
        for number, operator in zip(numbers, operators, strict=False)
    )
    details = {
        "column_value": _java_list(one.value for one in criteria),
        "exact_column_name": _java_list(
            one.column.upper().replace(" ", "_") for one in criteria
        ),
        "logical_operator_count": len(operators),
        "pattern": f"({pattern}{len(criteria)})",
        "column_name": _java_list(one.column for one in criteria),
        "logical_operator": _java_list(operators),
        "column_comparator": _java_list(one.comparator for one in criteria),
    }
    return success(uri, segments_details=java_map(details))


def details_as_xml(uri: str, segment: Segment) -> bytes:
    """Return the criteria of a segment, under `segment_details`."""
    criteria = (
        block(
            "criteria",
            *fls(
                {
                    "no": str(number),
                    "operator": one.operator,
                    "column_name": one.column,
                    "comparator": one.comparator,
                    "column_value": one.value,
                }
            ),
        )
        for number, one in enumerate(segment.criteria, start=1)
    )
    return xml_success(uri, block("segment_details", *criteria))


def contacts_as_json(
    page: Page, cvid: str, rows: Sequence[Member], zone: ZoneInfo
) -> dict[str, object]:
    """Return a page of members; `cvid` is a JSON number here."""
    return success(
        page.uri,
        requestdetails={
            "range": page.range,
            "cvid": int(cvid),
            "fromindex": page.fromindex,
        },
        list_of_details=[_fields(row, zone) for row in rows],
    )


def contacts_as_xml(
    page: Page, cvid: str, rows: Sequence[Member], zone: ZoneInfo
) -> bytes:
    """Return a page of members."""
    return xml_success(
        page.uri,
        tag("range", page.range),
        tag("cvid", cvid),
        tag("fromindex", page.fromindex),
        block(
            "segment_contacts",
            *(block("contact", *fls(_fields(row, zone))) for row in rows),
        ),
    )


def _fields(row: Member, zone: ZoneInfo) -> dict[str, str]:
    contact = row.contact
    return {
        "contact_email": contact.email,
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "companyname": contact.company,
        "added_time": times.text(row.added, zone),
        "phone": contact.phone,
        **contact.custom,
    }


def _java_list(values: Iterable[str]) -> str:
    return f"[{', '.join(values)}]"
