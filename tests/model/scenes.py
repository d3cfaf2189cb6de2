"""Scenes: short sequences of events that pass with a fix and fail without it."""

from __future__ import annotations

import typing as t

from tests.support.model_changes import DAY, HOUR
from tests.support.scripted_account import ACTIONS_READ, CounterError, Feed

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.model import ModelTest


def a_counter_stands_still(model_test: ModelTest) -> None:
    key = model_test.account.send(range(5), status="In Progress")
    model_test.run_complete()
    model_test.account.open(key, 0)
    model_test.account.deliver(key, [7])
    model_test.run_complete()


def a_time_text_is_minutes_off(model_test: ModelTest) -> None:
    model_test.network.has_wrong_date = True
    del model_test.settings["timezone"]
    model_test.account.send(range(5))
    model_test.run_complete()


def a_counter_moves_before_its_feed(model_test: ModelTest) -> None:
    model_test.account.send(range(5))
    model_test.run_complete(Feed(hidden=1))
    model_test.run_complete()


def a_counter_moves_before_its_feed_while_the_clock_steps_back(
    model_test: ModelTest,
) -> None:
    model_test.account.send(range(5))
    model_test.run_complete(Feed(hidden=1))
    model_test.set_clock(-3 * HOUR)
    model_test.run_complete()


def a_counter_stays_at_zero(model_test: ModelTest) -> None:
    key = model_test.account.send(range(5))
    model_test.account.open(key, 0)
    model_test.make_counter_wrong(0, "opens_count", CounterError("zero"))
    model_test.run_complete()
    model_test.wait(40 * DAY)
    model_test.run_complete()


def counters_stand_still_until_the_window_ends(model_test: ModelTest) -> None:
    key = model_test.account.send(range(5))
    model_test.account.open(key, 0)
    for name in ("opens_count", "unopened"):
        model_test.make_counter_wrong(0, name, CounterError("still"))
    model_test.run_complete()
    model_test.account.open(key, 1)
    model_test.wait(40 * DAY)
    model_test.run_complete()


def counters_stand_still_in_a_reopened_window(model_test: ModelTest) -> None:
    key = model_test.account.send(range(5))
    model_test.account.open(key, 0)
    for name in ("opens_count", "unopened"):
        model_test.make_counter_wrong(0, name, CounterError("still"))
    model_test.make_counter_wrong(0, "unsub_count", CounterError("off", 1))
    model_test.wait(40 * DAY)
    model_test.run_complete()
    model_test.set_lookback(60)
    model_test.run_complete()
    model_test.account.open(key, 1)
    model_test.wait(40 * DAY)
    model_test.run_complete()


def a_test_send_is_named_later(model_test: ModelTest) -> None:
    key = model_test.account.test((range(3), range(3, 6)), named=False)
    model_test.account.conclude(key, range(6, 9))
    model_test.run_complete()
    model_test.account.unlisted_tests.clear()
    model_test.run_complete()


def a_campaign_is_listed_after_its_window(model_test: ModelTest) -> None:
    model_test.account.unlisted.add(model_test.account.send(range(4)))
    model_test.wait(DAY)
    model_test.account.send(range(5))
    model_test.wait(40 * DAY)
    model_test.run_complete()
    model_test.run_complete()
    model_test.account.unlisted.clear()
    model_test.run_complete()


