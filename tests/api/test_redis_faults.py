"""Redis servers that can't be used, slow ones, and replicas that take over."""

from __future__ import annotations

import logging
import time
import typing as t
from contextlib import closing

import pytest

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.redis import RedisStore
from tap_zohocampaigns.api.tokens.redis import RedisTokens
from tests.api.quota.test_programs import Caller
from tests.support.callers import ACCOUNT, CROWD, PACED, TURNS
from tests.support.redis_front import Front
from tests.support.zoho import Clock, make_call, wait_near

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUOTA = Quota(3, 300, 1800)
FULL = wait_near(303, within=60, locked=False)
# As the URL of a user may have; the tests wait for no time-out of the default's length.
SOON = "?socket_timeout=1&socket_connect_timeout=1"


@pytest.fixture
def front(own_redis: RedisServer, tmp_path: Path) -> Iterator[Front]:
    """Put TLS before a server."""
    with Front(own_redis.port, tls=tmp_path) as front:
        yield front


def acquire(tokens: RedisTokens, clock: Clock) -> None:
    while tokens.acquire(()):
        clock.advance(1)


def error_of(url: str, clock: Clock) -> str:
    """Return the sentence with which both the ledger and the token end."""
    tokens = RedisTokens(url, "key", b"secret", clock=clock)
    with (
        closing(
            RedisStore(url, ACCOUNT, Quotas(QUOTA), clock=clock, sleep=clock.sleep)
        ) as store,
        pytest.raises(FatalError) as caught,
    ):
        make_call(store, "one")
    with pytest.raises(FatalError) as again:
        acquire(tokens, clock)
    assert str(again.value) == str(caught.value)
    text = str(caught.value)
    assert text.startswith("The Redis of `rate_limit_ledger` can't be used: ")
    assert text.count("\n") == 0
    return text


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[Clock]:
    """Return a clock; check at the end that no password was logged."""
    caplog.set_level(logging.DEBUG)
    yield Clock()
    assert "planted" not in caplog.text


