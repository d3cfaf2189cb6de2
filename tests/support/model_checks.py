"""Checks after each run of a model test: the warehouse must agree with the account.

Which rows may be stale is computed from what the service showed. The code of the tap
is not used for it.
"""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tests.support.warehouse import errors_of_part

if t.TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tests.support.scripted_account import Message, Parts, ScriptedAccount
    from tests.support.warehouse import Warehouse

    State: t.TypeAlias = dict[str, t.Any]

STREAMS = ("segment_contacts", "campaign_recipients", "snapshots")
UNFINISHED = ("In Progress", "In Testing")
# The counters that can be the number of rows of an action; the greatest one applies.
COUNTERS = {
    "sentcontacts": ("emails_sent_count", "delivered_count"),
    "openedcontacts": ("opens_count",),
    "clickedcontacts": ("unique_clicks_count",),
    "unopenedcontacts": ("unopened",),
    "optoutcontacts": ("unsub_count",),
}

OPTIONAL = {"last_name", "company_name"}
"""Fields that a test may deselect."""


class Run(t.NamedTuple):
    """What a run did, and what the service showed to it."""

    messages: list[Message]
    completed: bool
    """Whether the run was complete: neither killed nor stopped."""
    reads: dict[str, bool]
    """The parts that it read -> whether from the first row."""
    horizon: str
    """The window of a campaign has ended if its last e-mail was sent before this."""
    first: int
    """Index in `history` of the account when the run began."""
    last: int
    """Index in `history` of the account when the run ended."""
    reports: tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]
    """The reports of all sendings at the beginning and at the end of the run."""
    right_counters: set[str]
    """Sendings whose counters were right at the beginning and at the end."""
    after_window: tuple[set[str], set[str]]
    """Campaigns whose window had ended, at the beginning and at the end."""
    listed: tuple[set[str], set[str]]
    """Segments and campaigns that were listed, at the beginning and at the end."""


class PartRead(t.NamedTuple):
    """One read of a part, and the counter that the service showed."""

    counter: int
    """The number of rows according to the report."""
    right: bool
    """Whether the counters of the sending were right."""
    matched: bool
    """Whether the number of rows was that of the counter."""
    repeats: int
    """How many reads in a row did not match this same counter."""


