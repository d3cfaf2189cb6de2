"""The order in which the changes of a contact are sent."""

from __future__ import annotations

import typing as t
from unittest.mock import Mock

import pytest

from tests.support.target import (
    BLOCK,
    SUBSCRIBE,
    UNSUBSCRIBE,
    endpoints,
    error_reply,
    record,
    run_target,
)
from tests.support.target_cases import (
    NAME_FIELDS,
)
from tests.target.conftest import ANNA, BERT

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service


@pytest.mark.parametrize("most_pending", range(1, 9))
@pytest.mark.parametrize("spelling", [str, str.upper, "  {} ".format])
def test_a_pending_bulk_change_is_sent_before_a_later_do_not_mail(
    service: Service,
    account: LivingAccount,
    list_key: str,
    most_pending: int,
    spelling: t.Callable[[str], str],
) -> None:
    messages = [
        record("do_not_mail", ANNA),
        record("subscribe", BERT),
        record("subscribe", spelling(ANNA)),
        record("do_not_mail", ANNA),
    ]
    # The sandbox does not subscribe blocked contacts. Zoho may.
    account.blocked = Mock(return_value=False)  # type: ignore[method-assign]
    result = run_target(service, messages, list_key=list_key, most_pending=most_pending)
    assert result.error is None
    assert account.status(ANNA, list_key) == "donotmail"
    assert endpoints(service)[-1] == BLOCK


@pytest.mark.parametrize("most_pending", range(1, 9))
def test_an_unsubscription_from_a_topic_is_repeated_after_a_subscription(
    service: Service, list_key: str, most_pending: int
) -> None:
    messages = [
        record("unsubscribe", ANNA, topic_id="12"),
        record("subscribe", BERT),
        record("subscribe", ANNA),
        record("unsubscribe", ANNA, topic_id="12"),
    ]
    run_target(service, messages, list_key=list_key, most_pending=most_pending)
    assert endpoints(service)[-1] == UNSUBSCRIBE


@pytest.mark.parametrize("most_pending", range(1, 9))
def test_a_pending_bulk_change_of_another_list_does_not_change_the_order(
    service: Service, account: LivingAccount, most_pending: int
) -> None:
    first_list, second_list = [
        mailing_list.key for mailing_list in account.lists() if not mailing_list.public
    ][:2]
    messages = [
        record("unsubscribe", ANNA, list_key=first_list, topic_id="12"),
        record("subscribe", ANNA, list_key=second_list),
        record("subscribe", ANNA.title(), list_key=first_list),
        record("unsubscribe", ANNA, list_key=first_list, topic_id="12"),
    ]
    run_target(service, messages, most_pending=most_pending)
    assert endpoints(service)[-1] == UNSUBSCRIBE
    assert account.status(ANNA, second_list) == "active"


def test_a_refused_change_may_have_been_applied_so_the_next_is_sent(
    service: Service, list_key: str
) -> None:
    service.intercept = lambda call: (
        error_reply("2005") if call.endpoint.endswith(UNSUBSCRIBE) else None
    )
    subscribe = record("subscribe", ANNA, **NAME_FIELDS)
    messages = [subscribe, record("unsubscribe", ANNA), subscribe]
    run_target(service, messages, list_key=list_key, most_pending=1)
    assert endpoints(service) == [SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE]
