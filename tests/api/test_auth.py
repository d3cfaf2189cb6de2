from __future__ import annotations

import json
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_zohocampaigns.api.auth import Authenticator, AuthToken, TokenWait
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    FatalError,
    SettingError,
    StoppedAtLock,
    Transient,
    ZohoError,
)
from tap_zohocampaigns.api.tokens.store import TokenStore
from tap_zohocampaigns.api.transport import Reply
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.zoho import (
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    CONFIG,
    NAMES,
    REFRESH_TOKEN,
    V1,
    Answer,
    Clock,
    Narrow,
    Zoho,
    as_json,
    restless,
    success,
    token,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.api.client import Client
    from tests.support.zoho import Request


class Tokens:
    """A token service without a network: the answers of it in turn."""

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


def test_a_token_is_asked_for_with_the_refresh_token_and_used_until_it_ends() -> None:
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
        # Old accounts servers told milliseconds.
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


def test_a_token_that_was_not_accepted_is_renewed_once_for_all_who_used_it() -> None:
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
    narrow, start = Narrow(), threading.Barrier(8)
    tokens = Tokens(*map(good, range(8)))

    def post(form: dict[str, str]) -> Reply:
        narrow()
        return tokens(form)

    clock = Clock()
    auth = Authenticator(CONFIG, post, clock, TokenStore(clock))

    def ask() -> str:
        start.wait()
        return auth.token().text

    with restless(), ThreadPoolExecutor(8) as threads:
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
def test_a_refusal_names_the_setting(
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
def test_after_a_throttle_of_tokens_none_is_asked_for_within_ten_minutes(
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
def test_a_token_service_that_does_not_answer_in_json_may_do_so_later(
    body: bytes, status: int
) -> None:
    auth = authenticator(Tokens(body, good(2), status=status), Clock())
    with pytest.raises(Transient, match="`data_center` or `accounts_url`"):
        auth.token()
    assert auth.token().text == "access-2"


def test_an_error_of_the_token_services_own_may_pass() -> None:
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
def test_an_answer_without_a_token_fails_naming_all_credentials(
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


def test_the_secrets_are_those_of_the_settings_and_the_token_of_the_moment() -> None:
    auth = authenticator(Tokens(good(1)), Clock())
    assert set(auth.secrets) == {CLIENT_SECRET, REFRESH_TOKEN}
    auth.token()
    assert set(auth.secrets) == {CLIENT_SECRET, REFRESH_TOKEN, "access-1"}


def test_a_token_that_could_not_be_renewed_is_not_used_again() -> None:
    clock = Clock()
    auth = authenticator(Tokens(good(1), {"error": "invalid_code"}), clock)
    auth.token()
    clock.advance(3600)
    for _ in range(2):
        with pytest.raises(ZohoError):
            auth.token()


def test_an_access_token_goes_in_a_header_and_may_be_followed_by_another() -> None:
    auth = authenticator(Tokens(good(1)), Clock())
    token = auth.token()
    assert auth.sign(token) == ({}, {"Authorization": "Zoho-oauthtoken access-1"})
    assert auth.renews


def test_the_token_of_version_1_goes_in_the_form_and_there_is_no_other() -> None:
    auth = AuthToken(V1)
    token = auth.token()
    assert token.text == AUTH_TOKEN
    form = {"authtoken": AUTH_TOKEN, "scope": "CampaignsAPI", "version": "1"}
    assert auth.sign(token) == (form, {})
    assert not auth.renews
    auth.discard(token)
    assert auth.token() == token
    assert auth.secrets == (AUTH_TOKEN,)


def test_whose_a_token_is_tells_nothing_of_it() -> None:
    whose = AuthToken.client_of(V1)
    assert whose == AuthToken.client_of(V1)
    assert whose != AuthToken.client_of(V1 | {"auth_token": "another"})
    assert AUTH_TOKEN not in whose
    assert Authenticator.client_of(CONFIG) == CLIENT_ID


# What a refusal costs a run.

LISTS, CAMPAIGNS = "getmailinglists", "recentcampaigns"
UNAUTHORIZED = as_json({"message": "Unauthorized request.", "Code": "1007"}, 401)


def called(client: Client, endpoints: t.Iterable[str]) -> list[ZohoError | None]:
    """Call from as many threads at once; return how it ended for each."""

    def call(endpoint: str) -> ZohoError | None:
        try:
            client.call(endpoint, {})
        except ZohoError as error:
            return error
        return None

    with restless(), ThreadPoolExecutor(16) as threads:
        return [*threads.map(call, endpoints)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize(
    "word", ["invalid_client", "invalid_client_secret", "invalid_code", "other"]
)
def test_wrong_credentials_are_asked_about_once(
    word: str, where: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = where if where == "memory" else str(tmp_path / "ledger")
    refusal = as_json({"error": word})
    with Zoho(lambda _: success(), token=lambda _: refusal) as zoho:
        client = zoho.client(clock, concurrency=4, rate_limit_ledger=ledger)
        errors = called(client, NAMES * 4)
        assert (zoho.tokens, zoho.calls) == (1, [])
    assert len({str(error) for error in errors}) == 1
    assert {type(error) for error in errors} <= {SettingError, FatalError}
    # Another process gets its own answer at once.
    with Zoho(lambda _: success()) as zoho:
        assert zoho.client(clock, rate_limit_ledger=ledger).call(LISTS, {})
    assert clock.waits == []


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("served", [False, True])
def test_a_run_that_is_refused_everywhere_asks_for_two_tokens(
    concurrency: int, clock: Clock, *, repeats: bool, served: bool
) -> None:
    with Zoho(lambda _: UNAUTHORIZED) as zoho:
        if repeats:
            zoho.token = lambda _: token("access")
        client = zoho.client(clock, concurrency=concurrency)
        if served:
            zoho.api = lambda _: success()
            client.call(LISTS, {})
            client.call(CAMPAIGNS, {})
            zoho.api = lambda _: UNAUTHORIZED
        if concurrency == 1:
            errors: list[ZohoError] = []
            for endpoint in NAMES * 3:
                with pytest.raises(FatalError) as failed:
                    client.call(endpoint, {})
                errors.append(failed.value)
        else:
            errors = [e for e in called(client, NAMES * 3) if e]
        assert zoho.tokens == 2
        assert len(zoho.calls) < 3 * len(errors)
    assert len(errors) == len(NAMES) * 3
    (sentence,) = {str(error) for error in errors}
    assert "`data_center`" in sentence
    assert ("the same access token again" in sentence) == repeats
    assert {type(error) for error in errors} == {FatalError}
    assert clock.waits == []


def test_a_token_that_is_repeated_may_be_accepted(clock: Clock) -> None:
    answers = iter([UNAUTHORIZED, success(), UNAUTHORIZED, success()])
    with Zoho(lambda _: next(answers), token=lambda _: token("access")) as zoho:
        client = zoho.client(clock)
        for _ in range(2):
            assert client.call(LISTS, {})
        assert zoho.tokens == 3


def test_a_repeated_token_that_another_process_kept_is_given_up_too(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: UNAUTHORIZED, token=lambda _: token("access")) as zoho:
        for asked in (2, 3, 4):
            with pytest.raises(FatalError, match="the same access token again"):
                zoho.client(clock, **ledger).call(LISTS, {})
            assert zoho.tokens == asked
        # It is another one at last.
        zoho.api = lambda asked: (
            success()
            if asked.headers["Authorization"].endswith("new")
            else UNAUTHORIZED
        )
        zoho.token = lambda _: token("new")
        assert zoho.client(clock, **ledger).call(LISTS, {})


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_endpoint_that_refuses_good_tokens_costs_one_and_no_other_endpoint(
    concurrency: int, clock: Clock
) -> None:
    def api(asked: Request) -> Answer:
        refused = asked.endpoint == "listsubscriberscount"
        return UNAUTHORIZED if refused else success()

    with Zoho(api) as zoho:
        client = zoho.client(clock, concurrency=concurrency)
        client.call(LISTS, {})
        client.call(CAMPAIGNS, {})
        for _ in range(5):
            with pytest.raises(FatalError, match="listsubscriberscount"):
                client.call("listsubscriberscount", {})
            assert client.call(LISTS, {})
        assert zoho.tokens == 2


def test_a_token_that_was_revoked_is_replaced_once_for_all_processes(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        clients = [zoho.client(clock, **ledger) for _ in range(4)]
        for client in clients:
            client.call(LISTS, {})
        assert zoho.tokens == 1
        zoho.api = lambda asked: (
            UNAUTHORIZED if asked.headers["Authorization"].endswith("-1") else success()
        )
        for client in clients:
            assert client.call(LISTS, {})
        assert zoho.client(clock, **ledger).call(LISTS, {})
        assert zoho.tokens == 2


@pytest.mark.parametrize("seconds", [60, 20, 1])
def test_a_token_that_lives_for_a_minute_serves_many_calls(
    seconds: int, clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        zoho.token = lambda _: token(f"access-{zoho.tokens}", expires_in=seconds)
        for _ in range(3):
            client = zoho.client(clock, **ledger)
            for _ in range(10):
                assert client.call(LISTS, {})
        assert zoho.tokens == 1
        clock.advance(seconds)
        assert client.call(LISTS, {})
        assert zoho.tokens == 2


THROTTLED = as_json(
    {"error": "Access Denied", "error_description": "You have made too many requests"},
    400,
)


@pytest.mark.parametrize(
    "throttled", [THROTTLED, Answer(b"", 429), Answer(b"<html>", 429)]
)
def test_a_throttle_ends_the_run_if_a_lock_shall(
    throttled: Answer, clock: Clock, tmp_path: Path
) -> None:
    settings = {
        "rate_limit_ledger": str(tmp_path / "ledger"),
        "rate_limit_on_lock": "stop",
    }
    with Zoho(lambda _: success(), token=lambda _: throttled) as zoho:
        for _ in range(2):
            with pytest.raises(
                StoppedAtLock, match=r"token service .* until \d\d:\d\d"
            ):
                zoho.client(clock, **settings).call(LISTS, {})
        assert (zoho.tokens, zoho.calls) == (1, [])
    assert clock.waits == []


def test_a_throttle_lets_all_processes_wait_and_says_until_when(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success(), token=lambda _: THROTTLED) as zoho:
        with pytest.raises(StoppedAtLock):
            zoho.client(clock, rate_limit_on_lock="stop", **ledger).call(LISTS, {})
        zoho.token = lambda _: token("late")
        clock.advance(100)
        client, rests = zoho.client(clock, **ledger), []
        client.ledger.resting = lambda endpoint, _: rests.append(endpoint)
        assert client.call(LISTS, {})
        assert zoho.tokens == 2
    assert clock.waits == [500]
    assert "Zoho's token service: locked by Zoho, waiting until" in caplog.text
    assert LISTS in rests


def test_more_than_ten_tokens_are_waited_for_before_the_service_refuses(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Service(LivingAccount(), monotonic=clock) as service:
        config = CONFIG | service.config | ledger
        service.token_seconds = 10
        for _ in range(25):
            client = connect(config, clock=clock, wall=clock, sleep=clock.sleep)
            assert client.call(LISTS, {}) is not None
            clock.advance(8)
        assert service.tokens_asked == service.tokens_issued == 25
    assert "Zoho's token service: the quota is used up" in caplog.text
    assert "locked by Zoho" not in caplog.text


@pytest.mark.parametrize("refresh_token", ["one", "other"])
def test_each_refresh_token_has_a_token_of_its_own(
    refresh_token: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        zoho.token = lambda asked: token(f"for-{asked.form['refresh_token']}")
        for each in ("one", "other", refresh_token):
            zoho.client(clock, refresh_token=each, **ledger).call(LISTS, {})
        signed = [call.headers["Authorization"].split("-")[-1] for call in zoho.calls]
        assert signed == ["one", "other", refresh_token]
        assert zoho.tokens == 2


def test_version_1_keeps_no_token(clock: Clock, tmp_path: Path) -> None:
    with Zoho(lambda _: success()) as zoho:
        settings = V1 | {"rate_limit_ledger": str(tmp_path / "ledger")}
        assert zoho.client(clock, **settings).call(LISTS, {})
    assert not [*tmp_path.glob("*token*")]


def test_a_token_service_that_fails_for_a_while_uses_nothing_up(clock: Clock) -> None:
    answers = iter([*[Answer(b"<html>", 502)] * 40, *[token("late")] * 2])
    with Zoho(lambda _: success(), token=lambda _: next(answers)) as zoho:
        client = zoho.client(clock, retry_max_seconds=100_000)
        assert client.call(LISTS, {})
        assert zoho.tokens == 41
    # Backing off, and never for the ten minutes of a throttle.
    assert max(clock.waits) <= 60
