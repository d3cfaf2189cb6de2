"""What has not changed since the last run is not sent."""

from __future__ import annotations

import json
import sqlite3
import typing as t
from contextlib import closing

import pytest
import redis

from tap_zohocampaigns.target.sent.hashes import Hasher
from tests.support.target import (
    BULK,
    FORMATS,
    SUBSCRIBE,
    answer_with_error,
    endpoints,
    error_reply,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA, ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.redis_server import RedisServer
    from tap_zohocampaigns.sandbox import Call, LivingAccount, Reply, Service
    from tests.support.target import Message, RunResult

OUTCOMES = ("sent", "already in effect", "rejected", "unchanged", "rejected before")


def outcomes(result: RunResult) -> dict[str, int]:
    """Return how many records had each outcome, if any."""
    assert result.error is None
    counts = {outcome: result.report.count(outcome) for outcome in OUTCOMES}
    return {outcome: count for outcome, count in counts.items() if count}


def calls_of(service: Service, messages: list[Message], **settings: t.Any) -> int:
    """Run the target; return how many calls it made."""
    before = len(service.calls)
    assert run_target(service, messages, **settings).error is None
    return len(service.calls) - before


def view(list_key: str) -> list[Message]:
    """Return records of each kind, and a state."""
    records = [
        *(record("subscribe", f"planted.{n}@example.com") for n in range(12)),
        record("subscribe", ANNA, first_name="Planted", source="Shop"),
        record("subscribe", ANNA_WITH_PLUS, custom_fields={"Job Title": "x"}),
        record("unsubscribe", BERT),
        record("unsubscribe", BERT, topic_id="12"),
        record("do_not_mail", "planted.blocked@example.com"),
    ]
    for message in records:
        message["record"]["list_key"] = list_key
    return [*records, state("end")]


@pytest.mark.parametrize("form", FORMATS)
def test_an_unchanged_view_costs_no_call_and_a_changed_row_costs_one(
    service: Service, list_key: str, ledger: str, form: str
) -> None:
    settings = {"sent_ledger": ledger, "response_format": form}
    messages = view(list_key)
    assert calls_of(service, messages, **settings) == 2 + 5
    result = run_target(service, messages, **settings)
    assert (outcomes(result), result.states) == ({"unchanged": 17}, [{"number": "end"}])
    assert len(service.calls) == 7
    messages[12]["record"]["first_name"] = "Another"
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"already in effect": 1, "unchanged": 16}
    assert endpoints(service)[7:] == [SUBSCRIBE]
    # The order of rows that are independent does not matter.
    messages[:16] = reversed(messages[:16])
    messages[0], messages[1] = messages[1], messages[0]
    assert calls_of(service, messages, **settings) == 0


def test_version_1_has_a_ledger_too(
    service: Service, list_key: str, ledger: str
) -> None:
    settings = {**service.config_v1, "sent_ledger": ledger, "api_version": "1"}
    messages = view(list_key)[:16]
    assert calls_of(service, messages, **settings) == 16
    assert calls_of(service, messages, **settings) == 0


def test_without_the_setting_all_is_sent(service: Service, list_key: str) -> None:
    assert calls_of(service, view(list_key)) == 7
    assert calls_of(service, view(list_key)) == 7


def test_full_sends_all_and_keeps_the_ledger(
    service: Service, list_key: str, ledger: str
) -> None:
    messages = view(list_key)
    assert calls_of(service, messages, sent_ledger=ledger) == 7
    assert calls_of(service, messages, sent_ledger=ledger, full=True) == 7
    assert calls_of(service, messages, sent_ledger=ledger) == 0


def test_no_address_is_in_the_ledger(
    service: Service, list_key: str, ledger_file: Path, shared_redis: RedisServer
) -> None:
    shared_redis.client.flushall()
    for where in (str(ledger_file), shared_redis.url):
        assert calls_of(service, view(list_key), sent_ledger=where) == 7
    contents = [path.read_bytes() for path in ledger_file.parent.glob("sent.*")]
    client: t.Any
    with closing(redis.Redis.from_url(shared_redis.url)) as client:
        for key in client.scan_iter():
            contents += [key, client.get(key)]
    assert len(contents) > 15
    assert ledger_file.stat().st_mode & 0o077 == 0
    for content in contents:
        assert b"planted" not in content.lower()
        assert b"example" not in content.lower()
        assert list_key.encode() not in content


