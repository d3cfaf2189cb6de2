"""The access token in a Redis, for several machines; encrypted."""

from __future__ import annotations

import base64
import secrets
import time
import typing as t
from contextlib import contextmanager

import msgspec
import redis
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tap_zohocampaigns.api import redis_server
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.tokens.entry import Entry
from tap_zohocampaigns.api.tokens.store import TokenStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tap_zohocampaigns.api.tokens.entry import Token

# How long to wait before another try while the server is away (seconds).
_PAUSE = 1.0
# How long the lock of a killed process lasts (milliseconds). If a request lasts longer,
# another process requests a second token.
_LOCK = 10_000
# Longer than a token lives and requests count (milliseconds).
_KEPT = 2 * 86_400_000
_WRONG_TYPE = "WRONGTYPE"
_UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisTokens(TokenStore):
    """Keeps the token in a Redis, with times of the server's clock.

    The token is encrypted. Its key is derived from the credentials.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: bytes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a connection; nothing is opened yet.

        Args:
            url: Address of the server. It may hold a password, so it is never shown.
            key: ID of the credentials, without secrets.
            secret: The encryption key is derived from it.
            clock: Returns the seconds of a monotonic clock, to limit waits.
        """
        super().__init__(clock)
        self._redis = redis_server.prepare(url)
        # In a cluster, the text in braces decides where a key is stored.
        self._name = f"tap-zohocampaigns:{{{key}}}:token"
        self._lock_name = f"{self._name}-lock"
        self._nonce = secrets.token_hex(16).encode()
        derived = HKDF(SHA256(), 32, salt=None, info=b"tap-zohocampaigns token")
        self._cipher = Fernet(base64.urlsafe_b64encode(derived.derive(secret)))
        self._release = self._redis.register_script(_UNLOCK)
        self._away_since: float | None = None

    def acquire(self, refused: Collection[str]) -> Token | Wait | None:
        """Return the token, how long to wait for it, or None: then request one.

        Raises:
            FatalError: The server can't be used.
        """
        try:
            result = super().acquire(refused)
        except redis.RedisError as error:
            return self._await(error)
        self._away_since = None
        return result

    def _await(self, error: redis.RedisError) -> Wait:
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        is_over = now - self._away_since >= redis_server.PATIENCE
        if redis_server.may_pass(error) and not is_over:
            return Wait(_PAUSE, locked=False)
        raise redis_server.unusable(error) from None

    def _settle(
        self, *, issued: bool = True, throttled: bool = False, **token: str | float
    ) -> None:
        # This process has its token. The next request shows that the server is away.
        with _without_outages():
            super()._settle(issued=issued, throttled=throttled, **token)

    def _read(self) -> tuple[Entry, float]:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.get(self._name)
            time_of_server, content = pipeline.execute(raise_on_error=False)
        for answer in (time_of_server, content):
            # The key may hold another type of value.
            if isinstance(answer, redis.RedisError) and _WRONG_TYPE not in str(answer):
                raise answer
        seconds, micro = time_of_server
        return self._decrypted(content), seconds + micro / 1e6

    def _decrypted(self, content: object) -> Entry:
        # The key may hold anything.
        if not isinstance(content, bytes):
            return Entry()
        try:
            return Entry.parse(self._cipher.decrypt(content))
        except InvalidToken:
            return Entry()

    def _write(self, entry: Entry) -> None:
        content = self._cipher.encrypt(msgspec.json.encode(entry))
        self._redis.set(self._name, content, px=_KEPT)

    def _lock(self) -> bool:
        return bool(self._redis.set(self._lock_name, self._nonce, nx=True, px=_LOCK))

    def _unlock(self) -> None:
        # Without the server the lock ends by itself.
        with _without_outages():
            self._release(keys=[self._lock_name], args=[self._nonce])


@contextmanager
def _without_outages() -> Iterator[None]:
    """Suppress errors of a server that is away.

    Raises:
        FatalError: The server can't be used.
    """
    try:
        yield
    except redis.RedisError as error:
        if not redis_server.may_pass(error):
            raise redis_server.unusable(error) from None
