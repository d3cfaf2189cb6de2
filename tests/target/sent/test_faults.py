"""A ledger that is lost, damaged, old or shared costs calls, and never a record."""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import closing
from unittest.mock import Mock, patch

import pytest

from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.target.sent import opening
from tap_zohocampaigns.target.sent.ledger import SentLedger
from tap_zohocampaigns.target.sent.store import YEAR, SqliteStore
from tests.api.test_redis_permissions import LINE
from tests.support.target import (
    FORMATS,
    endpoints,
    list_without_form,
    record,
    run_target,
    small_account,
    state,
)
from tests.target.conftest import ANNA, BERT
from tests.target.test_kill import (
    assert_applied,
    cut_after,
    make_messages,
    remaining,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.redis_server import RedisServer
    from tap_zohocampaigns.sandbox import Call, LivingAccount

NAME_FIELDS = {"first_name": "x"}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_after_a_kill_at_any_call_each_record_is_applied(
    form: str, tmp_path: Path
) -> None:
    calls = position = 0
    while position <= calls:
        account = small_account()
        list_key = list_without_form(account)
        messages = make_messages(list_key)
        ledger = tmp_path / f"{position}.sqlite3"
        settings = {
            "response_format": form,
            "reject_file": str(tmp_path / "rejects"),
            "sent_ledger": str(ledger),
        }
        with Service(account) as service:
            # Everybody is in another status before.
            before = [
                record("unsubscribe", "named.0@example.com", list_key=list_key),
                record("unsubscribe", "bare.0@example.com", list_key=list_key),
                record("subscribe", "gone@example.com", list_key=list_key),
            ]
            assert run_target(service, before, **settings).error is None
            made = len(service.calls)
            service.intercept = cut_after(position)
            result = run_target(service, messages, **settings)
            calls = max(calls, len(service.calls) - made)
            service.intercept = None
            rest = remaining(messages, result.states)
            result = run_target(service, rest, **settings)
            assert result.error is None
            assert_applied(account, list_key, position)
            # A view is read in full each time.
            assert run_target(service, messages, **settings).error is None
            assert_applied(account, list_key, position)
            run_target(service, messages, **settings)
            made = len(service.calls)
            run_target(service, messages, **settings)
            assert len(service.calls) == made
        position += 1
    assert position > 10


class Killed(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("method", ["begin", "note"])
def test_what_a_killed_run_was_about_to_change_is_in_doubt(
    service: Service, account: LivingAccount, list_key: str, ledger: str, method: str
) -> None:
    settings = {"sent_ledger": ledger, "list_key": list_key}
    subscribe = record("subscribe", ANNA, **NAME_FIELDS)
    assert run_target(service, [subscribe], **settings).error is None
    with (
        # A killed run neither writes the outcome nor ends in good order.
        patch.object(SentLedger, method, side_effect=Killed),
        patch.object(SentLedger, "close"),
        pytest.raises(Killed),
    ):
        run_target(service, [record("unsubscribe", ANNA)], **settings)
    assert account.status(ANNA, list_key) == ("unsub" if method == "note" else "active")
    # The view has changed its mind meanwhile. One call more settles who was last.
    for calls in (1, 1, 0) if method == "note" else (0,):
        made = len(service.calls)
        assert run_target(service, [subscribe], **settings).error is None
        assert account.status(ANNA, list_key) == "active"
        assert len(service.calls) - made == calls


def test_two_runs_that_change_a_contact_at_once_are_both_in_doubt(
    service: Service, account: LivingAccount, list_key: str, ledger: str
) -> None:
    settings = {"sent_ledger": ledger, "list_key": list_key}
    one = [record("unsubscribe", ANNA), record("subscribe", BERT, **NAME_FIELDS)]
    other = [record("subscribe", ANNA, **NAME_FIELDS)]

    def run_the_other(call: Call) -> None:
        service.intercept = None
        # The first call is answered, and applied, after the whole other run.
        assert call.endpoint.endswith("listunsubscribe")
        assert run_target(service, other, **settings).error is None

    service.intercept = run_the_other
    assert run_target(service, one, **settings).error is None
    made = len(service.calls)
    assert run_target(service, other, **settings).error is None
    assert account.status(ANNA, list_key) == "active"
    assert len(service.calls) == made + 1
    # Nobody else was in doubt.
    result = run_target(service, one, **settings)
    assert result.report.count("unchanged") == 1
    assert account.status(ANNA, list_key) == "unsub"


def test_a_lost_ledger_is_made_again(
    service: Service,
    list_key: str,
    ledger: str,
    ledger_file: Path,
    shared_redis: RedisServer,
) -> None:
    settings = {"sent_ledger": ledger, "list_key": list_key}
    messages = [record("unsubscribe", f"planted.{n}@example.com") for n in range(3)]
    assert run_target(service, messages, **settings).error is None
    for content in (None, b""):
        ledger_file.unlink(missing_ok=True)
        if content is not None:
            ledger_file.write_bytes(content)
        shared_redis.client.flushall()
        made = len(service.calls)
        assert run_target(service, messages, **settings).error is None
        assert len(service.calls) == made + 3


def test_a_ledger_that_is_deleted_during_a_run_is_made_again(
    service: Service, account: LivingAccount, list_key: str, ledger_file: Path
) -> None:
    settings = {"sent_ledger": str(ledger_file), "list_key": list_key}
    messages = [
        *(record("unsubscribe", f"planted.{n}@example.com") for n in range(3)),
        record("subscribe", ANNA),
    ]

    def delete(_: Call) -> None:
        service.intercept = None
        ledger_file.unlink()

    service.intercept = delete
    assert run_target(service, messages, **settings).error is None
    result = run_target(service, messages, **settings)
    # The change that was under way is in doubt.
    assert result.report.count("unchanged") == 3
    assert account.status(ANNA, list_key) == "active"


@pytest.mark.parametrize("saved", [False, True])
def test_a_redis_that_comes_back_with_old_data_is_not_believed(
    service: Service,
    account: LivingAccount,
    list_key: str,
    own_redis: RedisServer,
    *,
    saved: bool,
) -> None:
    settings = {"sent_ledger": own_redis.url, "list_key": list_key}
    subscribe, unsubscribe = record("subscribe", ANNA), record("unsubscribe", ANNA)
    run_target(service, [subscribe], **settings)
    if saved:
        own_redis.client.save()
    run_target(service, [unsubscribe], **settings)
    own_redis.kill()
    own_redis.start()
    assert (own_redis.client.dbsize() > 0) == saved
    assert run_target(service, [subscribe], **settings).error is None
    assert account.status(ANNA, list_key) == "active"


def test_a_redis_that_starts_again_during_a_run_is_not_believed(
    service: Service, account: LivingAccount, list_key: str, own_redis: RedisServer
) -> None:
    settings: dict[str, t.Any] = {"list_key": list_key, "retry_max_seconds": 60}
    settings["sent_ledger"] = own_redis.url
    messages = [record("unsubscribe", BERT), record("subscribe", ANNA), state(1)]
    run_target(service, [record("subscribe", BERT)], **settings)
    own_redis.client.save()

    def restart(_: Call) -> None:
        service.intercept = None
        own_redis.kill()
        own_redis.start()

    service.intercept = restart
    assert run_target(service, messages, **settings).error is None
    assert run_target(service, [record("subscribe", BERT)], **settings).error is None
    assert account.status(BERT, list_key) == "active"
    assert account.status(ANNA, list_key) == "active"


def test_a_redis_that_is_away_ends_the_run_before_the_call(
    service: Service, list_key: str, own_redis: RedisServer
) -> None:
    own_redis.kill()
    result = run_target(
        service,
        [record("unsubscribe", BERT), state(1)],
        sent_ledger=own_redis.url,
        list_key=list_key,
    )
    assert str(result.error).startswith("The Redis of `sent_ledger` can't be used")
    assert (endpoints(service), result.states) == ([], [])
    assert "planted" not in str(result.error)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_documented_permissions_of_a_redis_are_enough(
    service: Service, list_key: str, own_redis: RedisServer, *, allowed: bool
) -> None:
    words = LINE.split()
    own_redis.execute(*(word for word in words if allowed or word != "+info"))
    url = f"redis://{words[2]}:password@127.0.0.1:{own_redis.port}"
    messages = [
        record("unsubscribe", email, list_key=list_key) for email in (ANNA, BERT)
    ]
    for calls in (2, 0):
        made = len(service.calls)
        result = run_target(service, messages, sent_ledger=url)
        if not allowed:
            assert "lacks a permission for the command `info`" in str(result.error)
            assert service.calls == []
            return
        assert result.error is None
        assert len(service.calls) - made == calls


def test_a_server_that_does_not_tell_its_start_is_not_used(
    service: Service, shared_redis: RedisServer
) -> None:
    messages = [record("unsubscribe", ANNA, list_key="3z")]
    with patch("redis.client.Pipeline.execute", return_value=[{}, None]):
        result = run_target(service, messages, sent_ledger=shared_redis.url)
    assert "no `run_id` in its INFO" in str(result.error)
    assert service.calls == []


@pytest.mark.parametrize("damage", ["text", "pages", "folder"])
def test_a_damaged_file_ends_the_run_with_a_sentence(
    service: Service,
    list_key: str,
    ledger_file: Path,
    damage: str,
) -> None:
    settings = {"sent_ledger": str(ledger_file), "list_key": list_key}
    messages = [record("subscribe", f"planted.{n}@example.com") for n in range(300)]
    expected = "is damaged, or no ledger"
    if damage == "text":
        ledger_file.write_text("planted: my notes\n" * 400)
    elif damage == "folder":
        ledger_file.mkdir()
        expected = "can't be used"
    else:
        run_target(service, messages, **settings)
        content = ledger_file.read_bytes()
        ledger_file.write_bytes(content[:4096] + b"\x07" * (len(content) - 4096))
    content_before = ledger_file.is_file() and ledger_file.read_bytes()
    made = len(service.calls)
    result = run_target(service, [*messages, state(1)], **settings)
    assert isinstance(result.error, FatalError)
    assert str(result.error).startswith(f"The file of `sent_ledger` {expected}")
    assert (len(service.calls), result.states) == (made, [])
    # It is not ours to delete.
    assert content_before == (ledger_file.is_file() and ledger_file.read_bytes())


def test_a_damaged_row_counts_as_unknown(
    service: Service, list_key: str, ledger_file: Path
) -> None:
    settings = {"sent_ledger": str(ledger_file), "list_key": list_key}
    messages = [record("unsubscribe", ANNA)]
    run_target(service, messages, **settings)
    with closing(sqlite3.connect(ledger_file)) as db, db:
        db.execute("UPDATE sent SET content = x'c1'")
    for calls in (1, 0):
        made = len(service.calls)
        assert run_target(service, messages, **settings).error is None
        assert len(service.calls) - made == calls


def test_contacts_are_forgotten_after_a_year(tmp_path: Path) -> None:
    for age, known in ((0.0, 2), (YEAR - 1.0, 2), (YEAR + 1.0, 1)):
        clock = Mock(return_value=age)
        store = SqliteStore(tmp_path / "sent", wall=clock, create=True)
        store.edit([b"new"], lambda *_: b"x")
        if age == 0:
            store.edit([b"old"], lambda *_: b"x")
        assert len(store.read([b"new", b"old", b"never"])) == known
        store.close()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("redis://planted:x@[", "`sent_ledger` is a malformed URL of Redis"),
        ("postgres://planted@x", "`sent_ledger` is a URL of postgres://, which is not"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    service: Service, where: str, words: str
) -> None:
    messages = [record("unsubscribe", ANNA, list_key="3z")]
    with pytest.raises(SettingError) as caught:
        run_target(service, messages, sent_ledger=where)
    assert str(caught.value).startswith(words)
    assert "planted" not in str(caught.value)
    assert service.calls == []


def test_the_word_file_is_a_file_in_the_state_folder(
    service: Service, list_key: str, state_folder: Path
) -> None:
    messages = [record("unsubscribe", ANNA, list_key=list_key)]
    run_target(service, messages, sent_ledger="file")
    assert (state_folder / "tap-zohocampaigns" / "sent.sqlite3").is_file()
    with (
        patch.object(opening, "find_file", return_value=None),
        pytest.raises(SettingError, match="set its path"),
    ):
        run_target(service, messages, sent_ledger="file")


def test_the_sandbox_of_each_run_is_new_so_it_has_no_ledger(
    ledger_file: Path, service: Service
) -> None:
    messages = [record("unsubscribe", ANNA, list_key="3z")]
    run_target(service, messages, sent_ledger=str(ledger_file), data_center="sandbox")
    assert not ledger_file.exists()
