"""The model test finds a fault that is put back: each fix is taken out, one by one."""

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
from tests.support.life import DAY, HOUR
from tests.support.living import READ, Bend, Feed

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.life import Life

    Patch: t.TypeAlias = pytest.MonkeyPatch

pytestmark = pytest.mark.slow


# Scenes of lives: each holds with the fix, and not without it.


def a_counter_stands_still(life: Life) -> None:
    key = life.town.send(range(5), status="In Progress")
    life.run_whole()
    life.town.open(key, 0)
    life.town.deliver(key, [7])
    life.run_whole()


def a_text_of_time_is_minutes_off(life: Life) -> None:
    life.wire.outlier = True
    del life.settings["timezone"]
    life.town.send(range(5))
    life.run_whole()


def a_counter_moves_before_its_feed(life: Life) -> None:
    life.town.send(range(5))
    life.run_whole(Feed(hidden=1))
    life.run_whole()


def a_counter_moves_before_its_feed_while_the_clock_steps_back(life: Life) -> None:
    life.town.send(range(5))
    life.run_whole(Feed(hidden=1))
    life.set_clock(-3 * HOUR)
    life.run_whole()


def a_counter_stays_nought(life: Life) -> None:
    key = life.town.send(range(5))
    life.town.open(key, 0)
    life.bend(0, "opens_count", Bend("zero"))
    life.run_whole()
    life.wait(40 * DAY)
    life.run_whole()


def counters_stand_still_to_the_end(life: Life) -> None:
    key = life.town.send(range(5))
    life.town.open(key, 0)
    for name in ("opens_count", "unopened"):
        life.bend(0, name, Bend("still"))
    life.run_whole()
    life.town.open(key, 1)
    life.wait(40 * DAY)
    life.run_whole()


def counters_stand_still_in_a_window_that_opens_again(life: Life) -> None:
    key = life.town.send(range(5))
    life.town.open(key, 0)
    for name in ("opens_count", "unopened"):
        life.bend(0, name, Bend("still"))
    life.bend(0, "unsub_count", Bend("off", 1))
    life.wait(40 * DAY)
    life.run_whole()
    life.set_lookback(60)
    life.run_whole()
    life.town.open(key, 1)
    life.wait(40 * DAY)
    life.run_whole()


def a_test_is_named_after_the_other(life: Life) -> None:
    key = life.town.test((range(3), range(3, 6)), named=False)
    life.town.conclude(key, range(6, 9))
    life.run_whole()
    life.town.unnamed.clear()
    life.run_whole()


def a_campaign_is_listed_after_its_window(life: Life) -> None:
    life.town.absent.add(life.town.send(range(4)))
    life.wait(DAY)
    life.town.send(range(5))
    life.wait(40 * DAY)
    life.run_whole()
    life.run_whole()
    life.town.absent.clear()
    life.run_whole()


def a_clock_steps_back(life: Life) -> None:
    (cvid,) = life.town.people
    life.run_whole()
    life.town.leave(cvid, 2)
    life.set_clock(-3 * HOUR)
    life.run_whole()


def a_clock_steps_back_after_a_kill(life: Life) -> None:
    (cvid,) = life.town.people
    kill_within_the_segment(life)
    for number in range(4):
        life.town.leave(cvid, number)
    life.set_clock(-3 * HOUR)
    life.run_whole()


def snapshots_are_selected_later(life: Life) -> None:
    life.town.send(range(4))
    life.select_snapshots()
    life.run_whole()
    life.select_snapshots()
    life.run_whole()


def a_column_is_selected_later(life: Life) -> None:
    life.town.send(range(4))
    life.select("last_name")
    life.run_whole()
    life.select("last_name")
    life.run_whole()


def a_column_is_selected_while_a_segment_is_hidden(life: Life) -> None:
    (cvid,) = life.town.people
    life.select("last_name")
    life.run_whole()
    life.town.absent.add(cvid)
    life.select("last_name")
    life.run_whole()
    life.town.absent.clear()
    life.run_whole()


