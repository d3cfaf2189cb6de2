"""Answers of calls: which fail, which are retried, and which mean no rows."""

from __future__ import annotations

import gzip
import random
import typing as t
from itertools import count

import pytest

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
    UnknownRejection,
    ZohoError,
)
from tests.api.test_codes import HERE, NO_CONTACTS, NONE_IF_SAID, PUBLISHED, A
from tests.support import samples
from tests.support.calls import (
    DETAILS,
    FORMATS,
    LISTS,
    MEMBERS,
    RECIPIENTS,
    answers_in_order,
)
from tests.support.zoho import (
    ADDRESS,
    CLIENT_SECRET,
    CONFIG,
    ENDPOINT_NAMES,
    ROWS,
    VALUES,
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


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_no_published_code_looks_like_an_empty_account(
    endpoint: str, form: str, clock: Clock
) -> None:
    honest = HERE[endpoint].get(A.EMPTY, "").split()
    if_said = NONE_IF_SAID.get(endpoint, "").split()
    with Zoho(answers_in_order(None)) as zoho:
        client = zoho.client(clock, response_format=form, retry_max_seconds=0)
        for code in (*PUBLISHED, "3023", "6201", "4711", "X9", "-1"):
            for message in ("Told.", NO_CONTACTS):
                zoho.api = answers_in_order(Answer(error(code, message, form=form)))
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
def test_no_broken_answer_looks_like_an_empty_account(
    answer: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(answer)) as zoho:
        client = zoho.client(clock, retry_max_seconds=0)
        for endpoint in (LISTS, MEMBERS, RECIPIENTS, DETAILS):
            with pytest.raises(ZohoError) as raised:
                client.call(endpoint, {})
            assert str(raised.value).endswith(".")


def test_each_action_raises_its_own_exception(clock: Clock) -> None:
    for endpoint, code, kind in (
        (RECIPIENTS, "6002", NotFound),
        (RECIPIENTS, "6502", RangeRefused),
        (RECIPIENTS, "6607", Forbidden),
        (LISTS, "2706", Forbidden),
        (LISTS, "4711", FatalError),
    ):
        with Zoho(answers_in_order(Answer(error(code, "It is so.")))) as zoho:
            with pytest.raises(kind) as raised:
                zoho.client(clock).call(endpoint, {})
            assert type(raised.value) is kind
            assert f"{endpoint} with code {code} (It is so.)" in str(raised.value)
            assert len(zoho.calls) == 1


LATER = "Error in getting details. Please try after sometime."


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("code", ["2603", "77777", "2401", "0"])
@pytest.mark.parametrize("endpoint", [*READS])
def test_a_call_is_repeated_if_the_message_asks_to_try_later(
    endpoint: str, code: str, form: str, clock: Clock
) -> None:
    later = Answer(error(code, LATER, form=form))
    with Zoho(answers_in_order(later, later, success(**EVERYTHING))) as zoho:
        client = connected(zoho, clock, response_format=form)
        assert client.call(endpoint, {}) is not None
        assert len(zoho.calls) == 3


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("code", ["2603", "77777", "2401", "0"])
@pytest.mark.parametrize("endpoint", [*WRITES])
def test_a_change_is_postponed_if_the_message_asks_to_try_later(
    endpoint: str, code: str, form: str, clock: Clock
) -> None:
    later = Answer(error(code, LATER, form=form))
    with Zoho(answers_in_order(later)) as zoho:
        client = connected(zoho, clock, response_format=form)
        with pytest.raises(Postponed):
            client.call(endpoint, {})
        assert len(zoho.calls) == 1


def test_messages_that_ask_to_try_later_are_followed_for_a_limited_time(
    clock: Clock,
) -> None:
    with Zoho(answers_in_order(Answer(error("77777", LATER)))) as zoho:
        client = connected(zoho, clock, retry_max_seconds=60)
        with pytest.raises(Outage) as raised:
            client.call(LISTS, {})
    assert "code 77777" in str(raised.value)
    assert "`retry_max_seconds`" in str(raised.value)


def test_a_call_is_repeated_if_a_web_page_asks_to_try_later(clock: Clock) -> None:
    later = Answer(b"<html><body>Busy. Please try again later.</body></html>", 403)
    with Zoho(answers_in_order(later, success())) as zoho:
        assert zoho.client(clock).call(LISTS, {}) is not None


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("endpoint", [*WRITES])
def test_an_unknown_code_on_a_write_is_an_unknown_rejection(
    endpoint: str, form: str, clock: Clock
) -> None:
    message = f"Cannot process {ADDRESS} of {CLIENT_SECRET}."
    with Zoho(answers_in_order(Answer(error("77777", message, form=form)))) as zoho:
        client = connected(zoho, clock, response_format=form)
        with pytest.raises(UnknownRejection) as raised:
            client.call(endpoint, {})
        assert raised.value.code == "77777"
        assert raised.value.message == "Cannot process *** of ***."
        zoho.api = answers_in_order(Answer(error("2004", "Invalid.", form=form)))
        with pytest.raises(Rejected) as known:
            client.call(endpoint, {})
        assert type(known.value) is Rejected
        # These are not about the record: a code for all calls, and an HTTP error.
        for failing in (
            Answer(error("903", "Missing.", form=form)),
            Answer(error("77777", "Told.", form=form), 400),
        ):
            zoho.api = answers_in_order(failing)
            with pytest.raises(FatalError):
                client.call(endpoint, {})


@pytest.mark.parametrize("form", FORMATS)
def test_a_write_without_a_code_is_not_a_success(form: str, clock: Clock) -> None:
    body = {"json": b'{"tags":[{"a":"b"}]}', "xml": b"<response><tags><a>b</a></tags>"}
    end = {"json": b"", "xml": b"</response>"}
    with Zoho(answers_in_order(Answer(body[form] + end[form]))) as zoho:
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


@pytest.mark.parametrize(
    "kind",
    # The answer about a name that does not exist may take seconds.
    [
        pytest.param(kind, marks=[pytest.mark.slow] * (kind == "name"))
        for kind in CAUSES
    ],
)
@pytest.mark.parametrize("of", ["api_url", "accounts_url"])
@pytest.mark.parametrize("seconds", [0, 60])
def test_the_cause_of_an_outage_is_named_without_its_address(
    kind: str, of: str, seconds: int, environment: pytest.MonkeyPatch, clock: Clock
) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        url = unreachable(zoho, kind, environment)
        if of == "api_url":
            zoho.token = lambda _: token("access")
        # Without waits, the time for all calls ends before that of one call.
        client = zoho.client(clock, retry_max_seconds=seconds, **{of: url})
        environment.setattr(random, "uniform", lambda *_: 0.0 if seconds else 1.0)
        with pytest.raises(Outage) as raised:
            client.call(LISTS, {})
    assert CAUSES[kind] in str(raised.value)
    assert f"`{of}`" in str(raised.value)
    assert str(raised.value).startswith("Zoho has answered none") is bool(seconds)
    for secret in ("127.0.0.1", "invalid", "planted", "://"):
        assert secret not in str(raised.value)
