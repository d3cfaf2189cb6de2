"""The scenes pass, and each fails when its fix is reverted."""

from __future__ import annotations

import typing as t

import pytest

from tests.model import mutations, scenes

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.model import ModelTest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.__name__)
def test_scene_passes(
    model_test: Callable[..., ModelTest],
    scene: Callable[[ModelTest], None],
    at_once: int,
) -> None:
    play(model_test(at_once=at_once), scene)


def play(model_test: ModelTest, scene: Callable[[ModelTest], None]) -> None:
    model_test.begin(members=[*range(9)], page_size=4)
    scene(model_test)
    model_test.teardown()


@pytest.mark.parametrize(
    ("revert_fix", "scene"),
    [
        (mutations.compare_only_one_counter, scenes.a_counter_stands_still),
        (
            mutations.find_no_zone_if_one_text_disagrees,
            scenes.a_time_text_is_minutes_off,
        ),
        (
            mutations.ignore_that_rows_and_counter_disagree,
            scenes.a_counter_moves_before_its_feed,
        ),
        (
            mutations.use_a_clock_that_steps_back_for_due_times,
            scenes.a_counter_moves_before_its_feed_while_the_clock_steps_back,
        ),
        (mutations.trust_a_counter_of_zero, scenes.a_counter_stays_at_zero),
        (
            mutations.trust_counters_at_the_closing_look,
            scenes.counters_stand_still_until_the_window_ends,
        ),
        (
            mutations.keep_final_looks_of_a_reopened_window,
            scenes.counters_stand_still_in_a_reopened_window,
        ),
        (mutations.ask_for_test_sends_once, scenes.a_test_send_is_named_later),
        (
            mutations.close_all_older_campaigns,
            scenes.a_campaign_is_listed_after_its_window,
        ),
        (mutations.use_the_clock_as_run_time, scenes.a_clock_steps_back),
        (mutations.use_the_clock_as_run_time, scenes.a_clock_steps_back_after_a_kill),
        (mutations.ignore_a_changed_selection, scenes.snapshots_are_selected_later),
        (mutations.ignore_a_changed_selection, scenes.a_column_is_selected_later),
        (
            mutations.write_no_snapshots_of_deleted_parts,
            scenes.a_segment_and_a_campaign_are_deleted,
        ),
        (mutations.delete_a_segment_missing_once, scenes.a_segment_is_hidden_once),
        (mutations.delete_a_campaign_missing_once, scenes.a_campaign_is_hidden_once),
        (
            mutations.close_a_campaign_before_the_deletion_is_written,
            scenes.a_test_send_is_deleted_before_the_closing_look,
        ),
        (mutations.start_with_the_first_part, scenes.runs_are_short),
        (mutations.start_with_the_first_stream, scenes.runs_are_short),
        (
            mutations.ignore_a_killed_run,
            scenes.a_run_is_killed_after_writing_a_member,
        ),
        (
            mutations.keep_the_digest_of_a_missed_part,
            scenes.a_run_is_killed_and_the_next_misses_the_segment,
        ),
        (
            mutations.keep_the_digest_of_a_missed_part,
            scenes.a_column_is_selected_while_a_segment_is_hidden,
        ),
        (
            mutations.keep_the_digest_of_a_missed_part,
            scenes.a_full_refresh_misses_a_segment,
        ),
        (
            mutations.restore_the_state_of_a_left_out_stream,
            scenes.a_token_loses_a_scope_after_the_first_segment,
        ),
        (
            mutations.never_prove_the_end_again,
            scenes.a_page_cap_equals_the_old_size_of_a_segment,
        ),
        (mutations.stop_at_a_short_page, scenes.a_page_cap_falls),
    ],
    ids=lambda function: function.__name__,
)
def test_scene_fails_without_its_fix(
    model_test: Callable[..., ModelTest],
    monkeypatch: pytest.MonkeyPatch,
    revert_fix: Callable[[pytest.MonkeyPatch], None],
    scene: Callable[[ModelTest], None],
) -> None:
    revert_fix(monkeypatch)
    with pytest.raises(AssertionError):
        play(model_test(at_once=1), scene)
