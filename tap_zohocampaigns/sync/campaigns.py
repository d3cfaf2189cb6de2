"""Streams of campaigns, which change for weeks after their sending.

A campaign is open until its window has ended. Each run looks at the open campaigns.
After a closing look, a campaign is closed and costs no more calls.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from tap_zohocampaigns.api.errors import NotFound
from tap_zohocampaigns.api.wire.campaigns import is_sent, is_unfinished, sent_time
from tap_zohocampaigns.sync.incremental import StatefulStream
from tap_zohocampaigns.sync.lookback import missing_twice, note_answer
from tap_zohocampaigns.sync.notes import SendKeys
from tap_zohocampaigns.sync.pagination import fingerprint
from tap_zohocampaigns.sync.parts import Part, PartSnapshot

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Report
    from tap_zohocampaigns.sync.units import Batch


class LookbackStream(StatefulStream):
    """A stream that looks at campaigns for `lookback_days` after their sending.

    Its state has `open`: a line for each open campaign; and `closed`: the names of the
    closed ones, with their test sends.
    """

    def known_state(self) -> Row:
        """Return a copy of the stream's state of an earlier run."""
        return {"open": {}, "closed": {}} | super().known_state()

    def campaigns(self) -> Iterable[Row]:
        """Return the campaigns of the stream, in the order of reading."""
        return self.inventory.sent_campaigns

    def time_of(self, campaign: Row) -> str:
        """Return the time of a campaign that is compared with `start_date`."""
        return sent_time(campaign)

    def name_of(self, campaign: Row) -> str:
        """Return the name of a campaign in `closed`."""
        return fingerprint(campaign["campaign_key"])

    def is_closing(self, campaign: Row, line: Row) -> bool:
        """Return whether the window of a campaign has ended.

        Args:
            campaign: A row of `recentcampaigns`.
            line: The line of the campaign.
        """
        last = max(sent_time(campaign), line.get("last", ""))
        return last <= self.run.horizon and not is_unfinished(campaign)

    def parts(self) -> list[Part]:
        """Return the campaigns that need a look."""
        closed = {} if self.rewrites else self.previous_state["closed"]
        return [
            self.part_of(campaign)
            for campaign in self.campaigns()
            if self.time_of(campaign) >= self.start
            and not (self.name_of(campaign) in closed and self.is_closing(campaign, {}))
        ]

    def part_of(self, campaign: Row) -> Part:
        """Return a campaign as a part."""
        return Part(owner=campaign["campaign_key"], fields=campaign)

    def batches(self) -> Iterator[list[Row]]:
        """Yield the records that have to be written, and close campaigns."""
        state = self.stream_state
        opened = state.setdefault("open", {})
        closed = state.setdefault("closed", {})
        # The state must not say that earlier records belong to this selection.
        if self.rewrites:
            self.reopen(opened, closed)
        self.note_run()
        yield from super().batches()
        self.note_missing(opened, closed)
        self.checkpoint()

    def write_part(self, part: Part, batches: Iterator[Batch]) -> Iterator[list[Row]]:
        """Yield the records of a campaign, and close it after its closing look."""
        opened: dict[str, Row] = self.stream_state["open"]
        closed: dict[str, list[str]] = self.stream_state["closed"]
        tests = closed.pop(self.name_of(part.fields), None)
        new = {} if tests is None else self.reopened(tests)
        line = opened.setdefault(part.owner, new)
        closing = self.is_closing(part.fields, line)
        over = yield from self.write_campaign(part, batches, line)
        # Late rows may have opened its window again.
        if closing and over and self.is_closing(part.fields, line):
            del opened[part.owner]
            closed[self.name_of(part.fields)] = line.get("tests", [])

    def reopen(self, opened: dict[str, Row], closed: dict[str, list[str]]) -> None:
        """Forget all earlier looks."""
        opened.clear()
        closed.clear()

    def reopened(self, tests: list[str]) -> Row:
        """Return the line of a campaign that was closed.

        Args:
            tests: Keys of its test sends.
        """
        del tests
        return {}

    def write_campaign(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[list[Row], None, bool]:
        """Yield the records of a campaign, and note in its line what was written.

        A batch has the rows of one sending, and may have its keys as a note.

        Returns:
            Whether the campaign may be closed if its window has ended.
        """
        total: int | None = None
        answers = 0
        for batch in batches:
            answers += 1
            own_keys = batch.note.keys if isinstance(batch.note, SendKeys) else {}
            keys = {**part.keys, **own_keys}
            if self.has_snapshots:
                keys["snapshot_time"] = self.run.run_time
            records = self.add_keys(batch.rows, replace(part, keys=keys))
            rows, lost = len(records), len(batch.rows) - len(records)
            yield records
            if self.has_snapshots and (rows or line.get("full")):
                snapshot = PartSnapshot(self.name, keys, rows, without_key=lost)
                self.run.snapshots.write(snapshot)
            total = (total or 0) + rows
        # An A/B campaign has one answer for each sending.
        if answers < line.get("answers", 1):
            total = None
        elif answers > 1:
            line["answers"] = answers
        return note_answer(line, total, sent=is_sent(part.fields))

    @property
    def is_narrowed(self) -> bool:
        """Whether campaigns may be missing that are still in the account."""
        incomplete = "recentcampaigns" in self.inventory.incomplete
        return incomplete or bool(self.run.settings.get("campaign_keys"))

    def missing_again(self, missing: set[str]) -> list[str]:
        """Return what was missing in two runs in a row, and note what is missing."""
        earlier = self.stream_state.get("missing", ())
        may_note = self.writes_snapshots or not self.has_snapshots
        again, self.stream_state["missing"] = missing_twice(
            missing, earlier, may_note=may_note
        )
        return again

    def note_missing(
        self, opened: dict[str, Row], closed: dict[str, list[str]]
    ) -> None:
        """Forget campaigns that are not in the account any more, or have changed."""
        if self.is_narrowed:
            return
        listed = {campaign["campaign_key"] for campaign in self.inventory.campaigns}
        names = {*map(self.name_of, self.inventory.campaigns)}
        parts: Row = self.stream_state.get("parts", {})
        missing = (opened.keys() | parts.keys()) - listed | closed.keys() - names
        for name in self.missing_again(missing):
            opened.pop(name, None)
            closed.pop(name, None)
            if parts.pop(name, None) is not None:
                self.note_deleted({"campaign_key": name})


class SentStream(LookbackStream):
    """A stream of sent campaigns, and of the test sends of A/B campaigns."""

    def send_keys(self, campaign: Row) -> list[str]:
        """Return the keys under which a campaign was sent, its own first."""
        tests = self.inventory.test_sends(campaign, self)
        return [campaign["campaign_key"], *tests]

    def report_of(self, sent_key: str) -> Report | None:
        """Return the report of a sending, if there is one."""
        if not self.inventory.version.has_call("campaignreports"):
            return None
        try:
            return self.inventory.report(sent_key, self)
        except NotFound:
            return None

    def keys_of_send(self, campaign_key: str, sent_key: str) -> Row:
        """Return the fields that say to which sending a record belongs."""
        is_test = sent_key != campaign_key
        return {
            "campaign_key": sent_key,
            "parent_campaign_key": campaign_key if is_test else None,
        }
