"""What is read again of a campaign: decisions over values."""

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
# What can happen between two runs -> how the counters move; whose members change.
MOVES: dict[str, tuple[dict[str, int], set[str]]] = {
    "an open and a delivery": (
        {"emails_sent_count": 1, "delivered_count": 1, "opens_count": 1},
        {"sentcontacts", "openedcontacts", "unopenedcontacts"},
    ),
    "a click by one who had not opened": (
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
    "somebody leaves": ({"unsub_count": 1}, {"optoutcontacts"}),
    "somebody complains": ({"complaints_count": 1}, {"spamcontacts"}),
}


def counters(action: str, **changed: object) -> Counters:
    return Counters.of(action, parse_counters(REPORT | changed))


@pytest.mark.parametrize("move", MOVES)
def test_whatever_changes_its_members_makes_an_action_be_read(move: str) -> None:
    changes, actions = MOVES[move]
    moved = {name: str(int(REPORT[name]) + by) for name, by in changes.items()}
    for action in actions:
        before = counters(action)
        noted = note_look(None, before, before.reported or 0, "", closing=False)
        assert choose_look(noted, before, rfc3339(NOW), closing=False) is Look.SKIP
        after = counters(action, **moved)
        look = choose_look(noted, after, rfc3339(NOW), closing=False)
        assert look is Look.READ, action


def test_every_action_has_its_evidence() -> None:
    assert len(ACTIONS) == 9
    for action, evidence in EVIDENCE.items():
        assert {*evidence.rows, *evidence.others} <= REPORT.keys(), action


@pytest.mark.parametrize(
    ("value", "number"),
    [("3", 3), (3, 3), ("", None), (None, None), ("1_000", None), ("٣", None)],
    ids=repr,
)
def test_a_counter_is_a_whole_number_or_nothing(
    value: object, number: int | None
) -> None:
    assert parse_counters({"unopened": value})["unopened"] == number


def looks_of(rows: int, hours: int, **changed: object) -> list[int]:
    """Return the hours in which an action is read whose rows stay as they are."""
    told = counters("sentcontacts", **changed)
    noted: dict[str, t.Any] | None = None
    found = []
    for hour in range(hours):
        now = rfc3339(NOW + hour * HOUR)
        if choose_look(noted, told, now, closing=False) is Look.READ:
            found.append(hour)
            noted = note_look(noted, told, rows, now, closing=False)
    return found


def test_what_never_matched_is_read_again_with_fewer_looks_as_time_goes_by() -> None:
    looks = looks_of(95, 30 * 24)
    assert looks[:4] == [0, 1, 3, 7]
    assert len(looks) < 12
    assert looks_of(100, 30 * 24) == [0]
    # Bounces explain the difference, so it is likely to stay.
    explained = looks_of(90, 30 * 24)
    assert explained[:2] == [0, 1]
    assert 3 < len(explained) < len(looks)
    # Nothing explains that one.
    assert looks_of(90, 30 * 24, hardbounce_count="0") == looks


def test_more_rows_than_were_told_are_no_match_either() -> None:
    told = counters("openedcontacts")
    noted = note_look(None, told, 41, rfc3339(NOW), closing=False)
    later = rfc3339(NOW + HOUR)
    assert choose_look(noted, told, later, closing=False) is Look.READ


@pytest.mark.parametrize("action", ACTIONS)
def test_a_counter_of_0_saves_the_call_until_the_closing_look(action: str) -> None:
    nothing = Counters.of(action, parse_counters(dict.fromkeys(REPORT, "0")))
    now = rfc3339(NOW)
    assert choose_look(None, nothing, now, closing=False) is Look.ASSUME_EMPTY
    assert choose_look(None, nothing, now, closing=True) is Look.READ
    noted = note_look(None, nothing, 0, now, closing=False)
    assert choose_look(noted, nothing, now, closing=False) is Look.SKIP
    assert choose_look(noted, nothing, now, closing=True) is Look.READ
    had = note_look(None, nothing, 3, now, closing=False)
    later = rfc3339(NOW + HOUR)
    assert choose_look(had, nothing, later, closing=False) is Look.READ


def closing_looks(rows: list[int], **changed: object) -> int:
    """Return after how many looks an action is settled that has these rows in turn."""
    told = counters("openedcontacts", **changed)
    noted = note_look(None, counters("openedcontacts"), 40, "", closing=False)
    for number, each in enumerate(rows, 1):
        now = rfc3339(NOW + number * HOUR)
        assert choose_look(noted, told, now, closing=True) is Look.READ
        noted = note_look(noted, told, each, now, closing=True)
        if choose_look(noted, told, now, closing=True) is Look.SKIP:
            return number
    return 0


def test_closing_looks_are_bounded() -> None:
    assert closing_looks([40]) == 1
    assert closing_looks([39, 40]) == 2
    assert closing_looks([39] * 5) == CLOSING_LOOKS
    assert closing_looks([0, 40]) == 2
    assert closing_looks([0] * 5) == CLOSING_LOOKS
    # A report that has vanished is asked for again.
    assert closing_looks([40] * 5, opens_count="") == 2


def test_rows_that_vanish_are_noted_only_when_it_is_said_twice() -> None:
    told, now = counters("openedcontacts"), rfc3339(NOW)
    noted = note_look(None, told, 40, now, closing=False)
    once = note_look(noted, told, 0, now, closing=False)
    assert once == {**noted, "vanished": True}
    assert choose_look(once, told, now, closing=False) is Look.READ
    twice = note_look(once, told, 0, now, closing=False)
    assert twice["rows"] == 0
    assert "vanished" not in twice
    nobody = counters("openedcontacts", opens_count="0")
    assert note_look(noted, nobody, 0, now, closing=False)["rows"] == 0


def test_an_empty_answer_is_asked_again_before_a_campaign_is_closed() -> None:
    def looks(
        line: dict[str, t.Any], *rows: int | None, sent: bool = True
    ) -> list[bool]:
        return [note_answer(line, number, sent=sent) for number in rows]

    had: dict[str, t.Any] = {}
    assert looks(had, 3, 0, None, 0) == [True, False, False, True]
    assert looks(had, 3, 0, 3) == [True, False, True]
    # Nothing to tell is an answer, no answer is none.
    assert looks({}, 0) == [True]
    assert looks({}, None, None) == [False, True]
    assert looks({}, None, sent=False) == [True]
