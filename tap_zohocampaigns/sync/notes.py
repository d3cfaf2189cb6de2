"""Notes that come with the rows of a part.

Background threads read parts. Only the main thread writes records and state, so each
batch carries what the main thread has to know.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.counters import Counters
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part


class PartEnd(t.NamedTuple):
    """What is known about the pages of a part after the last one."""

    proved: bool = False
    """Whether the service was asked for more rows, and had none."""
    without_key: int = 0
    """Rows without a key, which were left out."""
    reported: int | None = None
    """The number of rows that the answers reported, if they did."""


class SendKeys(t.NamedTuple):
    """The fields that all rows of one sending of a campaign have."""

    keys: Row


class LineNote(t.NamedTuple):
    """Fields to be noted in the line of a campaign."""

    fields: Row


class ActionProgress(t.NamedTuple):
    """How far an action of a sending has been read."""

    part: Part
    counters: Counters
    begun: Row
    """When it was begun, and where to go on. It is kept in the state."""
    ended: bool = False
    without_key: int = 0
    unread: int = 0
    """Rows that are left out of this page, because their times can't be parsed."""

    @property
    def closing(self) -> bool:
        """Whether this is the closing look at the campaign."""
        return bool(self.begun["closing"])


class DeletedSends(t.NamedTuple):
    """The sendings of a campaign that are not in the account."""

    keys: list[str]


Note: t.TypeAlias = PartEnd | SendKeys | LineNote | ActionProgress | DeletedSends
