"""Builds the client from the settings."""

from __future__ import annotations

import time
import typing as t
from hashlib import blake2b

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.client import Client
from tap_zohocampaigns.api.endpoints import OWN_QUOTAS, READS
from tap_zohocampaigns.api.quota.ledger import Ledger
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.opening import open_store
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tap_zohocampaigns.api.tokens.store import TokenStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.endpoints import Endpoint

# A proxy may deliver a call this long after its sender has given up (seconds).
_STRAY = 10.0


def connect(
    config: Mapping[str, t.Any],
    *,
    endpoints: Mapping[str, Endpoint] = READS,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """Return the client that all streams share. Nothing is sent yet.

    Args:
        config: The settings, with their defaults.
        endpoints: The calls that it may make: only reads, if not given.
        clock: Returns the seconds of a monotonic clock.
        wall: Returns the seconds of the epoch; this clock may be corrected.
        sleep: Waits for some seconds.

    Raises:
        SettingError: A host or `rate_limit_ledger` is malformed.
    """
    quota = Quota(
        config["rate_limit_calls"],
        config["rate_limit_seconds"],
        config["rate_limit_lock_seconds"],
    )
    where = config.get("rate_limit_ledger")
    quotas = Quotas(quota, OWN_QUOTAS, underway=config["request_timeout"] + _STRAY)
    store = open_store(
        where,
        account_name(config),
        quotas,
        patience=config["retry_max_seconds"],
        clock=clock,
        sleep=sleep,
    )
    ledger = Ledger(store, sleep=sleep)
    tokens = TokenStore(clock)
    if versions.find(config).signer.renews:
        tokens = open_tokens(config, clock=clock, wall=wall)
    client = Client(config, ledger, tokens, endpoints, clock=clock, sleep=sleep)
    client.account_id = account_name(config)
    return client


def account_name(config: Mapping[str, t.Any]) -> str:
    """Return an anonymous ID of the account: a hash of host and client ID.

    For API version 1 it is a hash of host and token. The setting `account_id` replaces
    the hash.
    """
    if name := config.get("account_id"):
        return str(name)
    client = versions.find(config).signer.client_of(config)
    account = f"{hosts.canonical(hosts.find(config).api)} {client}"
    return blake2b(account.encode(), digest_size=8).hexdigest()
