"""Optional packages: a clear error where an extra is needed and not installed."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs_redis(setting: str = "rate_limit_ledger") -> Iterator[None]:
    """Name the extra if an import within fails.

    Args:
        setting: The setting that names a Redis.

    Raises:
        SettingError: A package of the extra `redis` is missing.
    """
    try:
        yield
    except ModuleNotFoundError:
        msg = (
            f"`{setting}` names a Redis, for which a package is missing: "
            "install tap-zohocampaigns[redis]."
        )
        raise SettingError(msg) from None
