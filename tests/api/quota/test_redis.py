"""The ledger in Redis: restarts, losses of data, and secrets."""

from __future__ import annotations

import logging
import typing as t
from contextlib import ExitStack, closing

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.quota.ledger import Ledger, Ticket
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.redis import RedisStore
from tests.support.callers import ACCOUNT
from tests.support.ledgers import ServerClock, StoreKind, accounts, in_redis
from tests.support.zoho import Clock, make_call, wait_and_call, wait_near

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUOTA = Quota(3, 300, 1800)
STATE = f"tap-zohocampaigns:{{{ACCOUNT}}}:state"
FULL = wait_near(303, within=60, locked=False)


@pytest.fixture
def start(own_redis: RedisServer) -> Iterator[Callable[[], RedisStore]]:
    """Return a function that opens the store of one more program."""
    own_redis.mark_complete(ACCOUNT)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            closing(RedisStore(own_redis.url, ACCOUNT, Quotas(QUOTA)))
        )


def test_a_flushed_script_is_sent_again(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    store = start()
    assert make_call(store, "one") is None
    own_redis.client.script_flush()
    assert make_call(store, "one") is None
    assert store.remaining("one") == 1


def test_a_restart_that_keeps_the_data_loses_no_call(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    store = start()
    assert [make_call(store, "one") for _ in range(2)] == [None] * 2
    store.lock("other")
    own_redis.stop(save=True)
    own_redis.start()
    assert store.remaining("one") == 1
    assert make_call(store, "one") is None
    assert make_call(start(), "one") == FULL
    assert store.remaining("other") == 0


def flush(server: RedisServer) -> None:
    server.client.flushall()


def restart(server: RedisServer) -> None:
    server.stop()
    server.start()


@pytest.mark.parametrize("lose", [flush, restart])
def test_after_a_loss_of_data_every_window_counts_as_full_once(
    lose: Callable[[RedisServer], None],
    own_redis: RedisServer,
    start: Callable[[], RedisStore],
) -> None:
    noticing, late, unaware = start(), start(), start()
    for store in (noticing, late):
        assert make_call(store, "one") is None
    lose(own_redis)
    assert noticing.remaining("one") == 0
    lost = own_redis.client.hget(STATE, "lost")
    for store in (noticing, unaware, late):
        assert make_call(store, "one") == FULL
        assert make_call(store, "other") == FULL
        assert store.remaining("one") == 0
    # The first process that noticed the loss has set the time.
    assert own_redis.client.hget(STATE, "lost") == lost


def restore(server: RedisServer) -> None:
    """Start with what was saved before the last calls."""
    server.client.config_set("save", "")
    server.kill()
    server.start()


@pytest.mark.parametrize("lose", [flush, restart, restore])
def test_after_a_loss_between_two_runs_every_window_counts_as_full_once(
    lose: Callable[[RedisServer], None],
    own_redis: RedisServer,
    start: Callable[[], RedisStore],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = start()
    assert first.remaining("one") == 3
    own_redis.client.save()
    assert [make_call(first, "one") for _ in range(3)] == [None] * 3
    first.close()
    lose(own_redis)
    second, third = start(), start()
    for store in (second, third):
        assert make_call(store, "one") == FULL
        assert make_call(store, "other") == FULL
        assert store.remaining("other") == 0
    assert "`rate_limit_ledger`" in caplog.text
    assert "planted" not in caplog.text
    # One window after the loss, no process waits any more.
    own_redis.mark_complete(ACCOUNT)
    caplog.clear()
    assert make_call(start(), "other") is None
    assert not caplog.records


def test_a_server_with_an_append_only_file_may_restart_between_two_runs(
    tmp_path: Path,
) -> None:
    server = RedisServer(tmp_path, "", "--appendonly", "yes", "--appendfsync", "always")
    try:
        server.mark_complete(ACCOUNT)
        with closing(RedisStore(server.url, ACCOUNT, Quotas(QUOTA))) as store:
            assert [make_call(store, "one") for _ in range(2)] == [None] * 2
        server.kill()
        server.start()
        with closing(RedisStore(server.url, ACCOUNT, Quotas(QUOTA))) as store:
            assert store.remaining("one") == 1
            assert make_call(store, "other") is None
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("info", "rests"),
    [
        ({"uptime_in_seconds": 10_000}, False),
        ({"uptime_in_seconds": 10}, True),
        ({"uptime_in_seconds": 10_000, "evicted_keys": 1}, True),
        ({"uptime_in_seconds": 10_000, "cmdstat_flushdb": {"calls": 1}}, True),
        ({}, True),
    ],
)
def test_a_new_account_waits_only_if_the_server_may_have_lost_data(
    info: dict[str, object],
    own_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    rests: bool,
) -> None:
    monkeypatch.setattr(redis.Redis, "info", lambda *_: info)
    with closing(RedisStore(own_redis.url, "new", Quotas(QUOTA))) as store:
        wait = make_call(store, "one")
        assert wait == (wait_near(303, within=60, locked=False) if rests else None)


def test_a_server_that_forbids_info_costs_one_wait(
    own_redis: RedisServer,
) -> None:
    own_redis.client.acl_setuser(
        "mute",
        enabled=True,
        passwords=["+planted-mute"],
        categories=["+@all"],
        commands=["-info"],
        keys=["*"],
    )
    url = own_redis.url.replace(":planted-password", "mute:planted-mute")
    with closing(RedisStore(url, ACCOUNT, Quotas(QUOTA))) as store:
        assert make_call(store, "one") == FULL
    own_redis.client.hset(STATE.replace("state", "server"), "since", "0")
    with closing(RedisStore(url, ACCOUNT, Quotas(QUOTA))) as store:
        assert make_call(store, "one") is None


def test_a_server_that_is_away_when_a_call_ends_does_not_end_the_run(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    store = start()
    ticket = store.enter("one")
    assert isinstance(ticket, Ticket)
    own_redis.stop(save=True)
    store.done(ticket)
    own_redis.start()
    # It counts as underway.
    assert store.remaining("one") == 2


def test_after_a_second_loss_every_window_counts_as_full_again(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    store = start()
    assert make_call(store, "one") is None
    own_redis.client.flushall()
    assert make_call(store, "one") == FULL
    lost = float(own_redis.client.hget(STATE, "lost") or 0)
    own_redis.client.save()
    assert store.remaining("one") == 0
    own_redis.kill()
    own_redis.start()
    assert make_call(store, "one") == FULL
    assert float(own_redis.client.hget(STATE, "lost") or 0) > lost


def test_a_server_that_returns_with_older_data_has_lost_calls(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    first, second, third = start(), start(), start()
    for store in (first, second, third):
        assert make_call(store, "one") is None
    own_redis.client.save()
    assert make_call(first, "other") is None
    own_redis.kill()
    own_redis.start()
    # Its own calls are all there, and no process has noticed the loss yet.
    assert make_call(second, "second") is None
    assert make_call(first, "other") == FULL
    assert make_call(second, "second") == FULL
    assert make_call(third, "one") == FULL


def test_a_restart_of_the_server_is_waited_for(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.waits) == 3:
            own_redis.start()
            own_redis.mark_complete(ACCOUNT)

    caplog.set_level(logging.DEBUG)
    with closing(
        RedisStore(own_redis.url, ACCOUNT, Quotas(QUOTA), clock=clock, sleep=sleep)
    ) as store:
        own_redis.stop()
        assert make_call(store, "one") is None
        assert store.remaining("one") == 2
    assert len(clock.waits) == 3
    assert "planted" not in caplog.text


def test_a_server_that_stays_away_ends_the_run_with_an_error(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    began = clock()
    own_redis.mark_complete(ACCOUNT)
    with closing(
        RedisStore(
            own_redis.url, ACCOUNT, Quotas(QUOTA), clock=clock, sleep=clock.sleep
        )
    ) as store:
        assert make_call(store, "one") is None
        own_redis.stop()
        for use in (store.enter, store.remaining, store.lock):
            with pytest.raises(FatalError, match="`rate_limit_ledger`") as caught:
                use("one")
            assert "planted" not in str(caught.value)
            assert 20 < clock() - began <= 30
            began = clock()
        own_redis.start()
    assert "planted" not in caplog.text


def test_a_wrong_password_is_an_error_at_once_and_never_shown(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    url = own_redis.url.replace("planted-password", "planted-wrong")
    with closing(
        RedisStore(url, ACCOUNT, Quotas(QUOTA), clock=clock, sleep=clock.sleep)
    ) as store:
        with pytest.raises(FatalError, match="AuthenticationError") as caught:
            make_call(store, "one")
        assert "planted" not in str(caught.value)
    assert clock.waits == []
    assert "planted" not in caplog.text


def test_a_server_without_memory_ends_the_run(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    own_redis.client.config_set("maxmemory", 1)
    with pytest.raises(FatalError, match="`rate_limit_ledger`"):
        make_call(start(), "one")


def test_all_keys_have_one_prefix_and_expire(
    own_redis: RedisServer, start: Callable[[], RedisStore]
) -> None:
    store = start()
    make_call(store, "one")
    store.lock("one")
    keys = t.cast("list[str]", own_redis.client.keys())
    assert len(keys) == 6
    for key in keys:
        assert key.startswith(f"tap-zohocampaigns:{{{ACCOUNT}}}:")
        # Longer than a window and a lock.
        assert own_redis.client.ttl(key) > 2100


@pytest.fixture(scope="module")
def timed(
    tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer
) -> StoreKind[ServerClock]:
    """Return a kind of store whose time the test sets."""
    return in_redis(tmp_path_factory.mktemp("script"), shared_redis)


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 2)), max_size=30))
@example([(0, 2), (0, 0), (0, 2), (0, 0), (300, 2), (0, 0)])
def test_steps_of_the_servers_clock_never_allow_a_call_too_early(
    timed: StoreKind[ServerClock], steps: list[tuple[float, float]]
) -> None:
    clock = timed.clock
    clock.ahead, clock.now = 0.0, 0.0
    entered: list[float] = []
    with closing(timed.open(next(accounts), QUOTA)) as store:
        ledger = Ledger(store, sleep=clock.sleep)
        for pause, clock.ahead in steps:
            clock.advance(pause)
            asked = clock.now
            wait_and_call(ledger, "one")
            entered.append(clock.now)
            if len(entered) > QUOTA.calls:
                earliest = max(asked, entered[-1 - QUOTA.calls] + QUOTA.window)
                # Two seconds of margin, and two by which the clock may be wrong.
                assert earliest - 1e-5 <= clock.now <= earliest + 4 + 1e-5


def test_time_goes_on_after_a_large_correction_of_the_servers_clock(
    timed: StoreKind[ServerClock],
) -> None:
    clock = timed.clock
    clock.ahead, clock.now = 86400.0, 0.0
    with closing(timed.open(next(accounts), QUOTA)) as store:
        assert [make_call(store, "one") for _ in range(3)] == [None] * 3
        clock.ahead, clock.now = 0.0, 100.0
        # It is not known how much time passed before the correction was noticed.
        assert make_call(store, "one") == wait_near(303, locked=False)
        clock.advance(100)
        assert make_call(store, "one") == wait_near(203, locked=False)
        clock.advance(203)
        assert make_call(store, "one") is None
