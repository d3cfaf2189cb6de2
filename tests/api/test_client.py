"""Calls: signed, paced, entered in the ledger, and given up in time."""

from __future__ import annotations

import gzip
import random
import typing as t
from contextlib import suppress

import pytest

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.errors import (
    FatalError,
    SettingError,
)
from tap_zohocampaigns.api.wire import envelope as wire
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support import samples
from tests.support.calls import (
    CAMPAIGNS,
    FORMATS,
    LISTS,
    RECIPIENTS,
    answers_in_order,
)
from tests.support.zoho import (
    CONFIG,
    ENDPOINT_NAMES,
    REFRESH_TOKEN,
    Answer,
    Clock,
    Request,
    Zoho,
    as_json,
    error,
    success,
    token,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

UNAUTHORIZED = as_json(
    {
        "message": "Unauthorized request.",
        "version": "1.1",
        "URI": "/api/v1.1/getmailinglists",
        "Code": "1007",
        "status": "error",
    },
    401,
)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_call_has_its_parameters_and_its_credentials_in_a_header_only(
    endpoint: str, form: str, clock: Clock
) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        client = zoho.client(clock, response_format=form)
        envelope = client.call(endpoint, {"listkey": "3z a&b", "range": 7})
        (token_call, call) = zoho.requests
    assert envelope is not None
    assert envelope.payload is not None
    assert call.path == f"/api/v1.1/{endpoint}"
    assert call.method == ("POST" if endpoint == RECIPIENTS else "GET")
    assert call.params == {
        "resfmt": form.upper(),
        "listkey": "3z a&b",
        "range": "7",
    }
    assert call.headers["Authorization"] == "Zoho-oauthtoken access-1"
    assert call.headers["User-Agent"].startswith("tap-zohocampaigns/")
    assert token_call.method == "POST"
    assert token_call.target == "/oauth/v2/token"
    assert token_call.form["refresh_token"] == REFRESH_TOKEN
    assert "Authorization" not in token_call.headers
    assert "access-1" not in call.target


def test_compressed_and_chunked_bodies_are_read(clock: Clock) -> None:
    body = gzip.compress(samples.RECIPIENTS_JSON)
    kind = {"Content-Encoding": "gzip"}
    for answer in (
        Answer(body, headers=kind),
        Answer(headers=kind, pieces=[body[at : at + 1] for at in range(len(body))]),
        Answer(pieces=[samples.RECIPIENTS_JSON[:9], samples.RECIPIENTS_JSON[9:]]),
    ):
        with Zoho(answers_in_order(answer)) as zoho:
            envelope = zoho.client(clock).call(RECIPIENTS, {})
        assert envelope is not None
        assert envelope.payload[0]["contactid"] == "303000014269257"


def test_every_call_and_every_retry_is_entered_and_counted(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(
        answers_in_order(Answer(b"", 503), None, UNAUTHORIZED, success())
    ) as zoho:
        client = zoho.client(clock)
        client.call(LISTS, {})
        client.call(CAMPAIGNS, {})
        assert [call.endpoint for call in zoho.calls] == [LISTS] * 4 + [CAMPAIGNS]
    assert client.calls == {LISTS: 4, CAMPAIGNS: 1}
    assert client.ledger.remaining(LISTS) == 490 - 4
    assert client.ledger.remaining(CAMPAIGNS) == 490 - 1
    assert len(jitter) == 2


def test_one_token_serves_many_calls(clock: Clock) -> None:
    with Service(LivingAccount(), monotonic=clock) as service:
        client = connect(CONFIG | service.config, clock=clock, sleep=clock.sleep)
        for _ in range(12):
            assert client.call(LISTS, {}) is not None
            assert client.call(CAMPAIGNS, {}) is not None
        assert service.tokens_issued == 1
        clock.advance(3600)
        assert client.call(LISTS, {}) is not None
        assert service.tokens_issued == 2


def test_a_call_is_signed_after_its_wait_for_the_quota(clock: Clock) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        client = zoho.client(clock, rate_limit_calls=1, rate_limit_seconds=4000)
        client.call(LISTS, {})
        client.call(LISTS, {})
        signed = [call.headers["Authorization"] for call in zoho.calls]
    assert clock.waits == [4001]
    assert signed == ["Zoho-oauthtoken access-1", "Zoho-oauthtoken access-2"]


@pytest.mark.parametrize(
    "refusal",
    [
        UNAUTHORIZED,
        Answer(b"", 401),
        Answer(b"<html>Sign in</html>", 401),
        Answer(error("1007", "Unauthorized", form="xml"), 401),
        Answer(error("1007", "Unauthorized")),
        Answer(error("401", "Unauthorized")),
        Answer(error("INVALID_OAUTHTOKEN", "invalid oauth token"), 401),
    ],
    ids=["1007", "empty", "html", "xml", "1007 in 200", "401 in 200", "other"],
)
@pytest.mark.parametrize("endpoint", [LISTS, RECIPIENTS])
def test_a_refused_token_is_renewed_once_and_then_the_settings_are_named(
    endpoint: str, refusal: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(refusal, success())) as zoho:
        assert zoho.client(clock).call(endpoint, {}) is not None
        assert (zoho.tokens, len(zoho.calls)) == (2, 2)
        signed = [call.headers["Authorization"] for call in zoho.calls]
    assert signed == ["Zoho-oauthtoken access-1", "Zoho-oauthtoken access-2"]
    with Zoho(answers_in_order(refusal)) as zoho:
        with pytest.raises(FatalError, match="`refresh_token` and `data_center`"):
            zoho.client(clock).call(endpoint, {})
        # One more call finds out that the token is not good for another scope either.
        assert (zoho.tokens, len(zoho.calls)) == (2, 3)
    assert clock.waits == []


@pytest.mark.parametrize(
    ("word", "setting"),
    [
        ("invalid_client", "`client_id`"),
        ("invalid_client_secret", "`client_secret`"),
        ("invalid_code", "`refresh_token`"),
        ("invalid_scope", "`refresh_token`"),
        ("access_denied", "`refresh_token`"),
        ("invalid_grant", "`refresh_token`"),
    ],
)
def test_an_error_of_the_token_service_names_the_setting_and_no_call_is_made(
    word: str, setting: str, clock: Clock
) -> None:
    refusal = as_json({"error": word})
    with Zoho(answers_in_order(success()), token=answers_in_order(refusal)) as zoho:
        with pytest.raises((SettingError, FatalError), match=setting):
            zoho.client(clock).call(LISTS, {})
        assert (zoho.tokens, zoho.calls) == (1, [])
    assert clock.waits == []


@pytest.mark.parametrize("status", [200, 400])
def test_a_token_throttle_is_waited_for(
    status: int, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    throttle = as_json(
        {
            "error_description": "You have made too many requests continuously. "
            "Please try again after some time.",
            "error": "Access Denied",
            "status": "failure",
        },
        status,
    )
    tokens = answers_in_order(throttle, throttle, token("late"))
    with Zoho(answers_in_order(success()), token=tokens) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
        assert (zoho.tokens, len(zoho.calls)) == (3, 1)
    assert clock.waits == [600, 600]
    assert caplog.text.count("Zoho's token service: locked by Zoho, waiting until") == 2


FAULTS = {
    "500": Answer(b"", 500),
    "502": Answer(b"<html>Bad gateway</html>", 502),
    "503 in json": Answer(error("500", "Internal error"), 503),
    "unknown in 503": Answer(error("4711", "Busy"), 503),
    "code 500": Answer(error("500", "Internal error")),
    "retry later": Answer(error("2402", "Please try after sometime")),
    "empty": Answer(b""),
    "web page": Answer(b"<html></html>"),
    "cut": Answer(samples.RECIPIENTS_JSON, missing=10),
    "cut text": Answer(samples.RECIPIENTS_JSON[:-1]),
    "dropped": None,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_transient_errors_are_retried(
    fault: Answer | None, clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(answers_in_order(fault, fault, success())) as zoho:
        envelope = zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 3
    assert envelope is not None
    assert envelope.payload == [{"listkey": "3z"}]
    assert clock.waits == [1, 2]
    assert jitter == [(0, 1), (0, 2)]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_retries_end_after_retry_max_seconds_with_one_sentence(
    fault: Answer | None, clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(answers_in_order(fault)) as zoho:
        client = zoho.client(clock, retry_max_seconds=180)
        with pytest.raises(FatalError) as failed:
            client.call(LISTS, {})
        assert len(zoho.calls) == 8
    # The next wait, of a minute again, would go beyond the 180 seconds.
    assert clock.waits == [1, 2, 4, 8, 16, 32, 60]
    assert [most for _, most in jitter] == [1, 2, 4, 8, 16, 32, 60, 60]
    sentence = str(failed.value)
    assert "getmailinglists still fails after 180 s (`retry_max_seconds`)" in sentence
    assert sentence.endswith(".")
    assert client.ledger.remaining(LISTS) == 490 - 8


def test_nothing_is_retried_if_retry_max_seconds_is_0(clock: Clock) -> None:
    random.seed(1)
    with Zoho(answers_in_order(Answer(b"", 500))) as zoho:
        with pytest.raises(FatalError):
            zoho.client(clock, retry_max_seconds=0).call(LISTS, {})
        assert len(zoho.calls) == 1
    assert clock.waits == []


def test_transient_errors_of_the_token_service_are_retried(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    busy = as_json({"error": "internal_error"}, 503)
    tokens = answers_in_order(None, Answer(b"<html>", 502), busy, token("late"))
    with Zoho(answers_in_order(success()), token=tokens) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
    assert clock.waits == [1, 2, 4]
    assert len(jitter) == 3


def test_a_refused_connection_names_the_setting(clock: Clock) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        pass
    with pytest.raises(FatalError, match="`data_center` or `accounts_url`"):
        zoho.client(clock, retry_max_seconds=0).call(LISTS, {})


def test_waits_for_the_quota_do_not_count_as_failing(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(
        answers_in_order(success(), Answer(b"", 503), Answer(b"", 503), success())
    ) as z:
        client = z.client(clock, rate_limit_calls=2, rate_limit_seconds=300)
        for _ in range(2):
            assert client.call(LISTS, {}) is not None
    assert jitter


def test_waits_for_a_lock_do_not_count_as_failing(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    busy, locked = Answer(b"", 503), Answer(error("Z101"))
    with Zoho(answers_in_order(busy, locked, busy, success())) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
    assert len(jitter) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_client_error_without_an_envelope_is_not_retried(
    status: int, clock: Clock
) -> None:
    with Zoho(answers_in_order(Answer(b"<html>", status))) as zoho:
        with pytest.raises(
            FatalError, match=f"HTTP {status}.*`data_center`.*`api_url`"
        ):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 1


def test_a_call_without_an_answer_ends_after_request_timeout(clock: Clock) -> None:
    def never(_: Request) -> None:
        zoho.closed.wait()

    with Zoho(never) as zoho:
        client = zoho.client(clock, request_timeout=0.05, retry_max_seconds=0)
        with pytest.raises(FatalError, match=r"no whole answer .*Timeout"):
            client.call(LISTS, {})


@pytest.mark.parametrize("answered", [True, False])
def test_a_call_counts_from_its_answer_or_its_last_possible_arrival(
    clock: Clock,
    *,
    answered: bool,
) -> None:
    def answer(_: Request) -> Answer | None:
        clock.advance(20)
        return success() if answered else None

    with Zoho(answer) as zoho:
        client = zoho.client(clock, request_timeout=60, retry_max_seconds=0)
        began = clock()
        with suppress(FatalError):
            client.call(LISTS, {})
    assert client.ledger.remaining(LISTS) == 489
    # The deadline, and 10 seconds in which a proxy may deliver the call yet.
    clock.now = began + (20 if answered else 60 + 10) + 300.9
    assert client.ledger.remaining(LISTS) == 489
    clock.advance(0.2)
    assert client.ledger.remaining(LISTS) == 490


def test_a_slow_body_ends_after_request_timeout(clock: Clock) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(10_000):
            clock.advance(25)
            yield b" "

    with Zoho(lambda _: Answer(pieces=trickle())) as zoho:
        client = zoho.client(clock, request_timeout=60, retry_max_seconds=0)
        with pytest.raises(FatalError, match=r"no whole answer .*Timeout"):
            client.call(LISTS, {})


@pytest.mark.parametrize("kind", ["", "gzip"])
def test_an_endless_body_is_given_up_and_names_the_setting(
    kind: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 1 << 20)
    sent = []

    def flood() -> Iterator[bytes]:
        # 256 MiB unless somebody stops it.
        for _ in range(4096):
            sent.append(1)
            yield b"x" * (1 << 16)

    if kind:
        bomb = gzip.compress(b"x" * (256 << 20), 1)
        answer = Answer(bomb, headers={"Content-Encoding": kind})
    else:
        answer = Answer(pieces=flood())
    with Zoho(answers_in_order(answer)) as zoho:
        with pytest.raises(FatalError, match="`page_size`"):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 1
    assert len(sent) < 4096
