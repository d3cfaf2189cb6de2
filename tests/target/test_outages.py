"""Contacts that cause errors of Zoho, outages, and users without a home folder."""

from __future__ import annotations

import pwd
import typing as t

import pytest

from tap_zohocampaigns.api.errors import Outage, SettingError
from tap_zohocampaigns.sandbox import Reply, Service
from tests.support.target import (
    error_reply,
    list_without_form,
    record,
    run_target,
    small_account,
    state,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call


@pytest.fixture
def no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the home folder of the user."""

    def unknown_user(uid: int) -> t.NoReturn:
        raise KeyError(uid)

    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown_user)


@pytest.mark.usefixtures("no_home_folder")
@pytest.mark.parametrize("dry_run", [True, False])
def test_the_target_works_without_a_home_folder(*, dry_run: bool) -> None:
    account = small_account()
    with Service(account) as service:
        list_key = list_without_form(account)
        messages = [record("subscribe", "ann@example.com", list_key=list_key), state(1)]
        result = run_target(service, messages, dry_run=dry_run)
    assert result.error is None
    assert result.counts() == (1, 0, 0, 0)
    assert result.states == ([] if dry_run else [{"number": 1}])


@pytest.mark.usefixtures("no_home_folder")
def test_a_rejected_record_without_a_home_folder_is_a_setting_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account = small_account()
    with Service(account) as service:
        list_key = list_without_form(account)
        messages = [
            record("subscribe", "ann@example.com", list_key=list_key),
            record("subscribe", "nobody", list_key=list_key),
            state(1),
        ]
        result = run_target(service, messages)
        assert isinstance(result.error, SettingError)
        assert "`reject_file`" in str(result.error)
        assert result.states == []
        # No folder named `~` is made.
        assert not [*tmp_path.iterdir()]
        result = run_target(service, messages, reject_file=str(tmp_path / "rejected"))
    assert result.error is None
    assert result.states == [{"number": 1}]


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
        list_key = list_without_form(account)
        names = ("ann", "broken", "carl", "dora", "emil")
        fields = {} if bare else {"source": "warehouse"}
        messages = [
            record("subscribe", f"{name}@example.com", list_key=list_key, **fields)
            for name in names
        ]
        result = run_target(
            service,
            [*messages, state(1)],
            reject_file=str(tmp_path / "rejected"),
            response_format=form,
        )
    assert result.error is None
    assert result.counts() == (4, 0, 1, 0)
    assert result.states == [{"number": 1}]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_outage_rejects_no_contact(status: int, tmp_path: Path) -> None:
    account = small_account()
    rejects = tmp_path / "rejected"
    with Service(account) as service:
        service.intercept = lambda _: Reply(status, b"<html>")
        list_key = list_without_form(account)
        messages = [
            record("subscribe", f"contact{number}@example.com", list_key=list_key)
            for number in range(30)
        ]
        result = run_target(service, [*messages, state(1)], reject_file=str(rejects))
        assert isinstance(result.error, Outage)
        assert "`retry_max_seconds`" in str(result.error)
        assert len(service.calls) < 15
    assert result.states == []
    assert not rejects.exists()


@pytest.mark.parametrize("status", [400, 422])
def test_a_contact_that_is_refused_with_http_400_is_rejected_alone(
    status: int, tmp_path: Path
) -> None:
    def answer(call: Call) -> Reply | None:
        body = error_reply("2004", "Invalid contact.").body
        return Reply(status, body) if "planted" in str(call.params) else None

    account = small_account()
    with Service(account) as service:
        service.intercept = answer
        list_key = list_without_form(account)
        messages = [
            record(
                "subscribe", f"{name}@example.com", list_key=list_key, first_name="x"
            )
            for name in ("ann", "planted", "carl")
        ]
        result = run_target(
            service, [*messages, state(1)], reject_file=str(tmp_path / "rejected")
        )
    assert result.error is None
    assert result.counts() == (2, 0, 1, 0)


@pytest.mark.parametrize("others", ["added in bulk", "unsubscribed"])
def test_a_contact_that_is_always_postponed_does_not_stop_the_others(
    others: str, tmp_path: Path
) -> None:
    account = small_account()
    with Service(account) as service:
        service.intercept = lambda call: (
            error_reply("2001", "Retry after sometime.")
            if "planted" in str(call.params)
            else None
        )
        list_key = list_without_form(account)
        action = "subscribe" if others == "added in bulk" else "unsubscribe"
        messages = [
            record(
                "subscribe", "planted@example.com", list_key=list_key, first_name="x"
            ),
            *(
                record(action, f"other{number}@example.com", list_key=list_key)
                for number in range(5)
            ),
        ]
        for _ in range(3):
            result = run_target(
                service, [*messages, state(1)], reject_file=str(tmp_path / "rejected")
            )
            if not result.error:
                break
    assert result.error is None
    assert result.states == [{"number": 1}]
