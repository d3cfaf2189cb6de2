"""API version 1: one token in the body of every call, and fewer endpoints."""

from __future__ import annotations

import logging
import typing as t

import pytest

from tap_zohocampaigns.api.connect import connect
from tap_zohocampaigns.api.endpoints import ENDPOINTS, WRITES
from tap_zohocampaigns.api.errors import FatalError, Forbidden, SettingError
from tap_zohocampaigns.api.hosts import DATA_CENTERS
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.api.test_locks import LOCKS
from tests.api.test_secrets import leaks, shown_by
from tests.support import samples
from tests.support.calls import COUNT, LISTS, RECIPIENTS, answers_in_order
from tests.support.zoho import (
    ADDRESS,
    AUTH_TOKEN,
    CONFIG,
    LONG_KEY,
    V1,
    Answer,
    Clock,
    Request,
    Zoho,
    as_json,
    error,
    success,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.api.client import Client

FORMS = ("json", "xml")
CALLS = {name: row.v1 for name, row in ENDPOINTS.items() if row.v1 is not None}
REFUSED = {
    "message": "Unauthorized key",
    "version": "1",
    "URI": "/api/getmailinglists",
    "Code": "1007",
    "status": "error",
}
REFUSALS = {
    "1007": as_json(REFUSED, 401),
    "1007 in 200": Answer(error("1007", "Unauthorized key")),
    "1007 in xml": Answer(error("1007", "Unauthorized key", form="xml"), 401),
    "empty": Answer(b"", 401),
    "html": Answer(b"<html>Sign in</html>", 401),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def old(zoho: Zoho, clock: Clock, **settings: object) -> Client:
    """Connect without OAuth, by version 1."""
    config = V1 | {"api_url": zoho.url} | settings
    return connect(config, endpoints=ENDPOINTS, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", CALLS)
def test_a_call_has_all_parameters_in_its_body(
    endpoint: str, form: str, clock: Clock
) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        client = old(zoho, clock, response_format=form)
        envelope = client.call(endpoint, {"listkey": "3z a&b", "range": 7})
        (call,) = zoho.requests
    assert envelope is not None
    folder = f"{form}/" if endpoint in WRITES else ""
    assert (call.method, call.target) == ("POST", f"/api/{folder}{endpoint}")
    assert call.form == {
        "resfmt": form.upper(),
        "listkey": "3z a&b",
        "range": "7",
        "authtoken": AUTH_TOKEN,
        "scope": "CampaignsAPI",
        "version": "1",
    }
    assert "Authorization" not in call.headers
    # The minute of `listsubscribe` allows as many calls as the window of the others.
    assert client.ledger.remaining(endpoint) == 490 - 1


def test_a_parameter_that_version_1_does_not_accept_is_not_sent(clock: Clock) -> None:
    with Zoho(answers_in_order(Answer(samples.COUNT_JSON))) as zoho:
        envelope = old(zoho, clock).call(COUNT, {"listkey": "3z", "status": "active"})
        assert "status" not in zoho.requests[0].form
    assert envelope is not None
    assert envelope.payload == 2


@pytest.mark.parametrize(
    ("endpoint", "params"),
    [
        ("campaignreports", {"campaignkey": "3z"}),
        ("getcampaigndetails", {"campaignkey": "3z"}),
        (COUNT, {"listkey": "3z", "status": "unsub"}),
    ],
)
def test_a_call_that_version_1_does_not_have_is_an_error(
    endpoint: str, params: dict[str, str], clock: Clock
) -> None:
    with Zoho(answers_in_order(success())) as zoho:
        client = old(zoho, clock)
        with pytest.raises(SettingError, match=f"{endpoint}.*`api_version` 1.1\\.$"):
            client.call(endpoint, params)
        assert zoho.requests == []
    assert client.ledger.remaining(endpoint) == 490


@pytest.mark.parametrize("center", DATA_CENTERS)
def test_each_data_center_is_called_and_no_other_host(
    center: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Request) -> Answer:
        return Answer(b"", 403)

    with Zoho(refuse) as proxy:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy.url)
        config = V1 | {"data_center": center, "retry_max_seconds": 0}
        with pytest.raises(FatalError, match="`data_center`"):
            connect(config, clock=clock, sleep=clock.sleep).call(LISTS, {})
        targets = [(asked.method, asked.target) for asked in proxy.requests]
    host = DATA_CENTERS[center].api.removeprefix("https://")
    assert targets == [("CONNECT", f"{host}:443")]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("endpoint", [LISTS, RECIPIENTS])
def test_a_refused_token_is_an_error_and_not_retried(
    endpoint: str, refusal: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(refusal, success())) as zoho:
        with pytest.raises(SettingError) as refused:
            old(zoho, clock).call(endpoint, {})
        assert len(zoho.requests) == 1
    sentence = str(refused.value)
    assert sentence.endswith("check `auth_token` and `data_center`.")
    assert "refresh_token" not in sentence
    assert clock.waits == []


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("2706", Forbidden, "check that the user of `auth_token` may see this"),
        ("901", FatalError, "`auth_token` belongs to an active account"),
        ("1004", FatalError, "`api_version`"),
        ("1002", FatalError, "update the tap"),
    ],
)
def test_errors_name_the_settings_of_version_1(
    code: str, kind: type[Exception], advice: str, clock: Clock
) -> None:
    with Zoho(answers_in_order(Answer(error(code, "No.")))) as zoho:
        with pytest.raises(kind, match=advice):
            old(zoho, clock).call(LISTS, {})
        assert len(zoho.requests) == 1


