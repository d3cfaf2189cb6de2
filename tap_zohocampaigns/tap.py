"""The tap: its settings, its streams, its command line."""

from __future__ import annotations

import json
import logging
import sys
import typing as t
from datetime import UTC, datetime
from functools import cached_property

import click
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_zohocampaigns import columns, settings, streams
from tap_zohocampaigns.account import Account
from tap_zohocampaigns.ahead import Crew
from tap_zohocampaigns.api import connect, versions
from tap_zohocampaigns.api.errors import Forbidden
from tap_zohocampaigns.api.times import rfc3339
from tap_zohocampaigns.command import Command
from tap_zohocampaigns.connection import SANDBOX, reachable
from tap_zohocampaigns.messages import PageWriter
from tap_zohocampaigns.plan import as_text, make_plan
from tap_zohocampaigns.plugin import Plugin
from tap_zohocampaigns.stopping import Stopped, Stopper
from tap_zohocampaigns.streams import Snapshots

if t.TYPE_CHECKING:
    from tap_zohocampaigns.client import ZohoStream


class TapZohoCampaigns(Plugin, Tap):
    """Singer tap for Zoho Campaigns."""

    name = "tap-zohocampaigns"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = settings.SCHEMA
    message_writer_class = PageWriter
    # BATCH ignores selection, maps and types.
    capabilities: t.ClassVar = [
        capability
        for capability in Tap.capabilities
        if capability != PluginCapabilities.BATCH
    ]

    def __init__(self, **kwargs: t.Any) -> None:  # noqa: ANN401
        """Take the settings; nothing is sent yet."""
        self._given_catalog = kwargs.get("catalog")
        super().__init__(**kwargs)
        self.stopper = Stopper(self.settings.get("max_duration_minutes"), self._save)
        self.stopper.listen()
        self.writer.writing = self.stopper.writing
        self._left_out: dict[str, str] = {}
        # A line for each stream tells the same in words.
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)

    @cached_property
    def settings(self) -> dict[str, t.Any]:
        """The settings, with their defaults."""
        return settings.complete(self.config)

    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""
        return settings.problems(self.settings)

    @cached_property
    def account(self) -> Account:
        """The account that all streams read, over one session."""
        client = connect(reachable(self.settings), sleep=self.stopper.sleep)
        if self.settings["data_center"] == SANDBOX:
            # Its port is another one in each run.
            client.account_id = SANDBOX
        return Account(client, self.settings)

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

    def checkpoint(self) -> None:
        """Write the state, if it has changed; all that it claims is written before."""
        self.state_writer.write_state(self.state)
        self.writer.flush()

    def begin(self, stream: ZohoStream) -> None:
        """Begin to read a stream whose turn has come, and others beside it."""
        stream.begin()
        if self.settings["concurrency"] > 1 and not stream.trial:
            for other in self.zoho_streams:
                if other.selected and not other.last:
                    other.begin()

    def end(self) -> None:
        """Read no more."""
        self.stopper.end()
        for stream in self.zoho_streams:
            stream.reading.close()

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
            order = sorted(found, key=lambda name: found[name].last)
            self._streams = {name: found[name] for name in order}
        return self._streams

    @property
    def zoho_streams(self) -> list[ZohoStream]:
        """The streams, in the order of their turns."""
        return [*self.streams.values()]

    def _save(self) -> None:
        self.checkpoint()
        left = [stream.left for stream in self.zoho_streams if stream.left]
        self.logger.info("Left to read: %s", ", ".join(left) or "nothing")

    @property
    def snapshots(self) -> Snapshots:
        """The stream that others write to when they have read a part."""
        return t.cast("Snapshots", self.streams[Snapshots.name])

    def discover_streams(self) -> list[ZohoStream]:
        """Return the streams of the API's version; nothing is asked of Zoho."""
        version = versions.find(self.settings)
        return [
            stream(self) for stream in streams.LIST if version.reads(stream.endpoint)
        ]

    def columns_of(self, stream: str) -> dict[str, dict[str, t.Any]]:
        """Return the columns that the catalog has for custom fields of contacts."""
        return columns.in_catalog(self._given_catalog, stream)

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
                fitting = columns.fit(found, stream.annotated["properties"])
                columns.add_to_catalog(entry, fitting)
        return catalog

    def _custom_columns(self) -> dict[str, dict[str, t.Any]]:
        """Ask for the fields of contacts, unless there is nobody to be asked."""
        fields = self.streams.get("contact_fields")
        if fields is None or self.problems():
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
        return columns.read_columns(records, taken)

    @classmethod
    def invoke(cls, *, word: str | None = None, **kwargs: t.Any) -> None:  # noqa: ANN401
        """Run, and if the run is stopped, save what it has read."""
        try:
            if word:
                cls.plan(**kwargs)
            else:
                super().invoke(**kwargs)
        except Stopped as stopped:
            stopped.save()
            cls.logger.info("Stopped, as %s; the next run goes on from here.", stopped)
            sys.exit(stopped.status)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with errors that are sentences."""
        command = super().get_singer_command()
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
        config: t.Any = None,  # noqa: ANN401 (the SDK does not name its type)
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
        **_: t.Any,  # noqa: ANN401 (options that a plan has no use for)
    ) -> None:
        """Print what a sync would cost."""
        tap = cls(
            config=config.config if config else None,
            state=json.load(state) if state else None,
            catalog=json.load(catalog) if catalog else None,
            parse_env_config=bool(config and config.parse_env),
        )
        plan = make_plan(tap)
        click.echo(json.dumps(plan) if about_format == "json" else as_text(plan))
