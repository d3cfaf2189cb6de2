"""The tap, for Airbyte."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_zohocampaigns.airbyte.catalog import as_singer
from tap_zohocampaigns.airbyte.errors import error_line
from tap_zohocampaigns.airbyte.messages import Status
from tap_zohocampaigns.airbyte.writer import MessageWriter, StreamProgress
from tap_zohocampaigns.api.errors import Forbidden, SettingError
from tap_zohocampaigns.singer.shutdown import saved_when_stopped
from tap_zohocampaigns.streams.snapshots import Snapshots
from tap_zohocampaigns.sync import custom_fields
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from tap_zohocampaigns.airbyte.catalog import ConfiguredStream
    from tap_zohocampaigns.api.wire.types import Json, Row
    from tap_zohocampaigns.sync.base import ZohoStream
    from tap_zohocampaigns.sync.inventory import Inventory


class AirbyteTap(TapZohoCampaigns):
    """The tap with messages of Airbyte. It goes on when a stream fails."""

    message_writer_class = MessageWriter

    def __init__(self, *, configured: Json = None, **kwargs: t.Any) -> None:
        """Check the settings; keep the configured catalog, if there is one."""
        self._configured = as_singer(configured)
        super().__init__(**kwargs)

    @property
    def writer(self) -> MessageWriter:
        """The writer of messages."""
        return t.cast("MessageWriter", self.message_writer)

    @cached_property
    def inventory(self) -> Inventory:
        """The account that all streams read, over one session."""
        inventory = super().inventory
        inventory.client.ledger.on_long_wait = self.writer.rest
        return inventory

    def columns_of(self, stream: str) -> dict[str, Row]:
        """Return the columns that the catalog has for custom fields of contacts."""
        return custom_fields.in_catalog(self._configured, stream)

    def known_columns(self, stream: str) -> None:
        """Return None: a column that the catalog lacks may have been deselected."""
        del stream

    def discover_streams(self) -> list[ZohoStream]:
        """Return the streams, with the columns of the catalog."""
        streams = super().discover_streams()
        for stream in streams:
            if known := custom_fields.known_in(self._configured, stream.name):
                stream.choose(known)
        return streams

    def end(self) -> None:
        """Do nothing, as the other streams go on when one fails."""

    def read_streams(
        self, configured: dict[str, ConfiguredStream], blobs: dict[str, Row]
    ) -> int:
        """Read streams; return the exit status.

        Args:
            configured: The streams of the configured catalog.
            blobs: The state of each stream.

        Raises:
            Stopped: The run was stopped; the state is saved.
        """
        complete = self._start(configured, blobs)
        try:
            with saved_when_stopped():
                return self._read_all(complete)
        finally:
            super().end()
            for name, stream in self.writer.progress.items():
                if not stream.ended:
                    self._end(name, Status.INCOMPLETE)

    def _start(
        self, configured: dict[str, ConfiguredStream], blobs: dict[str, Row]
    ) -> set[str]:
        """Load the state; return the streams that an earlier attempt completed."""
        resumed = {
            name: stream.resume(blobs.get(name, {}))
            for name, stream in configured.items()
        }
        bookmarks = {name: state.bookmark for name, state in resumed.items()}
        if Snapshots.name not in blobs:
            # If only that stream was cleared, its rows are missing.
            for bookmark in bookmarks.values():
                bookmark.pop("snapshots", None)
        self.load_state({"bookmarks": bookmarks})
        complete = {name for name, state in resumed.items() if state.complete}
        for stream in self.zoho_streams:
            stream.selected = stream.name in configured.keys() - complete
        self.writer.progress = {
            stream.name: StreamProgress(configured[stream.name], stream.endpoint)
            # Rows of snapshots are written before the state that needs them.
            for stream in reversed(self._turns)
            if stream.name in configured
        }
        self.writer.known = self._known_rows
        return complete

    @property
    def _turns(self) -> list[ZohoStream]:
        """The streams in their order, the one that others write to last."""
        return sorted(self.in_turn(), key=lambda stream: stream.written_by_others)

    def _known_rows(self, name: str) -> int:
        stream = t.cast("ZohoStream", self.streams[name])
        return stream.progress.known if stream.one_page_per_part else 0

    def _sync(self, stream: ZohoStream) -> None:
        """Read a stream.

        Raises:
            Forbidden: The token may not read it. The tap leaves it out, but here a
                stream that ends without rows would be taken for empty.
        """
        stream.sync()
        stream.finalize_state_progress_markers()
        if reason := self.left_out.get(stream.name):
            raise Forbidden(reason)

    def _read_all(self, complete: set[str]) -> int:
        failed: list[ZohoStream] = []
        for stream in self._turns:
            name = stream.name
            if name not in self.writer.progress or _lacks_rows(stream, failed):
                continue
            try:
                if name not in complete:
                    self._sync(stream)
            except Exception as error:  # noqa: BLE001 (it is written)
                failed.append(stream)
                stream.reading.close()
                self._end(name, Status.INCOMPLETE)
                self.writer.write_line(error_line(error, name))
                if isinstance(error, SettingError):
                    # The other streams would fail for the same reason.
                    break
            else:
                self._end(name, Status.COMPLETE)
        return int(bool(failed))

    def _end(self, name: str, status: Status) -> None:
        self.writer.end(name, status, self.state.get("bookmarks", {}).get(name))


def _lacks_rows(stream: ZohoStream, failed: list[ZohoStream]) -> bool:
    """Return whether rows of a stream are missing, as others failed."""
    return stream.written_by_others and any(other.has_snapshots for other in failed)
