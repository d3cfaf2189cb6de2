"""The bodies of tags, topics, products and workflows, which are only JSON."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies import times
from tap_zohocampaigns.sandbox.bodies.envelope import success

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from tap_zohocampaigns.sandbox.world.account import Product, Tag, Topic, Workflow

TAGS_URI = "/tag/getalltags"
"""The name of getalltags in its answers and errors."""


def tags(rows: Sequence[Tag], zone: ZoneInfo) -> dict[str, object]:
    """Return all tags: objects with one key each, the ID of the tag."""
    return success(
        TAGS_URI,
        requestdetails="{}",
        tags=[
            {
                one.tag_id: {
                    "tagowner": one.owner,
                    "tag_created_time": times.text(one.created, zone),
                    "tag_modified_time": times.text(one.modified, zone),
                    "tag_name": one.name,
                    "tag_color": one.colour,
                    "tag_desc": one.description,
                    "tagged_contact_count": str(one.contacts),
                    "is_crm_tag": "false",
                    "zuid": one.zuid,
                }
            }
            for one in rows
        ],
    )


def topics(uri: str, rows: Sequence[Topic]) -> dict[str, object]:
    """Return some topics; `primaryList` is a JSON number."""
    return _found(
        uri,
        topicDetails=[
            {
                "topicId": one.topic_id,
                "topicName": one.name,
                "topicDesc": one.description,
                "primaryList": int(one.primary_list),
            }
            for one in rows
        ],
    )


def products(uri: str, rows: Sequence[Product]) -> dict[str, object]:
    """Return some products."""
    return _found(
        uri,
        products=[
            {"product_id": one.product_id, "product_name": one.name} for one in rows
        ],
    )


def workflows(
    uri: str, limit: int, order: str, rows: Sequence[Workflow], zone: ZoneInfo
) -> dict[str, object]:
    """Return some workflows; the key of the trigger has two names, as in the sample."""
    return {
        "code": "200",
        "uri": uri,
        "limit": limit,
        "sortorder": order,
        "workflows": [
            {
                "created_time": times.iso(one.created, zone),
                "workflow_key": one.key,
                ("triggerkey", "trigger_key")[place % 2]: one.trigger_key,
                "workflow_name": one.name,
            }
            for place, one in enumerate(rows)
        ],
    }


def _found(uri: str, **more: object) -> dict[str, object]:
    return {"code": "200", "message": "Success", "uri": uri, **more}
