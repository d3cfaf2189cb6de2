"""The order in which changes of a contact are sent."""

from __future__ import annotations

import typing as t
from unittest.mock import Mock

import pytest

from tests.support.target import (
    BLOCK,
    SUBSCRIBE,
    UNSUBSCRIBE,
    endpoints,
    record,
    refusal,
    run_target,
)
from tests.support.target_cases import (
    NAMED,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service


@pytest.mark.parametrize("boundary", range(1, 9))
@pytest.mark.parametrize("spelling", [str, str.upper, "  {} ".format])
def test_what_waits_in_a_group_is_sent_before_the_same_is_done_again(
    service: Service,
    account: LivingAccount,
    list_key: str,
    boundary: int,
    spelling: t.Callable[[str], str],
) -> None:
    messages = [
        record("do_not_mail", ANNA),
        record("subscribe", BERT),
        record("subscribe", spelling(ANNA)),
        record("do_not_mail", ANNA),
    ]
    # The sandbox subscribes nobody who is blocked; Zoho may.
    account.blocked = Mock(return_value=False)  # type: ignore[method-assign]
    result = run_target(service, messages, list_key=list_key, most_pending=boundary)
    assert result.error is None
    assert account.status(ANNA, list_key) == "donotmail"
    assert endpoints(service)[-1] == BLOCK


@pytest.mark.parametrize("boundary", range(1, 9))
def test_a_topic_that_was_left_is_left_again(
    service: Service, list_key: str, boundary: int
) -> None:
    messages = [
        record("unsubscribe", ANNA, topic_id="12"),
        record("subscribe", BERT),
        record("subscribe", ANNA),
        record("unsubscribe", ANNA, topic_id="12"),
    ]
    run_target(service, messages, list_key=list_key, most_pending=boundary)
    assert endpoints(service)[-1] == UNSUBSCRIBE


@pytest.mark.parametrize("boundary", range(1, 9))
def test_another_list_waits_too(
    service: Service, account: LivingAccount, boundary: int
) -> None:
    one, other = [each.key for each in account.lists() if not each.public][:2]
    messages = [
        record("unsubscribe", ANNA, list_key=one, topic_id="12"),
        record("subscribe", ANNA, list_key=other),
        record("subscribe", ANNA.title(), list_key=one),
        record("unsubscribe", ANNA, list_key=one, topic_id="12"),
    ]
    run_target(service, messages, most_pending=boundary)
    assert endpoints(service)[-1] == UNSUBSCRIBE
    assert account.status(ANNA, other) == "active"


def test_what_was_refused_may_have_been_done(service: Service, list_key: str) -> None:
    service.intercept = lambda call: (
        refusal("2005") if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    joined = record("subscribe", ANNA, **NAMED)
    messages = [joined, record("unsubscribe", ANNA), joined]
    run_target(service, messages, list_key=list_key, most_pending=1)
    assert endpoints(service) == [SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]
