"""The authenticator: answers of the token service, and the life of tokens."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_zohocampaigns.api.auth import Authenticator, AuthToken, TokenWait
from tap_zohocampaigns.api.errors import (
    FatalError,
    SettingError,
    Transient,
    ZohoError,
)
from tap_zohocampaigns.api.tokens.store import TokenStore
from tap_zohocampaigns.api.transport import Reply
from tests.support.zoho import (
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    CONFIG,
    REFRESH_TOKEN,
    V1,
    Clock,
    OverlapCounter,
    frequent_thread_switches,
)


class Tokens:
    """A token service without a network, which gives its answers in turn."""

    def __init__(self, *answers: object, status: int = 200) -> None:
        self.answers = answers
        self.status = status
        self.forms: list[dict[str, str]] = []

    def __call__(self, form: dict[str, str]) -> Reply:
        self.forms.append(form)
        answer = self.answers[min(len(self.forms), len(self.answers)) - 1]
        if isinstance(answer, bytes):
            return Reply(self.status, answer)
        return Reply(self.status, json.dumps(answer).encode())


def good(number: int, **more: object) -> dict[str, object]:
    return {"access_token": f"access-{number}", "expires_in": 3600, **more}


def authenticator(tokens: Tokens, clock: Clock) -> Authenticator:
    return Authenticator(CONFIG, tokens, clock, TokenStore(clock))


def test_a_token_is_requested_once_and_used_until_it_expires() -> None:
    clock, tokens = Clock(), Tokens(good(1), good(2))
    auth = authenticator(tokens, clock)
    assert tokens.forms == []
    for _ in range(10):
        assert auth.token().text == "access-1"
    assert tokens.forms == [
        {
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }
    ]


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        ({"expires_in": 3600}, 3600),
        ({"expires_in": "1800"}, 1800),
        # Old accounts servers sent milliseconds.
        ({"expires_in": 3_600_000}, 3600),
        ({"expires_in": 3_600_000, "expires_in_sec": 3600}, 3600),
        ({"expires_in": None}, 3600),
        ({"expires_in": "soon"}, 3600),
        ({"expires_in": [1]}, 3600),
    ],
)
def test_a_token_is_renewed_a_minute_before_its_end(
    life: dict[str, object], seconds: float
) -> None:
    clock = Clock()
    auth = authenticator(Tokens(good(1, **life), good(2)), clock)
    auth.token()
    clock.advance(seconds - 61)
    assert auth.token().text == "access-1"
    clock.advance(1)
    assert auth.token().text == "access-2"


def test_a_discarded_token_is_replaced_once() -> None:
    tokens = Tokens(good(1), good(2), good(3))
    auth = authenticator(tokens, Clock())
    first = auth.token()
    auth.discard(first)
    second = auth.token()
    auth.discard(first)
    texts = [token.text for token in (first, second, auth.token())]
    assert texts == ["access-1", "access-2", "access-2"]
    assert len(tokens.forms) == 2


def test_threads_share_one_token() -> None:
    narrow, start = OverlapCounter(), threading.Barrier(8)
    tokens = Tokens(*map(good, range(8)))

    def post(form: dict[str, str]) -> Reply:
        narrow()
        return tokens(form)

    clock = Clock()
    auth = Authenticator(CONFIG, post, clock, TokenStore(clock))

    def ask() -> str:
        start.wait()
        return auth.token().text

    with frequent_thread_switches(), ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(ask) for _ in range(8)]
        assert {future.result() for future in futures} == {"access-0"}
    assert len(tokens.forms) == 1


@pytest.mark.parametrize(
    ("word", "settings"),
    [
        ("invalid_client", ("`client_id`", "`data_center`")),
        ("invalid_client_secret", ("`client_secret`",)),
        ("invalid_code", ("`refresh_token`", "`data_center`")),
        ("INVALID_CODE", ("`refresh_token`", "`data_center`")),
        ("invalid_scope", ("`refresh_token`",)),
        ("access_denied", ("`refresh_token`",)),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_refusal_of_the_token_service_names_the_setting(
    word: str, settings: tuple[str, ...], status: int
) -> None:
    auth = authenticator(Tokens({"error": word}, status=status), Clock())
    with pytest.raises(SettingError) as refused:
        auth.token()
    assert all(name in str(refused.value) for name in settings)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "answer",
    [
        {
            "error_description": "You have made too many requests continuously. "
            "Please try again after some time.",
            "error": "Access Denied",
            "status": "failure",
        },
        {"error": "Access Denied"},
        {"error": "general_error", "error_description": "Too Many requests"},
    ],
    ids=["whole", "word", "sentence"],
)
def test_no_token_is_requested_for_ten_minutes_after_a_throttle(
    answer: dict[str, str], status: int
) -> None:
    clock, tokens = Clock(), Tokens(answer, good(2), status=status)
    auth = authenticator(tokens, clock)
    for left in (600, 600, 1):
        clock.now = 5600.0 - left
        with pytest.raises(TokenWait) as waiting:
            auth.token()
        assert waiting.value.wait == (left, True)
    assert len(tokens.forms) == 1
    clock.now = 5600.0
    assert auth.token().text == "access-2"


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>IamError.zc</html>",
        b'{"access_token":"a',
        b"[]",
        b"null",
        b'"access-1"',
        b'{"access_token":"a\xff"}',
        b"\xff\xfe",
    ],
    ids=range(8),
)
def test_an_answer_without_json_is_a_transient_error(body: bytes, status: int) -> None:
    auth = authenticator(Tokens(body, good(2), status=status), Clock())
    with pytest.raises(Transient, match="`data_center` or `accounts_url`"):
        auth.token()
    assert auth.token().text == "access-2"


def test_an_internal_error_of_the_token_service_is_transient() -> None:
    auth = authenticator(Tokens({"error": "internal_error"}, status=503), Clock())
    with pytest.raises(Transient):
        auth.token()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": "invalid_grant"},
        {"error": ["a"]},
        {"error": f"cannot use {REFRESH_TOKEN} of {CLIENT_SECRET}"},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a\r\nHost: evil"},
        {"access_token": "caf\u00e9"},
        {"status": "failure", "error_description": REFRESH_TOKEN},
    ],
    ids=range(10),
)
def test_an_answer_without_a_token_fails_and_names_all_credentials(
    answer: dict[str, object],
) -> None:
    auth = authenticator(Tokens(answer), Clock())
    with pytest.raises(FatalError) as failed:
        auth.token()
    sentence = str(failed.value)
    for name in ("client_id", "client_secret", "refresh_token", "data_center"):
        assert f"`{name}`" in sentence
    assert REFRESH_TOKEN not in sentence
    assert CLIENT_SECRET not in sentence


def test_the_secrets_are_the_credentials_and_the_tokens() -> None:
    auth = authenticator(Tokens(good(1)), Clock())
    assert set(auth.secrets) == {CLIENT_SECRET, REFRESH_TOKEN}
    auth.token()
    assert set(auth.secrets) == {CLIENT_SECRET, REFRESH_TOKEN, "access-1"}


def test_an_expired_token_that_can_not_be_renewed_is_not_used() -> None:
    clock = Clock()
    auth = authenticator(Tokens(good(1), {"error": "invalid_code"}), clock)
    auth.token()
    clock.advance(3600)
    for _ in range(2):
        with pytest.raises(ZohoError):
            auth.token()


def test_an_access_token_is_sent_in_a_header_and_can_be_renewed() -> None:
    auth = authenticator(Tokens(good(1)), Clock())
    token = auth.token()
    assert auth.sign(token) == ({}, {"Authorization": "Zoho-oauthtoken access-1"})
    assert auth.renews


def test_the_token_of_version_1_is_sent_in_the_form_and_never_changes() -> None:
    auth = AuthToken(V1)
    token = auth.token()
    assert token.text == AUTH_TOKEN
    form = {"authtoken": AUTH_TOKEN, "scope": "CampaignsAPI", "version": "1"}
    assert auth.sign(token) == (form, {})
    assert not auth.renews
    auth.discard(token)
    assert auth.token() == token
    assert auth.secrets == (AUTH_TOKEN,)


def test_the_id_of_a_client_does_not_reveal_its_token() -> None:
    client = AuthToken.client_of(V1)
    assert client == AuthToken.client_of(V1)
    assert client != AuthToken.client_of(V1 | {"auth_token": "another"})
    assert AUTH_TOKEN not in client
    assert Authenticator.client_of(CONFIG) == CLIENT_ID
