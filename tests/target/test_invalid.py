"""Invalid records, of one record or of a whole stream."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tests.support.target import (
    record,
    run_target,
)
from tests.support.target_cases import (
    with_states,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


@pytest.mark.parametrize("count", [2, 150])
@pytest.mark.parametrize(
    ("told", "settings", "named"),
    [
        ({"contact_email": ANNA}, {}, "`list_key`"),
        ({"contact_email": ANNA, "list_key": None}, {}, "`list_key`"),
        ({"email": ANNA}, {"list_key": "3z"}, "`contact_email`"),
        ({"contact_email": ANNA, "tags": ["x"]}, {"list_key": "3z"}, "`stream_maps`"),
        ({"contact_email": [ANNA]}, {"list_key": "3z"}, "`stream_maps`"),
        (
            {"contact_email": ANNA, "custom_fields": "planted"},
            {"list_key": "3z"},
            "`custom_fields`",
        ),
    ],
)
def test_a_fault_of_all_records_is_a_setting(
    service: Service,
    told: dict[str, t.Any],
    settings: dict[str, t.Any],
    named: str,
    count: int,
) -> None:
    one = {"type": "RECORD", "stream": "subscribe", "record": told}
    messages = with_states([one] * count)
    for dry_run in (True, False):
        result = run_target(service, messages, dry_run=dry_run, **settings)
        assert isinstance(result.error, SettingError)
        assert named in str(result.error)
        assert "`subscribe`" in str(result.error)
        assert "planted" not in str(result.error)
        assert (result.states, result.counts(), service.calls) == ([], (0, 0, 0, 0), [])


def test_a_value_that_is_wrong_everywhere_is_told_when_there_are_many(
    service: Service,
) -> None:
    messages = with_states([record("unsubscribe", 17)] * 20)
    result = run_target(service, messages, list_key="3z")
    assert isinstance(result.error, SettingError)
    assert "`contact_email` is not an address" in str(result.error)
    assert result.states == []
    # A few may be wrong by chance, so only they are rejected.
    result = run_target(service, messages[:-2], list_key="3z")
    assert (result.error, result.counts()) == (None, (0, 0, 19, 0))
    assert result.states[-1] == {"number": 18}


@pytest.mark.parametrize("position", [0, 25, 49])
def test_one_sound_record_shows_that_it_is_the_others(
    service: Service, list_key: str, position: int
) -> None:
    messages = [record("subscribe", None)] * 49
    messages.insert(position, record("subscribe", ANNA))
    other = [record("unsubscribe", None)]
    result = run_target(service, with_states(messages + other), list_key=list_key)
    assert (result.error, result.counts()) == (None, (1, 0, 50, 0))
    assert result.states[-1] == {"number": 50}


def test_streams_are_judged_apart(service: Service, list_key: str) -> None:
    good = [record("subscribe", ANNA, list_key=list_key)]
    bad = [record("unsubscribe", BERT)] * 3
    result = run_target(service, with_states(good + bad))
    assert "stream `unsubscribe`" in str(result.error)
    assert (result.states, service.calls) == ([], [])


def test_a_boundary_does_not_pass_a_fault_of_all(service: Service) -> None:
    messages = with_states([record("subscribe", ANNA)] * 40)
    result = run_target(service, messages, most_pending=4)
    assert "`list_key`" in str(result.error)
    assert (result.states, result.counts()) == ([], (0, 0, 0, 0))


def test_a_few_wrong_values_pass_a_boundary(service: Service) -> None:
    messages = with_states([record("unsubscribe", None)] * 9)
    result = run_target(service, messages, list_key="3z", most_pending=4)
    assert (result.error, result.counts()) == (None, (0, 0, 9, 0))
