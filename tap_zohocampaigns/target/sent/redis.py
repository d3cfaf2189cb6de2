"""The store of the ledger of what was sent, in a Redis: for several machines."""

from __future__ import annotations

import math
import time
import typing as t
from functools import partial
from pathlib import Path

import redis

from tap_zohocampaigns.api import redis_server
from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.target.sent.store import YEAR

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_zohocampaigns.target.sent.store import Edit

_Result = t.TypeVar("_Result")

_SETTING: t.Final = "sent_ledger"
# Contacts that are read with one command.
_AT_ONCE = 1000
_SCRIPT = Path(__file__).with_name("store.lua")


class RedisStore:
    """Keeps contacts in a Redis, one key each.

    A server that starts again may have older data, or lack the last changes. So the ID
    of each start is a part of all keys: after it, nothing is known.
    """

    def __init__(
        self,
        url: str,
        account: str,
        *,
        patience: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a connection; nothing is opened yet.

        Args:
            url: Address of the server. It may hold a password, so it is never shown.
            account: ID of the account, without secrets.
            patience: The longest wait for a server that is away (seconds), if it is
                shorter than `redis_server.PATIENCE`.
            clock: Returns the seconds of a monotonic clock, to limit waits.
            sleep: Waits for some seconds.

        Raises:
            SettingError: The URL is malformed.
        """
        try:
            self._redis = redis_server.prepare(url)
            # Unknown options show only here.
            self._redis.connection_pool.make_connection()
        except (ValueError, TypeError, redis.RedisError):
            raise redis_server.malformed(_SETTING) from None
        self._script = self._redis.register_script(_SCRIPT.read_bytes())
        # In a cluster, the text in braces decides where a key is stored.
        self._prefix = f"tap-zohocampaigns:{{{account}}}:sent"
        self._patience = min(patience, redis_server.PATIENCE)
        self._clock = clock
        self._sleep = sleep
        self._run_id = ""

    def read(self, contacts: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is kept of contacts; those of whom nothing is are left out."""
        known: dict[bytes, bytes] = {}
        for start in range(0, len(contacts), _AT_ONCE):
            part = contacts[start : start + _AT_ONCE]
            _, contents = self._persist(partial(self._read, part))
            found = zip(part, contents, strict=True)
            known |= {contact: content for contact, content in found if content}
        return known

    def edit(self, contacts: Sequence[bytes], edit: Edit) -> None:
        """Change what is kept of contacts, all at once."""
        while not self._persist(lambda: self._edit(contacts, edit)):
            # Another run has changed one of them meanwhile, or the server has started
            # again.
            pass

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _persist(self, ask: Callable[[], _Result]) -> _Result:
        return redis_server.persist(
            ask,
            patience=self._patience,
            setting=_SETTING,
            clock=self._clock,
            sleep=self._sleep,
        )

    def _read(self, contacts: Sequence[bytes]) -> tuple[str, list[bytes]]:
        """Return the ID of the server's start, and what is kept of each contact.

        Raises:
            FatalError: The server does not tell that ID.
        """
        while True:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.info("server")
                for key in self._keys(contacts):
                    pipeline.get(key)
                info, *contents = pipeline.execute()
            run_id = info.get("run_id")
            if not run_id:
                msg = (
                    "The Redis of `sent_ledger` can't be used: no `run_id` in its INFO."
                )
                raise FatalError(msg)
            if run_id == self._run_id:
                return run_id, [content or b"" for content in contents]
            self._run_id = run_id

    def _edit(self, contacts: Sequence[bytes], edit: Edit) -> bool:
        run_id, contents = self._read(contacts)
        pairs = zip(contacts, contents, strict=True)
        values = [(content, edit(contact, content)) for contact, content in pairs]
        texts = [text for pair in values for text in pair]
        arguments: list[str | int | bytes] = [run_id, YEAR, *texts]
        return bool(self._script(self._keys(contacts), arguments))

    def _keys(self, contacts: Sequence[bytes]) -> list[str]:
        prefix = f"{self._prefix}:{self._run_id}"
        return [f"{prefix}:{contact.hex()}" for contact in contacts]
