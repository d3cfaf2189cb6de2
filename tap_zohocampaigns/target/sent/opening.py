"""Opens the ledger of what was sent, as the setting `sent_ledger` says."""

from __future__ import annotations

import time
import typing as t

from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.extras import needs_redis
from tap_zohocampaigns.api.quota.opening import REDIS, find_file, unknown_scheme
from tap_zohocampaigns.settings.shared import SANDBOX
from tap_zohocampaigns.target.sent.hashes import Hasher
from tap_zohocampaigns.target.sent.ledger import SentLedger
from tap_zohocampaigns.target.sent.store import SqliteStore

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.target.sent.store import Store

_SETTING: t.Final = "sent_ledger"
_FILE = "file"


def open_ledger(
    config: Mapping[str, t.Any],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SentLedger | None:
    """Return the ledger that the settings name, if any. Nothing is opened yet.

    Args:
        config: The settings, with their defaults. The account of `data_center: sandbox`
            is a new one in each run, so it has no ledger. In a dry run no file is made.
        clock: Returns the seconds of a monotonic clock.
        sleep: Waits for some seconds.

    Raises:
        SettingError: The setting names no usable store.
    """
    where = config.get(_SETTING)
    if not where or config["data_center"] == SANDBOX:
        return None
    return SentLedger(_open_store(where, config, clock, sleep), Hasher(config))


def _open_store(
    where: str,
    config: Mapping[str, t.Any],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Store:
    if where.startswith(REDIS):
        with needs_redis(_SETTING):
            from tap_zohocampaigns.target.sent.redis import RedisStore  # noqa: PLC0415
        return RedisStore(
            where,
            account_name(config),
            patience=config["retry_max_seconds"],
            clock=clock,
            sleep=sleep,
        )
    if "://" in where:
        raise unknown_scheme(where, _SETTING, _FILE)
    path = find_file(None if where == _FILE else where, "sent.sqlite3")
    if path is None:
        msg = "There is no home folder for the file of `sent_ledger`: set its path."
        raise SettingError(msg)
    return SqliteStore(path, create=not config["dry_run"])
