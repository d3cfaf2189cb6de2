"""What sessions, stores and files take for granted, taken away."""

from __future__ import annotations

import pwd
import re
import typing as t

import pytest

from tap_zohocampaigns.api.errors import (
    Forbidden,
    Outage,
    Postponed,
    SettingError,
    StoppedAtLock,
    Transient,
)
from tap_zohocampaigns.api.retry_budget import BudgetExhausted, RetryBudget
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.taps import run_tap
from tests.support.target import (
    open_list,
    record,
    refusal,
    run_target,
    small_account,
    state,
)
from tests.support.zoho import Answer, Clock, Zoho, as_json, success, token

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call
    from tests.support.zoho import Request

LISTS, CAMPAIGNS, FIELDS = "getmailinglists", "recentcampaigns", "contact/allfields"
UNAUTHORIZED = as_json({"code": "1007", "message": "Unauthorized request."}, 401)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lacks_contacts(asked: Request) -> Answer:
    return success() if asked.endpoint == CAMPAIGNS else UNAUTHORIZED


def test_runs_whose_first_call_lacks_its_scope_share_a_token(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lacks_contacts) as zoho:
        for _ in range(13):
            with pytest.raises(Forbidden, match=r"contact\.READ"):
                zoho.client(clock, **ledger).call(FIELDS, {})
        # The first run asks for another one, as for any token that is refused.
        assert zoho.tokens == 2
    assert clock.waits == []


