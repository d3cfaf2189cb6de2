"""Dry runs, and `max_writes`."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.settings.target import complete
from tests.support.target import (
    BULK,
    endpoints,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


def test_a_dry_run_is_the_default_and_makes_no_call(
    service: Service, logged: pytest.LogCaptureFixture
) -> None:
    assert complete({})["dry_run"] is True
    messages = [
        *(record("subscribe", f"planted{n}@example.com") for n in range(12)),
        record("unsubscribe", ANNA_WITH_PLUS),
        record("unsubscribe", ANNA_WITH_PLUS),
        record("unsubscribe", "no address"),
        state(1),
    ]
    result = run_target(service, messages, dry_run=True, list_key="3z")
    assert (service.calls, service.tokens_issued) == ([], 0)
    # No state is written, so the source sends these records again.
    assert result.states == []
    assert result.counts() == (13, 0, 1, 1)
    assert "13 would be sent" in logged.text
    assert "3 calls" in logged.text
    assert "subscribe, to be sent: records 1-12" in logged.text
    assert "unsubscribe, to be sent: records 14" in logged.text
    assert "unsubscribe, rejected: records 15" in logged.text


@pytest.mark.parametrize("max_writes", [1, 3, 14])
def test_a_run_with_too_many_changes_ends_before_the_first_call(
    service: Service, list_key: str, max_writes: int
) -> None:
    messages = [
        message
        for number in range(15)
        for message in (
            record(
                "subscribe",
                f"planted{number}@example.com",
                **({"first_name": "x"} if number < 2 else {}),
            ),
            state(number),
        )
    ]
    limits = {"list_key": list_key, "max_writes": max_writes}
    dry_run = run_target(service, messages, dry_run=True, **limits)
    # Retried runs must not write the first changes again and again.
    for _ in range(3):
        result = run_target(service, messages, **limits)
        assert isinstance(result.error, FatalError)
        assert str(result.error) == str(dry_run.error)
        assert str(result.error).startswith(
            f"15 changes are pending, but `max_writes` allows {max_writes}"
        )
        assert (result.states, service.calls) == ([], [])
    result = run_target(service, messages[: 2 * max_writes], **limits)
    assert (result.error, result.status) == (None, 0)
    assert result.states[-1] == {"number": max_writes - 1}


def test_skipped_changes_do_not_count_as_writes(
    service: Service, list_key: str
) -> None:
    anna, bert = (
        record("subscribe", email, first_name="x") for email in (ANNA_WITH_PLUS, BERT)
    )
    messages = [anna, bert, anna, state(1)]
    result = run_target(service, messages, list_key=list_key, max_writes=2)
    assert (result.error, result.states) == (None, [{"number": 1}])


def test_changes_sent_earlier_in_the_run_count_as_writes(
    service: Service, list_key: str
) -> None:
    messages = [
        message
        for number in range(6)
        for message in (
            record("subscribe", f"planted{number}@example.com"),
            state(number),
        )
    ]
    settings = {"list_key": list_key, "max_writes": 4, "most_pending": 3}
    result = run_target(service, messages, **settings)
    assert "and 3 were made before" in str(result.error)
    assert endpoints(service) == [BULK]
    # The next run starts after the records that were sent.
    assert result.states[-1] == {"number": 2}
    result = run_target(service, messages[6:], **settings)
    assert (result.error, result.states[-1]) == (None, {"number": 5})