def a_full_refresh_does_not_meet_a_segment(life: Life) -> None:
    life.warehouse.activates = True
    (cvid,) = life.town.people
    life.run_whole()
    life.town.absent.add(cvid)
    life.replicate()
    life.run_whole()
    life.replicate()
    life.town.absent.clear()
    life.run_whole()


def a_segment_and_a_campaign_are_deleted(life: Life) -> None:
    (cvid,) = life.town.people
    key = life.town.send(range(4))
    life.run_whole()
    life.town.delete(cvid)
    life.town.delete(key)
    life.run_whole()
    life.run_whole()


def something_is_deleted_while_snapshots_are_not_selected(life: Life) -> None:
    (cvid,) = life.town.people
    keys = [life.town.send(range(4)), life.town.send(range(3))]
    life.run_whole()
    for key in (cvid, *keys):
        life.town.delete(key)
    life.select_snapshots()
    for _ in range(4):
        life.run_whole()
    life.select_snapshots()
    life.run_whole()
    assert not any(life.warehouse.current().values())


def a_segment_is_hidden_once(life: Life) -> None:
    life.town.absent.update(life.town.people)
    life.run_whole()
    life.town.absent.clear()
    life.run_whole()
    life.town.absent.update(life.town.people)
    life.run_whole()


def a_campaign_is_hidden_once(life: Life) -> None:
    key = life.town.send(range(4))
    life.run_whole()
    life.town.absent.add(key)
    life.run_whole()


def a_run_is_killed_when_it_has_written_somebody(life: Life) -> None:
    (cvid,) = life.town.people
    life.run_whole()
    life.town.join(cvid, 12)
    kill_within_the_segment(life)
    life.town.leave(cvid, 12)
    life.run_whole()


def a_run_is_killed_and_the_next_does_not_meet_the_segment(life: Life) -> None:
    (cvid,) = life.town.people
    life.run_whole()
    life.town.join(cvid, 12)
    kill_within_the_segment(life)
    life.town.leave(cvid, 12)
    life.town.absent.add(cvid)
    life.run_whole()
    life.town.absent.clear()
    life.run_whole()


def kill_within_the_segment(life: Life) -> None:
    """Kill a run behind the members of the segment, and before their snapshot."""
    run = life.run()
    position = next(
        position
        for position, message in enumerate(run.messages)
        if message.get("stream") == "snapshots" and "cvid" in message.get("record", {})
    )
    life.die(run, run.messages[:position], 0)


def runs_are_short(life: Life) -> None:
    for number in range(5):
        life.town.add_segment(range(number, 9))
    for _ in range(4):
        life.town.send(range(9))
    for _ in range(60):
        # What is read ahead of its turn is lost with the run.
        run = life.run(end=("stop", 15 * life.at_once))
        life.die(run, run.messages, 0)
    read = life.warehouse.snapshots.keys()
    assert not life.history[-1].keys() - read, life.history[-1].keys() - read


def a_token_loses_a_right_behind_the_first_segment(life: Life) -> None:
    (cvid,) = life.town.people
    life.town.add_segment(range(9))
    life.run_whole()
    life.town.leave(cvid, 0)
    life.town.join(cvid, 12, 2 * DAY)
    # One by one, so that the first has been read.
    life.settings["concurrency"] = 1
    run = life.run(end=("forbid", 10))
    (told,) = (
        m["record"]
        for m in run.messages
        if m.get("stream") == "snapshots" and m["type"] == "RECORD"
    )
    assert told["cvid"] == cvid
    life.die(run, run.messages, 0)
    life.town.leave(cvid, 12)
    life.town.join(cvid, 0)
    life.run_whole()


def a_clock_was_ahead_when_an_end_was_proved(life: Life) -> None:
    (cvid,) = life.town.people
    life.settings["page_size"] = 20
    life.set_clock(300 * DAY)
    life.run_whole()
    life.set_clock(0 * DAY)
    life.wait(2 * DAY)
    # A cap that is not round, and that no answer tells.
    life.set_cap((9, False))
    for number in (10, 11):
        life.town.join(cvid, number)
    life.run_whole()


