"""The tap: settings in, streams out."""

from __future__ import annotations

import logging
import time
import typing as t
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property

import click
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_zohocampaigns import streams
from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings.checks import unknown_names
from tap_zohocampaigns.settings.shared import SANDBOX, reachable
from tap_zohocampaigns.singer import files, summary_file
from tap_zohocampaigns.singer.maps import register_maps
from tap_zohocampaigns.singer.plugin import Plugin
from tap_zohocampaigns.singer.shutdown import Shutdown, saved_when_stopped
from tap_zohocampaigns.singer.summary import Summary
from tap_zohocampaigns.singer.terminal import bars_on_terminal
from tap_zohocampaigns.singer.user_errors import SDK_LINES
from tap_zohocampaigns.singer.writer import PageWriter
from tap_zohocampaigns.streams.snapshots import Snapshots
from tap_zohocampaigns.sync import custom_fields
from tap_zohocampaigns.sync.discovery import add_custom_fields, as_text
from tap_zohocampaigns.sync.inventory import Inventory
from tap_zohocampaigns.sync.run import Run
from tap_zohocampaigns.sync.turns import in_turn
from tap_zohocampaigns.sync.workers import Workers

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zohocampaigns.api.wire.types import Json, Row
    from tap_zohocampaigns.singer.bars import Bars
    from tap_zohocampaigns.singer.sdk import ConfigInput
    from tap_zohocampaigns.sync.base import ZohoStream
    from tap_zohocampaigns.sync.run import RunningStream


