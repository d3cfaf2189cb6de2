"""No name, address, key or secret of an account gets into a shape report."""

from __future__ import annotations

import json
import re
import typing as t
from functools import cache
from xml.sax.saxutils import escape

import pytest

from tap_zohocampaigns.commands.doctor import examine
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.sandbox.bodies.envelope import error, gateway_error
from tests.proof import fuzz
from tests.support.fixed_account import FixedAccount
from tests.support.stream_cases import FORMATS

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tap_zohocampaigns.commands.checks import Check
    from tap_zohocampaigns.sandbox import Call

# Each planted value has one of these, in the case of one letter or the other.
MARKS = ("qzxj", "c0ffee99", "7351994")
ADDRESS = "Qzxj.Person+news@qzxj-mail.example"
KEY = "3z" + "c0ffee99" * 8
NUMBER = "7351994" * 2
NAMES = (
    "Qzxj Colour",
    "qzxj_colour",
    "qzxjColour",
    "QZXJ",
    "qzxj",
    "qzxj-colour",
    ADDRESS,
    KEY,
    NUMBER,
    "https://qzxj.example/?a=qzxj",
    "{qzxj=qzxj}",
)
TEXTS = (
    "Qzxj Person",
    "Qzxj, 02 Aug 2013",
    ADDRESS,
    KEY,
    NUMBER,
    f"<b>{ADDRESS}</b>",
    "https://qzxj.example/qzxj",
    "/qzxj/qzxj",
    "{qzxj=Qzxj, status=qzxj, phone=7351994}",
    f"[qzxj, {ADDRESS}, {{qzxj=7351994}}]",
    '{"qzxj": ["qzxj", {"phone": "7351994"}]}',
    "qzxj" * 400,
)
_LEAF = re.compile(rb">([^<>]+)<")
_FIELD = re.compile(rb'<fl val="[^"]*"/?>')


@cache
def bodies(data_format: str) -> Mapping[str, bytes]:
    """Return an answer of each endpoint."""
    found: dict[str, bytes] = {}
    for endpoint, body in fuzz.valid_answers():
        if (body[:1] == b"<") is (data_format == "xml"):
            found.setdefault(endpoint, body)
    return found


class Planter:
    """Puts planted values into an answer: each value and many names."""

    def __init__(self) -> None:
        self._count = 0

    def text(self, old: str) -> str:
        """Return a planted text, which has digits if the old one has nothing else."""
        self._count += 1
        if old.isdigit():
            return NUMBER
        return TEXTS[self._count % len(TEXTS)]

    def json(self, value: t.Any, name: str = "") -> t.Any:
        if isinstance(value, dict):
            changed = {key: self.json(item, key) for key, item in value.items()}
            return {**changed, **dict.fromkeys(NAMES, self.text(""))}
        if isinstance(value, list):
            return [self.json(item, name) for item in value]
        if name in {"code", "status"} or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(NUMBER)
        return self.text(str(value))

    def xml(self, body: bytes) -> bytes:
        def leaf(match: re.Match[bytes]) -> bytes:
            is_head = match[1] in {b"success", b"0", b"200"}
            text = match[1].decode()
            return b">%s<" % (text if is_head else escape(self.text(text))).encode()

        def field(match: re.Match[bytes]) -> bytes:
            self._count += 1
            name = escape(NAMES[self._count % len(NAMES)], {'"': "&quot;"})
            value = escape(self.text(""))
            return f'<fl val="{name}">{value}</fl>'.encode() + match[0]

        return _FIELD.sub(field, _LEAF.sub(leaf, body))

    def body(self, body: bytes) -> bytes:
        if body[:1] == b"<":
            return self.xml(body)
        return json.dumps(self.json(json.loads(body))).encode()


