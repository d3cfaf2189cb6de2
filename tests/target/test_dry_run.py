"""Dry runs, and `max_writes`."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.settings.target import complete
from tests.support.target import (
    ANNA,
    BERT,
    BULK,
    endpoints,
    record,
    run_target,
    state,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Service


def test_a_rehearsal_is_the_default_and_sends_nothing_at_all(
    service: Service, logged: pytest.LogCaptureFixture
) -> None:
    assert complete({})["dry_run"] is True
    messages = [
        *(record("subscribe", f"planted{n}@example.com") for n in range(12)),
        record("unsubscribe", ANNA),
        record("unsubscribe", ANNA),
        record("unsubscribe", "no address"),
        state(1),
    ]
    ran = run_target(service, messages, dry_run=True, list_key="3z")
    assert (service.calls, service.tokens_issued) == ([], 0)
    # What was only rehearsed has to come again.
    assert ran.states == []
    assert ran.counts() == (13, 0, 1, 1)
    assert "13 would be sent" in logged.text
    assert "3 calls" in logged.text
    assert "subscribe, to be sent: records 1-12" in logged.text
    assert "unsubscribe, to be sent: records 14" in logged.text
    assert "unsubscribe, rejected: records 15" in logged.text


@pytest.mark.parametrize("most", [1, 3, 14])
def test_a_runaway_run_ends_before_the_first_write(
    service: Service, list_key: str, most: int
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
    limits = {"list_key": list_key, "max_writes": most}
    rehearsed = run_target(service, messages, dry_run=True, **limits)
    # However often it is tried: none of them is changed again and again.
    for _ in range(3):
        ran = run_target(service, messages, **limits)
        assert isinstance(ran.error, FatalError)
        assert str(ran.error) == str(rehearsed.error)
        assert str(ran.error).startswith(
            f"15 changes are pending, but `max_writes` allows {most}"
        )
        assert (ran.states, service.calls) == ([], [])
    ran = run_target(service, messages[: 2 * most], **limits)
    assert (ran.error, ran.status) == (None, 0)
    assert ran.states[-1] == {"number": most - 1}


def test_changes_that_are_skipped_do_not_count(service: Service, list_key: str) -> None:
    anna, bert = (record("subscribe", one, first_name="x") for one in (ANNA, BERT))
    messages = [anna, bert, anna, state(1)]
    ran = run_target(service, messages, list_key=list_key, max_writes=2)
    assert (ran.error, ran.states) == (None, [{"number": 1}])


def test_what_was_sent_before_a_boundary_counts(
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
    ran = run_target(service, messages, **settings)
    assert "and 3 were made before" in str(ran.error)
    assert endpoints(service) == [BULK]
    # The next run goes on behind what was sent.
    assert ran.states[-1] == {"number": 2}
    ran = run_target(service, messages[6:], **settings)
    assert (ran.error, ran.states[-1]) == (None, {"number": 5})
