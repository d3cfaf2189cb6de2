"""A stream of the SDK that writes pages of records instead of single ones."""

from __future__ import annotations

import logging
import typing as t
from functools import cached_property

from singer_sdk import Stream
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_zohocampaigns.singer.bookmark import Bookmark
from tap_zohocampaigns.singer.sdk import SdkStream
from tap_zohocampaigns.singer.writer import PageMap

if t.TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet

    from singer_sdk.mapper import StreamMap


class PagedStream(SdkStream):
    """A stream whose `get_records` yields pages, as `writer.page` makes them."""

    # The converter gives records the types of the schema.
    TYPE_CONFORMANCE_LEVEL = Stream.TYPE_CONFORMANCE_LEVEL.NONE

    keeps_history = False
    """Whether rows of earlier runs stay true, so that no loader may drop them."""
    _not_chosen: AbstractSet[str] = frozenset()

    def be_quiet(self) -> None:
        """Leave out the SDK's line at the start: one line at the end says more."""
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.logger.setLevel(logging.WARNING)

    @cached_property
    def stream_maps(self) -> list[StreamMap]:
        """The stream maps, made for pages."""
        return PageMap.of(self.name, super().stream_maps)

    @property
    def full(self) -> bool:
        """Whether the catalog asks for a full refresh in each run."""
        return self.replication_method == REPLICATION_FULL_TABLE

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never: the SDK would send the message before the rows are read.

        A loader that deletes would then hold nothing if the run fails.
        """
        return False

    @property
    def replaces_rows(self) -> bool:
        """Whether the loader drops rows that do not come again."""
        wanted = bool(self.config.get("emit_activate_version_messages"))
        return wanted and self.full and not self.keeps_history

    @property
    def partitions(self) -> None:
        """None: parts are no partitions, whose states the SDK would all rewrite."""
        return

    @cached_property
    def bookmark(self) -> Bookmark:
        """The one bookmark of the stream."""
        return Bookmark(
            tap_name=self.tap_name,
            stream_name=self.name,
            tap_state=self.tap_state,
            state_partitioning_keys=(),
        )

    @property
    def state_manager(self) -> Bookmark:
        """The bookmark, where the SDK looks for it."""
        return self.bookmark

    def generate_child_contexts(self, **_: t.Any) -> tuple[()]:  # type: ignore[override]
        """Return nothing: no stream is read per record of another one."""
        return ()

    @property
    def connection_test(self) -> bool:
        """Whether this run is a test of the connection, which needs one record."""
        return self.ABORT_AT_RECORD_COUNT is not None

    def choose(self, names: Collection[str]) -> None:
        """Write only these columns and the keys."""
        fields = self.schema["properties"]
        chosen = {n: fields[n] for n in fields if n in {*names, *self.primary_keys}}
        self.replace_schema({**self.schema, "properties": chosen})
        self._not_chosen = fields.keys() - chosen

    @cached_property
    def deselected(self) -> AbstractSet[str]:
        """Fields that are not written."""
        fields = {*self.schema["properties"], *self.effective_schema["properties"]}
        masked = {name for name in fields if not self.mask["properties", name]}
        return masked | self._not_chosen

    @cached_property
    def columns(self) -> list[str]:
        """The columns of the SCHEMA message, in its order."""
        schema = self.effective_schema["properties"]
        return [name for name in schema if name not in self.deselected]