def report_of(
    tmp_path: Path, replies: Mapping[str, Reply], data_format: str = "json"
) -> tuple[str, list[Check]]:
    """Return the text of a report, and the checks."""

    def reply(call: Call) -> Reply | None:
        return replies.get(call.endpoint)

    path = tmp_path / "shapes.json"
    with Service(FixedAccount(), intercept=reply) as service:
        config = {**service.config, "response_format": data_format}
        checks = [*examine(config, shapes=str(path))]
        text = path.read_text()
        for name in ("client_id", "client_secret", "refresh_token"):
            assert service.config[name] not in text
    return text, checks


def assert_nothing_planted(text: str) -> None:
    for mark in MARKS:
        assert mark not in text.lower()


@pytest.mark.parametrize("data_format", FORMATS)
def test_planted_values_and_names_are_nowhere_in_the_report(
    tmp_path: Path, data_format: str
) -> None:
    planter = Planter()
    replies = {
        endpoint: Reply(200, planter.body(body))
        for endpoint, body in bodies(data_format).items()
    }
    text, checks = report_of(tmp_path, replies, data_format)
    assert_nothing_planted(text)
    entries = json.loads(text)["endpoints"]
    read = [entry for entry in entries.values() if entry.get("outcome") == "read"]
    # The planted answers were read, and their keys were asked with.
    assert len(read) > 10
    for check in checks:
        assert "@" not in check.text


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("write", [error, gateway_error])
@pytest.mark.parametrize("code", ["2603", NUMBER, "QZXJ", ADDRESS, KEY])
def test_planted_values_of_errors_are_nowhere_in_the_report(
    tmp_path: Path,
    code: str,
    write: t.Callable[..., bytes],
    as_json: bool,  # noqa: FBT001 (a case)
) -> None:
    message = f"No contacts for {ADDRESS} of qzxj in {KEY}: try again after 7351994 s"
    body = write(f"/api/v1.1/qzxj/{ADDRESS}", code, message, as_json=as_json)
    replies = {name: Reply(200, body) for name in ("topics", "workflow")}
    text, checks = report_of(tmp_path, replies)
    assert_nothing_planted(text)
    entry = json.loads(text)["endpoints"]["topics"]
    assert entry["message_contains"] == ["no contacts", "try later"]
    for check in checks:
        assert "@" not in check.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        f"<html><body>{ADDRESS}</body></html>",
        f"{ADDRESS} {KEY}",
        f'{{"qzxj": "{ADDRESS}"',
        f'"{ADDRESS}"',
        f'[["{ADDRESS}"], 7351994, {{"{ADDRESS}": {{"{KEY}": "qzxj"}}}}]',
        f"<{KEY}>qzxj<qzxj>7351994</qzxj></{KEY}>",
        f'<qzxj a="{KEY}"><fl val="{ADDRESS}">qzxj</fl></qzxj>',
        '{"code": ["qzxj", 7351994], "status": {"qzxj": 7351994}, "message": ["qzxj"]}',
        '{"code": 7351994, "Code": "qzxj", "CODE": true, "response": {"code": "QZXJ"}}',
        "[" * 500 + '{"qzxj": "qzxj"}' + "]" * 500,
        "",
    ],
)
def test_planted_values_of_odd_bodies_are_nowhere_in_the_report(
    tmp_path: Path, content: str
) -> None:
    replies = dict.fromkeys(("topics", "getmailinglists"), Reply(200, content.encode()))
    text, _ = report_of(tmp_path, replies)
    assert_nothing_planted(text)
    assert json.loads(text)["new"] != []


def test_secrets_that_an_answer_repeats_are_not_in_the_report(tmp_path: Path) -> None:
    with Service(FixedAccount()) as service:
        secrets = [*service.config.values()]
    body = {
        "code": "200",
        "uri": secrets[0],
        "topicDetails": [{"topicName": secret, secret: secret} for secret in secrets],
    }
    text, _ = report_of(tmp_path, {"topics": Reply(200, json.dumps(body).encode())})
    for secret in secrets:
        assert secret not in text
