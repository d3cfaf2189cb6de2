"""The settings of the target: their schema, and what can be wrong with them."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

from tap_zohocampaigns.api.contacts import CALLS
from tap_zohocampaigns.settings import shared
from tap_zohocampaigns.settings.checks import account_problems, invalid_values

if t.TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = th.PropertiesList(
    *shared.account("ZohoCampaigns.contact.UPDATE and ZohoCampaigns.contact.CREATE"),
    th.Property(
        "streams",
        th.ObjectType(additional_properties=th.StringType(allowed_values=[*CALLS])),
        description=(
            "What is done with the records of an input stream, by its name: "
            "`subscribe`, `unsubscribe` or `do_not_mail`. An example is "
            '{"public-left": "unsubscribe"}. Streams of these names need not be listed.'
        ),
    ),
    th.Property(
        "list_key",
        th.StringType,
        description="Mailing list of records that have no `list_key`.",
    ),
    th.Property(
        "topic_id",
        th.StringType,
        description="Topics of records that have no `topic_id`, separated by commas.",
    ),
    th.Property(
        "source",
        th.StringType,
        description="Where subscribers come from, of records that have no `source`.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=True,
        description=(
            "Send nothing, pass on no state, and log how many records would be sent. "
            "Set it to false to change contacts."
        ),
    ),
    shared.whole_number(
        "max_writes",
        None,
        (1, 10_000_000),
        "Change nothing if a run would make more changes than this. They are counted "
        "for each 100,000 records.",
    ),
    th.Property(
        "reject_file",
        th.StringType,
        description=(
            "File that records which can't be applied are added to, with the reason. "
            "Unset, it is rejected.jsonl in the user's state folder."
        ),
    ),
    th.Property(
        "sent_ledger",
        th.StringType,
        secret=True,
        description=(
            "Where to keep what was sent, so that later runs send only what has "
            "changed: `file` for a file in the user's state folder, the path of "
            "another one, or a URL redis://… or rediss://…. Unset, each run sends all."
        ),
    ),
    *shared.QUOTA,
    *shared.PATIENCE,
).to_dict()


def complete(config: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings with their defaults; null counts as unset."""
    return shared.complete(config, SCHEMA)


def problems(config: Mapping[str, t.Any]) -> list[str]:
    """Return what is wrong with the settings: a sentence each, without their values.

    Args:
        config: The settings, with their defaults.
    """
    return invalid_values(config, SCHEMA) or account_problems(config)
