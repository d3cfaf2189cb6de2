"""The permissions that the documentation gives to the user of Redis."""

from __future__ import annotations

import re
import typing as t
from contextlib import closing
from pathlib import Path

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.quota.ledger import Ticket
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.redis import RedisStore
from tap_zohocampaigns.api.tokens.redis import RedisTokens
from tests.support.callers import ACCOUNT
from tests.support.zoho import Clock, make_call

if t.TYPE_CHECKING:
    from benchmarks.redis_server import RedisServer

PAGE = (Path(__file__).parents[2] / "docs" / "redis.md").read_text()
(LINE,) = re.findall(r"^ACL SETUSER .*$", PAGE, re.MULTILINE)
WORDS = LINE.split()
# Without INFO runs go on, at the cost of a wait: test_redis.py of the quota has it.
COMMANDS = [word for word in WORDS if word.startswith("+") and word != "+info"]
QUOTA = Quota(2, 300, 1800)


def url_of(server: RedisServer) -> str:
    return f"redis://{WORDS[2]}:password@127.0.0.1:{server.port}"


def use(url: str) -> None:
    """Do all that runs do with a ledger and a token."""
    clock = Clock()
    quotas = Quotas(QUOTA)
    with closing(
        RedisStore(url, ACCOUNT, quotas, clock=clock, sleep=clock.sleep)
    ) as store:
        for _ in range(QUOTA.calls):
            ticket = store.enter("one")
            assert isinstance(ticket, Ticket)
            store.done(ticket)
        assert store.remaining("one") == 0
        wait = make_call(store, "one")
        assert wait
        assert not wait.locked
        store.lock("other")
        wait = store.wait_time("other")
        assert wait
        assert wait.locked
    tokens = RedisTokens(url, "key", b"secret", clock=clock)
    assert tokens.acquire(()) is None
    tokens.release(issued=False)
    assert tokens.acquire(()) is None
    tokens.keep("1000.planted", 3600)
    other = RedisTokens(url, "key", b"secret", clock=clock)
    assert other.acquire(())


def test_the_documented_permissions_are_enough(own_redis: RedisServer) -> None:
    own_redis.mark_complete(ACCOUNT)
    own_redis.execute(*WORDS)
    use(url_of(own_redis))
    log: t.Any = own_redis.client.acl_log()
    refused = {entry["object"] for entry in log}
    # The library offers its name, and does without.
    assert refused <= {"client"}


@pytest.mark.parametrize("missing", COMMANDS)
def test_each_documented_permission_is_needed(
    missing: str, own_redis: RedisServer
) -> None:
    own_redis.mark_complete(ACCOUNT)
    own_redis.execute(*(word for word in WORDS if word != missing))
    with pytest.raises(FatalError, match="`rate_limit_ledger`") as caught:
        use(url_of(own_redis))
    assert "permission" in str(caught.value)
    assert "password" not in str(caught.value)


def test_other_keys_are_out_of_reach(own_redis: RedisServer) -> None:
    line = LINE.replace("~tap-zohocampaigns:*", "~other:*")
    own_redis.execute(*line.split())
    with pytest.raises(FatalError, match="permission"):
        use(url_of(own_redis))
