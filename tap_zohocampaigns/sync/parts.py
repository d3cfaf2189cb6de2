"""The parts of a stream: what one series of pages covers, and its snapshot."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Row

_PART_KEYS = ("campaign_key", "action", "cvid", "list_key", "status", "reported_on")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stream, such as a segment, or an action of a campaign."""

    params: dict[str, str] = field(default_factory=dict)
    """Parameters of its calls."""
    keys: Row = field(default_factory=dict)
    """Fields that all its records have."""
    owner: str = ""
    """Key of its campaign, segment or list; an owner may have several parts."""
    setting: str = ""
    """The setting that names the owner, if one does."""
    fields: Row = field(default_factory=dict)
    """The row of the owner in an answer."""
    expected: int | None = None
    """How many records it has, if a counter says so."""


class PartSnapshot(t.NamedTuple):
    """The content of a row of `snapshots`: a part was read whole, or is deleted."""

    stream: str
    keys: Row
    """Fields that all records of the part have, with `snapshot_time`."""
    rows: int = 0
    reported: int | None = None
    """The number of rows by Zoho's own counter, if it has one."""
    without_key: int = 0
    """How many rows came without their key, and were left out."""
    deleted: bool = False
    """Whether the part is not in the account any more."""

    @property
    def part_keys(self) -> Row:
        """The keys that identify the part in its stream."""
        return {name: self.keys[name] for name in _PART_KEYS if name in self.keys}
