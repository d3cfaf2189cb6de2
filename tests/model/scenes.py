"""Scenes: short sequences of events that pass with a fix and fail without it."""

from __future__ import annotations

import typing as t

from tests.support.life_changes import DAY, HOUR
from tests.support.town import READ, Bend, Feed

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.life import Life


def a_counter_stands_still(life: Life) -> None:
    key = life.town.send(range(5), status="In Progress")
    life.run_whole()
    life.town.open(key, 0)
    life.town.deliver(key, [7])
    life.run_whole()


def a_time_text_is_minutes_off(life: Life) -> None:
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


def a_counter_stays_at_zero(life: Life) -> None:
    key = life.town.send(range(5))
    life.town.open(key, 0)
    life.bend(0, "opens_count", Bend("zero"))
    life.run_whole()
    life.wait(40 * DAY)
    life.run_whole()


def counters_stand_still_until_the_window_ends(life: Life) -> None:
    key = life.town.send(range(5))
    life.town.open(key, 0)
    for name in ("opens_count", "unopened"):
        life.bend(0, name, Bend("still"))
    life.run_whole()
    life.town.open(key, 1)
    life.wait(40 * DAY)
    life.run_whole()


def counters_stand_still_in_a_reopened_window(life: Life) -> None:
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


def a_test_send_is_named_later(life: Life) -> None:
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
    kill_before_the_snapshot_of_the_segment(life)
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


def a_full_refresh_misses_a_segment(life: Life) -> None:
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


def a_run_is_killed_after_writing_a_member(life: Life) -> None:
    (cvid,) = life.town.people
    life.run_whole()
    life.town.join(cvid, 12)
    kill_before_the_snapshot_of_the_segment(life)
    life.town.leave(cvid, 12)
    life.run_whole()


def a_run_is_killed_and_the_next_misses_the_segment(life: Life) -> None:
    (cvid,) = life.town.people
    life.run_whole()
    life.town.join(cvid, 12)
    kill_before_the_snapshot_of_the_segment(life)
    life.town.leave(cvid, 12)
    life.town.absent.add(cvid)
    life.run_whole()
    life.town.absent.clear()
    life.run_whole()


def kill_before_the_snapshot_of_the_segment(life: Life) -> None:
    """Kill a run after it has written the members, and before their snapshot."""
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
        # A run loses what its threads have prefetched, so more threads need more calls.
        run = life.run(end=("stop", 15 * life.at_once))
        life.die(run, run.messages, 0)
    unread = life.history[-1].keys() - life.warehouse.snapshots.keys()
    assert not unread, unread


def a_token_loses_a_scope_after_the_first_segment(life: Life) -> None:
    (cvid,) = life.town.people
    life.town.add_segment(range(9))
    life.run_whole()
    life.town.leave(cvid, 0)
    life.town.join(cvid, 12, 2 * DAY)
    # With one thread, the first segment is finished before the scope is lost.
    life.settings["concurrency"] = 1
    run = life.run(end=("forbid", 10))
    (snapshot,) = (
        message["record"]
        for message in run.messages
        if message.get("stream") == "snapshots" and message["type"] == "RECORD"
    )
    assert snapshot["cvid"] == cvid
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
    # The cap is no round number, and no response shows it.
    life.set_cap((9, False))
    for number in (10, 11):
        life.town.join(cvid, number)
    life.run_whole()


def a_page_cap_equals_the_old_size_of_a_segment(life: Life) -> None:
    (cvid,) = life.town.people
    life.settings["page_size"] = 20
    life.run_whole()
    life.wait(2 * DAY)
    # The cap is no round number, and no response shows it.
    life.set_cap((9, False))
    for number in (10, 11):
        life.town.join(cvid, number)
    life.run_whole()


def a_page_cap_falls(life: Life) -> None:
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
    and value.__name__ != "kill_before_the_snapshot_of_the_segment"
)
