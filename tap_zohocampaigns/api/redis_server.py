"""The connection to a Redis, for the ledgers and for the access token."""

from __future__ import annotations

import re
import time
import typing as t

import backoff
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tap_zohocampaigns.api.causes import Cause, find_cause
from tap_zohocampaigns.api.errors import FatalError, SettingError

if t.TYPE_CHECKING:
    from collections.abc import Callable

_Answer = t.TypeVar("_Answer")

LEDGER: t.Final = "rate_limit_ledger"
"""The setting of the ledger of calls, and of the access token."""
PATIENCE: t.Final = 30.0
"""How long a server may be away while it restarts (seconds)."""
# A server answers at once, or it is away (seconds).
_TIMEOUT = 5.0


class Fault(t.NamedTuple):
    """Why a server can't be used."""

    text: str
    """For the user: what is wrong, and what to do."""
    may_pass: bool
    """Whether a restart, or another server that takes over, may end it."""


_PORT = "check its host and port, and whether that port has TLS (rediss://) or not"
_PASSWORD = Fault("it needs another user or password than the URL has", may_pass=False)
_FILE = Fault("a file that the URL names can't be read", may_pass=False)
# The errors of the server, by a part of their text: errors within a script have no type
# of their own, and their texts differ by the version of the server.
_ANSWERS = {
    r"\bNOPERM\b|no permissions|can't run this command|can't access|ACL failure": Fault(
        "its user lacks a permission{}: the page on Redis in the documentation lists "
        "those that it needs",
        may_pass=False,
    ),
    r"\bOOM\b|used memory": Fault("it is full: raise its `maxmemory`", may_pass=False),
    r"READONLY|read[- ]only replica": Fault(
        "it is a read-only replica: name the server that it copies", may_pass=True
    ),
    r"MASTERDOWN|Link with MASTER": Fault(
        "it is a replica without its master: name that server", may_pass=True
    ),
    r"NOREPLICAS|enough good replicas": Fault("it lacks replicas", may_pass=True),
    r"\bLOADING|loading the dataset": Fault("it still loads its data", may_pass=True),
    r"\bBUSY\b|busy running a script": Fault("it is busy", may_pass=True),
    r"max number of clients": Fault(
        "it has too many connections: raise its `maxclients`", may_pass=True
    ),
    r"MISCONF|unable to persist": Fault(
        "it can't write its data to its disk", may_pass=False
    ),
}
_OTHER = Fault("check that it is a Redis and that the URL is right", may_pass=False)
_CLUSTER = Fault(
    "it is one node of a cluster, which is not supported: name a single server",
    may_pass=False,
)
_NETWORK = {
    Cause.CERTIFICATE: Fault(
        "its certificate is not trusted, or is for another host: name the file of its "
        "authority in the URL (rediss://…?ssl_ca_certs=FILE)",
        may_pass=False,
    ),
    Cause.TLS: Fault(f"no secure connection could be made: {_PORT}", may_pass=True),
    Cause.DNS: Fault("the name of its host is not known", may_pass=True),
    Cause.REFUSED: Fault("the connection was refused", may_pass=True),
    Cause.TIMEOUT: Fault(f"it does not answer in time: {_PORT}", may_pass=True),
    Cause.CUT: Fault(f"the connection was cut: {_PORT}", may_pass=True),
}
_COMMAND = re.compile(r"the '([\w|]{1,40})' command")


def prepare(url: str, *, decode_responses: bool = False) -> redis.Redis:
    """Prepare a connection; nothing is opened yet.

    Args:
        url: Address of the server. Its options replace those of here.
        decode_responses: Whether answers are texts instead of bytes.

    Raises:
        ValueError, TypeError, redis.RedisError: The URL is malformed.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        # Callers retry for a time, instead of a number of times.
        retry=Retry(NoBackoff(), 0),
        # The newer one costs a command, a permission and a round trip per connection.
        protocol=2,
        decode_responses=decode_responses,
    )


def fault_of(error: redis.RedisError) -> Fault:
    """Return why a server can't be used."""
    text = str(error)
    if isinstance(error, redis.AuthenticationError):
        return _PASSWORD
    if isinstance(error, redis.exceptions.MovedError):
        return _CLUSTER
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return _network_fault(error)
    for pattern, fault in _ANSWERS.items():
        if re.search(pattern, text):
            command = _COMMAND.search(text)
            name = f" for the command `{command[1]}`" if command else ""
            return fault._replace(text=fault.text.format(name))
    return _OTHER


def _network_fault(error: redis.RedisError) -> Fault:
    if isinstance(error.__context__, FileNotFoundError | PermissionError):
        return _FILE
    if cause := find_cause(error):
        return _NETWORK.get(cause, _NETWORK[Cause.CUT])
    for pattern, fault in _ANSWERS.items():
        if fault.may_pass and re.search(pattern, str(error)):
            return fault
    timed_out = isinstance(error, redis.TimeoutError)
    return _NETWORK[Cause.TIMEOUT if timed_out else Cause.CUT]


def may_pass(error: redis.RedisError) -> bool:
    """Return whether to try again, as the server may be back within `PATIENCE`."""
    return fault_of(error).may_pass


def unusable(error: redis.RedisError, setting: str = LEDGER) -> FatalError:
    """Return the error for a server that can't be used.

    Args:
        error: Why it can't.
        setting: The setting that names it.
    """
    # The text of an error may quote the setting.
    return _sentence(f"{fault_of(error).text} ({type(error).__name__})", setting)


def malformed(setting: str = LEDGER) -> SettingError:
    """Return the error for a URL that names no server."""
    return SettingError(
        f"`{setting}` is a malformed URL of Redis: it looks like "
        "redis://user:password@host:6379/0, or rediss://… for TLS."
    )


def persist(
    ask: Callable[[], _Answer],
    *,
    patience: float = PATIENCE,
    setting: str = LEDGER,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> _Answer:
    """Ask a server, and try again while it is away.

    Args:
        ask: Asks the server, and returns its answer.
        patience: The longest wait (seconds).
        setting: The setting that names the server.
        clock: Returns the seconds of a monotonic clock.
        sleep: Waits for some seconds.

    Raises:
        FatalError: The server can't be used.
    """
    waits = backoff.expo(max_value=4)
    next(waits)
    ends = clock() + patience
    while True:
        try:
            return ask()
        except redis.RedisError as error:
            pause = backoff.full_jitter(next(waits))
            if clock() + pause > ends or not may_pass(error):
                raise unusable(error, setting) from None
            sleep(pause)


def evicting(policy: str) -> FatalError:
    """Return the error for a server that deletes keys when it is full."""
    return _sentence(
        "when it is full, it deletes calls that still count (`maxmemory-policy "
        f"{policy}`): set `maxmemory-policy noeviction`"
    )


def _sentence(text: str, setting: str = LEDGER) -> FatalError:
    return FatalError(f"The Redis of `{setting}` can't be used: {text}.")
