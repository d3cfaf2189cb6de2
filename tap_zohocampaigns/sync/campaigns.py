"""Streams of campaigns, which go on for weeks after their sending.

Zoho can't be asked for what has changed. So a campaign is looked at until its window
has ended, then once more, and then never again.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from tap_zohocampaigns.api.errors import NotFound
from tap_zohocampaigns.api.wire.campaigns import is_sent, is_unfinished, sent_time
from tap_zohocampaigns.sync.base import Part
from tap_zohocampaigns.sync.incremental import (
    PartSnapshot,
    SnapshotStream,
    StatefulStream,
)
from tap_zohocampaigns.sync.lookback import MISSING_RUNS, note_answer
from tap_zohocampaigns.sync.pagination import fingerprint

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Report
    from tap_zohocampaigns.sync.prefetch import Batch

    Records: t.TypeAlias = list[Row]


class LookbackStream(StatefulStream):
    """A stream that looks at campaigns for `lookback_days` after their sending.

    Its state has `open`, a line for each campaign that is looked at again, and
    `closed`, the names of those that are not.
    """

    def known_state(self) -> Row:
        """Return a copy of what the state of an earlier run tells."""
        return {"open": {}, "closed": {}} | super().known_state()

    def campaigns(self) -> Iterable[Row]:
        """Return the campaigns that the stream is about, in the order of reading."""
        return self.inventory.sent_campaigns

    def time_of(self, campaign: Row) -> str:
        """Return the time of a campaign that `start_date` bounds."""
        return sent_time(campaign)

    def name_of(self, campaign: Row) -> str:
        """Return what stands for a campaign among those that are closed."""
        return fingerprint(campaign["campaign_key"])

    def is_closing(self, campaign: Row, line: Row) -> bool:
        """Return whether a look at a campaign can be the last one.

        Args:
            campaign: As it comes on the wire.
            line: What is known of it.
        """
        last = max(sent_time(campaign), line.get("last", ""))
        return last <= self._zoho.horizon and not is_unfinished(campaign)

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
        """Return the part that a campaign is."""
        return Part(owner=campaign["campaign_key"], about=campaign)

    def batches(self) -> Iterator[Records]:
        """Yield what has moved of the campaigns, and close those that are over."""
        state = self.stream_state
        opened: dict[str, Row] = state.setdefault("open", {})
        closed: dict[str, list[str]] = state.setdefault("closed", {})
        # No state may claim that what was written before is of this selection.
        if self.rewrites:
            self.reopen(opened, closed)
        self.note_run()
        for part, batches in self.turns():
            tests = closed.pop(self.name_of(part.about), None)
            new = {} if tests is None else self.reopened(tests)
            line = opened.setdefault(part.owner, new)
            closing = self.is_closing(part.about, line)
            with self.skip_if_deleted(part):
                over = yield from self.take(part, batches, line)
                # Late rows may have opened its window again.
                if closing and over and self.is_closing(part.about, line):
                    del opened[part.owner]
                    closed[self.name_of(part.about)] = line.get("tests", [])
            self.checkpoint()
        self.note_missing(opened, closed)
        self.checkpoint()

    def reopen(self, opened: dict[str, Row], closed: dict[str, list[str]]) -> None:
        """Let all campaigns be looked at as if none had been."""
        opened.clear()
        closed.clear()

    def reopened(self, tests: list[str]) -> Row:
        """Return the line of a campaign that was closed, with these test sends."""
        del tests
        return {}

    def take(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[Records, None, bool]:
        """Yield the records of a campaign, and note in its line what was written.

        Returns:
            Whether this look can be the last one, if the window has ended.
        """
        total: int | None = None
        answers = 0
        for batch in batches:
            answers += 1
            keys = {**part.keys, **(batch.about or {})}
            if self.has_snapshots:
                keys["snapshot_time"] = self._zoho.run_time
            records = self.add_keys(batch.rows, replace(part, keys=keys))
            rows, lost = len(records), len(batch.rows) - len(records)
            yield records
            if self.has_snapshots and (rows or line.get("full")):
                snapshot = PartSnapshot(self.name, keys, rows, without_key=lost)
                self._zoho.snapshots.write(snapshot)
            total = (total or 0) + rows
        # Of an A/B campaign there is one for each sending.
        if answers < line.get("answers", 1):
            total = None
        elif answers > 1:
            line["answers"] = answers
        return note_answer(line, total, sent=is_sent(part.about))

    @property
    def is_narrowed(self) -> bool:
        """Whether campaigns may be missing that are still in the account."""
        incomplete = "recentcampaigns" in self.inventory.incomplete
        return incomplete or bool(self._zoho.settings.get("campaign_keys"))

    def missing_again(self, missing: set[str]) -> list[str]:
        """Return what is missing in two runs in a row.

        What is missing once may be an error of the service. Without `snapshots` nobody
        can be told, so it stays missing until they are selected.
        """
        again = missing & {*self.stream_state.get("missing", ())}
        if self.has_snapshots and not self.writes_snapshots:
            again = set()
        self.stream_state["missing"] = sorted(missing - again)
        return sorted(again)

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
        tests = self.inventory.test_sends(campaign, self.call)
        return [campaign["campaign_key"], *tests]

    def report_of(self, sent_key: str) -> Report | None:
        """Return the report of a campaign, if there is one."""
        if not self.inventory.version.reads("campaignreports"):
            return None
        try:
            return self.inventory.report(sent_key, self.call)
        except NotFound:
            return None


class RecipientStream(SentStream, SnapshotStream):
    """A stream of the recipients of each sending, in parts of one action each.

    Its `closed` campaigns are known by their keys, since it tells when one is deleted.
    """

    resumes = True

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        raise NotImplementedError

    @property
    def scope(self) -> tuple[object, ...]:
        """What settings leave of each part."""
        return (sorted(self.actions),)

    def name_of(self, campaign: Row) -> str:
        """Return what stands for a campaign among those that are closed."""
        return str(campaign["campaign_key"])

    def reopen(self, opened: dict[str, Row], closed: dict[str, list[str]]) -> None:
        """Let all campaigns be looked at as if none had been."""
        for key, line in opened.items():
            opened[key] = self.reopened(line.get("tests", []))
        for key in [*closed]:
            opened[key] = self.reopened(closed.pop(key))

    def reopened(self, tests: list[str]) -> Row:
        """Return the line of a campaign that was closed, with these test sends.

        Rows of it were written, so a counter of 0 must not take them away.
        """
        return {"reopened": True} | ({"tests": tests} if tests else {})

    def known_line(self, key: str) -> Row:
        """Return what an earlier run noted of a campaign."""
        closed = self.previous_state["closed"]
        line: Row = self.previous_state["open"].get(key, {})
        if not line and key in closed:
            return self.reopened(closed[key])
        return line | {"reopened": True} if line and self.rewrites else line

    def keys_of(self, campaign_key: str, sent_key: str, action: str) -> Row:
        """Return the keys that the records of an action of a sending have."""
        return {
            "campaign_key": sent_key,
            "parent_campaign_key": None if sent_key == campaign_key else campaign_key,
            "action": action,
        }

    def read_sends(
        self, keys: list[str], read: Callable[[str], Iterator[Batch]]
    ) -> Generator[Batch, None, list[str]]:
        """Yield what is read of each sending; return the keys of those that are gone.

        The final sending of an A/B campaign may never come, and a test be deleted.

        Raises:
            NotFound: All of them are.
        """
        gone: dict[str, NotFound] = {}
        for key in keys:
            try:
                yield from read(key)
            except NotFound as error:
                gone[key] = error
        if len(gone) == len(keys):
            raise gone[keys[0]]
        for each in gone.values():
            self.logger.warning("Left out, as it is gone: %s", each)
        return [*gone]

    def note_gone(self, campaign_key: str, line: Row, gone: list[str]) -> bool:
        """Note which sendings of a campaign are gone, and tell what is deleted.

        Returns:
            Whether it has been told of all of them.
        """
        known: dict[str, int] = line.get("gone", {})
        line["gone"] = {key: known.get(key, 0) + 1 for key in gone}
        for key, runs in line["gone"].items():
            line.get("seen", {}).pop(key, None)
            if runs == MISSING_RUNS:
                self._note_deleted_sends(campaign_key, [key])
        told = all(runs >= MISSING_RUNS for runs in line["gone"].values())
        if not gone:
            del line["gone"]
        return told

    def note_missing(
        self, opened: dict[str, Row], closed: dict[str, list[str]]
    ) -> None:
        """Tell what is deleted."""
        if self.is_narrowed:
            return
        listed = {campaign["campaign_key"] for campaign in self.inventory.campaigns}
        missing = (opened.keys() | closed.keys() | self.gone) - (listed - self.gone)
        over = {
            campaign["campaign_key"]
            for campaign in self.inventory.campaigns
            if self.is_closing(campaign, {})
        }
        for key in self.missing_again(missing):
            tests = closed.pop(key, []) or opened.pop(key, {}).get("tests", [])
            self._note_deleted_sends(key, [key, *tests])
            # A campaign that is listed, and has no recipients to be read, is closed.
            if key in over:
                closed[key] = tests

    def _note_deleted_sends(self, campaign_key: str, sends: list[str]) -> None:
        for sent_key in sends:
            for action in self.actions:
                self.note_deleted(self.keys_of(campaign_key, sent_key, action))