@pytest.mark.parametrize(
    "change",
    [
        {"contact_email": BERT},
        {"contact_email": ANNA.upper()},
        {"list_key": "other"},
        {"topic_id": "12"},
        {"topic_id": "12,13"},
        {"source": "Shop"},
        {"first_name": "Other"},
        {"last_name": "Other"},
        {"first_name": None},
        {"custom_fields": {"Job Title": "x"}},
    ],
    ids=str,
)
def test_whatever_is_sent_is_compared(
    service: Service,
    account: LivingAccount,
    list_key: str,
    ledger_file: Path,
    change: dict[str, t.Any],
) -> None:
    lists = [one.key for one in account.lists() if one.key != list_key]
    if "list_key" in change:
        change = {"list_key": lists[0]}
    first = record("subscribe", ANNA, list_key=list_key, first_name="Planted")
    second = {**first, "record": {**first["record"], **change}}
    settings = {"sent_ledger": str(ledger_file)}
    assert calls_of(service, [first], **settings) == 1
    assert calls_of(service, [second], **settings) == 1
    assert calls_of(service, [second], **settings) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"account_id": "other"},
        {"client_id": "other"},
        {"client_secret": "other"},
        {"refresh_token": "other"},
        {"auth_token": "other"},
        {"data_center": "eu"},
        {"api_url": "https://campaigns.example.com"},
    ],
    ids=str,
)
def test_another_account_shares_no_hash(other: dict[str, str]) -> None:
    config = {"data_center": "us", "client_id": "x", "client_secret": "y"}
    change = ("subscribe", {"Contact Email": ANNA}, {"listkey": "3z"})
    ours = Hasher(config).fingerprint(*change)
    assert ours == Hasher(dict(config)).fingerprint(*change)
    assert not {*ours} & {*Hasher(config | other).fingerprint(*change)}


def test_settings_that_records_lack_are_compared(
    service: Service, account: LivingAccount, ledger_file: Path
) -> None:
    one, other = [one.key for one in account.lists() if not one.public][:2]
    settings = {"sent_ledger": str(ledger_file), "list_key": one}
    messages = [record("subscribe", ANNA)]
    assert calls_of(service, messages, **settings) == 1
    for change in ({"list_key": other}, {"source": "Shop"}, {"topic_id": "12"}):
        assert calls_of(service, messages, **settings | change) == 1
    assert calls_of(service, messages, **settings) == 1


def test_a_dry_run_reads_the_ledger_and_does_not_write_it(
    service: Service, list_key: str, ledger_file: Path
) -> None:
    settings: dict[str, t.Any] = {"sent_ledger": str(ledger_file), "max_writes": 17}
    messages = view(list_key)
    result = run_target(service, messages, dry_run=True, **settings)
    assert outcomes(result) == {"sent": 17}
    assert not [*ledger_file.parent.glob("sent*")]
    run_target(service, messages, **settings)
    messages[12]["record"]["first_name"] = "Another"

    def dump() -> list[str]:
        with closing(sqlite3.connect(ledger_file)) as db:
            return [*db.iterdump()]

    before = dump()
    # What is left out does not count as a write.
    settings["max_writes"] = 1
    for _ in range(2):
        result = run_target(service, messages, dry_run=True, **settings)
        assert outcomes(result) == {"sent": 1, "unchanged": 16}
    assert dump() == before


def test_a_rejected_row_is_sent_again_only_when_it_has_changed(
    service: Service,
    list_key: str,
    ledger: str,
    logged: pytest.LogCaptureFixture,
) -> None:
    settings = {"sent_ledger": ledger, "list_key": list_key}
    bad = record("subscribe", "admin@example.com", first_name="x")
    messages = [record("subscribe", ANNA), bad, state(1)]
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"sent": 1, "rejected": 1}
    assert result.status == 1
    made = len(service.calls)
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"unchanged": 1, "rejected before": 1}
    assert (len(service.calls), result.status, result.states) == (
        made,
        0,
        [{"number": 1}],
    )
    assert "subscribe, rejected before: records 2" in logged.text
    bad["record"]["first_name"] = "y"
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"unchanged": 1, "rejected": 1}


@pytest.mark.parametrize(
    ("code", "message"), [("7777", ""), ("2001", "Retry after some time")]
)
def test_a_row_without_a_clear_answer_is_sent_again(
    service: Service, list_key: str, ledger: str, code: str, message: str
) -> None:
    settings = {"sent_ledger": ledger, "list_key": list_key}
    messages = [
        record("subscribe", ANNA, first_name="x"),
        record("subscribe", BERT, first_name="x"),
        state(1),
    ]
    answer_with_error(service, code, message, only="planted.bert")
    assert outcomes(run_target(service, messages, **settings))["rejected"] == 1
    service.intercept = None
    made = len(service.calls)
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"sent": 1, "unchanged": 1}
    assert len(service.calls) == made + 1
    assert calls_of(service, messages, **settings) == 0


