"""What a stream is, and how its parts are read and turned into records."""

from __future__ import annotations

import typing as t
from functools import cached_property

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.singer.progress import Progress
from tap_zohocampaigns.singer.stream import PagedStream
from tap_zohocampaigns.sync import custom_fields
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.parts import Part
from tap_zohocampaigns.sync.reading import Reading
from tap_zohocampaigns.sync.rows import RowMaker, with_key
from tap_zohocampaigns.sync.schemas import annotated_schema, published, read_by
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from singer_sdk import singerlib as singer

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Inventory
    from tap_zohocampaigns.sync.pagination import Cursor
    from tap_zohocampaigns.sync.run import Run
    from tap_zohocampaigns.sync.units import Steps


class PartStream(PagedStream):
    """A stream whose rows come in parts, such as one per segment."""

    name = ""
    primary_keys: Sequence[str] = ()
    endpoint = ""
    identity = ""
    """The field that identifies a row within its part; empty if it has no pages."""
    has_custom_fields = False
    """Whether its rows are contacts, which have custom fields of the account."""
    written_by_others = False
    """Whether other streams write its rows."""
    read_last = False
    """Whether it is read after all other streams, because it needs their results."""
    resumes = False
    """Whether a part that was interrupted is continued instead of read again."""
    one_page_per_part = True
    """Whether each part has one page, so that parts can be counted instead of rows."""
    plan_is_minimum = False
    """Whether `plan` can't know the number of rows, because nothing counts them."""

    def __init__(self, tap: Run) -> None:
        """Load the schema of the stream's name."""
        self.run = tap
        self.account_keys: Row = {}
        """The setting `account_id` as a key of each record, if it is set."""
        if name := tap.settings.get("account_id"):
            self.account_keys = {custom_fields.ACCOUNT: name}
            others = [key for key in self.primary_keys if key != custom_fields.ACCOUNT]
            self.primary_keys = (custom_fields.ACCOUNT, *others)
        columns = tap.columns_of(self.name)
        self.annotated = annotated_schema(self.name, columns, self.account_keys)
        """The schema, with the names that its fields have in answers."""
        self.previous_state: Row = {}
        """A copy of the stream's state before this run."""
        self.left_out = False
        """Whether the token may not read it."""
        self._owners: list[str] = []
        super().__init__(tap, schema=published(self.annotated))
        needed = {*self.primary_keys, self.replication_key, self.identity}
        schema = read_by(self.annotated, tap.known_columns(self.name), needed)
        self.converter = Converter(self.name, schema, lambda: self.inventory.zone)
        self.be_quiet()

    @property
    def has_snapshots(self) -> bool:
        """Whether `snapshots` shows which of its rows are current."""
        return "snapshot_time" in self.annotated["properties"]

    @property
    def inventory(self) -> Inventory:
        """What streams share."""
        return self.run.inventory

    @cached_property
    def paginator(self) -> Paginator:
        """Reads the pages of all parts."""
        size, at_once = (self.run.settings[n] for n in ("page_size", "concurrency"))
        return Paginator(size, lambda row: row.get(self.identity), at_once)

    @cached_property
    def progress(self) -> Progress:
        """Counts rows, parts and calls of the stream, and logs them."""
        return Progress(self.name, self.endpoint, self.inventory.client.ledger)

    def get_record_counter(self, **_: t.Any) -> Progress:
        """Return the counter that the SDK enters around a sync."""
        return self.progress

    def parts(self) -> Iterable[Part]:
        """Return what is to be read, in order."""
        return (Part(),)

    def read_part(self, part: Part) -> Steps:
        """Read a part page by page; background threads call this before its turn.

        What may be read side by side is forked, see `units`.
        """
        for records in self.records(part):
            yield Batch(records)

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the records of a part, page by page."""
        for records, _ in self.paged(part):
            yield records

    def paged(
        self,
        part: Part,
        cursor: Cursor | None = None,
        expected: int | None = None,
        *,
        prove: bool = False,
    ) -> Reading:
        """Return the records of each page of a part, with the cursor behind them.

        Args:
            part: What to read.
            cursor: Where to go on.
            expected: How many records there are, if that is known.
            prove: Whether to ask for the end, whatever counters say.
        """

        def ask(fromindex: int, size: int) -> Page:
            paged = {**part.params, "fromindex": fromindex, "range": size}
            envelope = self.call(self.endpoint, paged)
            if envelope is None:
                return Page([])
            records = self.converter.records(envelope.payload)
            return Page(records, envelope.total, envelope.used_range)

        return Reading(self.paginator, ask, cursor, expected, prove=prove)

    @property
    def turn(self) -> int:
        """Its place in the order in which streams are written."""
        return [*self.run.streams].index(self.name)

    @property
    def shared_calls(self) -> Counter[str]:
        """Its share of the calls that several streams need."""
        return self.progress.shared_calls

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        """Call an endpoint for this stream, unless the time of the run is over.

        Args:
            endpoint: Name of the call.
            params: Its parameters.
            tally: Where the calls are counted, if not as those of this stream.
        """
        self.run.shutdown.check()
        own = self.progress.calls if tally is None else tally
        return self.inventory.client.call(endpoint, params, own)

    @cached_property
    def _maker(self) -> RowMaker:
        return RowMaker(self.columns, self.deselected, self.converter.fields)

    def add_keys(self, records: list[Row], part: Part) -> list[Row]:
        """Return the records with all columns of the SCHEMA and the keys of their part.

        Raises:
            FatalError: None of several records has its key, so they have another form.
        """
        keys, many = part.keys | self.account_keys, bool(self.identity)
        made = self._maker.make(records, keys, many=many)
        # Rows of pages always have their key: the reader leaves others out.
        if many:
            return made
        complete = with_key(made, self.primary_keys)
        if lost := len(made) - len(complete):
            if not complete:
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
        return complete

    def apply_catalog(self, catalog: singer.Catalog) -> None:
        """Apply a catalog; the column `account_id` follows the setting instead."""
        entry = catalog.get_stream(self.name)
        if entry:
            custom_fields.fit_account(entry, self.schema["properties"])
        super().apply_catalog(catalog)
