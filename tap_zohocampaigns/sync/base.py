"""The base of all streams: it reads parts page by page and writes their records."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property

from singer_sdk.helpers.types import Context  # noqa: TC002 (the SDK reads annotations)

from tap_zohocampaigns.api.errors import (
    Forbidden,
    NotFound,
    SettingError,
    StoppedAtLock,
    ZohoError,
)
from tap_zohocampaigns.singer.writer import page
from tap_zohocampaigns.sync.part_stream import PartStream
from tap_zohocampaigns.sync.prefetch import Prefetch
from tap_zohocampaigns.sync.turns import begin_with, following

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.writer import Records
    from tap_zohocampaigns.sync.parts import Part
    from tap_zohocampaigns.sync.units import Batch, Steps


class ZohoStream(PartStream):
    """A stream of Zoho Campaigns.

    A new stream is a schema of the same name, a class with an `endpoint`, and `parts`
    if there is more than one.
    """

    def begin(self) -> None:
        """Start to read, perhaps before the turn of the stream."""
        if self.reading.started:
            return
        # Shared values are computed before there are threads. The horizon must be older
        # than the list of campaigns: so no campaign is closed that is sent from now on.
        _ = self.run.run_time, self.run.horizon
        self.previous_state = self.known_state()
        self.progress.known = 0
        self.reading.start()

    def known_state(self) -> Row:
        """Return a copy of the stream's state of an earlier run."""
        # `stream_state` would add an entry to the state before the stream's turn.
        return deepcopy(self.tap_state.get("bookmarks", {}).get(self.name, {}))

    @cached_property
    def reading(self) -> Prefetch[Part]:
        """The parts with their batches, read ahead."""
        threads = 1 if self.connection_test else self.run.settings["concurrency"]
        return Prefetch(
            self._ordered_parts, self._read_and_count, threads, self.run.workers
        )

    def _read_and_count(self, part: Part) -> Steps:
        yield from self.read_part(part)
        self.progress.count_part()

    def _ordered_parts(self) -> list[Part]:
        has_call, endpoint = self.inventory.version.has_call, self.endpoint
        parts = [part for part in self.parts() if has_call(endpoint, part.params)]
        self.progress.known = len(parts)
        # An earlier run that ended early came as far as this.
        parts = begin_with(self.previous_state.get("next", ""), parts)
        self._owners = [part.owner for part in parts]
        return parts

    def turns(self) -> Iterator[tuple[Part, Iterator[Batch]]]:
        """Yield each part when its turn has come, and note where to begin next time.

        Runs may end early, again and again. Each begins with the part that was not read
        for the longest time.
        """
        state = self.stream_state
        # The first stream has the run for itself. Others had a turn only if they read
        # a part.
        if self is self.run.first:
            state["turn"] = self.run.run_time
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            if len(self._owners) > 1:
                # A part that takes longer than a run gets one chance in each round.
                passed_over = not (self.resumes or done)
                state["next"] = self._owners[done + passed_over]
            yield part, batches
            state["turn"] = self.run.run_time
        state["turn"] = self.run.run_time
        state.pop("next", None)

    def get_records(self, context: Context | None) -> Iterator[Records]:
        """Yield the records of all parts, a page at a time."""
        del context
        before = {**self.stream_state}
        try:
            self.run.begin(self)
            self.stream_state["run"] = self.run.run_time
            yield from self._pages()
        except StoppedAtLock as error:
            self.run.shutdown.stop(str(error))
        except Forbidden as error:
            self.left_out = True
            if not self.progress.value:
                self.stream_state.clear()
                self.stream_state.update(before)
            self.run.leave_out(self.name, str(error))
        except GeneratorExit:
            # Rows that can't be written end the run; a connection test has enough rows.
            self.reading.close()
            if not self.connection_test:
                self.run.end()
            raise
        except BaseException as error:
            self.run.end()
            if isinstance(error, ZohoError):
                self._note_failure()
            raise

    def _pages(self) -> Iterator[Records]:
        """Yield pages. After the last one, a loader may have to drop other rows."""
        if self.replaces_rows:
            self.stream_version = self.run.initialized_at // 1000
        for records in self.batches():
            self.progress.count_rows(len(records))
            yield page(records)
        self.check_form()
        complete = self.endpoint not in self.inventory.incomplete
        if self.stream_version is not None and complete:
            self.write_activate_version(self.stream_version)

    def _note_failure(self) -> None:
        """Write the state of what was read, so that it need not be read again."""
        if "next" in self.stream_state and self._owners:
            # A part that can't be read must not keep others from being read.
            self.stream_state["next"] = following(self.progress.done, self._owners)
        self.checkpoint(due=True)

    def check_form(self) -> None:
        """Check the form of the rows, when all have been read."""

    def log_sync_costs(self) -> None:
        """Log which streams were left out. The SDK calls this after all streams."""
        self.run.tell_left_out()

    @property
    def remaining(self) -> str:
        """What has not been read of the stream, in words; empty if nothing."""
        if not self.selected or self.progress.ended:
            return ""
        return f"{self.name}{self.progress.fraction}"

    def batches(self) -> Iterator[list[Row]]:
        """Yield the records of all parts, page by page."""
        for part, batches in self.turns():
            if part.owner not in self.deleted:
                with self.skip_if_deleted(part):
                    yield from self.write_part(part, batches)
            self.checkpoint()

    def write_part(self, part: Part, batches: Iterator[Batch]) -> Iterator[list[Row]]:
        """Yield the records of a part, page by page.

        Raises:
            NotFound: Its owner is not in the account any more.
        """
        for batch in batches:
            yield self.add_keys(batch.rows, part)

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state, if it is worth its space or `due`."""
        self.run.checkpoint(due=due)

    @contextmanager
    def skip_if_deleted(self, part: Part) -> Iterator[None]:
        """Skip the rest of a part, with a warning, if its owner was deleted.

        Raises:
            SettingError: A setting names the owner.
        """
        try:
            yield
        except NotFound as error:
            if part.setting:
                raise SettingError(str(error)) from None
            self.logger.warning("Left out, as it is gone: %s", error)
            self.deleted.add(part.owner)

    @cached_property
    def deleted(self) -> set[str]:
        """Owners of parts that were not found in the account."""
        return set()
