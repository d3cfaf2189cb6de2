"""Opens the store of the access token: beside the ledger, in a file or a Redis."""

from __future__ import annotations

import time
import typing as t
from hashlib import blake2b

import msgspec

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.extras import needs_redis
from tap_zohocampaigns.api.quota.opening import REDIS, find_file
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.store import TokenStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def open_tokens(
    config: Mapping[str, t.Any],
    *,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> TokenStore:
    """Return the store of the access token, beside the ledger. Nothing is opened yet.

    Args:
        config: The settings of OAuth and `rate_limit_ledger`.
        clock: Returns the seconds of a monotonic clock.
        wall: Returns the seconds of the epoch; this clock may be corrected.

    Raises:
        SettingError: The ledger is in a Redis, and its package is missing.
    """
    where = config.get("rate_limit_ledger")
    if where == "memory":
        return TokenStore(clock)
    secret = [config["client_secret"], config["refresh_token"]]
    # A run with a wrong secret must fail, even if another run has a token.
    owner = [hosts.find(config).accounts, config["client_id"], *secret]
    key = blake2b(msgspec.json.encode(owner), digest_size=8).hexdigest()
    if name := config.get("account_id"):
        key = f"{name}-{key}"
    if where and where.startswith(REDIS):
        with needs_redis():
            from tap_zohocampaigns.api.tokens.redis import RedisTokens  # noqa: PLC0415
        return RedisTokens(where, key, msgspec.json.encode(secret), clock=clock)
    file = find_file(where)
    # Without a file, the ledger has already warned.
    return FileTokens(file, key, clock=clock, wall=wall) if file else TokenStore(clock)
