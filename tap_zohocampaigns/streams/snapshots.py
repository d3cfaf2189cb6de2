"""When each part of the other streams was read whole."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.singer.writer import page
from tap_zohocampaigns.sync.base import ZohoStream
from tap_zohocampaigns.sync.parts import Part

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.singer.writer import Records
    from tap_zohocampaigns.sync.parts import PartSnapshot


class Snapshots(ZohoStream):
    """When each part of the other streams was read whole, with its number of rows."""

    name = "snapshots"
    primary_keys = ("snapshot_id",)
    keeps_history = True
    written_by_others = True

    def begin(self) -> None:
        """Do nothing: other streams write the rows."""

    def get_records(self, context: object) -> Iterator[Records]:
        """Yield nothing: a row is written after its part, and before the state."""
        del context
        return iter(())

    def write(self, snapshot: PartSnapshot) -> None:
        """Write the row of a part that was read whole, or is deleted."""
        if not self.selected:
            return
        if not self.progress.value:
            self.write_schema()
        keys = snapshot.part_keys
        record = dict.fromkeys(self.schema["properties"]) | keys
        record |= {
            "snapshot_id": "/".join([snapshot.stream, *keys.values()]),
            "stream": snapshot.stream,
            "snapshot_time": snapshot.keys["snapshot_time"],
            "rows_read": snapshot.rows,
            "rows_reported": snapshot.reported,
            "rows_without_key": snapshot.without_key,
            "deleted": snapshot.deleted,
        }
        self.write_page(page(self.add_keys([record], Part())))
        self.progress.count_rows(1)
