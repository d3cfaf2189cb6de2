"""The target: what a warehouse decides, done to the contacts of an account."""

from __future__ import annotations

import io
import logging
import math
import sys
import time
import typing as t
from functools import cached_property

from singer_sdk import Target
from singer_sdk.helpers.capabilities import TargetCapabilities
from singer_sdk.io_base import SingerReader
from singer_sdk.singerlib.json import deserialize_json, serialize_json
from singer_sdk.sinks import RecordSink

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.contacts import BULK, CALLS, ContactWriter
from tap_zohocampaigns.api.endpoints import ENDPOINTS
from tap_zohocampaigns.api.errors import FatalError, SettingError, StoppedAtLock
from tap_zohocampaigns.settings import target as target_settings
from tap_zohocampaigns.settings.checks import unknown_names
from tap_zohocampaigns.settings.shared import reachable
from tap_zohocampaigns.singer.maps import mapping
from tap_zohocampaigns.singer.plugin import Plugin, add_bounds
from tap_zohocampaigns.singer.shutdown import Shutdown, saved_when_stopped
from tap_zohocampaigns.target.asides import Patience
from tap_zohocampaigns.target.changes import InvalidRecord, Reader
from tap_zohocampaigns.target.faults import Faults
from tap_zohocampaigns.target.outbox import Outbox
from tap_zohocampaigns.target.rejects import Reject, RejectFile
from tap_zohocampaigns.target.report import REJECTED, Report

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.target.changes import Record
    from tap_zohocampaigns.target.outbox import Sender


# What messages are made of, where the SDK does not look.
_SHAPES: t.Final = {
    "type": (str, "a text"),
    "stream": (str, "a text"),
    "record": (dict, "an object"),
    "schema": (dict, "an object"),
    "properties": (dict, "an object"),
}


class Lines(SingerReader):
    """Reads messages, and tells of a wrong one without what is in it."""

    @property
    def default_input(self) -> t.IO[str]:  # type: ignore[override]
        """Stdin, which is UTF-8 wherever it comes from.

        Raises:
            FatalError: There is none.
        """
        if sys.stdin is None:
            msg = "Stdin is closed, where messages come from: pipe a tap into it."
            raise FatalError(msg)
        return io.TextIOWrapper(
            sys.stdin.buffer, encoding="utf-8", errors="surrogateescape"
        )

    def deserialize_json(self, line: str) -> dict[str, t.Any]:
        """Return the message of a line.

        Raises:
            FatalError: It is no JSON, or no object.
        """
        try:
            message: object = deserialize_json(line)
        except (ValueError, RecursionError):
            msg = "A line of the input is not JSON; nothing that waited was sent."
            raise FatalError(msg) from None
        if not isinstance(message, dict):
            msg = "A line of the input is no message, which is an object."
            raise FatalError(msg)
        return message

    @staticmethod
    def assert_line_requires(
        line_dict: Mapping[str, t.Any], requires: set[str]
    ) -> None:
        """Check that a message has what it needs.

        Raises:
            FatalError: It has not.
        """
        if missing := requires - line_dict.keys():
            msg = f"A message of the input lacks {', '.join(sorted(missing))}."
            raise FatalError(msg)
        for name in requires & _SHAPES.keys():
            kind, words = _SHAPES[name]
            if not isinstance(line_dict[name], kind):
                msg = f"A message of the input has a `{name}` that is not {words}."
                raise FatalError(msg)

    def _process_unknown_message(self, message_dict: dict[str, t.Any]) -> None:
        del message_dict
        msg = "A message of the input has a `type` that is not known."
        raise FatalError(msg)


