"""Contacts and fixtures of the target's tests."""

from __future__ import annotations

import logging
import typing as t

import pytest

from tap_zohocampaigns.sandbox import Service
from tests.support.target import (
    list_without_form,
    small_account,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import LivingAccount

# The fixture `logged` searches the log for the word `planted`.
ANNA = "planted.anna@example.com"
ANNA_WITH_PLUS = "planted.anna+news@example.com"
BERT = "planted.bert@example.com"


@pytest.fixture
def account() -> LivingAccount:
    return small_account()


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    with Service(account) as service:
        yield service


@pytest.fixture
def list_key(account: LivingAccount) -> str:
    return list_without_form(account)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Check that no test logs an address or a secret."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert "planted" not in caplog.text.casefold().replace("planted_", "")
