"""Invalid records: single ones, and streams in which every record is invalid."""

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
    ("fields", "settings", "setting"),
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
def test_a_fault_in_all_records_of_a_stream_is_a_setting_error(
    service: Service,
    fields: dict[str, t.Any],
    settings: dict[str, t.Any],
    setting: str,
    count: int,
) -> None:
    invalid = {"type": "RECORD", "stream": "subscribe", "record": fields}
    messages = with_states([invalid] * count)
    for dry_run in (True, False):
        result = run_target(service, messages, dry_run=dry_run, **settings)
        assert isinstance(result.error, SettingError)
        assert setting in str(result.error)
        assert "`subscribe`" in str(result.error)
        assert "planted" not in str(result.error)
        assert (result.states, result.counts(), service.calls) == ([], (0, 0, 0, 0), [])


def test_twenty_invalid_values_without_a_valid_one_are_a_setting_error(
    service: Service,
) -> None:
    messages = with_states([record("unsubscribe", 17)] * 20)
    result = run_target(service, messages, list_key="3z")
    assert isinstance(result.error, SettingError)
    assert "`contact_email` is not an address" in str(result.error)
    assert result.states == []
    # Fewer may be a coincidence, so they are rejected.
    result = run_target(service, messages[:-2], list_key="3z")
    assert (result.error, result.counts()) == (None, (0, 0, 19, 0))
    assert result.states[-1] == {"number": 18}


@pytest.mark.parametrize("position", [0, 25, 49])
def test_with_one_valid_record_the_invalid_ones_are_rejected(
    service: Service, list_key: str, position: int
) -> None:
    messages = [record("subscribe", None)] * 49
    messages.insert(position, record("subscribe", ANNA))
    other_stream = [record("unsubscribe", None)]
    result = run_target(
        service, with_states(messages + other_stream), list_key=list_key
    )
    assert (result.error, result.counts()) == (None, (1, 0, 50, 0))
    assert result.states[-1] == {"number": 50}


def test_a_valid_record_does_not_count_for_another_stream(
    service: Service, list_key: str
) -> None:
    valid = [record("subscribe", ANNA, list_key=list_key)]
    invalid = [record("unsubscribe", BERT)] * 3
    result = run_target(service, with_states(valid + invalid))
    assert "stream `unsubscribe`" in str(result.error)
    assert (result.states, service.calls) == ([], [])


def test_a_full_outbox_does_not_reject_a_stream_without_a_valid_record(
    service: Service,
) -> None:
    messages = with_states([record("subscribe", ANNA)] * 40)
    result = run_target(service, messages, most_pending=4)
    assert "`list_key`" in str(result.error)
    assert (result.states, result.counts()) == ([], (0, 0, 0, 0))


def test_a_full_outbox_rejects_a_few_invalid_values(service: Service) -> None:
    messages = with_states([record("unsubscribe", None)] * 9)
    result = run_target(service, messages, list_key="3z", most_pending=4)
    assert (result.error, result.counts()) == (None, (0, 0, 9, 0))
