"""What has to hold after each run of a life.

What may be stale is worked out from what the service showed, and not as the tap does.
"""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sync.lookback import CLOSING_LOOKS
from tests.support.warehouse import wrong

if t.TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tests.support.town import Message, Parts, Town
    from tests.support.warehouse import Warehouse

    State: t.TypeAlias = dict[str, t.Any]

STREAMS = ("segment_contacts", "campaign_recipients", "snapshots")
UNFINISHED = ("In Progress", "In Testing")
# The counters that may be the number of an action's rows; the greatest counts.
COUNTERS = {
    "sentcontacts": ("emails_sent_count", "delivered_count"),
    "openedcontacts": ("opens_count",),
    "clickedcontacts": ("unique_clicks_count",),
    "unopenedcontacts": ("unopened",),
    "optoutcontacts": ("unsub_count",),
}

OPTIONAL = {"last_name", "company_name"}
"""Columns that may be deselected."""


class Run(t.NamedTuple):
    """What a run did."""

    messages: list[Message]
    ended: bool
    reads: dict[str, bool]
    """The parts that it read -> whether from their beginning."""
    horizon: str
    first: int
    """Where in the history of the account it began."""
    last: int
    """Where it ended."""
    shown: tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]
    """What reports told when it began, and when it ended, by sending."""
    honest: set[str]
    """Sendings whose counters told what was so."""
    closing: tuple[set[str], set[str]]
    """Campaigns whose window had ended when it began, and when it ended."""
    listed: tuple[set[str], set[str]]
    """Segments and campaigns that lists had when it began, and when it ended."""


class Look(t.NamedTuple):
    """What a run that read a part was shown."""

    told: int
    """How many rows its counter told of."""
    honest: bool
    matched: bool
    same: int
    """So many looks in a row did not match the same counter."""


