"""A client that is built from the settings."""

from __future__ import annotations

import ast
import json
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tap_zohocampaigns.api import client as api
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tests.support.calls import FORMATS, RECIPIENTS
from tests.support.pages import most_calls
from tests.support.zoho import CONFIG

if t.TYPE_CHECKING:
    from tests.support.zoho import Clock


def test_connect_needs_only_the_settings_and_sends_nothing(
    clock: Clock,
) -> None:
    client = connect(CONFIG, clock=clock, sleep=clock.sleep)
    assert client.calls.total() == 0
    with pytest.raises(SettingError, match="`api_url`"):
        connect(json.loads(json.dumps(CONFIG)) | {"api_url": "http://example.com"})


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("echo", ["echo", "silent"])
@pytest.mark.parametrize(("size", "clamp"), [(500, 50), (40, None), (100, 100)])
def test_every_recipient_is_read_once(
    size: int,
    clamp: int | None,
    echo: str,
    form: str,
    clock: Clock,
) -> None:
    account = LivingAccount(clock=lambda: datetime(2024, 6, 3, 12, tzinfo=UTC))
    keys = [campaign.key for campaign in account.campaigns()]
    rows = {key: account.recipients(key, "sentcontacts") for key in keys}
    campaign, expected = max(rows.items(), key=lambda item: len(item[1]))
    with Service(account, clamp=clamp, echo_clamped=echo == "echo") as service:
        config = CONFIG | service.config | {"response_format": form}
        client = connect(config, clock=clock, sleep=clock.sleep)

        def ask(fromindex: int, size: int) -> Page:
            params = {"campaignkey": campaign, "action": "sentcontacts"}
            paged = {**params, "fromindex": fromindex, "range": size}
            envelope = client.call(RECIPIENTS, paged)
            return Page(envelope.payload, envelope.total) if envelope else Page([])

        name = "contact_email" if form == "xml" else "contactemailaddress"
        pages = Paginator(size, lambda row: row.get(name))
        emails = [row[name] for page, _ in Reading(pages, ask) for row in page]
    assert len(expected) > 100
    assert emails == [recipient.contact.email for recipient in expected]
    assert client.calls[RECIPIENTS] <= most_calls(len(expected), size, clamp or size)


def test_the_api_does_not_import_the_singer_sdk() -> None:
    modules = [*Path(api.__file__).parent.rglob("*.py")]
    assert len(modules) > 40
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.startswith("singer_sdk")], module
