"""The base of all streams: parts, pages, rows, and the keys stamped into them."""

from __future__ import annotations

import logging
import typing as t
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property

from singer_sdk import Stream
from singer_sdk.helpers.types import Context  # noqa: TC002 (the SDK reads annotations)
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from singer_sdk.streams._state import StreamStateManager

from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    NotFound,
    SettingError,
    StoppedAtLock,
    ZohoError,
)
from tap_zohocampaigns.api.wire.converter import CUSTOM, Converter
from tap_zohocampaigns.singer.progress import Progress
from tap_zohocampaigns.singer.writer import RECORDS, PageMap, page
from tap_zohocampaigns.sync import custom_fields, pagination
from tap_zohocampaigns.sync.prefetch import Batch, Prefetch
from tap_zohocampaigns.sync.schemas import load_schema, published

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from singer_sdk import singerlib as singer
    from singer_sdk.mapper import StreamMap

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.writer import Page
    from tap_zohocampaigns.sync.inventory import Inventory
    from tap_zohocampaigns.sync.pagination import Cursor, Reading
    from tap_zohocampaigns.tap import TapZohoCampaigns


@dataclass(frozen=True, slots=True)
class Part:
    """What one series of pages covers: a segment, an action of a campaign."""

    params: dict[str, str] = field(default_factory=dict)
    keys: Row = field(default_factory=dict)
    owner: str = ""
    """The campaign, segment or list that the part is of; one may have several."""
    setting: str = ""
    """The setting that names the owner, if one does."""
    about: Row = field(default_factory=dict)
    """What is known of it already."""
    expected: int | None = None
    """How many records it has, if something tells that."""


class Bookmark(StreamStateManager):
    """Keeps the newest replication value itself: rows come in no order of time."""

    newest: str | None = None

    def increment_state(
        self,
        latest_record: Row,
        *,
        context: Context | None = None,  # noqa: ARG002
        replication_key: str,
    ) -> None:
        """Remember the newest value of a page."""
        values = [record.get(replication_key) for record in latest_record[RECORDS]]
        self.newest = max(filter(None, [self.newest, *values]), default=None)


