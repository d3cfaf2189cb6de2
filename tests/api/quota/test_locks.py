"""Locks, and endpoints with their own quotas."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack, closing

import pytest

from tap_zohocampaigns.api.quota.limits import Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tests.support.ledgers import (
    LONG_QUOTA,
    QUOTA,
    SHORT_QUOTA,
    StoreKind,
    accounts,
    open_stores,
    shared_stores,
)
from tests.support.zoho import Clock, make_call, wait_near

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.quota.ledger import Store


@pytest.fixture
def opened(kind: StoreKind[Clock]) -> Iterator[Store]:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        yield store


@shared_stores
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_longest_lock_of_several_programs_counts(
    kind: StoreKind[Clock], order: tuple[int, int]
) -> None:
    with ExitStack() as stack:
        stores = open_stores(kind, stack, LONG_QUOTA, SHORT_QUOTA)
        for number in order:
            stores[number].lock("one")
        for store in stores:
            assert make_call(store, "one") == wait_near(
                1800 + kind.extra_seconds, locked=True
            )
        kind.clock.advance(900)
        stores[1].lock("one")
        for store in stores:
            assert make_call(store, "one") == wait_near(
                900 + kind.extra_seconds, locked=True
            )
            assert store.remaining("one") == 0


def test_an_endpoint_with_its_own_quota_has_its_own_lock(
    kind: StoreKind[Clock],
) -> None:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        assert store.remaining("one") == 3
        assert store.remaining("listsubscribe") == 490
        assert store.remaining("addlistsubscribersinbulk") == 1960
        for endpoint, seconds in {
            "one": 1800,
            "listsubscribe": 1800,
            "addlistsubscribersinbulk": 600,
        }.items():
            store.lock(endpoint)
            assert make_call(store, endpoint) == wait_near(
                seconds + kind.extra_seconds, locked=True
            )


def test_listsubscribe_allows_490_calls_a_minute(kind: StoreKind[Clock]) -> None:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        assert [make_call(store, "listsubscribe") for _ in range(490)] == [None] * 490
        assert make_call(store, "listsubscribe") == wait_near(
            61 + kind.extra_seconds, locked=False
        )
        assert store.remaining("listsubscribe") == 0
        assert make_call(store, "one") is None


def test_a_locked_endpoint_waits_while_others_go_on(
    kind: StoreKind[Clock], opened: Store
) -> None:
    assert make_call(opened, "one") is None
    kind.clock.advance(100)
    opened.lock("one")
    assert (opened.remaining("one"), opened.remaining("other")) == (0, 3)
    kind.clock.advance(600)
    assert make_call(opened, "other") is None
    wait = make_call(opened, "one")
    assert wait == wait_near(1200 + kind.extra_seconds, locked=True)
    kind.clock.advance(wait.seconds + 1e-6)
    assert make_call(opened, "one") is None
    assert opened.remaining("one") == 2


def test_a_second_lock_starts_the_lock_time_again(
    kind: StoreKind[Clock], opened: Store
) -> None:
    for _ in range(2):
        opened.lock("one")
        kind.clock.advance(100)
    wait = make_call(opened, "one")
    assert wait == wait_near(1700 + kind.extra_seconds, locked=True)


def test_accounts_and_endpoints_have_their_own_quotas(where: str) -> None:
    with ExitStack() as stack:
        one, same, other = (
            stack.enter_context(closing(open_store(where, account, Quotas(QUOTA))))
            for account in ("one", "one", "other")
        )
        assert make_call(one, "getmailinglists") is None
        assert same.remaining("getmailinglists") == 2
        assert same.remaining("recentcampaigns") == 3
        assert other.remaining("getmailinglists") == 3
        one.lock("getmailinglists")
        assert same.remaining("getmailinglists") == 0
        assert make_call(other, "getmailinglists") is None
