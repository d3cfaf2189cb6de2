"""The commands of the source: spec, check, discover and read."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import typing as t
from functools import cached_property

from airbyte_protocol_dataclasses.models import (
    AirbyteConnectionStatus,
    FailureType,
    Type,
)
from airbyte_protocol_dataclasses.models import Status as Connection
from singer_sdk.exceptions import ConfigValidationError

from tap_zohocampaigns.airbyte.catalog import (
    as_singer,
    make_catalog,
    read_catalog,
    read_states,
)
from tap_zohocampaigns.airbyte.spec import flatten, make_spec
from tap_zohocampaigns.airbyte.writer import (
    LogHandler,
    MessageWriter,
    Status,
    StreamProgress,
    line,
    trace_of_error,
)
from tap_zohocampaigns.api.errors import (
    Forbidden,
    Outage,
    SettingError,
    StoppedAtLock,
    ZohoError,
)
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.streams.reference import ReferenceStream
from tap_zohocampaigns.streams.snapshots import Snapshots
from tap_zohocampaigns.sync import custom_fields
from tap_zohocampaigns.sync.incremental import StatefulStream
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_zohocampaigns.airbyte.catalog import ConfiguredStream
    from tap_zohocampaigns.sync.base import ZohoStream
    from tap_zohocampaigns.sync.inventory import Inventory

    Json: t.TypeAlias = dict[str, t.Any]

_USERS = (ConfigValidationError, SettingError, Forbidden)
_SETTING = re.compile(r"`(\w+)`")


class AirbyteTap(TapZohoCampaigns):
    """The tap, which writes messages of Airbyte, and goes on when a stream fails."""

    message_writer_class = MessageWriter

    def __init__(self, *, configured: t.Any = None, **kwargs: t.Any) -> None:  # noqa: ANN401 (a file may hold anything)
        """Take the settings, and the configured catalog if there is one."""
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
        inventory.client.ledger.resting = self.writer.rest
        return inventory

    def columns_of(self, stream: str) -> dict[str, Json]:
        """Return the columns that the catalog has for custom fields of contacts."""
        return custom_fields.in_catalog(self._configured, stream)

    def known_columns(self, stream: str) -> None:
        """Return nothing: a column that the catalog lacks may have been deselected."""
        del stream

    def discover_streams(self) -> list[ZohoStream]:
        """Return the streams, with the columns that the catalog has of each."""
        found = super().discover_streams()
        for stream in found:
            if known := custom_fields.known_in(self._configured, stream.name):
                stream.choose(known)
        return found

    def end(self) -> None:
        """Let the others go on: a stream that fails is ended alone."""

    def read(self, asked: dict[str, ConfiguredStream], blobs: dict[str, Json]) -> int:
        """Read streams; return the exit status.

        Args:
            asked: What is asked of each stream.
            blobs: The state of each stream.
        """
        complete = self._begin_with(asked, blobs)
        try:
            return self._read_all(complete)
        except Stopped as stopped:
            stopped.save()
            if not stopped.status:
                told = f"Stopped, as {stopped}; the next run goes on from here."
                self.writer.tell(trace_of_error(told, FailureType.transient_error))
            # The platform takes a run for whole that ends with 0.
            return stopped.status or 1
        finally:
            super().end()
            for name, course in self.writer.courses.items():
                if not course.ended:
                    self._end(name, Status.INCOMPLETE)

    def _begin_with(
        self, asked: dict[str, ConfiguredStream], blobs: dict[str, Json]
    ) -> set[str]:
        """Take the state; return the streams that an earlier attempt has read whole."""
        resumed = {
            name: each.resume(blobs.get(name, {})) for name, each in asked.items()
        }
        bookmarks = {name: each.bookmark for name, each in resumed.items()}
        if Snapshots.name not in blobs:
            # Whoever clears that stream alone has none of its rows.
            for bookmark in bookmarks.values():
                bookmark.pop("snapshots", None)
        self.load_state({"bookmarks": bookmarks})
        complete = {name for name, each in resumed.items() if each.complete}
        for stream in self.zoho_streams:
            stream.selected = stream.name in asked.keys() - complete
        self.writer.courses = {
            stream.name: StreamProgress(asked[stream.name], stream.endpoint)
            # What a state claims of snapshots is told before it.
            for stream in reversed(self._turns)
            if stream.name in asked
        }
        self.writer.known = self._known_rows
        return complete

    @property
    def _turns(self) -> list[ZohoStream]:
        """The streams in their order, behind all others the one that they write to."""
        return sorted(self.in_turn(), key=lambda each: isinstance(each, Snapshots))

    def _known_rows(self, name: str) -> int:
        stream = t.cast("ZohoStream", self.streams[name])
        # What comes in pages may go on behind the first.
        paged = isinstance(stream, ReferenceStream) and stream.details
        if paged or isinstance(stream, StatefulStream):
            return 0
        return stream.progress.known

    def _sync(self, stream: ZohoStream) -> None:
        """Read a stream.

        Raises:
            Forbidden: The token may not. The tap leaves it out, but a stream that is
                read to its end without rows would be taken for empty.
        """
        stream.sync()
        stream.finalize_state_progress_markers()
        if why := self._left_out.get(stream.name):
            raise Forbidden(why)

    def _read_all(self, complete: set[str]) -> int:
        failed: list[ZohoStream] = []
        for stream in self._turns:
            name = stream.name
            if name not in self.writer.courses or _lacks_rows(stream, failed):
                continue
            try:
                if name not in complete:
                    self._sync(stream)
            except Exception as error:  # noqa: BLE001 (it is told)
                failed.append(stream)
                stream.reading.close()
                self._end(name, Status.INCOMPLETE)
                self.writer.tell(_told(error, name))
                if isinstance(error, SettingError):
                    # All others would fail for the same reason.
                    break
            else:
                self._end(name, Status.COMPLETE)
        return int(bool(failed))

    def _end(self, name: str, status: Status) -> None:
        self.writer.end(name, status, self.state.get("bookmarks", {}).get(name))


def _lacks_rows(stream: ZohoStream, failed: list[ZohoStream]) -> bool:
    """Return whether rows of a stream are missing because of streams that failed."""
    return isinstance(stream, Snapshots) and any(each.has_snapshots for each in failed)


def _words(error: Exception) -> str:
    return user_message(error).rstrip(".") + "."


def _told(error: Exception, stream: str = "") -> bytes:
    """Return the line that tells of an error; log where it has come from."""
    logging.getLogger().debug("The error in full", exc_info=error)
    return trace_of_error(_words(error), failure_type(error), stream)


def failure_type(error: Exception) -> FailureType:
    """Return who can do something: the user, time, or nobody but us.

    A sentence that names a setting tells the user what to put right.
    """
    if isinstance(error, Outage | StoppedAtLock):
        return FailureType.transient_error
    named = _SETTING.findall(str(error)) if isinstance(error, ZohoError) else ()
    if isinstance(error, _USERS) or tap_settings.SCHEMA["properties"].keys() & {*named}:
        return FailureType.config_error
    return FailureType.system_error


def run(arguments: Sequence[str]) -> int:
    """Run a command; return the exit status."""
    options = _parse(arguments)
    logs = LogHandler()
    root = logging.getLogger()
    root.addHandler(logs)
    level = os.environ.get("LOGLEVEL", "").upper()
    root.setLevel(logging.getLevelNamesMapping().get(level, logging.INFO))
    logging.captureWarnings(capture=True)
    command: t.Callable[[argparse.Namespace, LogHandler], int] = options.run
    try:
        return command(options, logs)
    except Stopped as stopped:
        return stopped.status or 1
    except Exception as error:  # noqa: BLE001 (it is told)
        logs.tell(_told(error))
        return 1
    finally:
        # Threads that are left may not write while the program ends.
        root.removeHandler(logs)
        logging.captureWarnings(capture=False)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("source-zohocampaigns", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command, needed, possible in (
        (spec, (), ()),
        (check, ("config",), ()),
        (discover, ("config",), ()),
        (read, ("config", "catalog"), ("state",)),
    ):
        of = commands.add_parser(command.__name__, help=command.__doc__)
        of.set_defaults(run=command)
        for name in needed:
            of.add_argument(f"--{name}", required=True)
        for name in possible:
            of.add_argument(f"--{name}")
    return parser.parse_args(arguments)


def spec(_: argparse.Namespace, logs: LogHandler) -> int:
    """Tell the settings."""
    logs.tell(line(Type.SPEC, spec=make_spec()))
    return 0


def check(options: argparse.Namespace, logs: LogHandler) -> int:
    """Tell whether the account can be read."""
    try:
        # Whoever asks is waiting; half an hour is too long.
        tap = _tap(options, rate_limit_on_lock="stop")
        tap.inventory.check_credentials()
    except Exception as error:  # noqa: BLE001 (it is told)
        failed = AirbyteConnectionStatus(Connection.FAILED, _words(error))
        logs.tell(line(Type.CONNECTION_STATUS, connectionStatus=failed))
        logs.tell(_told(error))
    else:
        accepted = AirbyteConnectionStatus(Connection.SUCCEEDED)
        logs.tell(line(Type.CONNECTION_STATUS, connectionStatus=accepted))
    return 0


def discover(options: argparse.Namespace, logs: LogHandler) -> int:
    """Tell what there is to read."""
    logs.tell(line(Type.CATALOG, catalog=make_catalog(_tap(options))))
    return 0


def read(options: argparse.Namespace, logs: LogHandler) -> int:
    """Read streams."""
    catalog = _load(options, "catalog")
    state = _load(options, "state") if options.state else None
    tap = AirbyteTap(config=flatten(_load(options, "config")), configured=catalog)
    logs.tell = tap.writer.tell
    asked = read_catalog(catalog, tap)
    return tap.read(asked, read_states(state))


def _tap(options: argparse.Namespace, **more: str) -> AirbyteTap:
    tap = AirbyteTap(config=flatten(_load(options, "config")) | more)
    # There is nothing to save, so it may be ended at once.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    return tap


def _load(options: argparse.Namespace, name: str) -> t.Any:  # noqa: ANN401 (a file may hold anything)
    return files.load(name, getattr(options, name))
