"""Fixes taken out: each is a fault that was there, or one like it."""

from __future__ import annotations

import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.wire import counters, zones
from tap_zohocampaigns.api.wire.counters import EVIDENCE, Evidence
from tap_zohocampaigns.streams import recipients
from tap_zohocampaigns.streams.recipients import CampaignRecipients
from tap_zohocampaigns.sync import lookback, members
from tap_zohocampaigns.sync.base import ZohoStream
from tap_zohocampaigns.sync.campaigns import LookbackStream
from tap_zohocampaigns.sync.incremental import SnapshotStream, StatefulStream
from tap_zohocampaigns.sync.lookback import Look
from tap_zohocampaigns.sync.members import MembersStream
from tap_zohocampaigns.sync.reading import Reading
from tap_zohocampaigns.sync.recipients import RecipientStream
from tap_zohocampaigns.tap import TapZohoCampaigns

if t.TYPE_CHECKING:
    import pytest

    Patch: t.TypeAlias = pytest.MonkeyPatch


def believe_each_text_of_time(patch: Patch) -> None:
    """One text that contradicts its epoch is enough to know no zone."""
    find = zones.find_zone

    def found(*clues: t.Any) -> t.Any:
        finding = find(*clues)
        return None if finding and finding.disagree else finding

    patch.setattr("tap_zohocampaigns.sync.zone.find_zone", found)


def trust_one_counter(patch: Patch) -> None:
    """An action is unchanged if its own counter is."""
    alone = {"unopenedcontacts": Evidence(("unopened",))}
    patch.setattr(counters, "EVIDENCE", {**EVIDENCE, **alone})


def settle_what_does_not_match(patch: Patch) -> None:
    """What did not match its counter is not read again."""
    note = lookback.note_look

    def noted(*args: t.Any, **kwargs: t.Any) -> t.Any:
        found = note(*args, **kwargs)
        return {name: found[name] for name in found.keys() - {"due", "since"}}

    patch.setattr(recipients, "note_look", noted)


