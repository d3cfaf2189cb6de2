"""Ways to fail: of the service, the network, settings, files, inputs, and the code."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from tests.proof.planted import (
    ACCESS_TOKEN,
    AUTH_TOKEN,
    CONTACTS,
    ECHO,
    LONG_KEY,
    PROXY_PASSWORD,
    REDIS_PASSWORD,
    SETTINGS,
    URL_PASSWORD,
)
from tests.support.target import as_lines, record, state
from tests.support.zoho import Answer, as_json, error, token

if t.TYPE_CHECKING:
    from collections.abc import Mapping

EMAIL = CONTACTS[0].email
SECRET = SETTINGS["client_secret"]
READERS = ("tap", "source", "doctor")
ALL = ("tap", "source", "doctor", "target")


@dataclass(frozen=True)
class Failure:
    """A way to fail.

    Attributes:
        commands: The commands that meet it.
        answer: What the service answers to each call; empty: the right answer. None
            drops the connection.
        token: What it answers to a request for a token.
        settings: Settings, or the whole text of their file.
        environment: More variables of the environment.
        files: More files: name of an option -> content.
        text: The input of the target.
        bug: Statements that break the code of the command.
        stdout: A file for stdout, or `closed`; empty: it is read.
    """

    commands: tuple[str, ...] = ALL
    answer: Answer | None = field(default_factory=Answer)
    token: Answer | None = field(default_factory=lambda: token(ACCESS_TOKEN))
    settings: Mapping[str, t.Any] | str = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, t.Any] = field(default_factory=dict)
    text: str = ""
    bug: str = ""
    stdout: str = ""


def contact_record(email: object, **fields: t.Any) -> t.Any:
    """Return a record with the planted names of the first contact."""
    names = {
        "first_name": CONTACTS[0].first_name,
        "last_name": CONTACTS[0].last_name,
        "phone": CONTACTS[0].phone,
        "company_name": CONTACTS[0].company,
        "list_key": "3z" + "a" * 64,
    }
    return record("subscribe", email, **names | fields)


INPUT = as_lines(
    [
        *(contact_record(one.email, first_name=one.first_name) for one in CONTACTS),
        state("end"),
    ]
)


def _answers(text: str) -> dict[str, Failure]:
    """Return answers that have a text in each place that may hold one."""
    return {
        f"answer: {name}": Failure(answer=answer)
        for name, answer in {
            "an unknown code": Answer(error("4711", text)),
            "an unknown code in XML": Answer(error("4711", text, form="xml")),
            "what is gone": Answer(error("6002", text)),
            "no privilege": Answer(error("6607", text)),
            "try again": Answer(error("500", text)),
            "a lock": Answer(error("Z101", text)),
            "a refused token": Answer(error("1007", text), 401),
            "a refused range": Answer(error("6502", text)),
            "a web page": Answer(f"<html>{text}</html>".encode(), 404),
            "a gateway": Answer(f"<html>{text}</html>".encode(), 502),
            "half of JSON": Answer(f'{{"code":"0","{text}'.encode()),
            "a cut body": Answer(text.encode(), missing=9),
            "rows of another type": as_json({"code": "0", "list_of_details": text}),
            "a text as code": Answer(error(text, "")),
            "a text as status": as_json({"status": text, "code": "X"}),
            "names of fields": as_json({"code": "0", text: {text: text}}),
            "a redirect": Answer(
                b"",
                302,
                {"Location": f"http://127.0.0.1:9/?{text.split(maxsplit=1)[0]}"},
            ),
            "a document type": Answer(
                f'<!DOCTYPE a [<!ENTITY b "{text}">]><a/>'.encode()
            ),
            "garbage as gzip": Answer(
                text.encode(), headers={"Content-Encoding": "gzip"}
            ),
            "another encoding": Answer(text.encode("utf-16")),
            "no connection": None,
        }.items()
    }


# The tap does not know its access token before it has one.
_UNKNOWN_YET = ECHO.replace(ACCESS_TOKEN, "")
_TOKENS = {
    f"token: {name}": Failure(token=answer)
    for name, answer in {
        "an error as a word": as_json({"error": _UNKNOWN_YET}),
        "a wrong client": as_json({"error": "invalid_client", "detail": _UNKNOWN_YET}),
        "a wrong code": as_json({"error": "invalid_code", "detail": _UNKNOWN_YET}),
        "a sentence": as_json({"error": "other", "error_description": _UNKNOWN_YET}),
        "too many": as_json(
            {"error": "Access Denied", "error_description": f"too many {_UNKNOWN_YET}"}
        ),
        "a web page": Answer(f"<html>{_UNKNOWN_YET}</html>".encode()),
        "a list": as_json([_UNKNOWN_YET]),
        "a token of two lines": token(f"{ACCESS_TOKEN}\r\n{_UNKNOWN_YET}"),
        "no connection": None,
    }.items()
}
_BAD_SETTINGS: dict[str, dict[str, t.Any] | str] = {
    "a file that is no JSON": f'{{"client_secret": "{SECRET}"',
    "a file with a list": f'["{SECRET}"]',
    "no number": {"page_size": SECRET, "rate_limit_calls": SECRET},
    "no text": {"refresh_token": {"token": SECRET}},
    "no such data center": {"data_center": SECRET},
    "no such format": {"response_format": SECRET},
    "no zone": {"timezone": SECRET},
    "no time": {"start_date": SECRET},
    "a misspelt name": {"client_secrets": SECRET},
    "another name": {f"x{LONG_KEY}": SECRET, EMAIL: SECRET},
    "a name of an account": {"account_id": f"{SECRET} {EMAIL}"},
    "a password in a URL": {"api_url": f"https://me:{URL_PASSWORD}@zoho.example"},
    "another scheme": {"api_url": f"ftp://me:{URL_PASSWORD}@zoho.example/x"},
    "a token of version 1 too": {"auth_token": AUTH_TOKEN},
    "version 1": {"api_version": "1", "auth_token": AUTH_TOKEN},
    "a Redis that is away": {
        "rate_limit_ledger": f"redis://me:{REDIS_PASSWORD}@127.0.0.1:9/0"
    },
    "a malformed Redis": {
        "rate_limit_ledger": f"redis://me:{REDIS_PASSWORD}@127.0.0.1:x/0"
    },
    "a Redis of another scheme": {
        "rate_limit_ledger": f"rediss+x://me:{REDIS_PASSWORD}@h"
    },
    "no folder for the ledger": {"rate_limit_ledger": f"/dev/null/{SECRET}"},
    "a map that is no expression": {
        "stream_maps": {"subscribe": {"x": "'half a text"}, "campaigns": {"x": "1+"}}
    },
    "a map that fails": {
        "stream_maps": {
            name: {"x": "int(contact_email)"}
            for name in ("subscribe", "segment_contacts", "campaign_recipients")
        }
    },
}
_SETTINGS = {
    f"setting: {name}": Failure(settings=settings)
    for name, settings in _BAD_SETTINGS.items()
}
_NETWORK = {
    "network: a proxy that is away": Failure(
        settings={"api_url": "https://zoho.example", "accounts_url": ""},
        environment={"HTTPS_PROXY": f"http://me:{PROXY_PASSWORD}@127.0.0.1:9"},
    ),
    "network: a malformed proxy": Failure(
        settings={"api_url": "https://zoho.example", "accounts_url": ""},
        environment={"HTTPS_PROXY": f"http://me:{PROXY_PASSWORD}@127.0.0.1:x"},
    ),
    "network: no such host": Failure(
        settings={"api_url": "https://zoho.invalid", "accounts_url": ""}
    ),
    "network: no certificates": Failure(
        environment={"REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem"}
    ),
}
_BAD_FILES: dict[str, dict[str, t.Any]] = {
    "a state that is no JSON": {"state": f'{{"{EMAIL}'},
    "a state of another tap": {"state": {"bookmarks": {EMAIL: SECRET}}},
    "a state with odd notes": {
        "state": {"bookmarks": {"segment_contacts": {"parts": SECRET}}}
    },
    "a catalog that is no JSON": {"catalog": f'{{"{EMAIL}'},
    "a catalog of another tap": {"catalog": {"streams": [{"stream": EMAIL}]}},
}
_FILES = {
    f"file: {name}": Failure(("tap", "source"), files=files)
    for name, files in _BAD_FILES.items()
}
_INPUTS = {
    f"input: {name}": Failure(("target",), text=text)
    for name, text in {
        "half a line": INPUT + '{"type": "RECORD", "stream": "' + EMAIL,
        "no JSON": INPUT + f"{EMAIL}\n",
        "a record without a schema": '{"type":"RECORD","stream":"other",'
        f'"record":{{"contact_email":"{EMAIL}"}}}}\n',
        "an unknown type": f'{{"type":"{EMAIL}","stream":"{SECRET}"}}\n',
        "no addresses": as_lines(
            contact_record(one.replace("@", "")) for one in (EMAIL, f"{EMAIL} x")
        ),
        "an address that is a list": as_lines([contact_record([EMAIL])]),
        "names that are objects": as_lines(
            [contact_record(EMAIL, first_name={"a": 1})]
        ),
        "an unknown stream": as_lines([record("other", EMAIL)]),
        "no list": as_lines([contact_record(EMAIL, list_key=None)]),
        "half a character": INPUT.replace("Plantedfirst", "Plantedfirst\\ud800"),
    }.items()
}
_BUGS = {
    "bug: in the converter": Failure(
        READERS,
        bug="from tap_zohocampaigns.api.wire.converter import Converter\n"
        "def records(self, rows): raise KeyError(repr(rows))\n"
        "Converter.records = records\n",
    ),
    "bug: in the envelope": Failure(
        bug="from tap_zohocampaigns.api.wire import envelope\n"
        "def parse(content): raise ValueError(repr(content))\n"
        "envelope.parse = parse\n",
    ),
    "bug: in the signing": Failure(
        bug="from tap_zohocampaigns.api.transport import Transport\n"
        "def send(self, *args): raise TypeError(repr(args))\n"
        "Transport.send = send\n",
    ),
    "bug: in the changes": Failure(
        ("target",),
        bug="from tap_zohocampaigns.api.contacts import ContactWriter\n"
        "def change(self, *args): raise IndexError(repr(args))\n"
        "ContactWriter.change = ContactWriter.add_to_list = change\n",
    ),
    "bug: while another error is handled": Failure(
        bug="from tap_zohocampaigns.api.transport import Transport\n"
        "def send(self, *args):\n"
        "    try: raise OSError(repr(args))\n"
        "    except OSError: raise RuntimeError(repr(args))\n"
        "Transport.send = send\n",
    ),
}
_OUTPUTS = {
    "stdout: a full disk": Failure(stdout="/dev/full"),
    "stdout: closed": Failure(stdout="closed"),
}

FAILURES: dict[str, Failure] = {
    **_answers(ECHO),
    **_TOKENS,
    **_SETTINGS,
    **_NETWORK,
    **_FILES,
    **_INPUTS,
    **_BUGS,
    **_OUTPUTS,
}
