"""Mutations: each reverts one fix, so that a past fault or a similar one is back."""

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


def find_no_zone_if_one_text_disagrees(patch: Patch) -> None:
    """No zone is found if one text disagrees with its epoch."""
    original = zones.find_zone

    def patched(*args: t.Any) -> t.Any:
        finding = original(*args)
        return None if finding and finding.disagree else finding

    patch.setattr("tap_zohocampaigns.sync.zone.find_zone", patched)


def compare_only_one_counter(patch: Patch) -> None:
    """An action counts as unchanged if its own counter is unchanged."""
    own_counter = {"unopenedcontacts": Evidence(("unopened",))}
    patch.setattr(counters, "EVIDENCE", {**EVIDENCE, **own_counter})


def ignore_that_rows_and_counter_disagree(patch: Patch) -> None:
    """An action is not read again if its rows and its counter disagree."""
    original = lookback.note_look

    def patched(*args: t.Any, **kwargs: t.Any) -> t.Any:
        line = original(*args, **kwargs)
        return {name: line[name] for name in line.keys() - {"due", "since"}}

    patch.setattr(recipients, "note_look", patched)


def use_a_clock_that_steps_back_for_due_times(patch: Patch) -> None:
    """Whether an action is due depends on a clock that may step back."""
    original = lookback.choose_look

    def patched(line: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        earlier = now.replace("T12", "T09")
        return original(line, counters, earlier, closing=closing)

    patch.setattr(recipients, "choose_look", patched)


def trust_a_counter_of_zero(patch: Patch) -> None:
    """A counter of 0 proves an empty feed, even at the closing look."""
    original = lookback.choose_look

    def patched(line: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        if counters.reported == 0 and not (line and line["rows"]):
            return Look.SKIP if line else Look.ASSUME_EMPTY
        return original(line, counters, now, closing=closing)

    patch.setattr(recipients, "choose_look", patched)


def trust_counters_at_the_closing_look(patch: Patch) -> None:
    """The closing look relies on counters."""
    original = lookback.choose_look

    def patched(line: t.Any, counters: t.Any, now: str, *, closing: bool) -> Look:
        return original(line, counters, now, closing=closing and line is None)

    patch.setattr(recipients, "choose_look", patched)


def keep_final_looks_of_a_reopened_window(patch: Patch) -> None:
    """An action stays final although the window of its campaign is open again."""
    original = CampaignRecipients.write_campaign

    def patched(self: t.Any, part: t.Any, batches: t.Any, line: t.Any) -> t.Any:
        before = {
            (key, action): action_line["final"]
            for key, actions in line.get("seen", {}).items()
            for action, action_line in actions.items()
            if "final" in action_line
        }
        may_close = yield from original(self, part, batches, line)
        for (key, action), final in before.items():
            line["seen"][key][action].setdefault("final", final)
        return may_close

    patch.setattr(CampaignRecipients, "write_campaign", patched)


def ask_for_test_sends_once(patch: Patch) -> None:
    """Test sends that a campaign names later are not found."""
    original = CampaignRecipients._tests  # noqa: SLF001 (the fix to revert)

    def patched(self: t.Any, campaign: t.Any, line: t.Any, *, closing: bool) -> t.Any:
        if line.get("tests"):
            return line["tests"], line.get("named", "")
        return original(self, campaign, line, closing=closing)

    patch.setattr(CampaignRecipients, "_tests", patched)


def close_all_older_campaigns(patch: Patch) -> None:
    """Every campaign that was sent before a closed one counts as closed."""
    original = LookbackStream.parts

    def patched(self: t.Any) -> t.Any:
        closed = self.previous_state["closed"]
        times = [
            self.time_of(campaign)
            for campaign in self.campaigns()
            if campaign["campaign_key"] in closed
        ]
        newest = max(times, default="")
        return [part for part in original(self) if self.time_of(part.fields) > newest]

    patch.setattr(LookbackStream, "parts", patched)


def use_the_clock_as_run_time(patch: Patch) -> None:
    """The time of a run is that of the clock, even if the clock steps back."""
    patch.setattr(TapZohoCampaigns, "run_time", property(TapZohoCampaigns.time))


def ignore_a_changed_selection(patch: Patch) -> None:
    """Unchanged rows are not written again when the selection changes."""
    patch.setattr(StatefulStream, "rewrites", property(lambda self: self.full))


def write_no_snapshots_of_deleted_parts(patch: Patch) -> None:
    """Deleted parts get no snapshot."""
    patch.setattr(SnapshotStream, "note_deleted", lambda _self, _keys: None)


def delete_a_segment_missing_once(patch: Patch) -> None:
    """A segment that is missing in one run counts as deleted."""
    patch.setattr(members, "MISSING_RUNS", 1)


def delete_a_campaign_missing_once(patch: Patch) -> None:
    """A campaign that is missing in one run counts as deleted."""
    original = RecipientStream.note_missing

    def patched(self: t.Any, opened: t.Any, closed: t.Any) -> None:
        listed = {campaign["campaign_key"] for campaign in self.inventory.campaigns}
        self.stream_state["missing"] = [*({*opened} | {*closed}) - listed]
        original(self, opened, closed)

    patch.setattr(RecipientStream, "note_missing", patched)


def close_a_campaign_before_the_deletion_is_written(patch: Patch) -> None:
    """A campaign is closed before the deletion of its test send is written."""
    original = RecipientStream.note_not_found

    def patched(*args: t.Any) -> bool:
        original(*args)
        return True

    patch.setattr(RecipientStream, "note_not_found", patched)


def start_with_the_first_part(patch: Patch) -> None:
    """Each run starts with the same part."""
    original = ZohoStream.known_state

    def patched(self: t.Any) -> t.Any:
        state = original(self)
        state.pop("next", None)
        return state

    patch.setattr(ZohoStream, "known_state", patched)


def start_with_the_first_stream(patch: Patch) -> None:
    """Each run starts with the same stream."""
    patch.setattr(TapZohoCampaigns, "in_turn", lambda self: self.zoho_streams)


def ignore_a_killed_run(patch: Patch) -> None:
    """A part that a killed run did not finish counts as unchanged."""
    original = MembersStream._is_doubtful  # noqa: SLF001 (the fix to revert)

    def patched(self: t.Any, line: t.Any) -> t.Any:
        self.previous_state.pop("underway", None)
        return original(self, line)

    patch.setattr(MembersStream, "_is_doubtful", patched)


def keep_the_digest_of_a_missed_part(patch: Patch) -> None:
    """A part that a run did not reach keeps its older digest."""
    original = MembersStream.batches

    def patched(self: t.Any) -> t.Any:
        lines = self.stream_state.setdefault("parts", {})
        before = deepcopy(lines)
        yield from original(self)
        for owner, line in lines.items():
            line.setdefault("digest", before.get(owner, line).get("digest", ""))

    patch.setattr(MembersStream, "batches", patched)


def stop_at_a_short_page(patch: Patch) -> None:
    """A page with fewer rows than requested counts as the last one."""

    def patched(self: t.Any, answer: t.Any) -> bool:
        return bool(len(answer.keys) < self._paginator.size)

    patch.setattr(Reading, "_is_surely_last", patched)


def restore_the_state_of_a_left_out_stream(patch: Patch) -> None:
    """A stream that is left out gets its old state back, although it wrote rows."""
    original = StatefulStream.get_records

    def patched(self: t.Any, context: t.Any) -> t.Any:
        before = deepcopy(self.stream_state)
        yield from original(self, context)
        if self.left_out:
            self.stream_state.clear()
            self.stream_state.update(before)

    patch.setattr(StatefulStream, "get_records", patched)


def never_prove_the_end_again(patch: Patch) -> None:
    """The end of a part is proved once and never again."""
    patch.setattr(members, "_PROOF_HOLDS", timedelta.max)