class ContactSink(RecordSink):
    """Takes the records of a stream; all streams share one outbox, and so an order."""

    def __init__(
        self,
        target: TargetZohoCampaigns,
        stream_name: str,
        schema: dict[str, t.Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Keep the target."""
        self._zoho = target
        super().__init__(target, stream_name, schema, key_properties)

    @cached_property
    def action(self) -> str:
        """What is done with the contacts of the stream.

        It is asked for when there is a record: maps drop streams that have a schema.

        Raises:
            SettingError: Nobody has said it, or it can't be done.
        """
        action = self._zoho.action(self.stream_name)
        self._zoho.version.form(CALLS[action], {})
        return action

    def get_validator(self) -> None:
        """Return nothing: records are judged by what Zoho takes."""

    def _validate_and_parse(self, record: Record) -> Record:
        # The SDK would make other texts of times.
        return record

    def process_record(self, record: Record, context: Mapping[str, t.Any]) -> None:
        """Let the contact wait to be sent."""
        del context
        self._zoho.take(self.stream_name, self.action, record)


class Rehearsal:
    """Sends nothing, and counts the calls."""

    def __init__(self, tally: Counter[str]) -> None:
        """Take where calls are counted."""
        self._tally = tally

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Count a call."""
        del contact, params
        self._tally[CALLS[action]] += 1
        return False

    def add(self, list_key: str, addresses: Sequence[str]) -> None:
        """Count a call."""
        del list_key, addresses
        self._tally[BULK] += 1


class TargetZohoCampaigns(Plugin, Target):
    """Singer target for Zoho Campaigns."""

    name = "target-zohocampaigns"
    package_name = "tap-zohocampaigns"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = target_settings.SCHEMA
    default_sink_class = ContactSink
    message_reader_class = Lines
    # Records are judged by what Zoho takes, not by what the input says of itself.
    capabilities: t.ClassVar = [
        capability
        for capability in Target.capabilities
        if capability != TargetCapabilities.VALIDATE_RECORDS
    ]
    # Else what is sent would depend on how fast the input comes.
    _MAX_RECORD_AGE_IN_MINUTES = math.inf
    # More than a day's quota of subscribing; as many records fit into the memory.
    most_waiting = 100_000

    def __init__(self, **kwargs: t.Any) -> None:
        """Take the settings; nothing is sent yet."""
        super().__init__(**kwargs)
        self.max_parallelism = 1
        self.shutdown = Shutdown(None, self.end)
        self.shutdown.listen()
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)
        self.report = Report(self._waiting_until, dry=self.settings["dry_run"])
        self._reader = Reader(self.settings)
        self._client: Client | None = None

    def clock(self) -> float:
        """Return the seconds of a clock that never steps."""
        return time.monotonic()

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the settings of the SDK, without those of loaders into databases."""
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
        """Sends changes over one session, which is opened here; or rehearses it."""
        if self.settings["dry_run"]:
            return Rehearsal(self.report.calls)
        # One call after the other: what is done with a contact has an order.
        config = reachable(self.settings) | {"concurrency": 1}
        self._client = connect(config, endpoints=ENDPOINTS, sleep=self.shutdown.sleep)
        return ContactWriter(self._client, self.report.calls)

    @cached_property
    def rejects(self) -> RejectFile:
        """Where records go that can't be applied."""
        return RejectFile(self.settings.get("reject_file"))

    @cached_property
    def outbox(self) -> Outbox:
        """What waits to be sent."""
        return Outbox(
            lambda: self.sender,
            self.rejects,
            self.report,
            emit=self._pass_on,
            undisturbed=self.shutdown.writing,
            patience=Patience(
                self.settings["retry_max_seconds"], self.clock, self.shutdown.sleep
            ),
            bulk=self.version.reads(BULK),
            max_writes=self.settings.get("max_writes"),
            most_waiting=self.most_waiting,
        )

    @cached_property
    def faults(self) -> Faults:
        """Tells faults of records from those of all records of a stream."""
        return Faults(self.outbox, self.most_waiting)

    @property
    def status(self) -> int:
        """The exit status of a run that came to its end."""
        return 1 if self.report.count(REJECTED) else 0

    def action(self, stream: str) -> str:
        """Return what is done with the contacts of a stream.

        Raises:
            SettingError: Nobody has said it.
        """
        action = (self.settings.get("streams") or {}).get(stream, stream)
        if action not in CALLS:
            msg = (
                f"What is to be done with the stream `{stream}`? Name it in `streams`, "
                f"as one of: {', '.join(ENDPOINTS)}; or leave it out in the tap."
            )
            raise SettingError(msg)
        return str(action)

    def take(self, stream: str, action: str, record: Record) -> None:
        """Let a record wait to be sent, or reject it."""
        number = self.report.read
        try:
            change = self._reader.change(number, stream, action, record)
        except InvalidRecord as invalid:
            reject = Reject(number, stream, "", str(invalid), record)
            self.faults.add(reject, action, invalid)
        else:
            self.faults.clear(stream)
            self.outbox.add(change)

    def end(self) -> None:
        """Tell what became of the records."""
        if self.report.end() and self.report.count(REJECTED):
            readers = "nobody else may" if self.rejects.private else "others may, too,"
            self.logger.warning(
                "Rejected records are in %s, which %s read.", self.rejects.path, readers
            )
        self.rejects.end()
        if self._client:
            self._client.ledger.close()

    def process_endofpipe(self) -> None:
        """Send what waits."""
        if self.mapper.stream_maps:
            self.warn_of_idle_maps(self.mapper.stream_maps)
        self.faults.end()
        self.outbox.end()
        super().process_endofpipe()

    def _process_record_message(self, message_dict: dict[str, t.Any]) -> None:
        self.report.read += 1
        self.report.begin()
        with mapping(str(message_dict.get("stream"))):
            super()._process_record_message(message_dict)

    def _process_schema_message(self, message_dict: dict[str, t.Any]) -> None:
        with mapping(str(message_dict.get("stream"))):
            super()._process_schema_message(message_dict)

    def _process_state_message(self, message_dict: dict[str, t.Any]) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        self.outbox.mark(message_dict["value"])

    def _process_activate_version_message(self, message_dict: dict[str, t.Any]) -> None:
        """Do nothing: contacts that don't come again are not deleted."""

    def _process_batch_message(self, message_dict: dict[str, t.Any]) -> None:
        del message_dict
        msg = "The input sends files (BATCH), which are not read: let it send records."
        raise FatalError(msg)

    def _pass_on(self, state: dict[str, t.Any]) -> None:
        # What was only rehearsed has to come again.
        if self.settings["dry_run"]:
            return
        with self.shutdown.writing():
            try:
                sys.stdout.write(serialize_json(state) + "\n")
                sys.stdout.flush()
            except OSError as error:
                # Else it would be the command line's to end, which says nothing.
                msg = f"The state can't be written to stdout ({type(error).__name__})."
                raise FatalError(msg) from None

    def _waiting_until(self) -> float | None:
        return self._client.ledger.waiting_until() if self._client else None

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: t.Any = None,  # noqa: ANN401 (the SDK does not name its type)
        file_input: io.TextIOWrapper | None = None,
    ) -> None:
        """Run, and tell what became of the records however it ends."""
        super(Target, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        if sys.stdout is None:
            msg = (
                "Stdout is closed, where states are passed on: leave it open, or send "
                "it to /dev/null."
            )
            raise FatalError(msg)
        if file_input:
            file_input.reconfigure(encoding="utf-8", errors="surrogateescape")
        target = cls(
            config=config.config if config else None,
            parse_env_config=bool(config and config.parse_env),
        )
        # `Stopped` calls `target.end` too, in case it came within the end.
        with saved_when_stopped(cls.logger):
            try:
                target.listen(file_input)
            except StoppedAtLock as locked:
                msg = f"Stopped, as {locked}; the next run goes on from here."
                raise FatalError(msg) from None
            finally:
                target.end()
        sys.exit(target.status)