class TapZohoCampaigns(Plugin, Run):
    """Singer tap for Zoho Campaigns."""

    name = "tap-zohocampaigns"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = tap_settings.SCHEMA
    message_writer_class = PageWriter
    # BATCH ignores selection, maps and types.
    capabilities: t.ClassVar = [
        capability
        for capability in Tap.capabilities
        if capability != PluginCapabilities.BATCH
    ]

    def __init__(self, **kwargs: t.Any) -> None:
        """Check the settings; nothing is sent yet."""
        self._given_catalog = kwargs.get("catalog")
        if isinstance(self._given_catalog, dict):
            files.as_catalog(self._given_catalog)
        super().__init__(**kwargs)
        self.shutdown = Shutdown(self.settings.get("max_duration_minutes"), self._save)
        self.shutdown.listen()
        self.writer.writing = self.shutdown.writing
        self.left_out: dict[str, str] = {}
        self._has_told = False
        self.first: RunningStream | None = None
        # One line per stream says the same in words.
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)
        if self._given_catalog is not None and not any(
            stream.selected for stream in self.zoho_streams
        ):
            self.logger.warning(
                "The catalog selects no stream of this tap, so nothing is read."
            )

    def load_state(self, state: dict[str, t.Any]) -> None:
        """Load the state of an earlier run, and order the streams by it.

        Raises:
            SettingError: It is not a state of this tap.
        """
        state = files.as_state(state)
        for name, bookmark in state.get("bookmarks", {}).items():
            # Streams of other versions are left alone.
            if stream := self.streams.get(name):
                files.check_bookmark(name, bookmark, stream.schema["properties"])
        super().load_state(files.without_old_notes(state))
        self.reorder_streams([stream.name for stream in self.in_turn()])

    def setup_mapper(self) -> None:
        """Make the stream maps, for deselected streams too."""
        self.prepare_maps()
        super(Tap, self).setup_mapper()
        register_maps(self.mapper, self.catalog, self.streams)
        self.warn_of_idle_maps(self.streams)

    @cached_property
    def settings(self) -> dict[str, Json]:
        """The settings, with their defaults."""
        return tap_settings.complete(self.config)

    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""
        return tap_settings.problems(self.settings)

    def unknown_settings(self) -> list[str]:
        """Return the names of given settings that do not exist."""
        return unknown_names(self.config, self.config_jsonschema)

    @cached_property
    def inventory(self) -> Inventory:
        """What streams share: client, lists, segments, campaigns, time zone."""
        client = connect(reachable(self.settings), sleep=self.shutdown.sleep)
        if self.settings["data_center"] == SANDBOX:
            # Its port, and so the hash of its host, is another one in each run.
            client.account_id = self.settings.get("account_id") or SANDBOX
        return Inventory(client, self.settings, self.now)

    @cached_property
    def workers(self) -> Workers:
        """The threads that all streams share."""
        return Workers(self.settings["concurrency"] - 1)

    @property
    def writer(self) -> PageWriter:
        """The writer of messages."""
        return t.cast("PageWriter", self.message_writer)

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(UTC)

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state, if it has changed and is worth its space, or is `due`."""
        if due or self.writer.state_is_due:
            self.state_writer.write_state(self.state)
        self.writer.flush()

    def begin(self, stream: RunningStream) -> None:
        """Start to read a stream whose turn has come, and others beside it."""
        self.first = self.first or stream
        current = t.cast("ZohoStream", stream)
        current.begin()
        if self.settings["concurrency"] > 1 and not current.connection_test:
            for other in self.zoho_streams:
                if other.selected and not other.read_last:
                    other.begin()

    def end(self) -> None:
        """Stop reading in all threads."""
        self.shutdown.end()
        for stream in self.zoho_streams:
            stream.reading.close()

    def in_turn(self) -> list[ZohoStream]:
        """Return the streams in the order of their turns, by the loaded state."""
        return in_turn(self.zoho_streams, self.state.get("bookmarks", {}))

    def leave_out(self, name: str, why: str) -> None:
        """Go on without a stream, and log the reason once."""
        if why not in self.left_out.values():
            self.logger.warning("Left out: %s", why)
        self.left_out[name] = why

    def tell_left_out(self) -> None:
        """Log at the end of a run which streams were left out."""
        if self.left_out and not self._has_told:
            names = ", ".join(self.left_out)
            self.logger.warning("Streams left out of this run: %s", names)
            self._has_told = True

    def order_streams(self, streams: Mapping[str, ZohoStream]) -> list[str]:
        """Return the names of the streams, those that are read last at the end."""
        return sorted(streams, key=lambda name: streams[name].read_last)

    @property
    def zoho_streams(self) -> list[ZohoStream]:
        """The streams, in the order of their turns."""
        return [*self.streams.values()]

    def _save(self) -> None:
        self.checkpoint(due=True)
        rest = [stream.remaining for stream in self.zoho_streams if stream.remaining]
        self.logger.info("Left to read: %s", ", ".join(rest) or "nothing")

    @property
    def snapshots(self) -> Snapshots:
        """The stream that other streams write to."""
        return t.cast("Snapshots", self.streams[Snapshots.name])

    def discover_streams(self) -> list[ZohoStream]:
        """Return the streams of the API version; nothing is sent."""
        version = versions.find(self.settings)
        offered: list[ZohoStream] = [
            stream(self)
            for stream in streams.STREAMS
            if version.has_call(stream.endpoint)
        ]
        for stream in offered:
            stream.logger.addFilter(SDK_LINES)
        return offered

    def columns_of(self, stream: str) -> dict[str, Row]:
        """Return the columns that the catalog has for custom fields of contacts."""
        return custom_fields.in_catalog(self._given_catalog, stream)

    def known_columns(self, stream: str) -> Row | None:
        """Return the columns that the catalog knows; None if it names none."""
        return custom_fields.known_in(self._given_catalog, stream)

    def run_discovery(self) -> str:
        """Print the catalog."""
        text = as_text(self.discovered())
        click.echo(text)
        return text

    def discovered(self) -> dict[str, t.Any]:
        """Return the catalog. Custom fields become columns, if they may be read."""
        return add_custom_fields(
            self.catalog_dict, self.streams, self.problems(), self.logger
        )

    def summary(self, seconds: float) -> Summary:
        """Return what the run has done.

        Args:
            seconds: How long it took.
        """
        client = self.inventory.client
        return Summary(
            rows=sum(stream.progress.value for stream in self.zoho_streams),
            calls=client.calls,
            seconds=seconds,
            left_out=tuple(self.left_out),
            free_at=client.ledger.free_at(client.calls),
        )

    def figures(self) -> Row:
        """Return what `--summary` has about the run."""
        read = [stream.progress for stream in self.zoho_streams if stream.selected]
        return summary_file.figures(self.inventory.client, read, self.left_out)

    @classmethod
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        **given: t.Any,
    ) -> None:
        """Run; if the run is stopped, save what it has read."""
        super(Tap, cls).invoke(about=about, about_format=about_format)
        # Figures are taken last: nothing may hold up the state of a stopped run.
        with ExitStack() as last, saved_when_stopped():
            with bars_on_terminal() as bars:
                cls.print_version(print_fn=cls.logger.info)
                tap = cls.of_files(**given)
                last.enter_context(summary_file.collected(tap.figures, tap.shutdown))
                started = time.monotonic()
                if bars:
                    tap.show_on(bars)
                tap.sync_all()
                seconds = time.monotonic() - started
            cls.logger.info(tap.summary(seconds).sentence)

    def show_on(self, bars: Bars) -> None:
        """Show on the terminal how far the streams are."""
        client = self.inventory.client
        bars.watch(
            [stream.progress for stream in self.zoho_streams if stream.selected],
            client.ledger,
            client.calls,
        )

    @classmethod
    def of_files(
        cls,
        *,
        config: ConfigInput | None = None,
        state: str | None = None,
        catalog: str | None = None,
    ) -> TapZohoCampaigns:
        """Return the tap for the files that the command line names."""
        return cls(
            config=config.config if config else None,
            state=files.as_state(files.load("state", state)) if state else None,
            catalog=files.as_catalog(files.load("catalog", catalog))
            if catalog
            else None,
            parse_env_config=bool(config and config.parse_env),
        )
