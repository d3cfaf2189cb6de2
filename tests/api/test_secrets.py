"""No secret and no contact is shown."""

from __future__ import annotations

import ast
import json
import logging
import traceback
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tap_zohocampaigns.api import client as api
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    SettingError,
    ZohoError,
)
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tests.support.calls import (
    FORMS,
    RECIPIENTS,
    in_turn,
)
from tests.support.pages import most_calls
from tests.support.zoho import (
    ADDRESS,
    CLIENT_SECRET,
    CONFIG,
    LONG_KEY,
    REFRESH_TOKEN,
    Answer,
    Clock,
    Zoho,
    as_json,
    error,
    success,
    token,
)

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
ACCESS_TOKEN = "planted-access"
PLANTED = (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN, ADDRESS, LONG_KEY)
TOLD = " ".join(PLANTED)


def leaks(told: str) -> dict[str, Answer | None]:
    """Return answers with a text in all the places that they have."""
    return {
        "error": Answer(error("4711", told)),
        "error in xml": Answer(error("4711", told, form="xml")),
        "gone": Answer(error("6002", told)),
        "privilege": Answer(error("6607", told)),
        "retry": Answer(error("500", told)),
        "lock": Answer(error("Z101", told)),
        "refused": Answer(error("1007", told), 401),
        "range": Answer(error("6502", told)),
        "web page": Answer(f"<html>{told}</html>".encode(), 404),
        "cut": Answer(f'{{"code":"0","{told}'.encode()),
        "not whole": Answer(told.encode(), missing=9),
        "wrong type": as_json({"code": "0", "list_of_details": told}),
        "code": Answer(error(told, "")),
        "status": as_json({"status": told, "code": "X"}),
        "redirect": Answer(
            b"", 302, {"Location": f"http://127.0.0.1:9/?{told.split(maxsplit=1)[0]}"}
        ),
        "doctype": Answer(f'<!DOCTYPE a [<!ENTITY b "{told}">]><a/>'.encode()),
        "dropped": None,
        "success": success(told=told),
    }


LEAKS = leaks(TOLD)
TOKEN_LEAKS = {
    "word": as_json({"error": TOLD}),
    "sentence": as_json({"error": "other", "error_description": TOLD}),
    "throttle": as_json(
        {"error": "Access Denied", "error_description": f"too many {TOLD}"}
    ),
    "web page": Answer(f"<html>{TOLD}</html>".encode()),
    "token of two lines": token(f"{ACCESS_TOKEN}\r\n{TOLD}"),
    "dropped": None,
}


def shown_by(client: Client, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that a failing call shows to anybody."""
    try:
        client.call(
            RECIPIENTS, {"campaignkey": LONG_KEY, "action": "sent", "mail": ADDRESS}
        )
    except ZohoError as failure:
        return "".join(traceback.format_exception(failure)) + caplog.text
    return caplog.text


@pytest.mark.parametrize("answer", LEAKS.values(), ids=LEAKS)
def test_no_secret_and_no_contact_is_shown_or_logged(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Zoho(in_turn(answer), token=in_turn(token(ACCESS_TOKEN))) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
    assert "urllib3" in shown
    assert [planted for planted in PLANTED if planted in shown] == []


@pytest.mark.parametrize("answer", TOKEN_LEAKS.values(), ids=TOKEN_LEAKS)
def test_no_answer_of_the_token_service_shows_a_secret(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # The token is none of the tap's yet: only its own secrets have to be hidden.
    planted = (CLIENT_SECRET, REFRESH_TOKEN, ADDRESS, LONG_KEY)
    with Zoho(in_turn(success()), token=in_turn(answer)) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
        assert zoho.calls == []
    assert [each for each in planted if each in shown] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("echo", ["echo", "silent"])
@pytest.mark.parametrize(("size", "clamp"), [(500, 50), (40, None), (100, 100)])
def test_every_recipient_of_the_sandbox_comes_once(
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
        found = [row[name] for page, _ in Reading(pages, ask) for row in page]
    assert len(expected) > 100
    assert found == [one.contact.email for one in expected]
    assert client.calls[RECIPIENTS] <= most_calls(len(expected), size, clamp or size)


def test_the_api_imports_nothing_of_the_tap_from_above_it() -> None:
    folder = Path(api.__file__).parent
    modules = sorted(folder.glob("**/*.py"))
    assert len(modules) >= 8
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, module
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] != "singer_sdk", module
                inside = name.split(".")[:2] == ["tap_zohocampaigns", "api"]
                assert inside or name.split(".")[0] != "tap_zohocampaigns", module


def test_settings_are_all_that_connecting_needs_and_nothing_is_sent(
    clock: Clock,
) -> None:
    client = connect(CONFIG, clock=clock, sleep=clock.sleep)
    assert client.calls.total() == 0
    with pytest.raises(SettingError, match="`api_url`"):
        connect(json.loads(json.dumps(CONFIG)) | {"api_url": "http://example.com"})