class LifeChecks:
    """Compares the warehouse with the account.

    Attributes:
        history: The account as it was when anything may have been seen of it.
        owners: Part -> the segment or campaign that it belongs to.
        since: Part -> where in the history its rows may be from.
        renewed: Parts that are written again when they are read next.
        selections: What was selected in the last run, and in those before it that were
            killed.
    """

    town: Town
    warehouse: Warehouse
    settings: dict[str, t.Any]
    state: State | None
    start: datetime | None
    selected: set[str]
    columns: set[str]
    full: bool
    history: list[Parts]
    owners: dict[str, str]
    since: dict[str, int]
    looks: dict[str, list[Look]]
    closings: dict[str, int]
    settled: set[str]
    closing_looks: dict[str, int]
    renewed: set[str]
    selections: list[tuple[t.Any, ...]]
    missed: dict[str, tuple[int, int]]

    @property
    def _selection(self) -> tuple[t.Any, ...]:
        """What rows hold; when it changes, all of them are written again."""
        actions = t.cast("list[str]", self.settings["actions"])
        return sorted(self.columns), sorted(actions), self.settings.get("timezone")

    def _note(self) -> None:
        """Remember the account as it is."""
        town, parts = self.town, self.town.segment_parts(self.start)
        self.owners |= {part: part.split("/")[1] for part in parts}
        for campaign in town.all_campaigns():
            found = town.campaign_parts(campaign.key)
            self.owners |= dict.fromkeys(found, campaign.key)
            parts |= found
        self.history.append(parts)

    def _reports(self) -> dict[str, dict[str, int]]:
        return {key: self.town.report(key) for key in self.town.mailings}

    def _listed(self) -> set[str]:
        start = rfc3339(self.start) if self.start else ""
        campaigns = {
            each.key
            for each in self.town.campaigns()
            if each.sent and rfc3339(each.sent) >= start
        }
        return campaigns | {*self.town.people} - self.town.absent

    def _closing(self, horizon: str) -> set[str]:
        return {
            each.key
            for each in self.town.campaigns()
            if each.sent
            and each.status not in UNFINISHED
            and self.town.last_sent(each.key) <= horizon
        }

    def finish(self, run: Run) -> None:
        """Take all that a run wrote, and compare."""
        self.warehouse.load(run.messages)
        self.state = [m["value"] for m in run.messages if m["type"] == "STATE"][-1]
        self._count_missed(run, ended=True)
        if self.selections and self._selection not in self.selections:
            self.renewed |= self.owners.keys()
        self.selections = [self._selection]
        promised = self._promised(run)
        for part in promised:
            self._follow(part, run)
        self._note_reads(run, run.reads.keys() - promised)
        if "snapshots" in self.selected:
            self._compare(promised)
            self._check_deleted(run)
            self.renewed -= promised
        else:
            self.renewed |= self.owners.keys()
        self._count_closings(run)

    def die(self, run: Run, messages: list[Message], back: int) -> None:
        """Take what a killed run wrote; the loader may pass on an older state."""
        self.warehouse.load(messages)
        states = [m["value"] for m in messages if m["type"] == "STATE"]
        known = [self.state, *states]
        chosen = known[max(len(known) - 1 - back, 0)]
        if notes(chosen) != notes(known[-1]):
            chosen = known[-1]
        self.state = chosen
        self._count_missed(run, ended=False)
        self.selections.append(self._selection)
        self._note_reads(run, run.reads.keys())

    def _note_reads(self, run: Run, parts: Collection[str]) -> None:
        """Note of parts that they may have been read, or not to their end."""
        for part in parts:
            self.looks.setdefault(part, []).extend(self._looks(part, run))
            if self.owners[part] in run.closing[0] | run.closing[1]:
                self.settled.add(part)
            self.closing_looks[part] = CLOSING_LOOKS

    def _promised(self, run: Run) -> set[str]:
        """Return the parts that a run that came to its end must have seen to."""
        wanted = self._wanted()
        before, after = self.history[run.first], self.history[-1]
        return {
            part
            for part in before.keys() & after.keys()
            if self.owners[part] in run.listed[0] & run.listed[1]
            and wanted & {*part.split("/")}
            # The final sending of an A/B campaign has not come.
            and not self._is_unsent(part)
            and not self._is_late(part)
        }

    def _wanted(self) -> set[str]:
        return {"segment_contacts", *t.cast("list[str]", self.settings["actions"])}

    def _is_late(self, part: str) -> bool:
        """Whether a test send was named when its campaign was looked at no more."""
        campaign = self.owners[part]
        return (
            campaign not in (part.split("/")[1], *self.town.people)
            and part not in self.looks
            and any(self.owners[each] == campaign for each in self.settled)
        )

    def _is_unsent(self, part: str) -> bool:
        mailing = self.town.mailings.get(part.split("/")[1])
        return mailing is not None and mailing.campaign.sent is None

    def _is_gone(self, part: str) -> bool:
        """Whether a test send was deleted, and its campaign was not."""
        campaign = self.owners[part]
        return campaign in self.town.mailings and (
            part.split("/")[1] not in self.town.mailings
        )

    def _looks(self, part: str, run: Run) -> list[Look]:
        """Return what a run that read a part may have been shown of it."""
        _, key, *action = part.split("/")
        if not action:
            return []
        counts = {count(shown[key], action[0]) for shown in run.shown if key in shown}
        # Without what the account was like before and behind the feed.
        among = self.history[run.first + 1 : run.last]
        seen = [each[part] for each in among if part in each]
        before = self.looks.get(part, [])
        honest = key in run.honest
        if not run.reads[part]:
            honest = honest and all(look.honest for look in before)
        last = before[-1] if len(before) == 1 else None
        found = []
        for number in counts:
            # What an earlier run began may be all rows, though this one hides some.
            resumed = not run.reads[part]
            matched = resumed or any(len(rows) == number for rows in seen)
            again = last is not None and last.told == number and not matched
            same = last.same + 1 if last and again else 1
            found.append(Look(number, honest, matched, same))
        return found

    def _follow(self, part: str, run: Run) -> None:
        """Work out since when the warehouse may show a part as it was."""
        key = part.split("/")[1]
        campaign = self.owners[part]
        closing = campaign in run.closing[0] & run.closing[1]
        open_ = campaign not in run.closing[0] | run.closing[1]
        afresh = part in self.renewed or self.full
        if part in run.reads:
            if afresh:
                # Looks from before are forgotten.
                self.closings[campaign] = self.closing_looks[part] = 0
            if run.reads[part] and not self._has_vanished(part, run):
                self.since[part] = run.first
            self.looks[part] = self._looks(part, run)
            if not open_:
                self.settled.add(part)
                self.closing_looks[part] = self.closing_looks.get(part, 0) + 1
        elif key in run.shown[0]:
            self._check_unread(part, run, closing=closing, open_=open_)
            known = self.looks.get(part, [])
            honest = key in run.honest and all(look.honest for look in known)
            if honest and open_ and part not in self.settled:
                self.since[part] = run.first
        if afresh:
            self.since[part] = run.first
        if open_:
            self.settled.discard(part)
            self.closing_looks.pop(part, None)

    def _has_vanished(self, part: str, run: Run) -> bool:
        """Whether a part that had rows had none, so that it is asked for again."""
        return any(not each.get(part) for each in self.history[run.first :])

    def _check_unread(self, part: str, run: Run, *, closing: bool, open_: bool) -> None:
        """Check that a part of a campaign need not have been read."""
        _, key, action = part.split("/")
        looks = self.looks.get(part, [])
        told, later = (count(shown[key], action) for shown in run.shown)
        if closing:
            assert part in self.settled, f"{part}: no closing look"
            unmatched = len(looks) == 1 and not looks[0].matched
            enough = self.closing_looks.get(part, 0) >= CLOSING_LOOKS
            assert not unmatched or enough, f"{part}: not asked again"
        if not open_ or part in self.settled or told != later:
            return
        assert looks or not told, f"{part}: never read"
        if len(looks) == 1:
            look = looks[0]
            assert told in {look.told, 0}, f"{part}: its counter has moved"
            again = not look.matched and look.same == 1 and told
            assert not again, f"{part}: did not match, and is not read again"

    def _compare(self, promised: set[str]) -> None:
        current = self.warehouse.current()
        for part in promised:
            versions = [
                self._chosen(each.get(part, {}))
                for each in self.history[self.since.get(part, 0) :]
            ]
            have = current.get(part)
            said = wrong(part, have and self._chosen(have) if have else have, versions)
            assert not said, (said, self.state)
            if all(each == versions[0] for each in versions):
                assert self.warehouse.snapshots[part]["rows_read"] == len(versions[0])

    def _chosen(self, rows: dict[str, t.Any]) -> dict[str, t.Any]:
        hidden = OPTIONAL - self.columns
        return {
            address: {name: row[name] for name in row.keys() - hidden}
            for address, row in rows.items()
        }

    def _count_missed(self, run: Run, *, ended: bool) -> None:
        before, after = ({*town} for town in self._known(run))
        for key in {*self.owners.values()}:
            least, most = self.missed.get(key, (0, 0))
            if ended and key in before & after:
                self.missed.pop(key, None)
            elif key not in before | after and ended:
                self.missed[key] = least + 1, most + 1
            elif key not in before & after:
                self.missed[key] = 0, most + 1
            elif key in self.missed:
                self.missed[key] = 0, most

    def _known(self, run: Run) -> tuple[set[str], set[str]]:
        # Out of the scope of `start_date` is not missing.
        out = {*self.owners.values()} & self._out_of_scope()
        return run.listed[0] | out, run.listed[1] | out

    def _out_of_scope(self) -> set[str]:
        return {each.key for each in self.town.campaigns()} - self._listed()

    def _check_deleted(self, run: Run) -> None:
        current, told = self.warehouse.current(), self.warehouse.snapshots
        wanted = self._wanted()
        for part, owner in self.owners.items():
            least, most = self.missed.get(owner, (0, 0))
            if part in told and wanted & {*part.split("/")}:
                if least >= 2 and part not in self.renewed:
                    assert not current[part], f"{part} is deleted"
                    assert told[part]["deleted"], f"{part} is deleted"
                elif told[part]["deleted"] and most < 2:
                    # Of what was never sent nothing could be deleted.
                    before = self.history[: run.first]
                    had_rows = any(each.get(part) for each in before)
                    assert not had_rows or self._is_gone(part), f"{part} is there"

    def _count_closings(self, run: Run) -> None:
        assert self.state
        opened = self.state["bookmarks"]["campaign_recipients"]["open"]
        for key in run.listed[0] & run.listed[1]:
            closing = key in run.closing[0] & run.closing[1] and not self.full
            self.closings[key] = self.closings.get(key, 0) + 1 if closing else 0
            if self.closings[key] > CLOSING_LOOKS:
                assert key not in opened, f"{key} is not closed"

    def _check_states(self, messages: list[Message], marks: Collection[str]) -> None:
        """Check each state that a run wrote against the one before."""
        state: State = self.state or {}
        for message in messages:
            if message["type"] != "STATE":
                continue
            before, state = state.get("bookmarks", {}), message["value"]
            text = json.dumps(state)
            assert "@" not in text
            assert "example" not in text
            for name, bookmark in state["bookmarks"].items():
                for mark in marks:
                    newest = bookmark.get(mark, "")
                    assert newest >= before.get(name, {}).get(mark, "")
            members = state["bookmarks"].get("segment_contacts", {})
            for line in members.get("parts", {}).values():
                assert len(json.dumps(line)) < 1000


def count(report: dict[str, int], action: str) -> int:
    """Return how many rows an action has, as a report tells."""
    return max(report[name] for name in COUNTERS[action])


def notes(state: State | None) -> list[tuple[t.Any, ...]]:
    """Return what a run notes in its state before it writes the first row of a stream.

    A loader may pass on an older state than the last one, but not one without these:
    of rows that came afterwards, and that leave before the next run, a tap can't know.
    """
    bookmarks = (state or {}).get("bookmarks", {})
    return [
        tuple(bookmarks.get(stream, {}).get(name) for name in ("run", "pass"))
        for stream in STREAMS[:2]
    ]
