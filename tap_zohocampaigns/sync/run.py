"""What a stream may ask of its tap."""

from __future__ import annotations

import abc
import typing as t
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.singer.sdk import SdkTap

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_zohocampaigns.api.wire.types import Json, Row
    from tap_zohocampaigns.singer.shutdown import Shutdown
    from tap_zohocampaigns.sync.inventory import Inventory
    from tap_zohocampaigns.sync.parts import PartSnapshot
    from tap_zohocampaigns.sync.workers import Workers


class SnapshotWriter(t.Protocol):
    """Writes rows of the stream `snapshots`."""

    selected: bool

    def write(self, snapshot: PartSnapshot) -> None:
        """Write the row of a part."""


class RunningStream(t.Protocol):
    """A stream, as far as its tap has to know it."""

    name: str


class Run(SdkTap, abc.ABC):
    """One run of a tap: its settings, clocks, account and messages."""

    shutdown: Shutdown
    """Stops the run on a signal, after a time, or at a lock."""
    first: RunningStream | None
    """The stream that had the first turn of the run."""

    @property
    @abc.abstractmethod
    def settings(self) -> dict[str, Json]:
        """The settings, with their defaults."""

    @property
    @abc.abstractmethod
    def inventory(self) -> Inventory:
        """What streams share: client, lists, segments, campaigns, time zone."""

    @property
    @abc.abstractmethod
    def workers(self) -> Workers:
        """The threads that all streams share."""

    @property
    @abc.abstractmethod
    def snapshots(self) -> SnapshotWriter:
        """Where streams write that a part was read whole."""

    @abc.abstractmethod
    def now(self) -> datetime:
        """Return the current time."""

    @property
    def start(self) -> str:
        """The time of `start_date`; empty if it is not set."""
        start = self.settings.get("start_date")
        if not start:
            return ""
        instant = datetime.fromisoformat(start)
        return rfc3339(instant if instant.tzinfo else instant.replace(tzinfo=UTC))

    def time(self) -> str:
        """Return the current time in the form of records."""
        return rfc3339(self.now())

    @cached_property
    def run_time(self) -> str:
        """The time of this run, which is later than that of any earlier run.

        If a clock was set back, the time is a millisecond after the latest one in the
        state. So what was written before stays older than what is written now.
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

    @abc.abstractmethod
    def begin(self, stream: RunningStream) -> None:
        """Start to read a stream whose turn has come, and others beside it."""

    @abc.abstractmethod
    def end(self) -> None:
        """Stop reading in all threads."""

    @abc.abstractmethod
    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state, if it is worth its space or `due`."""

    @abc.abstractmethod
    def leave_out(self, name: str, why: str) -> None:
        """Go on without a stream, and log the reason."""

    @abc.abstractmethod
    def tell_left_out(self) -> None:
        """Log once at the end of a run which streams were left out."""

    @abc.abstractmethod
    def columns_of(self, stream: str) -> dict[str, Row]:
        """Return the columns that the catalog has for custom fields of contacts."""

    @abc.abstractmethod
    def known_columns(self, stream: str) -> Iterable[str] | None:
        """Return the columns that the catalog knows; None if it names none."""