def test_a_change_without_a_clear_answer_may_have_been_made(
    service: Service, account: LivingAccount, ledger: str
) -> None:
    one, other = [one.key for one in account.lists() if not one.public][:2]
    settings = {"sent_ledger": ledger}
    row = record("subscribe", ANNA, list_key=one, first_name="x")
    changed = record("subscribe", ANNA, list_key=one, first_name="Changed")
    last = record("unsubscribe", ANNA, list_key=other)
    assert calls_of(service, [row, last], **settings) == 2
    answer_with_error(service, "7777", only="Changed")
    answered = record("unsubscribe", BERT, list_key=other)
    assert run_target(service, [changed, last, answered], **settings).error is None
    service.intercept = None
    # The rows are as they were before, but the contact may be otherwise.
    assert calls_of(service, [row, last], **settings) == 2


@pytest.mark.parametrize("most_pending", [1, 2, 3, 4])
def test_a_contact_that_comes_leaves_and_comes_back_in_one_input(
    service: Service,
    account: LivingAccount,
    list_key: str,
    ledger_file: Path,
    most_pending: int,
) -> None:
    settings = {
        "sent_ledger": str(ledger_file),
        "list_key": list_key,
        "most_pending": most_pending,
    }
    subscribe = record("subscribe", ANNA, first_name="x")
    messages = [subscribe, record("unsubscribe", ANNA), subscribe, state(1)]
    for _ in range(3):
        result = run_target(service, messages, **settings)
        assert (result.error, result.states) == (None, [{"number": 1}])
        assert account.status(ANNA, list_key) == "active"
    assert (calls_of(service, messages, **settings) == 0) == (most_pending >= 3)
    # Alone, the row that left is another one.
    assert calls_of(service, messages[1:2], **settings) == 1
    assert account.status(ANNA, list_key) == "unsub"
    assert calls_of(service, messages[:1], **settings) == 1
    assert account.status(ANNA, list_key) == "active"


def test_a_row_is_sent_again_if_what_came_behind_it_is_no_longer_there(
    service: Service, account: LivingAccount, ledger_file: Path
) -> None:
    one, other = [one.key for one in account.lists() if not one.public][:2]
    settings = {"sent_ledger": str(ledger_file)}
    # The name of a contact is the same in all lists: the last one stays.
    first = record("subscribe", ANNA, list_key=one, first_name="x")
    last = record("subscribe", ANNA, list_key=other, first_name="y")
    assert calls_of(service, [first, last], **settings) == 2
    assert calls_of(service, [first, last], **settings) == 0
    assert calls_of(service, [last], **settings) == 0
    assert calls_of(service, [last, first], **settings) == 1
    assert calls_of(service, [last], **settings) == 1
    assert calls_of(service, [first], **settings) == 1


def test_a_row_is_sent_again_if_what_came_behind_it_was_replaced(
    service: Service, account: LivingAccount, ledger_file: Path
) -> None:
    one, other = [one.key for one in account.lists() if not one.public][:2]
    settings = {"sent_ledger": str(ledger_file)}
    first = record("subscribe", ANNA, list_key=one, first_name="x")
    undoing = record("subscribe", ANNA, list_key=other, first_name="y")
    # It replaces the row before, but the name of that one stays.
    last = record("unsubscribe", ANNA, list_key=other)
    for messages in ([first], [undoing], [last]):
        assert calls_of(service, messages, **settings) == 1
    assert calls_of(service, [first, last], **settings) == 2
    assert calls_of(service, [first, last], **settings) == 0


def test_rows_that_differ_in_their_list_are_independent(
    service: Service, account: LivingAccount, ledger_file: Path
) -> None:
    settings = {"sent_ledger": str(ledger_file)}
    lists = [one.key for one in account.lists()]
    messages = [record("unsubscribe", ANNA, list_key=key) for key in lists]
    assert calls_of(service, messages, **settings) == len(lists) > 3
    assert calls_of(service, messages[::-1], **settings) == 0
    assert calls_of(service, messages[1:2], **settings) == 0
    assert calls_of(service, messages, **settings) == 0


def test_one_of_several_in_a_call_that_is_rejected_is_known(
    service: Service, list_key: str, ledger: str
) -> None:
    def answer(call: Call) -> Reply | None:
        is_bad = "planted.3@" in json.dumps(call.params)
        return error_reply("2004", "Invalid") if is_bad else None

    service.intercept = answer
    settings = {"sent_ledger": ledger, "list_key": list_key}
    messages = [record("subscribe", f"planted.{n}@example.com") for n in range(10)]
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"sent": 9, "rejected": 1}
    assert endpoints(service) == 11 * [BULK]
    result = run_target(service, messages, **settings)
    assert outcomes(result) == {"unchanged": 9, "rejected before": 1}
