"""One call with the real clock. It imports little: a test measures its memory."""

from __future__ import annotations

import time
import typing as t

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.settings.tap import complete

LISTS = "getmailinglists"


def call(url: str, accounts: str = "", **settings: t.Any) -> None:
    """Call a service once, without retries."""
    config = complete(
        {
            "client_id": "1000.CLIENTID",
            "client_secret": "planted-secret",
            "refresh_token": "planted-refresh",
            "rate_limit_ledger": "memory",
            "api_url": url,
            "accounts_url": accounts or url,
            "request_timeout": 0.4,
            "retry_max_seconds": 0,
            **settings,
        }
    )
    client = connect(config, clock=time.monotonic, sleep=time.sleep)
    client.call(LISTS, {})
