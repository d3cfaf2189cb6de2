"""Opens the store of the ledger: a file, a Redis, or the memory of this run."""

from __future__ import annotations

import logging
import math
import time
import typing as t
from pathlib import Path

from platformdirs import user_state_path

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.extras import needs_redis
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.ledger import Store
    from tap_zohocampaigns.api.quota.limits import Quotas

logger = logging.getLogger("tap-zohocampaigns.quota")

REDIS = ("redis://", "rediss://")


def find_file(where: str | None, usual: str = "quota.sqlite3") -> Path | None:
    """Return the file that a setting names; None if there is no home folder.

    Args:
        where: Its path. None is a file in the user's state folder.
        usual: The name of that file.
    """
    if where:
        return Path(where).expanduser()
    try:
        folder = user_state_path("tap-zohocampaigns", appauthor=False)
    except (RuntimeError, KeyError):
        return None
    # Without a home folder, an older platformdirs leaves the tilde in the path.
    return folder / usual if folder.is_absolute() else None


def open_store(  # noqa: PLR0913 (clock and sleep are injected)
    where: str | None,
    account: str,
    quotas: Quotas,
    *,
    patience: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Store:
    """Return the store that `rate_limit_ledger` names. Nothing is opened yet.

    Args:
        where: `memory`, a URL of Redis or the path of a file; None is a file in the
            user's state folder.
        account: ID of the account, without secrets.
        quotas: What each endpoint allows.
        patience: The longest wait for a Redis that is away (seconds).
        clock: Returns the seconds since the machine started.
        sleep: Waits for some seconds.

    Raises:
        SettingError: The setting names no usable store.
    """
    if where == "memory":
        return MemoryStore(quotas, clock=clock)
    if where and where.startswith(REDIS):
        with needs_redis():
            from tap_zohocampaigns.api.quota.redis import RedisStore  # noqa: PLC0415
        return RedisStore(
            where,
            account,
            quotas,
            patience=patience,
            clock=clock,
            sleep=sleep,
        )
    if where and "://" in where:
        raise unknown_scheme(where, "rate_limit_ledger", "memory")
    path = find_file(where)
    if path is None:
        logger.warning(
            "The file of `rate_limit_ledger` can't be used (no home folder): calls of "
            "other processes are not counted in this run."
        )
        return MemoryStore(quotas, clock=clock)
    return SqliteStore(path, account, quotas, clocks=Clocks(clock))


def unknown_scheme(where: str, setting: str, keyword: str) -> SettingError:
    """Return the error for a URL that is not one of Redis.

    Args:
        where: The URL.
        setting: The setting that has it.
        keyword: A value of the setting that is neither a path nor a URL.
    """
    # The rest of the URL may hold a password.
    scheme = where.partition("://")[0]
    return SettingError(
        f"`{setting}` is a URL of {scheme}://, which is not known: set the path of a "
        f"file, redis://…, rediss://… or {keyword}."
    )
