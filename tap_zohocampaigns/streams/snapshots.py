"""NEW."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.singer.writer import page
from tap_zohocampaigns.sync.base import Part, ZohoStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.singer.writer import Page
    from tap_zohocampaigns.sync.incremental import PartSnapshot


class Snapshots(ZohoStream):
    """When each part of other streams was read whole, with its rows."""

    name = "snapshots"
    primary_keys = ("snapshot_id",)
    keeps_history = True

    def begin(self) -> None:
        """Begin nothing: there is nothing to read."""

    def get_records(self, context: object) -> Iterator[Page]:
        """Yield nothing: rows are written when a part is done, before its state is."""
        del context
        return iter(())

    def write(self, snapshot: PartSnapshot) -> None:
        """Write the row of a part that has just been read whole, or is deleted."""
        if not self.selected:
            return
        if not self.progress.value:
            self._write_schema_message()
        place = snapshot.place
        record = dict.fromkeys(self.schema["properties"]) | place
        record |= {
            "snapshot_id": "/".join([snapshot.stream, *place.values()]),
            "stream": snapshot.stream,
            "snapshot_time": snapshot.keys["snapshot_time"],
            "rows_read": snapshot.rows,
            "rows_reported": snapshot.reported,
            "rows_without_key": snapshot.without_key,
            "deleted": snapshot.deleted,
        }
        self._write_record_message(page(self.add_keys([record], Part())))
        self.progress.add(1)