@pytest.mark.parametrize("form", FORMS)
def test_refusals_of_the_sandbox_are_errors(form: str, clock: Clock) -> None:
    with Service(LivingAccount()) as service:
        config = V1 | service.config_v1 | {"response_format": form}
        client = connect(config, clock=clock, sleep=clock.sleep)
        with pytest.raises(FatalError, match=f"{COUNT} with code 1003 "):
            client.call(COUNT, {})
        wrong = config | {"auth_token": AUTH_TOKEN}
        client = connect(wrong, clock=clock, sleep=clock.sleep)
        with pytest.raises(SettingError, match=r"\(Unauthorized key\).*`auth_token`"):
            client.call(LISTS, {})
        assert [call.version for call in service.calls] == ["1", "1"]
        assert not any(call.secret_in_url for call in service.calls)
        assert service.tokens_issued == 0


@pytest.mark.parametrize("locked", LOCKS.values(), ids=LOCKS)
def test_a_locked_endpoint_is_called_again_after_the_lock_time(
    locked: Answer, clock: Clock
) -> None:
    with Zoho(answers_in_order(locked, success())) as zoho:
        client = old(zoho, clock, rate_limit_lock_seconds=777)
        assert client.call(RECIPIENTS, {}) is not None
        assert len(zoho.requests) == 2
    assert clock.waits == [777]


PLANTED = (AUTH_TOKEN, ADDRESS, LONG_KEY)
LEAKS = leaks(" ".join(PLANTED))


@pytest.mark.parametrize("answer", LEAKS.values(), ids=LEAKS)
def test_no_secret_and_no_contact_is_shown_or_logged(
    answer: Answer | None, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Zoho(answers_in_order(answer)) as zoho:
        shown = shown_by(old(zoho, clock), caplog)
    assert "urllib3" in shown
    assert [planted for planted in PLANTED if planted in shown] == []


def left(config: dict[str, t.Any], clock: Clock) -> int:
    return connect(config, clock=clock, sleep=clock.sleep).ledger.remaining(LISTS)


def test_the_ledger_contains_the_account_and_not_the_token(
    tmp_path: Path, clock: Clock
) -> None:
    ledger = tmp_path / "ledger.db"
    kept = {"rate_limit_ledger": str(ledger)}
    with Zoho(answers_in_order(success())) as zoho:
        old(zoho, clock, **kept).call(LISTS, {})
        same = V1 | kept | {"api_url": zoho.url}
    assert left(same, clock) == 490 - 1
    assert left(same | {"auth_token": "another"}, clock) == 490
    assert left(same | {"api_url": "https://campaigns.zoho.com.cn"}, clock) == 490
    assert left(CONFIG | kept | {"api_url": zoho.url}, clock) == 490
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert AUTH_TOKEN.encode() not in written