class ModelChecks:
    """Compares the warehouse with the account.

    Attributes:
        history: The account at each time when a run may have read it.
        owners: Part -> the segment or campaign that it belongs to.
        oldest: Part -> index in `history` of the oldest version that its rows may show.
        past_reads: Part -> its last reads. There are several if it is unknown what the
            tap saw: the report changed during the run, or runs were killed.
        runs_after_window: Campaign -> how many runs in a row began after the end of its
            window.
        settled: Parts that were read after the window of their campaign.
        closing_looks: Part -> how many closing looks it had.
        to_rewrite: Parts that are written again in full when they are read next.
        selections: What was selected in the last complete run, and in the runs after it
            that were killed.
        missing_runs: Campaign or segment -> the least and the most runs in a row in
            which it was missing.
    """

    account: ScriptedAccount
    warehouse: Warehouse
    settings: dict[str, t.Any]
    state: State | None
    start: datetime | None
    selected: set[str]
    columns: set[str]
    full: bool
    history: list[Parts]
    owners: dict[str, str]
    oldest: dict[str, int]
    past_reads: dict[str, list[PartRead]]
    runs_after_window: dict[str, int]
    settled: set[str]
    closing_looks: dict[str, int]
    to_rewrite: set[str]
    selections: list[tuple[t.Any, ...]]
    missing_runs: dict[str, tuple[int, int]]

    @property
    def _selection(self) -> tuple[t.Any, ...]:
        """The settings that change all rows: after a change, all are written again."""
        actions = t.cast("list[str]", self.settings["actions"])
        return sorted(self.columns), sorted(actions), self.settings.get("timezone")

    def _record_account(self) -> None:
        """Add the account as it is now to `history`."""
        account, parts = self.account, self.account.segment_parts(self.start)
        self.owners |= {part: part.split("/")[1] for part in parts}
        for campaign in account.all_campaigns():
            campaign_parts = account.campaign_parts(campaign.key)
            self.owners |= dict.fromkeys(campaign_parts, campaign.key)
            parts |= campaign_parts
        self.history.append(parts)

    def _reports(self) -> dict[str, dict[str, int]]:
        return {key: self.account.report(key) for key in self.account.mailings}

    def _listed(self) -> set[str]:
        start = rfc3339(self.start) if self.start else ""
        campaigns = {
            campaign.key
            for campaign in self.account.campaigns()
            if campaign.sent and rfc3339(campaign.sent) >= start
        }
        return campaigns | {*self.account.members_by_segment} - self.account.unlisted

    def _after_window(self, horizon: str) -> set[str]:
        return {
            campaign.key
            for campaign in self.account.campaigns()
            if campaign.sent
            and campaign.status not in UNFINISHED
            and self.account.last_sent(campaign.key) <= horizon
        }

    def finish(self, run: Run) -> None:
        """Load the output of a complete run, and check the warehouse."""
        self.warehouse.load(run.messages)
        self.state = [m["value"] for m in run.messages if m["type"] == "STATE"][-1]
        self._count_missing_runs(run, completed=True)
        if self.selections and self._selection not in self.selections:
            self.to_rewrite |= self.owners.keys()
        self.selections = [self._selection]
        checked = self._parts_to_check(run)
        for part in checked:
            self._update_expectations(part, run)
        self._record_reads(run, run.reads.keys() - checked)
        if "snapshots" in self.selected:
            self._compare(checked)
            self._check_deleted(run)
            self.to_rewrite -= checked
        else:
            self.to_rewrite |= self.owners.keys()
        self._count_runs_after_window(run)

    def finish_killed(self, run: Run, messages: list[Message], back: int) -> None:
        """Load the output of a killed run; the saved state may be `back` states old."""
        self.warehouse.load(messages)
        states = [m["value"] for m in messages if m["type"] == "STATE"]
        candidates = [self.state, *states]
        chosen = candidates[max(len(candidates) - 1 - back, 0)]
        if notes(chosen) != notes(candidates[-1]):
            chosen = candidates[-1]
        self.state = chosen
        self._count_missing_runs(run, completed=False)
        self.selections.append(self._selection)
        if "snapshots" not in self.selected:
            # If its state says so, the next run with snapshots writes all rows again.
            self.runs_after_window.clear()
        self._record_reads(run, run.reads.keys())

    def _record_reads(self, run: Run, parts: Collection[str]) -> None:
        """Record reads of parts that may be incomplete."""
        for part in parts:
            self.past_reads.setdefault(part, []).extend(self._possible_reads(part, run))
            if self.owners[part] in run.after_window[0] | run.after_window[1]:
                self.settled.add(part)
            self.closing_looks[part] = CLOSING_LOOKS

    def _parts_to_check(self, run: Run) -> set[str]:
        """Return the parts that must be up to date after a complete run."""
        wanted = self._wanted()
        before, after = self.history[run.first], self.history[-1]
        return {
            part
            for part in before.keys() & after.keys()
            if self.owners[part] in run.listed[0] & run.listed[1]
            and wanted & {*part.split("/")}
            # Not the main sending of an A/B campaign that is still in its test phase.
            and not self._is_unsent(part)
            and not self._is_late(part)
        }

    def _wanted(self) -> set[str]:
        return {"segment_contacts", *t.cast("list[str]", self.settings["actions"])}

    def _is_late(self, part: str) -> bool:
        """Whether the key of a test send was listed only after the closing look."""
        campaign = self.owners[part]
        return (
            campaign not in (part.split("/")[1], *self.account.members_by_segment)
            and part not in self.past_reads
            and any(self.owners[other] == campaign for other in self.settled)
        )

    def _is_unsent(self, part: str) -> bool:
        mailing = self.account.mailings.get(part.split("/")[1])
        return mailing is not None and mailing.campaign.sent is None

    def _is_deleted_test(self, part: str) -> bool:
        """Whether a part belongs to a deleted test send of an existing campaign."""
        campaign = self.owners[part]
        return campaign in self.account.mailings and (
            part.split("/")[1] not in self.account.mailings
        )

    def _possible_reads(self, part: str, run: Run) -> list[PartRead]:
        """Return the reads of a part that a run may have made, one for each counter."""
        _, key, *action = part.split("/")
        if not action:
            return []
        counters = {
            count(reports[key], action[0]) for reports in run.reports if key in reports
        }
        # Without the first and last version: they do not have the changes of the feed.
        versions = self.history[run.first + 1 : run.last]
        seen = [version[part] for version in versions if part in version]
        before = self.past_reads.get(part, [])
        right_counters = key in run.right_counters
        if not run.reads[part]:
            right_counters = right_counters and all(read.right for read in before)
        reads = []
        for counter in counters:
            # Rows that this run does not see may have been read by an earlier run.
            resumed = not run.reads[part]
            matched = resumed or any(len(rows) == counter for rows in seen)
            # If runs were killed, it is unknown which read the tap remembers.
            repeated = [read.repeats for read in before if read.counter == counter]
            repeats = 1 if matched else max(repeated, default=0) + 1
            reads.append(PartRead(counter, right_counters, matched, repeats))
        return reads

    def _update_expectations(self, part: str, run: Run) -> None:
        """Compute the oldest version of a part that the warehouse may show."""
        key = part.split("/")[1]
        campaign = self.owners[part]
        closed = campaign in run.after_window[0] & run.after_window[1]
        open_ = campaign not in run.after_window[0] | run.after_window[1]
        rewritten = part in self.to_rewrite or self.full
        if part in run.reads:
            if rewritten:
                # A rewrite resets the closing looks.
                self.runs_after_window[campaign] = self.closing_looks[part] = 0
            if run.reads[part] and not self._has_vanished(part, run):
                self.oldest[part] = run.first
            self.past_reads[part] = self._possible_reads(part, run)
            if not open_:
                self.settled.add(part)
                self.closing_looks[part] = self.closing_looks.get(part, 0) + 1
        elif key in run.reports[0]:
            self._check_unread(part, run, closed=closed, open_=open_)
            reads = self.past_reads.get(part, [])
            right_counters = key in run.right_counters and all(
                read.right for read in reads
            )
            if right_counters and open_ and part not in self.settled:
                self.oldest[part] = run.first
        if rewritten:
            self.oldest[part] = run.first
        if open_:
            self.settled.discard(part)
            self.closing_looks.pop(part, None)

    def _has_vanished(self, part: str, run: Run) -> bool:
        """Whether a part was empty at some time, so that the tap reads it again."""
        return any(not version.get(part) for version in self.history[run.first :])

    def _check_unread(self, part: str, run: Run, *, closed: bool, open_: bool) -> None:
        """Check that the tap was right not to read a part of a campaign."""
        _, key, action = part.split("/")
        reads = self.past_reads.get(part, [])
        counter, counter_later = (
            count(reports[key], action) for reports in run.reports
        )
        if closed:
            assert part in self.settled, f"{part}: no closing look"
            unmatched = len(reads) == 1 and not reads[0].matched
            enough = self.closing_looks.get(part, 0) >= CLOSING_LOOKS
            assert not unmatched or enough, f"{part}: not read again"
        if not open_ or part in self.settled or counter != counter_later:
            return
        assert reads or not counter, f"{part}: never read"
        if len(reads) == 1:
            read = reads[0]
            assert counter in {read.counter, 0}, f"{part}: its counter has moved"
            due = not read.matched and read.repeats == 1 and counter
            assert not due, f"{part}: did not match, and is not read again"

    def _compare(self, parts: set[str]) -> None:
        """Check the rows of these parts in the warehouse, and `rows_read`."""
        current = self.warehouse.current()
        for part in parts:
            versions = [
                self._selected_fields(version.get(part, {}))
                for version in self.history[self.oldest.get(part, 0) :]
            ]
            rows = current.get(part)
            errors = errors_of_part(
                part, self._selected_fields(rows) if rows else rows, versions
            )
            assert not errors, (errors, self.state)
            if all(version == versions[0] for version in versions):
                assert self.warehouse.snapshots[part]["rows_read"] == len(versions[0])

    def _selected_fields(self, rows: dict[str, t.Any]) -> dict[str, t.Any]:
        deselected = OPTIONAL - self.columns
        return {
            address: {name: row[name] for name in row.keys() - deselected}
            for address, row in rows.items()
        }

    def _count_missing_runs(self, run: Run, *, completed: bool) -> None:
        before, after = self._not_missing(run)
        for key in {*self.owners.values()}:
            least, most = self.missing_runs.get(key, (0, 0))
            if completed and key in before & after:
                self.missing_runs.pop(key, None)
            elif key not in before | after and completed:
                self.missing_runs[key] = least + 1, most + 1
            elif key not in before & after:
                self.missing_runs[key] = 0, most + 1
            elif key in self.missing_runs:
                self.missing_runs[key] = 0, most

    def _not_missing(self, run: Run) -> tuple[set[str], set[str]]:
        # Campaigns before `start_date` are not listed, but not missing.
        excluded = {*self.owners.values()} & self._before_start_date()
        return run.listed[0] | excluded, run.listed[1] | excluded

    def _before_start_date(self) -> set[str]:
        return {campaign.key for campaign in self.account.campaigns()} - self._listed()

    def _check_deleted(self, run: Run) -> None:
        current, snapshots = self.warehouse.current(), self.warehouse.snapshots
        wanted = self._wanted()
        for part, owner in self.owners.items():
            least, most = self.missing_runs.get(owner, (0, 0))
            if part in snapshots and wanted & {*part.split("/")}:
                if least >= 2 and part not in self.to_rewrite:
                    assert not current[part], f"{part} is deleted"
                    assert snapshots[part]["deleted"], f"{part} is deleted"
                elif snapshots[part]["deleted"] and most < 2:
                    # A part that never had rows may be marked as deleted.
                    before = self.history[: run.first]
                    had_rows = any(version.get(part) for version in before)
                    assert not had_rows or self._is_deleted_test(part), (
                        f"{part} is there"
                    )

    def _count_runs_after_window(self, run: Run) -> None:
        assert self.state
        open_campaigns = self.state["bookmarks"]["campaign_recipients"]["open"]
        for key in run.listed[0] & run.listed[1]:
            after_window = (
                key in run.after_window[0] & run.after_window[1] and not self.full
            )
            self.runs_after_window[key] = (
                self.runs_after_window.get(key, 0) + 1 if after_window else 0
            )
            if self.runs_after_window[key] > CLOSING_LOOKS:
                assert key not in open_campaigns, f"{key} is not closed"

    def _check_states(self, messages: list[Message], fields: Collection[str]) -> None:
        """Check that no state has an address, is too long, or goes back in `fields`."""
        state: State = self.state or {}
        for message in messages:
            if message["type"] != "STATE":
                continue
            before, state = state.get("bookmarks", {}), message["value"]
            text = json.dumps(state)
            assert "@" not in text
            assert "example" not in text
            for name, bookmark in state["bookmarks"].items():
                for field in fields:
                    value = bookmark.get(field, "")
                    assert value >= before.get(name, {}).get(field, "")
            members = state["bookmarks"].get("segment_contacts", {})
            for line in members.get("parts", {}).values():
                assert len(json.dumps(line)) < 1000


def count(report: dict[str, int], action: str) -> int:
    """Return how many rows an action has according to a report."""
    return max(report[name] for name in COUNTERS[action])


def notes(state: State | None) -> list[tuple[t.Any, ...]]:
    """Return the fields of a state that a run writes before the first row of a stream.

    A loader may save an older state than the last one, but not one with other values of
    these fields: then the tap could not know which rows the run had added.
    """
    bookmarks = (state or {}).get("bookmarks", {})
    return [
        tuple(bookmarks.get(stream, {}).get(name) for name in ("run", "pass"))
        for stream in STREAMS[:2]
    ]
