"""Where calls are kept: a file of this machine, a Redis, or the memory of this run."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from platformdirs import user_state_path

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.quota import MemoryStore
from tap_zohocampaigns.api.stores.sqlite import Clocks, SqliteStore

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota import Quotas, Store


def open_store(
    where: str | None,
    account: str,
    quotas: Quotas,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Store:
    """Make the store that `rate_limit_ledger` names. Nothing is opened yet.

    Args:
        where: `memory`, a URL of Redis or the path of a file; None is a file in the
            user's state folder.
        account: What the calls are counted for, as an opaque text without secrets.
        quotas: What each endpoint allows.
        clock: Seconds since the machine started.
        sleep: Waits for some seconds.

    Raises:
        SettingError: It names no store that can be used.
    """
    if where == "memory":
        return MemoryStore(quotas, clock=clock)
    if where and where.startswith(("redis://", "rediss://")):
        try:
            # The package is an extra: who shares no ledger does without.
            from tap_zohocampaigns.api.stores.redis import RedisStore  # noqa: PLC0415
        except ModuleNotFoundError:
            msg = (
                "`rate_limit_ledger` names a Redis, for which a package is missing: "
                "install tap-zohocampaigns[redis]."
            )
            raise SettingError(msg) from None
        return RedisStore(where, account, quotas, clock=clock, sleep=sleep)
    if where and "://" in where:
        # The rest of it may hold a password.
        scheme = where.partition("://")[0]
        msg = (
            f"`rate_limit_ledger` is a URL of {scheme}://, which is not known: set the "
            "path of a file, redis://…, rediss://… or memory."
        )
        raise SettingError(msg)
    path = (
        Path(where).expanduser()
        if where
        else user_state_path("tap-zohocampaigns", appauthor=False) / "quota.sqlite3"
    )
    return SqliteStore(path, account, quotas, clocks=Clocks(clock))
