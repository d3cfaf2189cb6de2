"""The tap: its settings, its streams, its command line."""

from __future__ import annotations

import json
import logging
import sys
import typing as t
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cached_property

import click
from singer_sdk import Tap
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_zohocampaigns import streams
from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.commands.plan import as_text, make_plan
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings.shared import SANDBOX, reachable
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.plugin import Plugin, mapping
from tap_zohocampaigns.singer.shutdown import Shutdown, Stopped
from tap_zohocampaigns.singer.user_errors import QUIET, Command
from tap_zohocampaigns.singer.writer import PageWriter
from tap_zohocampaigns.streams.snapshots import Snapshots
from tap_zohocampaigns.sync import custom_fields
from tap_zohocampaigns.sync.inventory import Inventory
from tap_zohocampaigns.sync.prefetch import Crew

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sync.base import ZohoStream


class TapZohoCampaigns(Plugin, Tap):
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
        """Take the settings; nothing is sent yet."""
        self._given_catalog = kwargs.get("catalog")
        if isinstance(self._given_catalog, dict):
            files.as_catalog(self._given_catalog)
        super().__init__(**kwargs)
        self.shutdown = Shutdown(self.settings.get("max_duration_minutes"), self._save)
        self.shutdown.listen()
        self.writer.writing = self.shutdown.writing
        self._left_out: dict[str, str] = {}
        self.first: ZohoStream | None = None
        """The stream whose turn was the first of this run."""
        # A line for each stream tells the same in words.
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)
        if self._given_catalog is not None and not any(
            stream.selected for stream in self.zoho_streams
        ):
            self.logger.warning(
                "The catalog selects no stream of this tap, so nothing is read."
            )

    def load_state(self, state: dict[str, t.Any]) -> None:
        """Take the state of an earlier run; it tells which streams are read first.

        Raises:
            SettingError: It is not one of this tap.
        """
        state = files.as_state(state)
        for name, bookmark in state.get("bookmarks", {}).items():
            # Streams that other versions have are left alone.
            if stream := self.streams.get(name):
                files.check_bookmark(name, bookmark, stream.schema["properties"])
        super().load_state(files.without_old_notes(state))
        self._streams = {stream.name: stream for stream in self.in_turn()}

    def setup_mapper(self) -> None:
        """Make the stream maps, for deselected streams too.

        The SDK gives those an empty schema, for which no map is good.
        """
        self.prepare_maps()
        super(Tap, self).setup_mapper()
        for name, stream in self.streams.items():
            entry = self.catalog.get_stream(name)
            mask = entry.metadata.resolve_selection() if entry else None
            if entry and mask is not None and mask.get((), True):
                schema = get_selected_schema(name, entry.schema.to_dict(), mask)
                keys = entry.key_properties
            else:
                # A map changes what it is given.
                schema, keys = deepcopy(stream.schema), [*stream.primary_keys]
            with mapping(name):
                self.mapper.register_raw_stream_schema(name, schema, keys)
        self.tell_idle_maps(self.streams)

    @cached_property
    def settings(self) -> dict[str, t.Any]:
        """The settings, with their defaults."""
        return tap_settings.complete(self.config)

    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""
        return tap_settings.problems(self.settings)

    @cached_property
    def inventory(self) -> Inventory:
        """The account that all streams read, over one session."""
        client = connect(reachable(self.settings), sleep=self.shutdown.sleep)
        if self.settings["data_center"] == SANDBOX:
            # Its port is another one in each run.
            client.account_id = self.settings.get("account_id") or SANDBOX
        return Inventory(client, self.settings, self.now)

    @cached_property
    def crew(self) -> Crew:
        """The threads that all streams share, besides the one that each has."""
        return Crew(self.settings["concurrency"] - 1)

    @property
    def writer(self) -> PageWriter:
        """The writer of messages."""
        return t.cast("PageWriter", self.message_writer)

    @property
    def start(self) -> str:
        """The time before which nothing is read; empty if there is none."""
        start = self.settings.get("start_date")
        if not start:
            return ""
        instant = datetime.fromisoformat(start)
        return rfc3339(instant if instant.tzinfo else instant.replace(tzinfo=UTC))

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def time(self) -> str:
        """Return the time of day as records have it."""
        return rfc3339(self.now())

    @cached_property
    def run_time(self) -> str:
        """The time of this run as records have it, later than that of any run before.

        A clock may step back. Then the time is a millisecond after the latest that the
        state has, so that what was written before stays older than what is written now.
        """
        newest = datetime.min.replace(tzinfo=UTC)
        for bookmark in self.state.get("bookmarks", {}).values():
            with suppress(KeyError, TypeError, ValueError):
                newest = max(newest, datetime.fromisoformat(bookmark["run"]))
        return max(self.time(), rfc3339(newest + timedelta(milliseconds=1)))

    @cached_property
    def horizon(self) -> str:
        """The time of sending before which the window of a campaign has ended."""
        lookback = timedelta(days=self.settings["lookback_days"])
        return rfc3339(self.now() - lookback)

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state, if it has changed; all that it claims is written before.

        Args:
            due: Whether it has to be written now. If not, it is left to a later
                checkpoint while it would take more space than the records since the
                last one.
        """
        if due or self.writer.state_is_due:
            self.state_writer.write_state(self.state)
        self.writer.flush()

    def begin(self, stream: ZohoStream) -> None:
        """Begin to read a stream whose turn has come, and others beside it."""
        self.first = self.first or stream
        stream.begin()
        if self.settings["concurrency"] > 1 and not stream.connection_test:
            for other in self.zoho_streams:
                if other.selected and not other.read_last:
                    other.begin()

    def end(self) -> None:
        """Read no more."""
        self.shutdown.end()
        for stream in self.zoho_streams:
            stream.reading.close()

    def in_turn(self) -> list[ZohoStream]:
        """Return the streams in the order of their turns, by the loaded state.

        Runs may end early, again and again. Each begins with the stream whose last turn
        is longest ago.
        """
        bookmarks = self.state.get("bookmarks", {})
        return sorted(
            self.zoho_streams,
            key=lambda each: (
                each.read_last,
                bookmarks.get(each.name, {}).get("turn", ""),
            ),
        )

    def leave_out(self, name: str, why: str) -> None:
        """Go on without a stream that the token may not read; say so once a reason."""
        if why not in self._left_out.values():
            self.logger.warning("Left out: %s", why)
        self._left_out[name] = why

    def tell_left_out(self) -> None:
        """Say at the end of a run what is not in it."""
        if self._left_out:
            names = ", ".join(self._left_out)
            self.logger.warning("Streams left out of this run: %s", names)
            self._left_out.clear()

    @property
    def streams(self) -> dict[str, t.Any]:
        """The streams by name, in the order of their turns."""
        if self._streams is None:
            # The SDK orders them by name.
            found = t.cast("dict[str, ZohoStream]", super().streams)
            order = sorted(found, key=lambda name: found[name].read_last)
            self._streams = {name: found[name] for name in order}
        return self._streams

    @property
    def zoho_streams(self) -> list[ZohoStream]:
        """The streams, in the order of their turns."""
        return [*self.streams.values()]

    def _save(self) -> None:
        self.checkpoint(due=True)
        left = [stream.remaining for stream in self.zoho_streams if stream.remaining]
        self.logger.info("Left to read: %s", ", ".join(left) or "nothing")

    @property
    def snapshots(self) -> Snapshots:
        """The stream that others write to when they have read a part."""
        return t.cast("Snapshots", self.streams[Snapshots.name])

    def discover_streams(self) -> list[ZohoStream]:
        """Return the streams of the API's version; nothing is asked of Zoho."""
        version = versions.find(self.settings)
        found = [
            stream(self) for stream in streams.STREAMS if version.reads(stream.endpoint)
        ]
        for stream in found:
            stream.logger.addFilter(QUIET)
        return found

    def columns_of(self, stream: str) -> dict[str, dict[str, t.Any]]:
        """Return the columns that the catalog has for custom fields of contacts."""
        return custom_fields.in_catalog(self._given_catalog, stream)

    def known_columns(self, stream: str) -> dict[str, t.Any] | None:
        """Return the columns that the catalog knows; None if it does not tell."""
        return custom_fields.known_in(self._given_catalog, stream)

    def run_discovery(self) -> str:
        """Write the catalog."""
        text = json.dumps(self.discovered(), indent=2)
        click.echo(text)
        return text

    def discovered(self) -> dict[str, t.Any]:
        """Return the catalog; custom fields are columns, if the token may read them."""
        catalog = self.catalog_dict
        found = self._custom_columns()
        for entry in catalog["streams"]:
            stream = self.streams[entry["tap_stream_id"]]
            if stream.has_custom_fields:
                fitting = custom_fields.fit(found, stream.annotated["properties"])
                custom_fields.add_to_catalog(entry, fitting)
        return catalog

    def _custom_columns(self) -> dict[str, dict[str, t.Any]]:
        """Ask for the fields of contacts, unless there is nobody to be asked."""
        fields = self.streams.get("contact_fields")
        if fields is None:
            return {}
        if problems := self.problems():
            why = " ".join(problems)
            self.logger.warning("Custom fields have no columns of their own: %s", why)
            return {}
        try:
            (part,) = fields.parts()
            records = [row for rows in fields.records(part) for row in rows]
        except Forbidden as error:
            self.logger.warning("Custom fields have no columns of their own: %s", error)
            return {}
        taken = {
            name
            for stream in self.zoho_streams
            if stream.has_custom_fields
            for name in stream.annotated["properties"]
        }
        return custom_fields.read_columns(records, taken)

    @classmethod
    def invoke(
        cls,
        *,
        word: str | None = None,
        about: bool = False,
        about_format: str | None = None,
        **given: t.Any,
    ) -> None:
        """Run, and if the run is stopped, save what it has read."""
        if word:
            cls.plan(about_format=about_format, **given)
            return
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        try:
            cls.of_files(**given).sync_all()
        except Stopped as stopped:
            stopped.save()
            cls.logger.info("Stopped, as %s; the next run goes on from here.", stopped)
            sys.exit(stopped.status)

    @classmethod
    def of_files(
        cls,
        *,
        config: t.Any = None,  # noqa: ANN401 (the SDK does not name its type)
        state: str | None = None,
        catalog: str | None = None,
    ) -> TapZohoCampaigns:
        """Make the tap of what the command line names."""
        return cls(
            config=config.config if config else None,
            state=files.as_state(files.load("state", state)) if state else None,
            catalog=files.as_catalog(files.load("catalog", catalog))
            if catalog
            else None,
            parse_env_config=bool(config and config.parse_env),
        )

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with errors that are sentences."""
        command = super().get_singer_command()
        for option in command.params:
            # Whatever is wrong with a file is told by us.
            if option.name in {"catalog", "state"}:
                option.type = click.STRING
        word = click.Argument(["word"], type=click.Choice(["plan"]), required=False)
        return Command(
            name=command.name,
            callback=command.callback,
            params=[*command.params, word],
            help=(
                f"{command.help} With `plan`: tell what a sync would cost, without "
                "reading contacts; as a table, or with `--format json`."
            ),
            context_settings=command.context_settings,
            logger=cls.logger,
        )

    @classmethod
    def plan(
        cls,
        *,
        about_format: str | None = None,
        **given: t.Any,
    ) -> None:
        """Print what a sync would cost."""
        plan = make_plan(cls.of_files(**given))
        click.echo(json.dumps(plan) if about_format == "json" else as_text(plan))
