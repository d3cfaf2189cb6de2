"""Which actions of a campaign are read again: decisions without any call."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest

from tap_zohocampaigns.api.wire.counters import (
    ACTIONS,
    EVIDENCE,
    Counters,
    parse_counters,
)
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sync.lookback import (
    CLOSING_LOOKS,
    Look,
    choose_look,
    note_answer,
    note_look,
)

NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
REPORT = {
    "emails_sent_count": "100",
    "delivered_count": "90",
    "opens_count": "40",
    "unopened": "50",
    "unique_clicks_count": "10",
    "unsub_count": "3",
    "spams_count": "1",
    "complaints_count": "1",
    "hardbounce_count": "4",
    "softbounce_count": "6",
    "unsent_count": "2",
}
# Event between two runs -> how the counters move, and which actions change.
MOVES: dict[str, tuple[dict[str, int], set[str]]] = {
    "an open and a delivery": (
        {"emails_sent_count": 1, "delivered_count": 1, "opens_count": 1},
        {"sentcontacts", "openedcontacts", "unopenedcontacts"},
    ),
    "a click by a contact that had not opened": (
        {"opens_count": 1, "unopened": -1, "unique_clicks_count": 1},
        {"openedcontacts", "clickedcontacts", "unopenedcontacts"},
    ),
    "a click, and the counter of opens lags": (
        {"unique_clicks_count": 1},
        {"openedcontacts", "clickedcontacts"},
    ),
    "a soft bounce that is delivered, and another soft bounce": (
        {"delivered_count": 1, "emails_sent_count": 1, "unopened": 1},
        {"sentsoftbounce", "sentcontacts", "unopenedcontacts"},
    ),
    "a soft bounce that becomes a hard one, and another soft bounce": (
        {"hardbounce_count": 1, "emails_sent_count": 1},
        {"sentsoftbounce", "senthardbounce", "sentcontacts"},
    ),
    "an unsent one that is sent, and another unsent one": (
        {"emails_sent_count": 1, "delivered_count": 1, "unopened": 1},
        {"unsentcontacts", "sentcontacts", "unopenedcontacts"},
    ),
    "a contact unsubscribes": ({"unsub_count": 1}, {"optoutcontacts"}),
    "a contact complains": ({"complaints_count": 1}, {"spamcontacts"}),
}


def counters(action: str, **changed: object) -> Counters:
    return Counters.of(action, parse_counters(REPORT | changed))


@pytest.mark.parametrize("move", MOVES)
def test_an_action_is_read_again_when_its_counters_move(move: str) -> None:
    changes, actions = MOVES[move]
    moved = {name: str(int(REPORT[name]) + delta) for name, delta in changes.items()}
    for action in actions:
        before = counters(action)
        saved_line = note_look(None, before, before.reported or 0, "", closing=False)
        assert choose_look(saved_line, before, rfc3339(NOW), closing=False) is Look.SKIP
        after = counters(action, **moved)
        decision = choose_look(saved_line, after, rfc3339(NOW), closing=False)
        assert decision is Look.READ, action


def test_every_action_has_counters_as_evidence() -> None:
    assert len(ACTIONS) == 9
    for action, evidence in EVIDENCE.items():
        assert {*evidence.rows, *evidence.others} <= REPORT.keys(), action


@pytest.mark.parametrize(
    ("value", "number"),
    [("3", 3), (3, 3), ("", None), (None, None), ("1_000", None), ("٣", None)],
    ids=repr,
)
def test_counters_are_parsed_as_integers_or_none(
    value: object, number: int | None
) -> None:
    assert parse_counters({"unopened": value})["unopened"] == number


def hours_read(rows: int, hours: int, **changed: object) -> list[int]:
    """Return the hours in which an action with unchanged rows is read."""
    reported = counters("sentcontacts", **changed)
    saved_line: dict[str, t.Any] | None = None
    read_at = []
    for hour in range(hours):
        now = rfc3339(NOW + hour * HOUR)
        if choose_look(saved_line, reported, now, closing=False) is Look.READ:
            read_at.append(hour)
            saved_line = note_look(saved_line, reported, rows, now, closing=False)
    return read_at


def test_a_lasting_mismatch_is_read_less_and_less_often() -> None:
    hours = hours_read(95, 30 * 24)
    assert hours[:4] == [0, 1, 3, 7]
    assert len(hours) < 12
    assert hours_read(100, 30 * 24) == [0]
    # Bounces explain the difference, so it is likely to stay.
    explained = hours_read(90, 30 * 24)
    assert explained[:2] == [0, 1]
    assert 3 < len(explained) < len(hours)
    # Without bounces, nothing explains the difference.
    assert hours_read(90, 30 * 24, hardbounce_count="0") == hours


def test_more_rows_than_reported_are_a_mismatch_too() -> None:
    reported = counters("openedcontacts")
    saved_line = note_look(None, reported, 41, rfc3339(NOW), closing=False)
    later = rfc3339(NOW + HOUR)
    assert choose_look(saved_line, reported, later, closing=False) is Look.READ


@pytest.mark.parametrize("action", ACTIONS)
def test_a_counter_of_0_saves_the_call_until_the_closing_look(action: str) -> None:
    zero = Counters.of(action, parse_counters(dict.fromkeys(REPORT, "0")))
    now = rfc3339(NOW)
    assert choose_look(None, zero, now, closing=False) is Look.ASSUME_EMPTY
    assert choose_look(None, zero, now, closing=True) is Look.READ
    saved_line = note_look(None, zero, 0, now, closing=False)
    assert choose_look(saved_line, zero, now, closing=False) is Look.SKIP
    assert choose_look(saved_line, zero, now, closing=True) is Look.READ
    saved_with_rows = note_look(None, zero, 3, now, closing=False)
    later = rfc3339(NOW + HOUR)
    assert choose_look(saved_with_rows, zero, later, closing=False) is Look.READ


def count_closing_looks(rows: list[int], **changed: object) -> int:
    """Return how many closing looks an action needs that has these row counts."""
    reported = counters("openedcontacts", **changed)
    saved_line = note_look(None, counters("openedcontacts"), 40, "", closing=False)
    for number, row_count in enumerate(rows, 1):
        now = rfc3339(NOW + number * HOUR)
        assert choose_look(saved_line, reported, now, closing=True) is Look.READ
        saved_line = note_look(saved_line, reported, row_count, now, closing=True)
        if choose_look(saved_line, reported, now, closing=True) is Look.SKIP:
            return number
    return 0


def test_closing_looks_are_bounded() -> None:
    assert count_closing_looks([40]) == 1
    assert count_closing_looks([39, 40]) == 2
    assert count_closing_looks([39] * 5) == CLOSING_LOOKS
    assert count_closing_looks([0, 40]) == 2
    assert count_closing_looks([0] * 5) == CLOSING_LOOKS
    # If the report is missing, the action is read once more.
    assert count_closing_looks([40] * 5, opens_count="") == 2


def test_vanished_rows_are_accepted_after_two_empty_answers() -> None:
    reported, now = counters("openedcontacts"), rfc3339(NOW)
    saved_line = note_look(None, reported, 40, now, closing=False)
    once = note_look(saved_line, reported, 0, now, closing=False)
    assert once == {**saved_line, "vanished": True}
    assert choose_look(once, reported, now, closing=False) is Look.READ
    twice = note_look(once, reported, 0, now, closing=False)
    assert twice["rows"] == 0
    assert "vanished" not in twice
    none_reported = counters("openedcontacts", opens_count="0")
    assert note_look(saved_line, none_reported, 0, now, closing=False)["rows"] == 0


def test_an_empty_answer_is_confirmed_before_a_campaign_is_closed() -> None:
    def note_answers(
        saved_line: dict[str, t.Any], *rows: int | None, sent: bool = True
    ) -> list[bool]:
        return [note_answer(saved_line, number, sent=sent) for number in rows]

    with_rows: dict[str, t.Any] = {}
    assert note_answers(with_rows, 3, 0, None, 0) == [True, False, False, True]
    assert note_answers(with_rows, 3, 0, 3) == [True, False, True]
    # 0 rows is an answer; None means that there was no answer.
    assert note_answers({}, 0) == [True]
    assert note_answers({}, None, None) == [False, True]
    assert note_answers({}, None, sent=False) == [True]