def test_a_revoked_token_is_replaced_if_the_probe_would_have_to_wait(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        first = zoho.client(clock, **ledger)
        first.call(CAMPAIGNS, {})
        first.ledger.lock(LISTS)
        zoho.api = lambda asked: (
            UNAUTHORIZED if asked.headers["Authorization"].endswith("-1") else success()
        )
        assert zoho.client(clock, **ledger).call(CAMPAIGNS, {})
        assert zoho.tokens == 2
    assert clock.waits == []


def test_a_slow_token_service_gets_at_most_ten_requests_in_ten_minutes(
    clock: Clock,
) -> None:
    asked: list[float] = []

    def slow(_: Request) -> Answer:
        asked.append(clock())
        # The call lasts longer than it may, and the token is made all the same.
        clock.advance(2)
        return Answer(token("access").body, pieces=[b" "], missing=0)

    with Zoho(lambda _: success(), slow) as zoho:
        client = zoho.client(clock, request_timeout=1, retry_max_seconds=2_000)
        with pytest.raises(Outage):
            client.call(LISTS, {})
    for number in range(len(asked) - 10):
        assert asked[number + 10] - asked[number] >= 600


def test_contacts_that_zoho_postpones_are_answers_too() -> None:
    clock = Clock()
    budget = RetryBudget(1, clock)
    failing = 0.0
    for _ in range(60):
        clock.advance(5)
        for each in (Postponed("Told.", "2001", "Retry later."), Transient()):
            try:
                with budget.token():
                    raise each
            except BudgetExhausted as starved:
                failing = max(failing, starved.failing)
            except (Postponed, Transient):
                pass
    assert failing <= 5


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without a home folder."""

    def nobody(uid: int) -> t.NoReturn:
        raise KeyError(uid)

    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("dry_run", [True, False])
def test_the_target_needs_no_home_folder(*, dry_run: bool) -> None:
    account = small_account()
    with Service(account) as service:
        key = open_list(account)
        told = [record("subscribe", "ann@example.com", list_key=key), state(1)]
        ran = run_target(service, told, dry_run=dry_run)
    assert ran.error is None
    assert ran.counts() == (1, 0, 0, 0)
    assert ran.states == ([] if dry_run else [{"number": 1}])


@pytest.mark.usefixtures("homeless")
def test_a_rejected_record_without_a_home_folder_names_reject_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account = small_account()
    with Service(account) as service:
        key = open_list(account)
        told = [
            record("subscribe", "ann@example.com", list_key=key),
            record("subscribe", "nobody", list_key=key),
            state(1),
        ]
        ran = run_target(service, told)
        assert isinstance(ran.error, SettingError)
        assert "`reject_file`" in str(ran.error)
        assert ran.states == []
        # Nothing is written to a folder that is called like a home.
        assert not [*tmp_path.iterdir()]
        ran = run_target(service, told, reject_file=str(tmp_path / "rejected"))
    assert ran.error is None
    assert ran.states == [{"number": 1}]


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"code":"500","status":"error","message":"Internal error"}'],
)
@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_contact_that_causes_http_500_does_not_stop_the_others(
    form: str, body: bytes, tmp_path: Path, *, bare: bool
) -> None:
    account = small_account()
    with Service(account) as service:
        service.intercept = lambda call: (
            Reply(500, body) if "broken" in str(call.params) else None
        )
        key = open_list(account)
        names = ("ann", "broken", "carl", "dora", "emil")
        more = {} if bare else {"source": "warehouse"}
        told = [
            record("subscribe", f"{name}@example.com", list_key=key, **more)
            for name in names
        ]
        ran = run_target(
            service,
            [*told, state(1)],
            reject_file=str(tmp_path / "rejected"),
            response_format=form,
        )
    assert ran.error is None
    assert ran.counts() == (4, 0, 1, 0)
    assert ran.states == [{"number": 1}]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_outage_rejects_no_contact(status: int, tmp_path: Path) -> None:
    account = small_account()
    rejects = tmp_path / "rejected"
    with Service(account) as service:
        service.intercept = lambda _: Reply(status, b"<html>")
        key = open_list(account)
        told = [
            record("subscribe", f"contact{number}@example.com", list_key=key)
            for number in range(30)
        ]
        ran = run_target(service, [*told, state(1)], reject_file=str(rejects))
        assert isinstance(ran.error, Outage)
        assert "`retry_max_seconds`" in str(ran.error)
        assert len(service.calls) < 15
    assert ran.states == []
    assert not rejects.exists()


@pytest.mark.parametrize("status", [400, 422])
def test_a_contact_that_is_refused_with_http_400_is_rejected_alone(
    status: int, tmp_path: Path
) -> None:
    def answer(call: Call) -> Reply | None:
        body = refusal("2004", "Invalid contact.").body
        return Reply(status, body) if "planted" in str(call.params) else None

    account = small_account()
    with Service(account) as service:
        service.intercept = answer
        key = open_list(account)
        told = [
            record("subscribe", f"{name}@example.com", list_key=key, first_name="x")
            for name in ("ann", "planted", "carl")
        ]
        ran = run_target(
            service, [*told, state(1)], reject_file=str(tmp_path / "rejected")
        )
    assert ran.error is None
    assert ran.counts() == (2, 0, 1, 0)


@pytest.mark.parametrize("locked", ["endpoint", "tokens"])
def test_a_run_that_stops_at_a_lock_names_the_end_of_the_lock(
    locked: str, clock: Clock
) -> None:
    too_often = as_json({"error": "Access Denied"}, 400)
    with Zoho(lambda _: as_json({"code": "Z101", "status": "error"})) as zoho:
        if locked == "tokens":
            zoho.token = lambda _: too_often
        client = zoho.client(clock, rate_limit_on_lock="stop")
        with pytest.raises(StoppedAtLock) as stopped:
            client.call(LISTS, {})
    assert re.search(r"until \d\d:\d\d:\d\d$", str(stopped.value))
    assert clock.waits == []


@pytest.mark.parametrize("others", ["added in bulk", "unsubscribed"])
def test_a_contact_that_is_always_postponed_does_not_stop_the_others(
    others: str, tmp_path: Path
) -> None:
    account = small_account()
    with Service(account) as service:
        service.intercept = lambda call: (
            refusal("2001", "Retry after sometime.")
            if "planted" in str(call.params)
            else None
        )
        key = open_list(account)
        action = "subscribe" if others == "added in bulk" else "unsubscribe"
        told = [
            record("subscribe", "planted@example.com", list_key=key, first_name="x"),
            *(
                record(action, f"other{number}@example.com", list_key=key)
                for number in range(5)
            ),
        ]
        for _ in range(3):
            ran = run_target(
                service, [*told, state(1)], reject_file=str(tmp_path / "rejected")
            )
            if not ran.error:
                break
    assert ran.error is None
    assert ran.states == [{"number": 1}]


def test_a_damaged_state_is_refused(
    service: Service,
) -> None:
    state = run_tap(service, "list_subscribers").state
    parts = state["bookmarks"]["list_subscribers"]["parts"]
    for name in parts:
        parts[name] = 1
    with pytest.raises(SettingError, match="state of list_subscribers"):
        run_tap(service, "list_subscribers", state=state)