def a_clock_steps_back(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.run_complete()
    model_test.account.leave(cvid, 2)
    model_test.set_clock(-3 * HOUR)
    model_test.run_complete()


def a_clock_steps_back_after_a_kill(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    kill_before_the_snapshot_of_the_segment(model_test)
    for number in range(4):
        model_test.account.leave(cvid, number)
    model_test.set_clock(-3 * HOUR)
    model_test.run_complete()


def snapshots_are_selected_later(model_test: ModelTest) -> None:
    model_test.account.send(range(4))
    model_test.select_snapshots()
    model_test.run_complete()
    model_test.select_snapshots()
    model_test.run_complete()


def a_column_is_selected_later(model_test: ModelTest) -> None:
    model_test.account.send(range(4))
    model_test.select("last_name")
    model_test.run_complete()
    model_test.select("last_name")
    model_test.run_complete()


def a_column_is_selected_while_a_segment_is_hidden(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.select("last_name")
    model_test.run_complete()
    model_test.account.unlisted.add(cvid)
    model_test.select("last_name")
    model_test.run_complete()
    model_test.account.unlisted.clear()
    model_test.run_complete()


def a_full_refresh_misses_a_segment(model_test: ModelTest) -> None:
    model_test.warehouse.activates_versions = True
    (cvid,) = model_test.account.members_by_segment
    model_test.run_complete()
    model_test.account.unlisted.add(cvid)
    model_test.toggle_full_refresh()
    model_test.run_complete()
    model_test.toggle_full_refresh()
    model_test.account.unlisted.clear()
    model_test.run_complete()


def a_segment_and_a_campaign_are_deleted(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    key = model_test.account.send(range(4))
    model_test.run_complete()
    model_test.account.delete(cvid)
    model_test.account.delete(key)
    model_test.run_complete()
    model_test.run_complete()


def something_is_deleted_while_snapshots_are_not_selected(
    model_test: ModelTest,
) -> None:
    (cvid,) = model_test.account.members_by_segment
    keys = [model_test.account.send(range(4)), model_test.account.send(range(3))]
    model_test.run_complete()
    for key in (cvid, *keys):
        model_test.account.delete(key)
    model_test.select_snapshots()
    for _ in range(4):
        model_test.run_complete()
    model_test.select_snapshots()
    model_test.run_complete()
    assert not any(model_test.warehouse.current().values())


def a_segment_is_hidden_once(model_test: ModelTest) -> None:
    model_test.account.unlisted.update(model_test.account.members_by_segment)
    model_test.run_complete()
    model_test.account.unlisted.clear()
    model_test.run_complete()
    model_test.account.unlisted.update(model_test.account.members_by_segment)
    model_test.run_complete()


def a_campaign_is_hidden_once(model_test: ModelTest) -> None:
    key = model_test.account.send(range(4))
    model_test.run_complete()
    model_test.account.unlisted.add(key)
    model_test.run_complete()


def a_run_is_killed_after_writing_a_member(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.run_complete()
    model_test.account.join(cvid, 12)
    kill_before_the_snapshot_of_the_segment(model_test)
    model_test.account.leave(cvid, 12)
    model_test.run_complete()


def a_run_is_killed_and_the_next_misses_the_segment(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.run_complete()
    model_test.account.join(cvid, 12)
    kill_before_the_snapshot_of_the_segment(model_test)
    model_test.account.leave(cvid, 12)
    model_test.account.unlisted.add(cvid)
    model_test.run_complete()
    model_test.account.unlisted.clear()
    model_test.run_complete()


def kill_before_the_snapshot_of_the_segment(model_test: ModelTest) -> None:
    """Kill a run after it has written the members, and before their snapshot."""
    run = model_test.run()
    position = next(
        position
        for position, message in enumerate(run.messages)
        if message.get("stream") == "snapshots" and "cvid" in message.get("record", {})
    )
    model_test.finish_killed(run, run.messages[:position], 0)


def runs_are_short(model_test: ModelTest) -> None:
    for number in range(5):
        model_test.account.add_segment(range(number, 9))
    for _ in range(4):
        model_test.account.send(range(9))
    for _ in range(60):
        # A run loses what its threads have prefetched, so more threads need more calls.
        run = model_test.run(end=("stop", 15 * model_test.at_once))
        model_test.finish_killed(run, run.messages, 0)
    unread = model_test.history[-1].keys() - model_test.warehouse.snapshots.keys()
    assert not unread, unread


def a_token_loses_a_scope_after_the_first_segment(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.account.add_segment(range(9))
    model_test.run_complete()
    model_test.account.leave(cvid, 0)
    model_test.account.join(cvid, 12, 2 * DAY)
    # With one thread, the first segment is finished before the scope is lost.
    model_test.settings["concurrency"] = 1
    run = model_test.run(end=("forbid", 10))
    (snapshot,) = (
        message["record"]
        for message in run.messages
        if message.get("stream") == "snapshots" and message["type"] == "RECORD"
    )
    assert snapshot["cvid"] == cvid
    model_test.finish_killed(run, run.messages, 0)
    model_test.account.leave(cvid, 12)
    model_test.account.join(cvid, 0)
    model_test.run_complete()


def a_clock_was_ahead_when_an_end_was_proved(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.settings["page_size"] = 20
    model_test.set_clock(300 * DAY)
    model_test.run_complete()
    model_test.set_clock(0 * DAY)
    model_test.wait(2 * DAY)
    # The cap is no round number, and no response shows it.
    model_test.set_cap((9, False))
    for number in (10, 11):
        model_test.account.join(cvid, number)
    model_test.run_complete()


def a_page_cap_equals_the_old_size_of_a_segment(model_test: ModelTest) -> None:
    (cvid,) = model_test.account.members_by_segment
    model_test.settings["page_size"] = 20
    model_test.run_complete()
    model_test.wait(2 * DAY)
    # The cap is no round number, and no response shows it.
    model_test.set_cap((9, False))
    for number in (10, 11):
        model_test.account.join(cvid, number)
    model_test.run_complete()


def a_page_cap_falls(model_test: ModelTest) -> None:
    model_test.run_complete()
    model_test.set_cap((3, True))
    model_test.run_complete()


def a_test_send_is_deleted_before_the_closing_look(model_test: ModelTest) -> None:
    key = model_test.account.test((range(3), range(3, 6)))
    model_test.account.conclude(key, range(6, 9))
    model_test.run_complete()
    child = model_test.account.mailings[key].campaign.children[0]
    del model_test.account.mailings[child]
    model_test.wait(40 * DAY)
    model_test.run_complete()
    model_test.run_complete()
    assert not [
        *model_test.warehouse.current()[
            f"campaign_recipients/{child}/{ACTIONS_READ[0]}"
        ]
    ]


SCENES: tuple[Callable[[ModelTest], None], ...] = tuple(
    value
    for value in [*globals().values()]
    if getattr(value, "__module__", "") == __name__
    and getattr(value, "__annotations__", {}).keys() == {"model_test", "return"}
    and value.__name__ != "kill_before_the_snapshot_of_the_segment"
)
