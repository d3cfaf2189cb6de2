"""Checks of the keys that settings name: of lists, segments and campaigns."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import NotFound, Outage, SettingError, ZohoError
from tap_zohocampaigns.commands.checks import DESCRIBE, Check

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Inventory

# Each segment that no list has costs a call.
_MOST_SEGMENTS = 3
_ADVICE = "correct or remove it; this command shows where each setting comes from"


def missing_keys(inventory: Inventory, settings: Row) -> Iterator[Check]:
    """Yield a failed check for each setting that names what the account lacks."""
    look_ups: dict[str, Callable[[], object]] = {
        "list_keys": lambda: inventory.lists,
        "cvids": lambda: _call_segments(inventory),
        "campaign_keys": lambda: inventory.campaigns,
    }
    for setting, look_up in look_ups.items():
        if not settings.get(setting):
            continue
        try:
            look_up()
        except SettingError as error:
            yield Check.of_error(f"keys of {setting}", error, _ADVICE, DESCRIBE)
        except ZohoError:
            # Another check has it.
            continue


def _call_segments(inventory: Inventory) -> None:
    """Call the segments that no list has.

    Raises:
        SettingError: One of them is not in the account.
    """
    unknown = [one.cvid for one in inventory.segments if one.list_key is None]
    for cvid in unknown[:_MOST_SEGMENTS]:
        params = {"cvid": cvid, "fromindex": 1, "range": 1}
        try:
            inventory.client.call("getsegmentcontacts", params)
        except (NotFound, Outage) as error:
            # For a segment that is not there, Zoho also says to try again later.
            msg = f"Setting `cvids`: {error}"
            raise SettingError(msg) from None
