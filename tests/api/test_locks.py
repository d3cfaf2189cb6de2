"""Locked endpoints."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    FatalError,
)
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support import samples
from tests.support.calls import (
    CAMPAIGNS,
    LISTS,
    RECIPIENTS,
    answers_in_order,
)
from tests.support.zoho import (
    CONFIG,
    Answer,
    Clock,
    Request,
    Zoho,
    as_json,
    error,
    success,
)

PROJECTS = {
    "error": {
        "status_code": "400",
        "title": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
        "details": {
            "message": "Cannot execute more than 100 requests per API in 2 minutes. "
            "Try again after 22 minutes."
        },
    }
}
LOCKS = {
    "Z101": Answer(error("Z101")),
    "Z101 in xml": Answer(
        b"<response><code>Z101</code><status>error</status><message/></response>"
    ),
    "Z101 in 400": Answer(error("Z101"), 400),
    "2008": Answer(error("2008", "API calls limit exceeded.")),
    "409909": Answer(error("409909", "Limit reached.")),
    "429": Answer(b"", 429),
    "429 in json": Answer(error("429", "Too many requests."), 429),
    "429 web page": Answer(b"<html>Too many</html>", 429),
    "projects": as_json(PROJECTS, 400),
    "projects in 200": as_json(PROJECTS),
    "text": Answer(error("4711", "throttles_limit_exceeded")),
}


@pytest.mark.parametrize("locked", LOCKS.values(), ids=LOCKS)
@pytest.mark.parametrize("endpoint", [LISTS, RECIPIENTS])
def test_a_locked_endpoint_is_called_again_after_the_lock_time(
    endpoint: str, locked: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(locked, success())) as zoho:
        client = zoho.client(clock, rate_limit_lock_seconds=777)
        assert client.call(endpoint, {}) is not None
        assert len(zoho.calls) == 2
    assert clock.waits == [777]


@pytest.mark.parametrize("locked", LOCKS.values(), ids=LOCKS)
def test_an_endpoint_that_stays_locked_is_an_error(
    locked: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(locked)) as zoho:
        with pytest.raises(FatalError, match=r"another program.*`rate_limit_calls`"):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 4
    assert clock.waits == [1800] * 3


def test_other_endpoints_go_on_while_one_is_locked(clock: Clock) -> None:
    def answer(asked: Request) -> Answer:
        first = len(zoho.calls) == 1
        return LOCKS["Z101"] if asked.endpoint == LISTS and first else success()

    def sleep(seconds: float) -> None:
        before = len(clock.waits)
        assert client.call(CAMPAIGNS, {}) is not None
        assert len(clock.waits) == before
        clock.sleep(seconds)

    with Zoho(answer) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url}
        client = connect(CONFIG | urls, clock=clock, sleep=sleep)
        assert client.call(LISTS, {}) is not None
        called = [call.endpoint for call in zoho.calls]
    assert called == [LISTS, CAMPAIGNS, LISTS]
    assert clock.waits == [1800]


@pytest.mark.parametrize("form", ["Z101", "Z101-400", "429", "2008", "projects"])
def test_everything_is_read_if_the_service_allows_less_than_the_settings(
    form: t.Any,
    clock: Clock,
) -> None:
    with Service(
        LivingAccount(), quota_calls=5, lock_form=form, monotonic=clock
    ) as service:
        client = connect(CONFIG | service.config, clock=clock, sleep=clock.sleep)
        for _ in range(12):
            assert client.call(LISTS, {"range": 1}) is not None
    assert clock.waits == [1800, 1800]


def test_no_endpoint_is_locked_if_the_quota_is_kept(clock: Clock) -> None:
    with Service(
        LivingAccount(), quota_calls=5, quota_seconds=60, monotonic=clock
    ) as service:
        settings = {"rate_limit_calls": 5, "rate_limit_seconds": 60}
        config = CONFIG | service.config | settings
        client = connect(config, clock=clock, sleep=clock.sleep)
        for _ in range(12):
            clock.advance(1)
            assert client.call(LISTS, {"range": 1}) is not None
        assert len(service.calls) == 12
    assert clock.waits == [56, 56]


def test_a_cut_page_with_digits_like_a_lock_code_is_retried_at_once(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    page = samples.RECIPIENTS_JSON.replace(b"303000014269257", b"303000409909257")
    with Zoho(answers_in_order(Answer(page[:-2]), Answer(page))) as zoho:
        assert zoho.client(clock).call(RECIPIENTS, {}) is not None
    assert clock.waits == [1]
    assert len(jitter) == 1
