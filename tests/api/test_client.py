from __future__ import annotations

import ast
import gzip
import json
import logging
import random
import socket
import ssl
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_zohocampaigns.api import client as api
from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.endpoints import ENDPOINTS, READS, WRITES
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    NotFound,
    Outage,
    Postponed,
    RangeRefused,
    Rejected,
    SettingError,
    UnknownRejection,
    ZohoError,
)
from tap_zohocampaigns.api.wire import envelope as wire
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tests.api.test_errors import HERE, NO_CONTACTS, NONE_IF_SAID, PUBLISHED, A
from tests.support import samples
from tests.support.zoho import (
    ADDRESS,
    CLIENT_SECRET,
    CONFIG,
    LONG_KEY,
    NAMES,
    REFRESH_TOKEN,
    ROWS,
    VALUES,
    Answer,
    Clock,
    Request,
    Zoho,
    as_json,
    error,
    success,
    token,
)
from tests.sync.test_pagination import most_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.client import Client

LISTS, MEMBERS, SEGMENT, COUNT, CAMPAIGNS, RECIPIENTS, DETAILS = NAMES
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
FORMS = ("json", "xml")


def connected(zoho: Zoho, clock: Clock, **settings: object) -> Client:
    """Connect with all scopes, those for writing too."""
    urls = {"api_url": zoho.url, "accounts_url": zoho.url}
    config = CONFIG | urls | settings
    return connect(config, endpoints=ENDPOINTS, clock=clock, sleep=clock.sleep)


# What the success of any call has.
EVERYTHING: dict[str, object] = {
    name: [{"a": {"b": "c"}}]
    for names in (*ROWS.values(), *VALUES.values())
    for name in names
    if name != "no_of_contacts"
}


