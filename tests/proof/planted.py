"""Planted secrets and contacts, and a service that knows them."""

from __future__ import annotations

import html
import json
import typing as t
from dataclasses import replace
from urllib.parse import quote

from tap_zohocampaigns.sandbox.bodies.choices import Choices
from tap_zohocampaigns.sandbox.server.contactinfo import parse
from tap_zohocampaigns.sandbox.server.endpoints import Endpoints
from tap_zohocampaigns.sandbox.server.routes import ENDPOINTS, WRITES
from tap_zohocampaigns.sandbox.world.account import Contact
from tests.support.fixed_account import FixedAccount
from tests.support.zoho import Answer, token

if t.TYPE_CHECKING:
    from tests.support.zoho import Request

ACCESS_TOKEN = "plantedaccesstoken"
# Short, so that no rule that redacts long keys hides them.
SETTINGS = {
    "client_secret": "plantedclientsecret",
    "refresh_token": "plantedrefreshtoken",
}
AUTH_TOKEN = "plantedauthtoken"
REDIS_PASSWORD = "plantedredispassword"
PROXY_PASSWORD = "plantedproxypassword"
URL_PASSWORD = "plantedurlpassword"
LONG_KEY = "3z" + "c0ffee99" * 8
CONTACTS = tuple(
    Contact(
        email=f"planted.person{letter}+news@mail{letter}.example",
        contact_id=f"30300001426925{number}",
        first_name=f"Plantedfirst{letter}",
        last_name=f"Plantedlast{letter}",
        company=f"Plantedcompany{letter} & Co.",
        phone=f"+49 30 987654{number}",
        custom={"favourite colour": f"plantedcolour{letter}"},
    )
    for number, letter in enumerate("abcdef")
)
SECRETS = {
    **SETTINGS,
    "access token": ACCESS_TOKEN,
    "auth_token": AUTH_TOKEN,
    "password of Redis": REDIS_PASSWORD,
    "password of a proxy": PROXY_PASSWORD,
    "password in a URL": URL_PASSWORD,
    "key": LONG_KEY,
}
PRIVATE = {
    f"{name} {number}": value
    for number, contact in enumerate(CONTACTS)
    for name, value in {
        "address": contact.email,
        "first name": contact.first_name,
        "last name": contact.last_name,
        "company": contact.company.partition(" ")[0],
        "phone": contact.phone,
        "custom field": contact.custom["favourite colour"],
    }.items()
}
PLANTED = SECRETS | PRIVATE
SENT = "SENTCONTACT"
"""Stands for the fields of the contact that a call has sent."""
# What a text of Zoho may repeat: what it was sent, and what it knows.
ECHO = " ".join(
    [*SETTINGS.values(), ACCESS_TOKEN, LONG_KEY, *(one.email for one in CONTACTS), SENT]
)


def found_in(text: str, planted: dict[str, str]) -> list[str]:
    """Return the names of the planted values that a text has, plain or escaped."""
    text = text.casefold()
    return [
        name
        for name, value in planted.items()
        if any(form.casefold() in text for form in _forms(value))
    ]


def _forms(value: str) -> set[str]:
    return {value, quote(value), quote(value, safe=""), html.escape(value), repr(value)}


class PlantedAccount(FixedAccount):
    """Two campaigns, a list and a segment; its contacts are planted."""

    def __init__(self) -> None:
        super().__init__(people=CONTACTS)


class PlantedService:
    """Answers as Zoho does; a test may replace some of the answers."""

    def __init__(self) -> None:
        choices = Choices("object", "list", "object", "list", "fieldnames")
        self._endpoints = Endpoints(PlantedAccount(), choices, 500, echo_clamped=True)

    def echo(self, answer: Answer, request: Request) -> Answer:
        """Return an answer that repeats the contact of the call, if it has one."""
        text = request.params.get("contactinfo", "")
        as_json = "/json/" in request.path
        fields = parse(text, as_json=as_json) if text else {}
        words = " ".join(fields.values())
        if answer.body[:1] == b"<":
            words = html.escape(words)
        return replace(answer, body=answer.body.replace(SENT.encode(), words.encode()))

    def __call__(self, request: Request) -> Answer:
        endpoint = ENDPOINTS.get(request.endpoint) or WRITES[request.endpoint]
        body = endpoint.reply(self._endpoints, request.path, request.params)
        return Answer(body, headers={"Content-Type": "text/plain;charset=UTF-8"})


def planted_token(_: Request) -> Answer:
    """Return the planted access token."""
    return token(ACCESS_TOKEN)


def as_file(value: t.Any) -> str:
    """Return the content of a file: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
