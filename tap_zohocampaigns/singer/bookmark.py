"""The bookmark of a stream: one for all its parts."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.singer.sdk import StreamStateManager
from tap_zohocampaigns.singer.writer import RECORDS

if t.TYPE_CHECKING:
    from tap_zohocampaigns.singer.writer import Records


class Bookmark(StreamStateManager):
    """Keeps the newest replication value, since rows come in no order of time."""

    newest: str | None = None

    def increment_state(
        self,
        latest_record: Records,
        *,
        replication_key: str,
        **_: t.Any,
    ) -> None:
        """Remember the newest value of a page.

        Args:
            latest_record: A page, as `writer.page` makes it.
            replication_key: Name of the field.
        """
        values = [record.get(replication_key) for record in latest_record[RECORDS]]
        self.newest = max(filter(None, [self.newest, *values]), default=None)