def in_turn(*answers: Answer | None) -> Callable[[Request], Answer | None]:
    """Return what gives these answers one after the other, the last again and again."""
    numbers = count()
    return lambda _: answers[min(next(numbers), len(answers) - 1)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jitter(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Let every jitter be as long as it can; tells of which spans it was drawn."""
    spans = []

    def uniform(least: float, most: float) -> float:
        spans.append((least, most))
        return most

    monkeypatch.setattr(random, "uniform", uniform)
    return spans


# Never "success, no rows" for what is an error.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", NAMES)
def test_no_published_code_looks_like_an_empty_account(
    endpoint: str, form: str, clock: Clock
) -> None:
    honest = HERE[endpoint].get(A.EMPTY, "").split()
    if_said = NONE_IF_SAID.get(endpoint, "").split()
    with Zoho(in_turn(None)) as zoho:
        client = zoho.client(clock, response_format=form, retry_max_seconds=0)
        for code in (*PUBLISHED, "3023", "6201", "4711", "X9", "-1"):
            for message in ("Told.", NO_CONTACTS):
                zoho.api = in_turn(Answer(error(code, message, form=form)))
                clock.advance(10)
                if code in honest or (code in if_said and message == NO_CONTACTS):
                    assert client.call(endpoint, {}) is None, code
                else:
                    with pytest.raises(ZohoError):
                        client.call(endpoint, {})


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b""),
        Answer(b"", 204),
        Answer(b"<!DOCTYPE html><html><body>IamError.zc</body></html>"),
        Answer(b"<html><body>Sign in</body></html>", 200),
        Answer(b"not found", 404),
        Answer(error("6303"), 400),
        Answer(error("2401"), 500),
        Answer(error("2604"), 404),
        Answer(samples.RECIPIENTS_JSON[:-2]),
        Answer(samples.RECIPIENTS_XML[:-2]),
        Answer(samples.RECIPIENTS_JSON, missing=1),
        Answer(samples.RECIPIENTS_JSON, 500),
        Answer(samples.RECIPIENTS_JSON, 202),
        Answer(samples.UNSUBSCRIBE_JSON),
        Answer(samples.UNSUBSCRIBE_XML),
        as_json([]),
        as_json(None),
        as_json({}),
        as_json("success"),
        as_json({"status": "success", "list_of_details": []}),
        as_json({"status": "error", "code": "0", "list_of_details": []}),
        as_json({"status": "failure", "code": "0", "list_of_details": []}),
        as_json({"status": "success", "code": "0", "list_of_details": "text"}),
        as_json({"status": "success", "code": "0", "list_of_details": ["a", "b"]}),
        Answer(gzip.compress(samples.RECIPIENTS_JSON)),
        Answer(
            gzip.compress(samples.RECIPIENTS_JSON)[:-40],
            headers={"Content-Encoding": "gzip"},
        ),
        Answer(samples.RECIPIENTS_JSON, headers={"Content-Encoding": "gzip"}),
    ],
    ids=count(),
)
def test_no_answer_that_is_broken_looks_like_an_empty_account(
    answer: Answer, clock: Clock
) -> None:
    with Zoho(in_turn(answer)) as zoho:
        client = zoho.client(clock, retry_max_seconds=0)
        for endpoint in (LISTS, MEMBERS, RECIPIENTS, DETAILS):
            with pytest.raises(ZohoError) as raised:
                client.call(endpoint, {})
            assert str(raised.value).endswith(".")


def test_the_verdicts_reach_the_caller_as_their_own_exceptions(clock: Clock) -> None:
    for endpoint, code, kind in (
        (RECIPIENTS, "6002", NotFound),
        (RECIPIENTS, "6502", RangeRefused),
        (RECIPIENTS, "6607", Forbidden),
        (LISTS, "2706", Forbidden),
        (LISTS, "4711", FatalError),
    ):
        with Zoho(in_turn(Answer(error(code, "It is so.")))) as zoho:
            with pytest.raises(kind) as raised:
                zoho.client(clock).call(endpoint, {})
            assert type(raised.value) is kind
            assert f"{endpoint} with code {code} (It is so.)" in str(raised.value)
            assert len(zoho.calls) == 1


LATER = "Error in getting details. Please try after sometime."


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", ["2603", "77777", "2401", "0"])
@pytest.mark.parametrize("endpoint", [*READS])
def test_an_answer_that_asks_for_patience_is_tried_again(
    endpoint: str, code: str, form: str, clock: Clock
) -> None:
    later = Answer(error(code, LATER, form=form))
    with Zoho(in_turn(later, later, success(**EVERYTHING))) as zoho:
        client = connected(zoho, clock, response_format=form)
        assert client.call(endpoint, {}) is not None
        assert len(zoho.calls) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", ["2603", "77777", "2401", "0"])
@pytest.mark.parametrize("endpoint", [*WRITES])
def test_a_change_that_asks_for_patience_is_put_off_and_others_may_go(
    endpoint: str, code: str, form: str, clock: Clock
) -> None:
    later = Answer(error(code, LATER, form=form))
    with Zoho(in_turn(later)) as zoho:
        client = connected(zoho, clock, response_format=form)
        with pytest.raises(Postponed):
            client.call(endpoint, {})
        assert len(zoho.calls) == 1


def test_patience_has_an_end(clock: Clock) -> None:
    with Zoho(in_turn(Answer(error("77777", LATER)))) as zoho:
        client = connected(zoho, clock, retry_max_seconds=60)
        with pytest.raises(Outage) as raised:
            client.call(LISTS, {})
    assert "code 77777" in str(raised.value)
    assert "`retry_max_seconds`" in str(raised.value)


def test_a_page_of_the_web_that_asks_for_patience_is_tried_again(clock: Clock) -> None:
    later = Answer(b"<html><body>Busy. Please try again later.</body></html>", 403)
    with Zoho(in_turn(later, success())) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", [*WRITES])
def test_an_unknown_code_on_a_write_may_be_about_the_record(
    endpoint: str, form: str, clock: Clock
) -> None:
    told = f"Cannot process {ADDRESS} of {CLIENT_SECRET}."
    with Zoho(in_turn(Answer(error("77777", told, form=form)))) as zoho:
        client = connected(zoho, clock, response_format=form)
        with pytest.raises(UnknownRejection) as raised:
            client.call(endpoint, {})
        assert raised.value.code == "77777"
        assert raised.value.message == "Cannot process *** of ***."
        zoho.api = in_turn(Answer(error("2004", "Invalid.", form=form)))
        with pytest.raises(Rejected) as known:
            client.call(endpoint, {})
        assert type(known.value) is Rejected
        # What is not about a record, or not the service's own answer, is not of it.
        for failing in (
            Answer(error("903", "Missing.", form=form)),
            Answer(error("77777", "Told.", form=form), 400),
        ):
            zoho.api = in_turn(failing)
            with pytest.raises(FatalError):
                client.call(endpoint, {})


@pytest.mark.parametrize("form", FORMS)
def test_a_write_without_a_code_is_no_success(form: str, clock: Clock) -> None:
    body = {"json": b'{"tags":[{"a":"b"}]}', "xml": b"<response><tags><a>b</a></tags>"}
    end = {"json": b"", "xml": b"</response>"}
    with Zoho(in_turn(Answer(body[form] + end[form]))) as zoho:
        client = connected(zoho, clock, response_format=form, retry_max_seconds=0)
        with pytest.raises(Outage):
            client.call("listsubscribe", {})


def unreachable(zoho: Zoho, kind: str, environment: pytest.MonkeyPatch) -> str:
    """Return the address of a host that can't be reached in this way."""
    if kind == "proxy":
        environment.setenv("https_proxy", "http://planted:secret@127.0.0.1:1")
        return "https://campaigns.zoho.invalid"
    if kind == "name":
        return "https://campaigns.zoho.invalid"
    if kind == "cut":
        zoho.api = zoho.token = lambda _: None
        return zoho.url
    return "http://127.0.0.1:1"


CAUSES = {
    "proxy": "proxy of the environment",
    "name": "the name of the host is not known",
    "cut": "the connection was cut",
    "refused": "the connection was refused",
}


@pytest.mark.parametrize("kind", CAUSES)
@pytest.mark.parametrize("of", ["api_url", "accounts_url"])
@pytest.mark.parametrize("seconds", [0, 60])
def test_the_cause_of_an_outage_is_named_without_its_address(
    kind: str, of: str, seconds: int, environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    with Zoho(in_turn(success())) as zoho:
        url = unreachable(zoho, kind, environment)
        if of == "api_url":
            zoho.token = lambda _: token("access")
        # Of the two clocks, that of all calls ends first when nobody sleeps.
        client = zoho.client(clock, retry_max_seconds=seconds, **{of: url})
        environment.setattr(random, "uniform", lambda *_: 0.0 if seconds else 1.0)
        with pytest.raises(Outage) as raised:
            client.call(LISTS, {})
    assert CAUSES[kind] in str(raised.value)
    assert f"`{of}`" in str(raised.value)
    assert str(raised.value).startswith("Zoho has answered none") is bool(seconds)
    for secret in ("127.0.0.1", "invalid", "planted", "://"):
        assert secret not in str(raised.value)


# How a call is made.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", NAMES)
def test_a_call_carries_its_parameters_and_credentials_in_a_header_only(
    endpoint: str, form: str, clock: Clock
) -> None:
    with Zoho(in_turn(success())) as zoho:
        client = zoho.client(clock, response_format=form)
        envelope = client.call(endpoint, {"listkey": "3z a&b", "range": 7})
        (token_call, call) = zoho.asked
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


def test_a_body_that_is_compressed_or_in_chunks_is_read_whole(clock: Clock) -> None:
    body = gzip.compress(samples.RECIPIENTS_JSON)
    kind = {"Content-Encoding": "gzip"}
    for answer in (
        Answer(body, headers=kind),
        Answer(headers=kind, pieces=[body[at : at + 1] for at in range(len(body))]),
        Answer(pieces=[samples.RECIPIENTS_JSON[:9], samples.RECIPIENTS_JSON[9:]]),
    ):
        with Zoho(in_turn(answer)) as zoho:
            envelope = zoho.client(clock).call(RECIPIENTS, {})
        assert envelope is not None
        assert envelope.payload[0]["contactid"] == "303000014269257"


def test_every_call_and_every_retry_is_entered_and_counted(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(in_turn(Answer(b"", 503), None, UNAUTHORIZED, success())) as zoho:
        client = zoho.client(clock)
        client.call(LISTS, {})
        client.call(CAMPAIGNS, {})
        assert [call.endpoint for call in zoho.calls] == [LISTS] * 4 + [CAMPAIGNS]
    assert client.calls == {LISTS: 4, CAMPAIGNS: 1}
    assert client.ledger.remaining(LISTS) == 490 - 4
    assert client.ledger.remaining(CAMPAIGNS) == 490 - 1
    assert len(jitter) == 2


# Tokens.


def test_one_token_serves_a_run_of_many_calls(clock: Clock) -> None:
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
    with Zoho(in_turn(success())) as zoho:
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
    with Zoho(in_turn(refusal, success())) as zoho:
        assert zoho.client(clock).call(endpoint, {}) is not None
        assert (zoho.tokens, len(zoho.calls)) == (2, 2)
        signed = [call.headers["Authorization"] for call in zoho.calls]
    assert signed == ["Zoho-oauthtoken access-1", "Zoho-oauthtoken access-2"]
    with Zoho(in_turn(refusal)) as zoho:
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
    with Zoho(in_turn(success()), token=in_turn(refusal)) as zoho:
        with pytest.raises((SettingError, FatalError), match=setting):
            zoho.client(clock).call(LISTS, {})
        assert (zoho.tokens, zoho.calls) == (1, [])
    assert clock.waits == []


@pytest.mark.parametrize("status", [200, 400])
def test_a_throttle_of_tokens_is_waited_for(
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
    tokens = in_turn(throttle, throttle, token("late"))
    with Zoho(in_turn(success()), token=tokens) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
        assert (zoho.tokens, len(zoho.calls)) == (3, 1)
    assert clock.waits == [600, 600]
    assert caplog.text.count("Zoho's token service: locked by Zoho, waiting until") == 2


# What fails for a while, and what fails for good.

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
def test_what_may_pass_is_tried_again(
    fault: Answer | None, clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(in_turn(fault, fault, success())) as zoho:
        envelope = zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 3
    assert envelope is not None
    assert envelope.payload == [{"listkey": "3z"}]
    assert clock.waits == [1, 2]
    assert jitter == [(0, 1), (0, 2)]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_does_not_pass_ends_in_time_with_one_sentence(
    fault: Answer | None, clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(in_turn(fault)) as zoho:
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


def test_a_fault_is_not_waited_out_when_no_time_is_allowed(clock: Clock) -> None:
    random.seed(1)
    with Zoho(in_turn(Answer(b"", 500))) as zoho:
        with pytest.raises(FatalError):
            zoho.client(clock, retry_max_seconds=0).call(LISTS, {})
        assert len(zoho.calls) == 1
    assert clock.waits == []


def test_a_token_service_that_fails_for_a_while_is_asked_again(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    busy = as_json({"error": "internal_error"}, 503)
    tokens = in_turn(None, Answer(b"<html>", 502), busy, token("late"))
    with Zoho(in_turn(success()), token=tokens) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
    assert clock.waits == [1, 2, 4]
    assert len(jitter) == 3


def test_nobody_at_the_address_is_told_with_the_setting(clock: Clock) -> None:
    with Zoho(in_turn(success())) as zoho:
        pass
    with pytest.raises(FatalError, match="`data_center` or `accounts_url`"):
        zoho.client(clock, retry_max_seconds=0).call(LISTS, {})


def test_time_spent_waiting_for_the_quota_is_no_time_of_failing(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    with Zoho(in_turn(success(), Answer(b"", 503), Answer(b"", 503), success())) as z:
        client = z.client(clock, rate_limit_calls=2, rate_limit_seconds=300)
        for _ in range(2):
            assert client.call(LISTS, {}) is not None
    assert jitter


def test_a_rest_after_a_lock_is_no_time_of_failing(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    busy, locked = Answer(b"", 503), Answer(error("Z101"))
    with Zoho(in_turn(busy, locked, busy, success())) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None
    assert len(jitter) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_without_an_envelope_is_not_tried_again(
    status: int, clock: Clock
) -> None:
    with Zoho(in_turn(Answer(b"<html>", status))) as zoho:
        with pytest.raises(
            FatalError, match=f"HTTP {status}.*`data_center`.*`api_url`"
        ):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 1


def test_an_answer_that_does_not_come_is_given_up(clock: Clock) -> None:
    def never(_: Request) -> None:
        zoho.over.wait()

    with Zoho(never) as zoho:
        client = zoho.client(clock, request_timeout=0.05, retry_max_seconds=0)
        with pytest.raises(FatalError, match=r"no whole answer .*Timeout"):
            client.call(LISTS, {})


@pytest.mark.parametrize("answered", [True, False])
def test_a_call_counts_from_its_answer_or_from_when_it_can_not_arrive_any_more(
    answered: bool,  # noqa: FBT001 (a parameter of the test)
    clock: Clock,
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


def test_a_trickle_is_given_up_when_its_time_is_over(clock: Clock) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(10_000):
            clock.advance(25)
            yield b" "

    with Zoho(lambda _: Answer(pieces=trickle())) as zoho:
        client = zoho.client(clock, request_timeout=60, retry_max_seconds=0)
        with pytest.raises(FatalError, match=r"no whole answer .*Timeout"):
            client.call(LISTS, {})


@pytest.mark.parametrize("kind", ["", "gzip"])
def test_a_body_without_end_is_given_up_naming_the_setting(
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
    with Zoho(in_turn(answer)) as zoho:
        with pytest.raises(FatalError, match="`page_size`"):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 1
    assert len(sent) < 4096


# Where a call goes.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at", [*NAMES, "token"])
def test_a_redirect_is_refused_and_its_target_never_asked(
    at: str, status: int, clock: Clock
) -> None:
    with Zoho(in_turn(success())) as target:
        away = Answer(b"", status, {"Location": f"{target.url}/oauth/v2/token"})
        tokens = in_turn(away) if at == "token" else None
        with Zoho(in_turn(away), token=tokens) as zoho:
            setting = "`accounts_url`" if at == "token" else "`api_url`"
            endpoint = LISTS if at == "token" else at
            with pytest.raises(FatalError, match=f"redirects.*{setting}"):
                zoho.client(clock).call(endpoint, {})
            assert len(zoho.asked) == (1 if at == "token" else 2)
        assert target.asked == []
    assert clock.waits == []


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies and certificates."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_proxy_of_the_environment_is_used(
    environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    far = {"api_url": "https://api.example", "accounts_url": "https://zoho.example"}
    with Zoho(in_turn(Answer(status=502))) as proxy:
        environment.setenv("https_proxy", proxy.url)
        client = proxy.client(clock, retry_max_seconds=0, **far)
        with pytest.raises(FatalError, match="ProxyError"):
            client.call(LISTS, {})
        (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("CONNECT", "zoho.example:443")


def test_a_host_that_needs_no_proxy_is_asked_itself(
    environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    far = {"api_url": "https://api.invalid", "accounts_url": "https://zoho.invalid"}
    with Zoho(in_turn(success())) as proxy:
        environment.setenv("https_proxy", proxy.url)
        environment.setenv("no_proxy", "zoho.invalid")
        with pytest.raises(FatalError, match=r"ConnectionError.*`accounts_url`"):
            proxy.client(clock, retry_max_seconds=0, **far).call(LISTS, {})
        assert proxy.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST"])
@pytest.mark.parametrize(
    "variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
)
def test_what_stays_on_this_machine_never_goes_through_a_proxy(
    host: str, variable: str, environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    with Zoho(in_turn(success())) as proxy, Zoho(in_turn(success())) as zoho:
        environment.setenv(variable, proxy.url)
        url = zoho.url.replace("127.0.0.1", host)
        client = zoho.client(clock, api_url=url, accounts_url=url)
        # The addresses of a machine that listens at one of them alone.
        environment.setattr(socket, "getaddrinfo", at_one_address)
        assert client.call(LISTS, {}) is not None
        assert len(zoho.asked) == 2
        assert proxy.asked == []


def at_one_address(_: str, port: int, **__: object) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://127.255.255.254", True),
        ("https://[::1]:443", True),
        ("https://[::ffff:127.0.0.1]", True),
        ("https://Localhost/x", True),
        ("https://localhost.example", False),
        ("https://128.0.0.1", False),
        ("https://10.0.0.1", False),
        ("https://[::2]", False),
        ("https://campaigns.zoho.com", False),
    ],
)
def test_what_is_of_this_machine_is_known_by_its_address(
    url: str,
    local: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    assert hosts.is_local(url) is local


# Of this test alone, for 127.0.0.1, until 2120.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguVhJWarZKAqsXO0H
JKhelHhkQhSh86d6DkvR1hQHhZahRANCAASFjkvTQ6Kt/V16MRk2MI3mB3GJzRqU
ywgV5GR3A69ZI72AD77twKlK7C8AZ2mE4wG8Q+ZqRUHbskYso0mzJgfL
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBXDCCAQKgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAkxMjcuMC4w
LjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIWOS9NDoq39XXox
GTYwjeYHcYnNGpTLCBXkZHcDr1kjvYAPvu3AqUrsLwBnaYTjAbxD5mpFQduyRiyj
SbMmB8ujQzBBMA8GA1UdEQQIMAaHBH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAdBgNV
HQ4EFgQUhyyXLG1e+Cu+njPeCO9SK6rxHm4wCgYIKoZIzj0EAwIDSAAwRQIhALOk
QQty7C78gx8JOf2iUfYxAr164yBLWxWeOU2Uybz3AiBvR9y3C/jsYSLmfCphrTU4
LfD8GGrHNK5GfG1ROh/ubw==
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_certificates_of_the_environment_are_trusted_and_no_others(
    variable: str, environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Zoho(in_turn(success()), tls=tls) as zoho:
        with pytest.raises(FatalError, match="SSLError"):
            zoho.client(clock, retry_max_seconds=0).call(LISTS, {})
        assert zoho.asked == []
        environment.setenv(variable, str(certificate))
        assert zoho.client(clock).call(LISTS, {}) is not None


def test_certificates_that_are_not_there_are_told_in_a_sentence(
    environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    urls = {"api_url": "https://127.0.0.1:1", "accounts_url": "https://127.0.0.1:1"}
    client = connect(
        CONFIG | urls | {"retry_max_seconds": 0}, clock=clock, sleep=clock.sleep
    )
    with pytest.raises(ZohoError):
        client.call(LISTS, {})


def test_credentials_of_a_netrc_are_never_sent(
    environment: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    for name in (".netrc", "_netrc"):
        netrc = tmp_path / name
        netrc.write_text("machine 127.0.0.1 login me password planted\n")
        netrc.chmod(0o600)
    environment.setenv("HOME", str(tmp_path))
    environment.setenv("NETRC", str(tmp_path / ".netrc"))
    with Zoho(in_turn(success())) as zoho:
        zoho.client(clock).call(LISTS, {})
        token_call, call = zoho.asked
    assert "Authorization" not in token_call.headers
    assert call.headers["Authorization"] == "Zoho-oauthtoken access-1"


# Locks.

PROJECTS = {
    "error": {
        "status_code": "400",
        "title": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
        "details": {
            "message": "Cannot execute more than 100 requests per API in 2 minutes. "
            "Try again after 22 minutes."
        },
    }
}
LOCKS = {
    "Z101": Answer(error("Z101")),
    "Z101 in xml": Answer(
        b"<response><code>Z101</code><status>error</status><message/></response>"
    ),
    "Z101 in 400": Answer(error("Z101"), 400),
    "2008": Answer(error("2008", "API calls limit exceeded.")),
    "409909": Answer(error("409909", "Limit reached.")),
    "429": Answer(b"", 429),
    "429 in json": Answer(error("429", "Too many requests."), 429),
    "429 web page": Answer(b"<html>Too many</html>", 429),
    "projects": as_json(PROJECTS, 400),
    "projects in 200": as_json(PROJECTS),
    "text": Answer(error("4711", "throttles_limit_exceeded")),
}


@pytest.mark.parametrize("locked", LOCKS.values(), ids=LOCKS)
@pytest.mark.parametrize("endpoint", [LISTS, RECIPIENTS])
def test_a_locked_endpoint_rests_and_then_goes_on(
    endpoint: str, locked: Answer, clock: Clock
) -> None:
    with Zoho(in_turn(locked, success())) as zoho:
        client = zoho.client(clock, rate_limit_lock_seconds=777)
        assert client.call(endpoint, {}) is not None
        assert len(zoho.calls) == 2
    assert clock.waits == [777]


@pytest.mark.parametrize("locked", LOCKS.values(), ids=LOCKS)
def test_an_endpoint_that_stays_locked_fails_with_a_sentence(
    locked: Answer, clock: Clock
) -> None:
    with Zoho(in_turn(locked)) as zoho:
        with pytest.raises(FatalError, match=r"another program.*`rate_limit_calls`"):
            zoho.client(clock).call(LISTS, {})
        assert len(zoho.calls) == 4
    assert clock.waits == [1800] * 3


def test_other_endpoints_go_on_while_one_rests(clock: Clock) -> None:
    def answer(asked: Request) -> Answer:
        first = len(zoho.calls) == 1
        return LOCKS["Z101"] if asked.endpoint == LISTS and first else success()

    def sleep(seconds: float) -> None:
        before = len(clock.waits)
        assert client.call(CAMPAIGNS, {}) is not None
        assert len(clock.waits) == before
        clock.sleep(seconds)

    with Zoho(answer) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url}
        client = connect(CONFIG | urls, clock=clock, sleep=sleep)
        assert client.call(LISTS, {}) is not None
        called = [call.endpoint for call in zoho.calls]
    assert called == [LISTS, CAMPAIGNS, LISTS]
    assert clock.waits == [1800]


@pytest.mark.parametrize("form", ["Z101", "Z101-400", "429", "2008", "projects"])
def test_a_service_that_allows_less_than_was_thought_is_read_whole_all_the_same(
    form: Any,
    clock: Clock,
) -> None:
    with Service(
        LivingAccount(), quota_calls=5, lock_form=form, monotonic=clock
    ) as service:
        client = connect(CONFIG | service.config, clock=clock, sleep=clock.sleep)
        for _ in range(12):
            assert client.call(LISTS, {"range": 1}) is not None
    assert clock.waits == [1800, 1800]


def test_the_quota_is_kept_so_that_no_lock_comes(clock: Clock) -> None:
    with Service(
        LivingAccount(), quota_calls=5, quota_seconds=60, monotonic=clock
    ) as service:
        settings = {"rate_limit_calls": 5, "rate_limit_seconds": 60}
        config = CONFIG | service.config | settings
        client = connect(config, clock=clock, sleep=clock.sleep)
        for _ in range(12):
            clock.advance(1)
            assert client.call(LISTS, {"range": 1}) is not None
        assert len(service.calls) == 12
    assert clock.waits == [56, 56]


def test_a_cut_page_whose_digits_look_like_a_lock_is_tried_again_at_once(
    clock: Clock, jitter: list[tuple[float, float]]
) -> None:
    page = samples.RECIPIENTS_JSON.replace(b"303000014269257", b"303000409909257")
    with Zoho(in_turn(Answer(page[:-2]), Answer(page))) as zoho:
        assert zoho.client(clock).call(RECIPIENTS, {}) is not None
    assert clock.waits == [1]
    assert len(jitter) == 1


# What is shown.

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
def test_nothing_that_is_secret_or_personal_is_shown_or_logged(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Zoho(in_turn(answer), token=in_turn(token(ACCESS_TOKEN))) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
    assert "urllib3" in shown
    assert [planted for planted in PLANTED if planted in shown] == []


@pytest.mark.parametrize("answer", TOKEN_LEAKS.values(), ids=TOKEN_LEAKS)
def test_nothing_that_the_token_service_says_shows_a_secret(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # The token is none of the tap's yet: only its own secrets have to be hidden.
    planted = (CLIENT_SECRET, REFRESH_TOKEN, ADDRESS, LONG_KEY)
    with Zoho(in_turn(success()), token=in_turn(answer)) as zoho:
        shown = shown_by(zoho.client(clock), caplog)
        assert zoho.calls == []
    assert [each for each in planted if each in shown] == []


# The pages, over the wire.


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


# The house.


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
