"""Where calls are kept: a file of this machine, a Redis, or the memory of this run."""

from __future__ import annotations

import logging
import time
import typing as t
from pathlib import Path

from platformdirs import user_state_path

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.quota.ledger import MemoryStore
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.ledger import Quotas, Store

logger = logging.getLogger("tap-zohocampaigns.quota")

REDIS = ("redis://", "rediss://")


def find_file(where: str | None) -> Path | None:
    """Return the file that `rate_limit_ledger` names; None if there is no place.

    Args:
        where: Its path. None is a file in the user's state folder, which a user without
            a home folder has not.
    """
    if where:
        return Path(where).expanduser()
    try:
        folder = user_state_path("tap-zohocampaigns", appauthor=False)
    except (RuntimeError, KeyError):
        return None
    # Where it knows no home, an older platformdirs leaves the tilde as it is.
    return folder / "quota.sqlite3" if folder.is_absolute() else None


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
    if where and where.startswith(REDIS):
        try:
            # The package is an extra: who shares no ledger does without.
            from tap_zohocampaigns.api.quota.redis import RedisStore  # noqa: PLC0415
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
    path = find_file(where)
    if path is None:
        logger.warning(
            "The file of `rate_limit_ledger` can't be used (no home folder): calls of "
            "other processes are not counted in this run."
        )
        return MemoryStore(quotas, clock=clock)
    return SqliteStore(path, account, quotas, clocks=Clocks(clock))