def test_tls_with_a_trusted_certificate(
    front: Front, own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.mark_complete(ACCOUNT)
    url = f"rediss://:planted-password@127.0.0.1:{front.port}/0?ssl_ca_certs={tmp_path}/ca.pem"
    with closing(RedisStore(url, ACCOUNT, Quotas(QUOTA))) as store:
        assert [make_call(store, "one") for _ in range(3)] == [None] * 3
        assert make_call(store, "one") == FULL
    tokens = RedisTokens(url, "key", b"secret")
    assert tokens.acquire(()) is None
    tokens.keep("1000.planted", 3600)
    assert RedisTokens(url, "key", b"secret").acquire(())


def test_set_ups_that_no_wait_can_mend(
    front: Front, own_redis: RedisServer, tmp_path: Path, quiet: Clock
) -> None:
    plain, secure = own_redis.url, f"rediss://:planted-password@127.0.0.1:{front.port}"
    for url, text in {
        plain.replace("planted-password", "planted-wrong"): "user or password",
        plain.replace(":planted-password@", ""): "user or password",
        plain + "/99": "URL is right",
        secure: "certificate is not trusted",
        secure.replace("127.0.0.1", "localhost")
        + f"?ssl_ca_certs={tmp_path}/ca.pem": "is for another host",
        f"{secure}?ssl_ca_certs={tmp_path}/nothing.pem": "can't be read",
    }.items():
        error = error_of(url, quiet)
        assert text in error
        assert "planted" not in error
    assert quiet.waits == []


# A server that may be back is waited for.
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_tls_on_one_side_only(
    scheme: str, front: Front, own_redis: RedisServer, quiet: Clock
) -> None:
    port = front.port if scheme == "redis" else own_redis.port
    url = f"{scheme}://:planted-password@127.0.0.1:{port}/0{SOON}"
    assert "whether that port has TLS" in error_of(url, quiet)


@pytest.mark.slow
def test_a_name_that_is_not_known_and_a_port_that_is_closed(quiet: Clock) -> None:
    assert "host is not known" in error_of("redis://:planted@nowhere.invalid", quiet)
    assert "was refused" in error_of("redis://:planted@127.0.0.1:9", quiet)


def test_a_full_server_ends_the_run(own_redis: RedisServer, quiet: Clock) -> None:
    own_redis.client.config_set("maxmemory", 1)
    assert "raise its `maxmemory`" in error_of(own_redis.url, quiet)
    assert quiet.waits == []


def test_a_server_that_fills_up_ends_the_run_at_the_next_call(
    own_redis: RedisServer,
) -> None:
    own_redis.mark_complete(ACCOUNT)
    with closing(RedisStore(own_redis.url, ACCOUNT, Quotas(QUOTA))) as store:
        ticket = store.enter("one")
        own_redis.client.config_set("maxmemory", 1)
        # The answer of the call that was sent is not lost.
        store.done(t.cast("t.Any", ticket))
        with pytest.raises(FatalError, match="`maxmemory`"):
            make_call(store, "one")
        own_redis.client.config_set("maxmemory", 0)
        assert store.remaining("one") == 2


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
def test_a_server_that_deletes_keys_is_not_used(
    policy: str, own_redis: RedisServer
) -> None:
    own_redis.mark_complete(ACCOUNT)
    own_redis.client.config_set("maxmemory-policy", policy)
    with closing(RedisStore(own_redis.url, ACCOUNT, Quotas(QUOTA))) as store:
        # It never deletes any, as long as its memory has no limit.
        assert make_call(store, "one") is None
    own_redis.client.config_set("maxmemory", 2**30)
    with (
        closing(RedisStore(own_redis.url, ACCOUNT, Quotas(QUOTA))) as store,
        pytest.raises(FatalError, match=r"`rate_limit_ledger`.*noeviction"),
    ):
        make_call(store, "one")


def replica_of(server: RedisServer, folder: Path) -> RedisServer:
    """Return a replica that has all data of a server."""
    folder.mkdir()
    server.client.config_set("repl-diskless-sync-delay", 0)
    master = ["--masterauth", "planted-password"]
    replica = RedisServer(folder, "planted-password", *master)
    replica.client.replicaof("127.0.0.1", server.port)
    await_copy(server, replica)
    return replica


def await_copy(server: RedisServer, replica: RedisServer) -> None:
    server.client.incr("mark")
    while replica.client.get("mark") != server.client.get("mark"):
        time.sleep(0.01)


@pytest.fixture
def replica(own_redis: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    replica = replica_of(own_redis, tmp_path / "replica")
    yield replica
    replica.kill()


def test_a_read_only_replica_is_told(replica: RedisServer, quiet: Clock) -> None:
    assert "read-only replica" in error_of(replica.url, quiet)


def test_a_replica_that_takes_over_is_waited_for(
    own_redis: RedisServer, replica: RedisServer
) -> None:
    """As Sentinel does it: the address leads to the replica before it is promoted."""
    own_redis.mark_complete(ACCOUNT)
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.waits) == 2:
            replica.client.replicaof("NO", "ONE")

    with Front(own_redis.port) as front:
        url = f"redis://:planted-password@127.0.0.1:{front.port}"
        first, second = (
            RedisStore(url, ACCOUNT, Quotas(QUOTA), clock=clock, sleep=sleep)
            for _ in range(2)
        )
        with closing(first), closing(second):
            assert make_call(first, "one") is None
            assert make_call(second, "one") is None
            await_copy(own_redis, replica)
            front.target = replica.port
            own_redis.kill()
            front.cut()
            # Nothing was lost, as far as these two know.
            assert make_call(first, "one") is None
            assert len(clock.waits) >= 2
            assert make_call(second, "one") == FULL
            assert make_call(second, "other") is None
        # A run that starts later can't know that.
        with closing(RedisStore(url, ACCOUNT, Quotas(QUOTA))) as third:
            assert make_call(third, "other") == FULL
        own_redis.start()


def test_a_replica_that_lacks_calls_locks_nothing(
    own_redis: RedisServer, replica: RedisServer
) -> None:
    own_redis.mark_complete(ACCOUNT)
    with Front(own_redis.port) as front:
        url = f"redis://:planted-password@127.0.0.1:{front.port}"
        first = RedisStore(url, ACCOUNT, Quotas(QUOTA))
        with closing(first):
            assert make_call(first, "one") is None
            await_copy(own_redis, replica)
            # The replica takes over before it has the second call.
            replica.client.replicaof("NO", "ONE")
            assert make_call(first, "one") is None
            front.target = replica.port
            own_redis.kill()
            front.cut()
            assert make_call(first, "one") == FULL
            assert make_call(first, "other") == FULL
        own_redis.start()


@pytest.mark.slow
def test_a_slow_network_costs_time_and_nothing_else(own_redis: RedisServer) -> None:
    own_redis.mark_complete(ACCOUNT)
    with Front(own_redis.port, delay=0.1) as front:
        url = f"redis://:planted-password@127.0.0.1:{front.port}"
        with closing(RedisStore(url, ACCOUNT, Quotas(QUOTA))) as store:
            assert [make_call(store, "one") for _ in range(3)] == [None] * 3
            assert make_call(store, "one") == FULL
        tokens = RedisTokens(url, "key", b"secret")
        assert tokens.acquire(()) is None
        tokens.keep("1000.planted", 3600)
        assert RedisTokens(url, "key", b"secret").acquire(())


@pytest.mark.slow
def test_a_hundred_processes_keep_the_quota_over_a_crash_of_the_server(
    tmp_path: Path,
) -> None:
    server = RedisServer(tmp_path, "", "--appendonly", "yes", "--appendfsync", "always")
    try:
        server.mark_complete(ACCOUNT)
        callers = Caller("crowd", server.url, 0)
        callers.start()
        sent = [float(callers.read_line()) for _ in range(50)]
        server.kill()
        server.start()
        sent += [float(callers.read_line()) for _ in range(CROWD * TURNS - 50)]
        callers.stop()
    finally:
        server.kill()
    sent.sort()
    assert (
        max(
            sum(begin <= time < begin + PACED.seconds for time in sent)
            for begin in sent
        )
        <= PACED.calls
    )