def a_cap_is_as_long_as_a_segment_was(life: Life) -> None:
    (cvid,) = life.town.people
    life.settings["page_size"] = 20
    life.run_whole()
    life.wait(2 * DAY)
    # It is not round, and no answer tells it.
    life.set_cap((9, False))
    for number in (10, 11):
        life.town.join(cvid, number)
    life.run_whole()


def a_cap_falls(life: Life) -> None:
    life.run_whole()
    life.set_cap((3, True))
    life.run_whole()


def a_test_send_is_deleted_before_the_closing_look(life: Life) -> None:
    key = life.town.test((range(3), range(3, 6)))
    life.town.conclude(key, range(6, 9))
    life.run_whole()
    child = life.town.mailings[key].campaign.children[0]
    del life.town.mailings[child]
    life.wait(40 * DAY)
    life.run_whole()
    life.run_whole()
    assert not [*life.warehouse.current()[f"campaign_recipients/{child}/{READ[0]}"]]


SCENES: tuple[Callable[[Life], None], ...] = tuple(
    value
    for value in [*globals().values()]
    if getattr(value, "__module__", "") == __name__
    and getattr(value, "__annotations__", {}).keys() == {"life", "return"}
    and value.__name__ != "kill_within_the_segment"
)


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("scene", SCENES, ids=lambda each: each.__name__)
def test_scene(
    life: Callable[..., Life], scene: Callable[[Life], None], at_once: int
) -> None:
    play(life(at_once=at_once), scene)


def play(life: Life, scene: Callable[[Life], None]) -> None:
    life.begin(members=[*range(9)], page_size=4)
    scene(life)
    life.teardown()


# Fixes taken out. Each is the fault that was there, or one like it.


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


@pytest.mark.parametrize(
    ("take_out", "scene"),
    [
        (trust_one_counter, a_counter_stands_still),
        (believe_each_text_of_time, a_text_of_time_is_minutes_off),
        (settle_what_does_not_match, a_counter_moves_before_its_feed),
        (
            settle_by_the_clock,
            a_counter_moves_before_its_feed_while_the_clock_steps_back,
        ),
        (take_nought_for_empty, a_counter_stays_nought),
        (trust_counters_to_the_end, counters_stand_still_to_the_end),
        (
            keep_a_closing_look_for_final,
            counters_stand_still_in_a_window_that_opens_again,
        ),
        (ask_for_tests_once, a_test_is_named_after_the_other),
        (close_spans_of_time, a_campaign_is_listed_after_its_window),
        (believe_the_clock, a_clock_steps_back),
        (believe_the_clock, a_clock_steps_back_after_a_kill),
        (forget_the_selection, snapshots_are_selected_later),
        (forget_the_selection, a_column_is_selected_later),
        (tell_nothing_of_what_is_deleted, a_segment_and_a_campaign_are_deleted),
        (take_hidden_for_deleted, a_segment_is_hidden_once),
        (take_hidden_campaigns_for_deleted, a_campaign_is_hidden_once),
        (close_what_is_gone_once, a_test_send_is_deleted_before_the_closing_look),
        (begin_at_the_beginning, runs_are_short),
        (begin_with_the_same_stream, runs_are_short),
        (forget_what_was_underway, a_run_is_killed_when_it_has_written_somebody),
        (
            forget_what_a_run_did_not_meet,
            a_run_is_killed_and_the_next_does_not_meet_the_segment,
        ),
        (
            forget_what_a_run_did_not_meet,
            a_column_is_selected_while_a_segment_is_hidden,
        ),
        (forget_what_a_run_did_not_meet, a_full_refresh_does_not_meet_a_segment),
        (
            forget_what_was_written,
            a_token_loses_a_right_behind_the_first_segment,
        ),
        (believe_an_end_for_ever, a_cap_is_as_long_as_a_segment_was),
        (take_a_short_page_for_the_last, a_cap_falls),
    ],
    ids=lambda each: each.__name__,
)
def test_finds_what_is_taken_out(
    life: Callable[..., Life],
    monkeypatch: pytest.MonkeyPatch,
    take_out: Callable[[Patch], None],
    scene: Callable[[Life], None],
) -> None:
    take_out(monkeypatch)
    with pytest.raises(AssertionError):
        play(life(at_once=1), scene)
