"""The model test finds a fault that is put back: each fix is taken out, one by one."""

from __future__ import annotations

import typing as t

import pytest

from tests.model import mutations, scenes

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.life import Life

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda each: each.__name__)
def test_scene(
    life: Callable[..., Life], scene: Callable[[Life], None], at_once: int
) -> None:
    play(life(at_once=at_once), scene)


def play(life: Life, scene: Callable[[Life], None]) -> None:
    life.begin(members=[*range(9)], page_size=4)
    scene(life)
    life.teardown()


@pytest.mark.parametrize(
    ("take_out", "scene"),
    [
        (mutations.trust_one_counter, scenes.a_counter_stands_still),
        (mutations.believe_each_text_of_time, scenes.a_text_of_time_is_minutes_off),
        (mutations.settle_what_does_not_match, scenes.a_counter_moves_before_its_feed),
        (
            mutations.settle_by_the_clock,
            scenes.a_counter_moves_before_its_feed_while_the_clock_steps_back,
        ),
        (mutations.take_nought_for_empty, scenes.a_counter_stays_nought),
        (mutations.trust_counters_to_the_end, scenes.counters_stand_still_to_the_end),
        (
            mutations.keep_a_closing_look_for_final,
            scenes.counters_stand_still_in_a_window_that_opens_again,
        ),
        (mutations.ask_for_tests_once, scenes.a_test_is_named_after_the_other),
        (mutations.close_spans_of_time, scenes.a_campaign_is_listed_after_its_window),
        (mutations.believe_the_clock, scenes.a_clock_steps_back),
        (mutations.believe_the_clock, scenes.a_clock_steps_back_after_a_kill),
        (mutations.forget_the_selection, scenes.snapshots_are_selected_later),
        (mutations.forget_the_selection, scenes.a_column_is_selected_later),
        (
            mutations.tell_nothing_of_what_is_deleted,
            scenes.a_segment_and_a_campaign_are_deleted,
        ),
        (mutations.take_hidden_for_deleted, scenes.a_segment_is_hidden_once),
        (mutations.take_hidden_campaigns_for_deleted, scenes.a_campaign_is_hidden_once),
        (
            mutations.close_what_is_gone_once,
            scenes.a_test_send_is_deleted_before_the_closing_look,
        ),
        (mutations.begin_at_the_beginning, scenes.runs_are_short),
        (mutations.begin_with_the_same_stream, scenes.runs_are_short),
        (
            mutations.forget_what_was_underway,
            scenes.a_run_is_killed_when_it_has_written_somebody,
        ),
        (
            mutations.forget_what_a_run_did_not_meet,
            scenes.a_run_is_killed_and_the_next_does_not_meet_the_segment,
        ),
        (
            mutations.forget_what_a_run_did_not_meet,
            scenes.a_column_is_selected_while_a_segment_is_hidden,
        ),
        (
            mutations.forget_what_a_run_did_not_meet,
            scenes.a_full_refresh_does_not_meet_a_segment,
        ),
        (
            mutations.forget_what_was_written,
            scenes.a_token_loses_a_right_behind_the_first_segment,
        ),
        (mutations.believe_an_end_for_ever, scenes.a_cap_is_as_long_as_a_segment_was),
        (mutations.take_a_short_page_for_the_last, scenes.a_cap_falls),
    ],
    ids=lambda each: each.__name__,
)
def test_finds_what_is_taken_out(
    life: Callable[..., Life],
    monkeypatch: pytest.MonkeyPatch,
    take_out: Callable[[pytest.MonkeyPatch], None],
    scene: Callable[[Life], None],
) -> None:
    take_out(monkeypatch)
    with pytest.raises(AssertionError):
        play(life(at_once=1), scene)
