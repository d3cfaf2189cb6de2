"""One token for many calls and processes, and refusals of it."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    FatalError,
    SettingError,
    StoppedAtLock,
    ZohoError,
)
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.zoho import (
    CONFIG,
    ENDPOINT_NAMES,
    V1,
    Answer,
    Clock,
    Zoho,
    as_json,
    frequent_thread_switches,
    success,
    token,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.api.client import Client
    from tests.support.zoho import Request
LISTS, CAMPAIGNS = "getmailinglists", "recentcampaigns"
UNAUTHORIZED = as_json({"message": "Unauthorized request.", "Code": "1007"}, 401)


def called(client: Client, endpoints: t.Iterable[str]) -> list[ZohoError | None]:
    """Call from many threads at once; return the error of each call, or None."""

    def call(endpoint: str) -> ZohoError | None:
        try:
            client.call(endpoint, {})
        except ZohoError as error:
            return error
        return None

    with frequent_thread_switches(), ThreadPoolExecutor(16) as threads:
        return [*threads.map(call, endpoints)]


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize(
    "word", ["invalid_client", "invalid_client_secret", "invalid_code", "other"]
)
def test_wrong_credentials_are_sent_once(
    word: str, where: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = where if where == "memory" else str(tmp_path / "ledger")
    refusal = as_json({"error": word})
    with Zoho(lambda _: success(), token=lambda _: refusal) as zoho:
        client = zoho.client(clock, concurrency=4, rate_limit_ledger=ledger)
        errors = called(client, ENDPOINT_NAMES * 4)
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
def test_a_run_that_is_refused_everywhere_requests_two_tokens(
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
            for endpoint in ENDPOINT_NAMES * 3:
                with pytest.raises(FatalError) as failed:
                    client.call(endpoint, {})
                errors.append(failed.value)
        else:
            errors = [e for e in called(client, ENDPOINT_NAMES * 3) if e]
        assert zoho.tokens == 2
        assert len(zoho.calls) < 3 * len(errors)
    assert len(errors) == len(ENDPOINT_NAMES) * 3
    (sentence,) = {str(error) for error in errors}
    assert "`data_center`" in sentence
    assert ("the same access token again" in sentence) == repeats
    assert {type(error) for error in errors} == {FatalError}
    assert clock.waits == []


def test_the_same_token_again_may_be_accepted(clock: Clock) -> None:
    answers = iter([UNAUTHORIZED, success(), UNAUTHORIZED, success()])
    with Zoho(lambda _: next(answers), token=lambda _: token("access")) as zoho:
        client = zoho.client(clock)
        for _ in range(2):
            assert client.call(LISTS, {})
        assert zoho.tokens == 3


def test_a_repeated_token_of_another_process_is_given_up_too(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: UNAUTHORIZED, token=lambda _: token("access")) as zoho:
        for asked in (2, 3, 4):
            with pytest.raises(FatalError, match="the same access token again"):
                zoho.client(clock, **ledger).call(LISTS, {})
            assert zoho.tokens == asked
        # Now the service gives another one.
        zoho.api = lambda asked: (
            success()
            if asked.headers["Authorization"].endswith("new")
            else UNAUTHORIZED
        )
        zoho.token = lambda _: token("new")
        assert zoho.client(clock, **ledger).call(LISTS, {})


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_endpoint_that_refuses_good_tokens_costs_one_new_token(
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


def test_a_revoked_token_is_replaced_once_for_all_processes(
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
def test_a_token_of_a_minute_or_less_serves_many_calls(
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
def test_a_token_throttle_ends_the_run_if_a_lock_would(
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


def test_all_processes_wait_for_the_end_of_a_token_throttle(
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
        client.ledger.on_long_wait = lambda endpoint, _: rests.append(endpoint)
        assert client.call(LISTS, {})
        assert zoho.tokens == 2
    assert clock.waits == [500]
    assert "Zoho's token service: locked by Zoho, waiting until" in caplog.text
    assert LISTS in rests


def test_no_more_than_ten_tokens_are_requested_in_ten_minutes(
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
def test_each_refresh_token_has_its_own_access_token(
    refresh_token: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        zoho.token = lambda asked: token(f"for-{asked.form['refresh_token']}")
        for name in ("one", "other", refresh_token):
            zoho.client(clock, refresh_token=name, **ledger).call(LISTS, {})
        signed = [call.headers["Authorization"].split("-")[-1] for call in zoho.calls]
        assert signed == ["one", "other", refresh_token]
        assert zoho.tokens == 2


def test_version_1_stores_no_token(clock: Clock, tmp_path: Path) -> None:
    with Zoho(lambda _: success()) as zoho:
        settings = V1 | {"rate_limit_ledger": str(tmp_path / "ledger")}
        assert zoho.client(clock, **settings).call(LISTS, {})
    assert not [*tmp_path.glob("*token*")]


def test_errors_of_the_token_service_do_not_count_as_tokens(clock: Clock) -> None:
    answers = iter([*[Answer(b"<html>", 502)] * 40, *[token("late")] * 2])
    with Zoho(lambda _: success(), token=lambda _: next(answers)) as zoho:
        client = zoho.client(clock, retry_max_seconds=100_000)
        assert client.call(LISTS, {})
        assert zoho.tokens == 41
    # Backing off, and never for the ten minutes of a throttle.
    assert max(clock.waits) <= 60
