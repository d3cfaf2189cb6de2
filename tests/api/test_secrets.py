"""No secret and no contact is shown."""

from __future__ import annotations

import logging
import traceback
import typing as t

import pytest

from tap_zohocampaigns.api.errors import (
    ZohoError,
)
from tests.support.calls import (
    RECIPIENTS,
    answers_in_order,
)
from tests.support.zoho import (
    ADDRESS,
    CLIENT_SECRET,
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
SECRET_TEXT = " ".join(PLANTED)


def leaks(text: str) -> dict[str, Answer | None]:
    """Return answers with a text in every place that may hold one."""
    return {
        "error": Answer(error("4711", text)),
        "error in xml": Answer(error("4711", text, form="xml")),
        "gone": Answer(error("6002", text)),
        "privilege": Answer(error("6607", text)),
        "retry": Answer(error("500", text)),
        "lock": Answer(error("Z101", text)),
        "refused": Answer(error("1007", text), 401),
        "range": Answer(error("6502", text)),
        "web page": Answer(f"<html>{text}</html>".encode(), 404),
        "cut": Answer(f'{{"code":"0","{text}'.encode()),
        "not whole": Answer(text.encode(), missing=9),
        "wrong type": as_json({"code": "0", "list_of_details": text}),
        "code": Answer(error(text, "")),
        "status": as_json({"status": text, "code": "X"}),
        "redirect": Answer(
            b"", 302, {"Location": f"http://127.0.0.1:9/?{text.split(maxsplit=1)[0]}"}
        ),
        "doctype": Answer(f'<!DOCTYPE a [<!ENTITY b "{text}">]><a/>'.encode()),
        "dropped": None,
        "success": success(text=text),
    }


LEAKS = leaks(SECRET_TEXT)
TOKEN_LEAKS = {
    "word": as_json({"error": SECRET_TEXT}),
    "sentence": as_json({"error": "other", "error_description": SECRET_TEXT}),
    "throttle": as_json(
        {"error": "Access Denied", "error_description": f"too many {SECRET_TEXT}"}
    ),
    "web page": Answer(f"<html>{SECRET_TEXT}</html>".encode()),
    "token of two lines": token(f"{ACCESS_TOKEN}\r\n{SECRET_TEXT}"),
    "dropped": None,
}


def shown_by(client: Client, caplog: pytest.LogCaptureFixture) -> str:
    """Return everything that a failing call raises and logs."""
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
    with Zoho(
        answers_in_order(answer), token=answers_in_order(token(ACCESS_TOKEN))
    ) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
    assert "urllib3" in shown
    assert [planted for planted in PLANTED if planted in shown] == []


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("answer", TOKEN_LEAKS.values(), ids=TOKEN_LEAKS)
def test_no_answer_of_the_token_service_shows_a_secret(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # The tap does not have the token yet, so only its own secrets have to be hidden.
    planted = (CLIENT_SECRET, REFRESH_TOKEN, ADDRESS, LONG_KEY)
    with Zoho(answers_in_order(success()), token=answers_in_order(answer)) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
        assert zoho.calls == []
    assert [secret for secret in planted if secret in shown] == []