class ZohoStream(Stream):
    """A stream of Zoho Campaigns.

    A new stream is a schema of the same name, a class with an `endpoint`, and the parts
    to read if there is more than one.
    """

    # Records are made to the schema already.
    TYPE_CONFORMANCE_LEVEL = Stream.TYPE_CONFORMANCE_LEVEL.NONE

    name = ""
    primary_keys: t.Sequence[str] = ()
    endpoint = ""
    identity = ""
    """The field that tells the rows of a part apart."""
    has_custom_fields = False
    """Whether its rows are contacts, with fields of the account's own."""
    read_last = False
    """Whether it is read when all others are, since it tells what they have shown."""
    resumes = False
    """Whether a part that was begun is gone on with, instead of read anew."""
    keeps_history = False
    """Whether rows of earlier runs stay true, so that no loader may drop them."""

    def __init__(self, tap: TapZohoCampaigns) -> None:
        """Load the schema of the stream's name."""
        self._annotated = load_schema(self.name)
        self._zoho = tap
        self.whose: Row = {}
        """The user's own name for the account, as a key of each record."""
        if name := tap.settings.get("account_id"):
            self.whose = {custom_fields.ACCOUNT: name}
            custom_fields.add_account(self._annotated)
            others = [key for key in self.primary_keys if key != custom_fields.ACCOUNT]
            self.primary_keys = (custom_fields.ACCOUNT, *others)
        self._unchosen: t.AbstractSet[str] = frozenset()
        custom = tap.columns_of(self.name)
        for name in custom.keys() - self.whose.keys():
            wire = {"x-wire-names": custom[name][custom_fields.NAMES]}
            self._annotated["properties"][name] = {**custom[name], **wire}
        self.previous_state: Row = {}
        """The state as it was before the run, for who reads before their turn."""
        self.left_out = False
        """Whether the token may not read it."""
        self._owners: list[str] = []
        super().__init__(tap, schema=published(self._annotated))
        self.converter = Converter(self.name, self._read_by(tap), self._zone)
        # The SDK tells that a stream begins; a line when it ends tells more.
        if not self.logger.isEnabledFor(logging.DEBUG):
            self.logger.setLevel(logging.WARNING)

    def _read_by(self, tap: TapZohoCampaigns) -> dict[str, t.Any]:
        """Return the schema by which rows are read: fields that the catalog knows.

        What it does not know stays as it came, and is kept in `custom_fields`.
        """
        fields = self._annotated["properties"]
        known = tap.known_columns(self.name)
        if known is None:
            return self._annotated
        needed = {*self.primary_keys, self.replication_key, self.identity}
        read = {name: fields[name] for name in fields if name in {*known} | needed}
        return {**self._annotated, "properties": read}

    def _zone(self) -> ZoneInfo:
        return self.inventory.zone

    @property
    def has_snapshots(self) -> bool:
        """Whether `snapshots` tells which of its rows are current."""
        return "snapshot_time" in self._annotated["properties"]

    @property
    def inventory(self) -> Inventory:
        """What streams share."""
        return self._zoho.inventory

    @property
    def annotated(self) -> dict[str, t.Any]:
        """The schema, with what its fields are called on the wire."""
        return self._annotated

    @cached_property
    def reader(self) -> pagination.Paginator:
        """Reads the pages of all parts."""
        size, at_once = (self._zoho.settings[n] for n in ("page_size", "concurrency"))
        return pagination.Paginator(size, lambda row: row.get(self.identity), at_once)

    @cached_property
    def stream_maps(self) -> list[StreamMap]:
        """The maps of the stream, made for pages."""
        return PageMap.of(self.name, super().stream_maps)

    @property
    def full(self) -> bool:
        """Whether the catalog asks for everything in each run."""
        return self.replication_method == REPLICATION_FULL_TABLE

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never: the SDK would tell the loader before the rows are read.

        One that deletes would then hold nothing if the run fails.
        """
        return False

    @property
    def replaces_rows(self) -> bool:
        """Whether the loader is told to drop what does not come again."""
        wanted = bool(self.config.get("emit_activate_version_messages"))
        return wanted and self.full and not self.keeps_history

    @property
    def partitions(self) -> None:
        """None: parts are no partitions, the state of each would be rewritten."""
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
    def state_manager(self) -> StreamStateManager:
        """The bookmark, where the SDK looks for it."""
        return self.bookmark

    @cached_property
    def progress(self) -> Progress:
        """Tells how far the stream is."""
        return Progress(self.name, self.endpoint, self.inventory.client.ledger)

    def get_record_counter(self, **_: t.Any) -> Progress:
        """Return the counter that the SDK enters around a sync."""
        return self.progress

    def generate_child_contexts(self, **_: t.Any) -> tuple[()]:  # type: ignore[override]
        """Return nothing: no stream is read once a record of another."""
        return ()

    def parts(self) -> Iterable[Part]:
        """Return what is to be read, in order."""
        return (Part(),)

    def read(self, part: Part) -> Iterator[Batch]:
        """Read a part, page after page; threads do, when it may not be its turn yet."""
        for records in self.records(part):
            yield Batch(records)

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the records of a part, page after page."""
        for records, _ in self.paged(part):
            yield records

    def paged(
        self,
        part: Part,
        place: Cursor | None = None,
        expected: int | None = None,
        *,
        prove: bool = False,
    ) -> Reading:
        """Return the records of each page of a part, and the place behind them.

        Args:
            part: What to read.
            place: Where to go on.
            expected: How many records there are, if that is known.
            prove: Whether the end is asked for, whatever counts tell.
        """

        def ask(fromindex: int, size: int) -> pagination.Page:
            paged = {**part.params, "fromindex": fromindex, "range": size}
            envelope = self.call(self.endpoint, paged)
            if envelope is None:
                return pagination.Page([])
            records = self.converter.records(envelope.payload)
            return pagination.Page(records, envelope.total, envelope.used_range)

        return self.reader.read(ask, place, expected, prove=prove)

    def call(self, endpoint: str, params: Row) -> Envelope | None:
        """Call an endpoint for this stream, unless the time is over."""
        self._zoho.shutdown.check()
        return self.inventory.client.call(endpoint, params, self.progress.calls)

    def begin(self) -> None:
        """Begin to read, which may be before the turn of the stream."""
        if self.reading.started:
            return
        # What threads share is made before there are any. The horizon is older than the
        # list of campaigns, so none is closed that is sent from now on.
        _ = self._zoho.run_time, self._zoho.horizon
        self.previous_state = self.known_state()
        self.progress.known = 0
        self.reading.start()

    def known_state(self) -> Row:
        """Return a copy of what the state of an earlier run tells."""
        # `stream_state` would add an entry to the state, before the stream's turn.
        return deepcopy(self.tap_state.get("bookmarks", {}).get(self.name, {}))

    @cached_property
    def reading(self) -> Prefetch[t.Any]:
        """What is read of the parts."""
        threads = 1 if self.connection_test else self._zoho.settings["concurrency"]
        return Prefetch(self._known_parts, self.read, threads, self._zoho.crew)

    @property
    def connection_test(self) -> bool:
        """Whether this is a test of the connection, which wants one record."""
        return self.ABORT_AT_RECORD_COUNT is not None

    def _known_parts(self) -> list[t.Any]:
        reads, endpoint = self.inventory.version.reads, self.endpoint
        parts = [part for part in self.parts() if reads(endpoint, part.params)]
        self.progress.known = len(parts)
        self._owners = [part.owner for part in parts]
        # An earlier run that ended early came as far as this.
        with suppress(ValueError):
            first = self._owners.index(self.previous_state.get("next", ""))
            parts = [*parts[first:], *parts[:first]]
            self._owners = [part.owner for part in parts]
        return parts

    def turns(self) -> Iterator[tuple[Part, Iterator[Batch]]]:
        """Yield each part when its turn has come, and note where to begin next time.

        A run may end early, again and again. Each begins with the part that was not
        read for the longest time.
        """
        state = self.stream_state
        # Whoever is first has the whole run for itself. Others had a turn only if they
        # came to something.
        if self is self._zoho.first:
            state["turn"] = self._zoho.run_time
        for done, (part, batches) in enumerate(self.reading):
            self.progress.done = done
            if len(self._owners) > 1:
                # A part that takes longer than a run has one chance in each round.
                passed_over = not (self.resumes or done)
                state["next"] = self._owners[done + passed_over]
            yield part, batches
            state["turn"] = self._zoho.run_time
        state["turn"] = self._zoho.run_time
        state.pop("next", None)

    def get_records(self, context: Context | None) -> Iterator[Page]:
        """Yield the records of all parts, a page at a time."""
        del context
        before = {**self.stream_state}
        try:
            self._zoho.begin(self)
            self.stream_state["run"] = self._zoho.run_time
            yield from self._pages()
        except StoppedAtLock as error:
            self._zoho.shutdown.stop(str(error))
        except Forbidden as error:
            self.left_out = True
            if not self.progress.value:
                self.stream_state.clear()
                self.stream_state.update(before)
            self._zoho.leave_out(self.name, str(error))
        except GeneratorExit:
            self.reading.close()
            raise
        except BaseException as error:
            self._zoho.end()
            if isinstance(error, ZohoError):
                self._note_failure()
            raise

    def _pages(self) -> Iterator[Page]:
        """Yield pages; behind the last one, tell the loader if it replaces others."""
        if self.replaces_rows:
            self._stream_version = self._zoho.initialized_at // 1000
        for records in self.batches():
            self.progress.add(len(records))
            yield page(records)
        self.check_form()
        whole = self.endpoint not in self.inventory.incomplete
        if self._stream_version is not None and whole:
            self._write_activate_version_message(self._stream_version)

    def _note_failure(self) -> None:
        """Write what was read: it need not be read again."""
        if "next" in self.stream_state:
            # A part that can't be read must not keep others from it.
            following = (self.progress.done + 1) % len(self._owners)
            self.stream_state["next"] = self._owners[following]
        self.checkpoint(due=True)

    def check_form(self) -> None:
        """Check what was read, when all is."""

    def log_sync_costs(self) -> None:
        """Tell what was left out; the SDK calls this when all streams are done."""
        self._zoho.tell_left_out()

    @property
    def remaining(self) -> str:
        """What is not read of the stream, in words; empty if nothing."""
        if not self.selected or self.progress.ended:
            return ""
        return f"{self.name}{self.progress.told}"

    def batches(self) -> Iterator[list[Row]]:
        """Yield the records of all parts, page after page."""
        for part, batches in self.turns():
            if part.owner not in self.gone:
                with self.skip_if_deleted(part):
                    for batch in batches:
                        yield self.add_keys(batch.rows, part)
            self.checkpoint()

    def checkpoint(self, *, due: bool = False) -> None:
        """Write the state, as the tap does."""
        self._zoho.checkpoint(due=due)

    @contextmanager
    def skip_if_deleted(self, part: Part) -> Iterator[None]:
        """Leave the owner of a part out, with a warning, if it is found to be gone."""
        try:
            yield
        except NotFound as error:
            if part.setting:
                raise SettingError(str(error)) from None
            self.logger.warning("Left out, as it is gone: %s", error)
            self.gone.add(part.owner)

    @cached_property
    def gone(self) -> set[str]:
        """Owners of parts that are not in the account any more."""
        return set()

    def apply_catalog(self, catalog: singer.Catalog) -> None:
        """Take what the catalog tells of the stream; whose it is, settings tell."""
        entry = catalog.get_stream(self.name)
        if entry:
            custom_fields.fit_account(entry, self.schema["properties"])
        super().apply_catalog(catalog)

    def choose(self, names: t.Collection[str]) -> None:
        """Let records have these columns and their keys, and leave all others out."""
        fields = self.schema["properties"]
        chosen = {n: fields[n] for n in fields if n in {*names, *self.primary_keys}}
        self._input_schema = {**self.schema, "properties": chosen}
        self._unchosen = fields.keys() - chosen

    @cached_property
    def deselected(self) -> set[str]:
        """Fields that the catalog deselects."""
        fields = {*self.schema["properties"], *self.effective_schema["properties"]}
        masked = {name for name in fields if not self.mask["properties", name]}
        return masked | self._unchosen

    @cached_property
    def blank(self) -> Row:
        """A record without values: the columns that the SCHEMA has, in its order."""
        known = self.effective_schema["properties"]
        return dict.fromkeys(name for name in known if name not in self.deselected)

    def add_keys(self, records: list[Row], part: Part) -> list[Row]:
        """Return the records with all columns of the stream and the keys of their part.

        They have the columns of the SCHEMA in its order, and no others: loaders may go
        by the first record, or by the order.
        """
        keys = part.keys | self.whose
        blank, width = self.blank | keys, len(self.blank)
        # Rows of contacts are many, and few of these keys are fields of theirs.
        told = keys.keys() & self.converter.fields if self.identity else keys
        again = {name: keys[name] for name in told}
        stamped = [blank | fields for fields in records]
        if again:
            for record in stamped:
                record.update(again)
        if max(map(len, stamped), default=0) > width:
            for record in stamped:
                self._fit(record)
        # Pages of rows are read by their keys.
        return stamped if self.identity else self._keyed(stamped, part)

    def _keyed(self, records: list[Row], part: Part) -> list[Row]:
        """Return the records that have their key, and tell of others.

        Raises:
            FatalError: None of several has it: their form is another.
        """
        names = [name for name in self.primary_keys if name in self.blank]
        keyed = [r for r in records if None not in [r[name] for name in names]]
        if lost := len(records) - len(keyed):
            if not keyed:
                msg = (
                    f"None of the rows of `{self.name}` for {part.owner} has its key, "
                    "so they have a form that this version does not know: deselect the "
                    "stream."
                )
                raise FatalError(msg)
            self.logger.warning(
                "%s: left out %d rows of %s without their key.",
                self.name,
                lost,
                part.owner,
            )
        return keyed

    def _fit(self, record: Row) -> None:
        """Keep in `custom_fields` what the catalog has no column for.

        What it deselects is left out.
        """
        others = {name: record.pop(name) for name in record.keys() - self.blank}
        kept = {
            name: value
            for name, value in others.items()
            if value is not None and name not in self.deselected and name != CUSTOM
        }
        if kept and CUSTOM in self.blank:
            record[CUSTOM] = {**(record[CUSTOM] or {}), **kept}
