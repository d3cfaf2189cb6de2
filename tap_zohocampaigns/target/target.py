"""The target: sends what a warehouse decides about contacts to Zoho."""

from __future__ import annotations

import logging
import sys
import time
import typing as t
from functools import cached_property

from singer_sdk import Target
from singer_sdk.helpers.capabilities import TargetCapabilities

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.connect import account_name, connect
from tap_zohocampaigns.api.contacts import BULK, CALLS, ContactWriter
from tap_zohocampaigns.api.endpoints import ENDPOINTS
from tap_zohocampaigns.api.errors import FatalError, SettingError, StoppedAtLock
from tap_zohocampaigns.settings import target as target_settings
from tap_zohocampaigns.settings.checks import unknown_names
from tap_zohocampaigns.settings.shared import reachable
from tap_zohocampaigns.singer.maps import mapping
from tap_zohocampaigns.singer.plugin import Plugin, add_bounds
from tap_zohocampaigns.singer.shutdown import Shutdown, saved_when_stopped
from tap_zohocampaigns.singer.summary_file import collected, endpoint_figures
from tap_zohocampaigns.target.changes import ChangeReader, InvalidRecord
from tap_zohocampaigns.target.dry_run import DryRunSender
from tap_zohocampaigns.target.invalid import InvalidRecords
from tap_zohocampaigns.target.options import Options, add_options, given_options
from tap_zohocampaigns.target.outbox import Outbox
from tap_zohocampaigns.target.postponed import RetryPolicy
from tap_zohocampaigns.target.reader import MessageReader
from tap_zohocampaigns.target.rejects import Reject, RejectFile
from tap_zohocampaigns.target.report import REJECTED, Report
from tap_zohocampaigns.target.selection import Selection
from tap_zohocampaigns.target.sent.opening import open_ledger
from tap_zohocampaigns.target.sent.sender import RecordingSender
from tap_zohocampaigns.target.sink import ContactSink, SharingTarget
from tap_zohocampaigns.target.stdout import check_stdout, write_state

if t.TYPE_CHECKING:
    import io

    import click

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.sdk import ConfigInput
    from tap_zohocampaigns.target.changes import Record
    from tap_zohocampaigns.target.dry_run import Sender


