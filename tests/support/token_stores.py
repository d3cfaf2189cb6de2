"""Helpers for tests of token stores."""

from __future__ import annotations

import json
import typing as t

from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.tokens.entry import Token

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.api.tokens.store import TokenStore
TEXT = "1000.planted-access"
BUSY = Wait(0.1, locked=False)
Open: t.TypeAlias = "Callable[..., TokenStore]"


def store_token(store: TokenStore, lifetime: float = 3600) -> Token:
    """Acquire the right to request a token, then store the token."""
    assert store.acquire(()) is None
    return store.keep(TEXT, lifetime)


def is_stored_token(result: object) -> bool:
    """Return whether a result of `acquire` is the stored token."""
    return isinstance(result, Token) and result.text == TEXT


def write_foreign_entry(path: Path, mode: int = 0o600) -> None:
    """Write a valid entry into a token file, as an attacker could."""
    entry = {"token": "1000.evil", "issue": "a", "asked_at": 5000, "lifetime": 3600}
    path.write_text(json.dumps(entry))
    path.chmod(mode)
