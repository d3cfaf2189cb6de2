"""Runs with a Redis that is set up badly, and with one that is far away."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.sandbox import Service
from tests.pipelines.test_ledger import SOURCE, TARGET, calls_of, run
from tests.support.redis_front import Front
from tests.support.target import as_lines, record, small_account

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

PASSWORD = "planted-password"


class Place(t.NamedTuple):
    """A Redis, and the same one behind TLS."""

    server: RedisServer
    front: Front


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    server = RedisServer(tmp_path, PASSWORD)
    with Front(server.port, tls=tmp_path) as front:
        yield Place(server, front)
    server.kill()


@pytest.fixture
def small() -> Iterator[Service]:
    """Serve an account that is read at once."""
    with Service(small_account(), quota_calls=100_000) as service:
        yield service


def wrong_password(place: Place) -> str:
    return place.server.url.replace(PASSWORD, "planted-wrong")


def no_permission(place: Place) -> str:
    user = "ACL SETUSER tap reset on >planted-password ~tap-zohocampaigns:* +time +get"
    place.server.execute(*user.split())
    return place.server.url.replace("//:", "//tap:")


def no_tls(place: Place) -> str:
    return place.server.url.replace("redis://", "rediss://")


def untrusted(place: Place) -> str:
    return f"rediss://:{PASSWORD}@127.0.0.1:{place.front.port}"


def replica(place: Place) -> str:
    place.server.client.replicaof("127.0.0.1", place.server.port)
    return place.server.url


def full(place: Place) -> str:
    place.server.client.config_set("maxmemory", 1)
    return place.server.url


def evicting(place: Place) -> str:
    place.server.client.config_set("maxmemory", 2**30)
    place.server.client.config_set("maxmemory-policy", "allkeys-lru")
    return place.server.url


@pytest.mark.parametrize(
    ("set_up", "text"),
    [
        (wrong_password, "needs another user or password"),
        (no_permission, "lacks a permission"),
        (no_tls, "whether that port has TLS"),
        (untrusted, "certificate is not trusted"),
        (replica, "is a read-only replica"),
        (full, "is full: raise its `maxmemory`"),
        (evicting, "set `maxmemory-policy noeviction`"),
    ],
)
def test_a_bad_set_up_is_one_sentence(
    tmp_path: Path,
    small: Service,
    place: Place,
    set_up: Callable[[Place], str],
    text: str,
) -> None:
    settings = small.config | {"rate_limit_ledger": set_up(place)}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings))
    done = run(tmp_path, small, known=False, **settings)
    assert done.status == 1
    (sentence,) = [each for each in done.log.splitlines() if "ledger`" in each]
    assert "The Redis of `rate_limit_ledger` can't be used: " in sentence
    assert text in sentence
    config.write_text(json.dumps(settings | {"dry_run": False}))
    for command, data in (
        (
            [TARGET, "--config", str(config)],
            as_lines([record("do_not_mail", "a@example.com")]),
        ),
        ([SOURCE, "check", "--config", str(config)], ""),
    ):
        ended = subprocess.run(
            command,
            input=data,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        written = ended.stdout + ended.stderr
        assert text in written
        assert "FAILED" in ended.stdout or ended.returncode == 1
        assert "Traceback" not in written
        assert "planted" not in written
    assert "planted" not in done.log
    # No call was sent that was not counted.
    assert not small.calls


def test_a_far_away_redis_costs_no_call_more(tmp_path: Path, small: Service) -> None:
    assert run(tmp_path, small, rate_limit_ledger="memory").status == 0
    near = calls_of(small)
    server = RedisServer(tmp_path, PASSWORD)
    try:
        with Front(server.port, delay=0.1) as front:
            url = f"redis://:{PASSWORD}@127.0.0.1:{front.port}"
            far = run(tmp_path, small, rate_limit_ledger=url)
    finally:
        server.kill()
    assert far.status == 0
    assert calls_of(small) == near