class TargetZohoCampaigns(Plugin, SharingTarget):
    """Singer target for Zoho Campaigns."""

    name = "target-zohocampaigns"
    package_name = "tap-zohocampaigns"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = target_settings.SCHEMA
    default_sink_class = ContactSink
    message_reader_class = MessageReader
    options: t.ClassVar = (*Plugin.options, "full", "limit")
    # Records are checked by Zoho's rules, not by the schema of the input.
    capabilities: t.ClassVar = [
        capability
        for capability in Target.capabilities
        if capability != TargetCapabilities.VALIDATE_RECORDS
    ]
    most_pending = 100_000
    """Records that are kept until they are sent: more than a day's quota allows."""
    given = Options()
    """The options of the command line."""

    def __init__(self, **kwargs: t.Any) -> None:
        """Check the settings; nothing is sent yet."""
        super().__init__(**kwargs)
        self.max_parallelism = 1
        self.shutdown = Shutdown(None, self.end)
        self.shutdown.listen()
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)
        self.report = Report(self._waiting_until, dry=self.settings["dry_run"])
        self._changes = ChangeReader(self.settings)
        self._client: Client | None = None
        self.sent = open_ledger(
            self.settings, clock=self.clock, sleep=self.shutdown.sleep
        )

    def clock(self) -> float:
        """Return the seconds of a monotonic clock."""
        return time.monotonic()

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with the options of the target."""
        command = super().get_singer_command()
        add_options(command, cls.option)
        return command

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the SDK's settings, except those of loaders into databases."""
        super(Target, cls).append_builtin_config(config_jsonschema)
        add_bounds(config_jsonschema)

    @cached_property
    def settings(self) -> dict[str, t.Any]:
        """The settings, with their defaults."""
        return target_settings.complete(self.config)

    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""
        return target_settings.problems(self.settings)

    def unknown_settings(self) -> list[str]:
        """Return the names of given settings that do not exist."""
        return unknown_names(self.config, self.config_jsonschema)

    @cached_property
    def version(self) -> versions.Version:
        """The version of the API."""
        return versions.find(self.settings)

    @cached_property
    def sender(self) -> Sender:
        """Sends changes over a session that is opened here, or counts a dry run."""
        if self.settings["dry_run"]:
            return DryRunSender(self.report.calls)
        # One call after the other, since changes of a contact have an order.
        config = reachable(self.settings) | {"concurrency": 1}
        self._client = connect(config, endpoints=ENDPOINTS, sleep=self.shutdown.sleep)
        writer = ContactWriter(self._client, self.report.calls)
        return RecordingSender(writer, self.sent) if self.sent else writer

    @cached_property
    def rejects(self) -> RejectFile:
        """The file of rejected records."""
        return RejectFile(self.settings.get("reject_file"))

    @cached_property
    def outbox(self) -> Outbox:
        """The pending changes."""
        return Outbox(
            lambda: self.sender,
            self.rejects,
            self.report,
            emit=self._write_state,
            undisturbed=self.shutdown.writing,
            retries=RetryPolicy(
                self.settings["retry_max_seconds"], self.clock, self.shutdown.sleep
            ),
            bulk=self.version.has_call(BULK),
            selection=Selection(
                self.sent.find_unchanged if self.sent and not self.given.full else None,
                limit=self.given.limit,
                max_writes=self.settings.get("max_writes"),
            ),
            most_pending=self.most_pending,
        )

    @cached_property
    def invalid(self) -> InvalidRecords:
        """Decides about invalid records."""
        return InvalidRecords(self.outbox, self.most_pending)

    @property
    def status(self) -> int:
        """The exit status of a run that read all of its input."""
        return 1 if self.report.count(REJECTED) else 0

    def action(self, stream: str) -> str:
        """Return the action for a stream, or raise `SettingError` if none is set."""
        action = (self.settings.get("streams") or {}).get(stream, stream)
        if action not in CALLS:
            msg = (
                f"What is to be done with the stream `{stream}`? Name it in `streams`, "
                f"as one of: {', '.join(CALLS)}; or leave it out in the tap."
            )
            raise SettingError(msg)
        return str(action)

    def add_record(self, stream: str, action: str, record: Record) -> None:
        """Add a record to the outbox, or reject it."""
        number = self.report.read
        try:
            change = self._changes.change(number, stream, action, record)
        except InvalidRecord as error:
            reject = Reject(number, stream, "", str(error), record)
            self.invalid.reject_or_hold(reject, action, error)
        else:
            self.invalid.note_valid(stream)
            self.outbox.add(change)

    def end(self) -> None:
        """Log the summary, and close files and connections."""
        if self.report.end() and self.report.count(REJECTED):
            readers = "only you" if self.rejects.private else "others, too,"
            self.logger.warning(
                "Rejected records are in %s, which %s can read.",
                self.rejects.path,
                readers,
            )
        self.rejects.end()
        if self.sent:
            self.sent.close()
        if self._client:
            self._client.ledger.close()

    def figures(self) -> Row:
        """Return what `--summary` has about the run."""
        # In a dry run nothing is asked about the quota.
        ledger = self._client.ledger if self._client else None
        return {
            "account_id": account_name(self.settings),
            **self.report.figures(),
            "endpoints": endpoint_figures(ledger, self.report.calls),
        }

    def process_endofpipe(self) -> None:
        """Send the pending changes."""
        if self.mapper.stream_maps:
            self.warn_of_idle_maps(self.mapper.stream_maps)
        self.invalid.finish()
        self.outbox.finish()
        super().process_endofpipe()

    def on_record(self, message: dict[str, t.Any]) -> None:
        """Count a record, and pass it to its sink."""
        self.report.read += 1
        self.report.streams[str(message.get("stream"))] += 1
        self.report.start()
        with mapping(str(message.get("stream"))):
            super().on_record(message)

    def on_schema(self, message: dict[str, t.Any]) -> None:
        """Make a sink for a stream."""
        with mapping(str(message.get("stream"))):
            super().on_schema(message)

    def on_state(self, message: dict[str, t.Any]) -> None:
        """Keep a state until all records before it are answered."""
        self.outbox.add_state(message["value"])

    def on_activate_version(self, message: dict[str, t.Any]) -> None:
        """Do nothing: contacts that are not in the input are not deleted."""

    def on_batch(self, message: dict[str, t.Any]) -> None:
        """Refuse files.

        Raises:
            FatalError: Always.
        """
        del message
        msg = "The input sends files (BATCH), which are not read: let it send records."
        raise FatalError(msg)

    def _write_state(self, state: dict[str, t.Any]) -> None:
        # After a dry run, and behind a limit, the same records have to come again.
        if self.settings["dry_run"] or self.given.limit is not None:
            return
        with self.shutdown.writing():
            write_state(state)

    def _waiting_until(self) -> float | None:
        return self._client.ledger.waiting_until() if self._client else None

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigInput | None = None,
        file_input: io.TextIOWrapper | None = None,
    ) -> None:
        """Run the target; log the summary however it ends."""
        super(Target, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        check_stdout()
        if file_input:
            file_input.reconfigure(encoding="utf-8", errors="surrogateescape")
        target = cls(
            config=config.config if config else None,
            parse_env_config=bool(config and config.parse_env),
        )
        target.given = given_options()
        # `Stopped` calls `target.end` too, in case the signal came within it.
        with saved_when_stopped():
            try:
                with collected(target.figures, target.shutdown):
                    target.listen(file_input)
            except StoppedAtLock as locked:
                msg = f"Stopped, as {locked}; the next run goes on from here."
                raise StoppedAtLock(msg) from None
            finally:
                target.end()
        sys.exit(target.status)
