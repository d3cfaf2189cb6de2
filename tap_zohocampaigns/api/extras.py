"""Optional packages: a clear error where an extra is needed and not installed."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs_redis() -> Iterator[None]:
    """Name the extra if an import within fails.

    Raises:
        SettingError: A package of the extra `redis` is missing.
    """
    try:
        yield
    except ModuleNotFoundError:
        msg = (
            "`rate_limit_ledger` names a Redis, for which a package is missing: "
            "install tap-zohocampaigns[redis]."
        )
        raise SettingError(msg) from None
