"""The connection to a Redis, for the ledger and for the access token."""

from __future__ import annotations

import typing as t

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tap_zohocampaigns.api.errors import FatalError

PATIENCE: t.Final = 30.0
"""How long a server may be away while it restarts (seconds)."""
AWAY: t.Final = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError)
"""Errors that may end with a restart of the server."""
# A server answers at once, or it is away (seconds).
_TIMEOUT = 5.0


def prepare(url: str, *, decode_responses: bool = False) -> redis.Redis:
    """Prepare a connection; nothing is opened yet.

    Args:
        url: Address of the server.
        decode_responses: Whether answers are texts instead of bytes.

    Raises:
        ValueError, TypeError, redis.RedisError: The URL is malformed.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        health_check_interval=30,
        # Callers retry for a time, instead of a number of times.
        retry=Retry(NoBackoff(), 0),
        decode_responses=decode_responses,
    )


def unusable(error: redis.RedisError) -> FatalError:
    """Return the error for a server that can't be used."""
    # The text of an error may quote the setting.
    return FatalError(
        "The Redis of `rate_limit_ledger` can't be used "
        f"({type(error).__name__}): check that it runs and that the URL is right."
    )
