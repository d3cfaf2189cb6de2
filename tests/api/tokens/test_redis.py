"""The token in Redis."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tap_zohocampaigns.api.tokens.redis import RedisTokens
from tests.support.token_stores import BUSY, TEXT, Open, is_stored_token, store_token
from tests.support.zoho import (
    CLIENT_SECRET,
    CONFIG,
    REFRESH_TOKEN,
    Answer,
    Clock,
    Zoho,
    as_json,
    success,
)

if t.TYPE_CHECKING:
    from benchmarks.redis_server import RedisServer
    from tests.support.zoho import Request


@pytest.fixture
def in_redis(own_redis: RedisServer, clock: Clock) -> Open:
    config = CONFIG | {"rate_limit_ledger": own_redis.url}
    return lambda: open_tokens(config, clock=clock)


def content_of(server: RedisServer) -> dict[str, bytes]:
    """Return all values by their keys."""
    names = t.cast("list[str]", server.client.keys("*"))
    return {name: t.cast("str", server.client.get(name)).encode() for name in names}


def test_the_token_is_encrypted(own_redis: RedisServer, in_redis: Open) -> None:
    store_token(in_redis())
    ((name, content),) = content_of(own_redis).items()
    assert name.startswith("tap-zohocampaigns:{")
    for secret in (TEXT, CLIENT_SECRET, REFRESH_TOKEN, "planted"):
        assert secret not in name
        assert secret.encode() not in content


def test_only_the_same_secrets_decrypt_the_token(
    own_redis: RedisServer, clock: Clock
) -> None:
    def opened(secret: bytes) -> RedisTokens:
        return RedisTokens(own_redis.url, "key", secret, clock=clock)

    store_token(opened(b"one"))
    assert is_stored_token(opened(b"one").acquire(()))
    assert opened(b"other").acquire(()) is None


@pytest.mark.parametrize("content", ["", "text", "{}", "gAAAAA=="])
def test_a_malformed_value_is_replaced(
    content: str, own_redis: RedisServer, in_redis: Open
) -> None:
    store_token(in_redis())
    (name,) = content_of(own_redis)
    own_redis.client.set(name, content)
    store_token(in_redis())
    own_redis.client.delete(name)
    own_redis.client.lpush(name, content)
    store_token(in_redis())
    assert is_stored_token(in_redis().acquire(()))


def test_the_lock_of_a_killed_process_lasts_seconds(
    own_redis: RedisServer, in_redis: Open
) -> None:
    killed, other = in_redis(), in_redis()
    assert killed.acquire(()) is None
    assert other.acquire(()) == BUSY
    (lock,) = [name for name in content_of(own_redis) if name.endswith("lock")]
    assert 0 < own_redis.client.pttl(lock) <= 10_000
    own_redis.client.delete(lock)
    assert other.acquire(()) is None
    # A late process does not remove the lock of another one.
    killed.keep(TEXT, 3600)
    assert lock in content_of(own_redis)


def test_a_server_that_is_away_for_a_moment_is_waited_for(
    own_redis: RedisServer, in_redis: Open, clock: Clock
) -> None:
    store = in_redis()
    store_token(store)
    own_redis.stop()
    assert store.acquire(()) == (1, False)
    clock.advance(29)
    assert store.acquire(()) == (1, False)
    own_redis.start()
    # It has lost its data.
    store_token(store)


def test_a_server_that_stays_away_is_an_error_that_names_the_setting(
    own_redis: RedisServer, in_redis: Open, clock: Clock
) -> None:
    store = in_redis()
    own_redis.stop()
    assert store.acquire(()) == (1, False)
    clock.advance(30)
    with pytest.raises(FatalError, match="`rate_limit_ledger`") as failed:
        store.acquire(())
    assert "planted" not in str(failed.value)
    own_redis.start()


def test_a_server_that_goes_away_during_a_request_costs_no_token(
    own_redis: RedisServer, in_redis: Open
) -> None:
    store = in_redis()
    assert store.acquire(()) is None
    own_redis.stop()
    assert store.keep(TEXT, 3600).text == TEXT
    own_redis.start()
    assert store.acquire(()) is None
    own_redis.stop()
    assert store.note_throttled() == (600, True)
    own_redis.start()
    assert store.acquire(()) is None
    own_redis.stop()
    store.release(issued=False)
    own_redis.start()


def test_a_wrong_password_is_an_error_at_once(
    own_redis: RedisServer, clock: Clock
) -> None:
    wrong = own_redis.url.replace("planted-password", "planted-other")
    store = open_tokens(CONFIG | {"rate_limit_ledger": wrong}, clock=clock)
    with pytest.raises(FatalError, match="`rate_limit_ledger`") as failed:
        store.acquire(())
    assert "planted" not in str(failed.value)


@pytest.mark.parametrize("package", ["redis", "cryptography.fernet"])
def test_a_missing_package_is_an_error_that_names_the_extra(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(
        sys.modules, "tap_zohocampaigns.api.tokens.redis", raising=False
    )
    config = CONFIG | {"rate_limit_ledger": "redis://:planted@localhost"}
    with pytest.raises(SettingError, match=r"tap-zohocampaigns\[redis\]") as caught:
        open_tokens(config)
    assert "planted" not in str(caught.value)


CALLS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from tap_zohocampaigns.api.connect import connect
client = connect(json.loads(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as threads:
    list(threads.map(lambda _: client.call("getmailinglists", {}), range(24)))
"""


@pytest.mark.slow
def test_threads_of_many_processes_replace_a_revoked_token_once(
    where: str, request: pytest.FixtureRequest
) -> None:
    def api(asked: Request) -> Answer:
        # The first token is revoked after 30 requests.
        revoked = len(zoho.requests) > 30
        old = asked.headers["Authorization"].endswith("-1")
        return as_json({"Code": "1007"}, 401) if revoked and old else success()

    with Zoho(api) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url}
        config = CONFIG | urls | {"rate_limit_ledger": where, "concurrency": 8}
        if where.startswith("redis:"):
            server: RedisServer = request.getfixturevalue("own_redis")
            server.mark_complete(account_name(config))
        command = [sys.executable, "-c", CALLS, json.dumps(config)]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(4)
        ]
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
        for process in running:
            assert process.stdin
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in running:
            process.communicate()
            assert process.returncode == 0
        assert zoho.tokens == 2
        assert len(zoho.calls) >= 4 * 24