def settle_by_the_clock(patch: Patch) -> None:
    """When it is due depends on a clock that steps back."""
    choose = lookback.choose_look

    def chosen(known: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        earlier = now.replace("T12", "T09")
        return choose(known, counters, earlier, closing=closing)

    patch.setattr(recipients, "choose_look", chosen)


def take_nought_for_empty(patch: Patch) -> None:
    """A counter of 0 proves an empty feed, to the end."""
    choose = lookback.choose_look

    def chosen(known: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        if counters.reported == 0 and not (known and known["rows"]):
            return Look.SKIP if known else Look.ASSUME_EMPTY
        return choose(known, counters, now, closing=closing)

    patch.setattr(recipients, "choose_look", chosen)


def trust_counters_to_the_end(patch: Patch) -> None:
    """The closing look is a look like any other."""
    choose = lookback.choose_look

    def chosen(known: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        return choose(known, counters, now, closing=closing and known is None)

    patch.setattr(recipients, "choose_look", chosen)


def keep_a_closing_look_for_final(patch: Patch) -> None:
    """A closing look counts, though the window has opened again since then."""
    take = CampaignRecipients.write_campaign

    def taken(self: t.Any, part: t.Any, batches: t.Any, line: t.Any) -> t.Any:
        before = {
            (key, action): noted["final"]
            for key, actions in line.get("seen", {}).items()
            for action, noted in actions.items()
            if "final" in noted
        }
        over = yield from take(self, part, batches, line)
        for (key, action), final in before.items():
            line["seen"][key][action].setdefault("final", final)
        return over

    patch.setattr(CampaignRecipients, "write_campaign", taken)


def ask_for_tests_once(patch: Patch) -> None:
    """The tests that a campaign named first are all."""
    tests = CampaignRecipients._tests  # noqa: SLF001 (what is taken out)

    def asked(self: t.Any, campaign: t.Any, line: t.Any, *, closing: bool) -> t.Any:
        if line.get("tests"):
            return line["tests"], line.get("named", "")
        return tests(self, campaign, line, closing=closing)

    patch.setattr(CampaignRecipients, "_tests", asked)


def close_spans_of_time(patch: Patch) -> None:
    """All that was sent before a closed campaign is closed."""
    parts = LookbackStream.parts

    def left(self: t.Any) -> t.Any:
        closed = self.previous_state["closed"]
        times = [
            self.time_of(c) for c in self.campaigns() if c["campaign_key"] in closed
        ]
        newest = max(times, default="")
        return [each for each in parts(self) if self.time_of(each.fields) > newest]

    patch.setattr(LookbackStream, "parts", left)


def believe_the_clock(patch: Patch) -> None:
    """The time of a run is what the clock says."""
    patch.setattr(TapZohoCampaigns, "run_time", property(TapZohoCampaigns.time))


def forget_the_selection(patch: Patch) -> None:
    """Only a full refresh writes again what has not changed."""
    patch.setattr(StatefulStream, "rewrites", property(lambda self: self.full))


def tell_nothing_of_what_is_deleted(patch: Patch) -> None:
    """What is not in the account any more has no snapshot of its own."""
    patch.setattr(SnapshotStream, "note_deleted", lambda _self, _keys: None)


def take_hidden_for_deleted(patch: Patch) -> None:
    """What is missing in one run is deleted."""
    patch.setattr(members, "MISSING_RUNS", 1)


def take_hidden_campaigns_for_deleted(patch: Patch) -> None:
    """A campaign that is missing in one run is deleted."""
    note = RecipientStream.note_missing

    def noted(self: t.Any, opened: t.Any, closed: t.Any) -> None:
        listed = {each["campaign_key"] for each in self.inventory.campaigns}
        self.stream_state["missing"] = [*({*opened} | {*closed}) - listed]
        note(self, opened, closed)

    patch.setattr(RecipientStream, "note_missing", noted)


def close_what_is_gone_once(patch: Patch) -> None:
    """A campaign is closed before it is told that a test of it is deleted."""
    note = RecipientStream.note_not_found

    def noted(*args: t.Any) -> bool:
        note(*args)
        return True

    patch.setattr(RecipientStream, "note_not_found", noted)


def begin_at_the_beginning(patch: Patch) -> None:
    """Each run begins with the same part."""
    known = ZohoStream.known_state

    def state(self: t.Any) -> t.Any:
        found = known(self)
        found.pop("next", None)
        return found

    patch.setattr(ZohoStream, "known_state", state)


def begin_with_the_same_stream(patch: Patch) -> None:
    """Each run begins with the same stream."""
    patch.setattr(TapZohoCampaigns, "in_turn", lambda self: self.zoho_streams)


def forget_what_was_underway(patch: Patch) -> None:
    """A part that a killed run did not confirm is as it was."""
    dirty = MembersStream._is_doubtful  # noqa: SLF001 (what is taken out)

    def forgotten(self: t.Any, line: t.Any) -> t.Any:
        self.previous_state.pop("underway", None)
        return dirty(self, line)

    patch.setattr(MembersStream, "_is_doubtful", forgotten)


def forget_what_a_run_did_not_meet(patch: Patch) -> None:
    """A part that a run did not meet is as the run before the last left it."""
    batches = MembersStream.batches

    def forgotten(self: t.Any) -> t.Any:
        lines = self.stream_state.setdefault("parts", {})
        before = deepcopy(lines)
        yield from batches(self)
        for owner, line in lines.items():
            line.setdefault("digest", before.get(owner, line).get("digest", ""))

    patch.setattr(MembersStream, "batches", forgotten)


def take_a_short_page_for_the_last(patch: Patch) -> None:
    """A page that has fewer rows than were asked for is the last."""

    def last(self: t.Any, answer: t.Any) -> bool:
        return bool(len(answer.keys) < self._paginator.size)

    patch.setattr(Reading, "_is_surely_last", last)


def forget_what_was_written(patch: Patch) -> None:
    """A stream that is left out is as it was, whatever it wrote before."""
    read = StatefulStream.get_records

    def restored(self: t.Any, context: t.Any) -> t.Any:
        before = deepcopy(self.stream_state)
        yield from read(self, context)
        if self.left_out:
            self.stream_state.clear()
            self.stream_state.update(before)

    patch.setattr(StatefulStream, "get_records", restored)


def believe_an_end_for_ever(patch: Patch) -> None:
    """An end that was asked for once is not asked for again."""
    patch.setattr(members, "_PROOF_HOLDS", timedelta.max)
