"""Records that are rejected, and the file of them."""

from __future__ import annotations

import json
import os
import typing as t
from unittest.mock import Mock

import pytest

from tap_zohocampaigns.api.errors import SettingError
from tests.support.target import (
    BULK,
    answer_with_error,
    endpoints,
    read_reject_file,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount, Service


def test_a_refused_record_is_written_to_the_file_and_the_run_continues(
    service: Service, tmp_path: Path, list_key: str
) -> None:
    path = tmp_path / "folder" / "rejects.jsonl"
    emails = ["planted.x@example.com", "admin@example.com", "planted.y@example.com"]
    messages = [record("subscribe", email, first_name="A") for email in emails]
    settings = {"list_key": list_key, "reject_file": str(path)}
    result = run_target(service, [*messages, state(1)], **settings)
    assert (result.counts(), result.status, result.error) == ((2, 0, 1, 0), 1, None)
    assert result.states == [{"number": 1}]
    (reject,) = read_reject_file(path)
    assert (reject["number"], reject["stream"], reject["code"]) == (
        2,
        "subscribe",
        "2005",
    )
    assert reject["reason"] == "Group email addresses cannot be subscribed."
    assert reject["record"] == messages[1]["record"]
    # Another run appends to the file.
    run_target(service, messages, **settings)
    assert len(read_reject_file(path)) == 2


def test_a_refused_bulk_call_is_repeated_contact_by_contact(
    service: Service, tmp_path: Path, account: LivingAccount, list_key: str
) -> None:
    path = tmp_path / "rejects.jsonl"
    emails = [f"planted{number}@example.com" for number in range(9)]
    emails.insert(4, "admin@example.com")
    messages = [*(record("subscribe", email) for email in emails), state(1)]
    result = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert endpoints(service) == [BULK] * 11
    assert (result.counts(), result.states) == ((9, 0, 1, 0), [{"number": 1}])
    assert [reject["number"] for reject in read_reject_file(path)] == [5]
    active = {member.contact.email for member in account.contacts(list_key, "active")}
    assert {*emails} - active == {"admin@example.com"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "`contact_email` is missing"),
        ({"contact_email": None}, "`contact_email` is missing"),
        ({"contact_email": "  "}, "`contact_email` is missing"),
        (
            {"contact_email": "planted at example.com"},
            "`contact_email` is not an address",
        ),
        ({"contact_email": "planted@localhost"}, "`contact_email` is not an address"),
        (
            {"contact_email": "planted@a.b, planted@c.d"},
            "`contact_email` is not an address",
        ),
        ({"contact_email": {"x": 1}}, "an object or a list"),
        ({"contact_email": ANNA_WITH_PLUS, "list_key": ""}, "`list_key` is missing"),
        (
            {"contact_email": ANNA_WITH_PLUS, "list_key": "3z", "x": [1]},
            "an object or a list",
        ),
        (
            {"contact_email": ANNA_WITH_PLUS, "list_key": "3z", "x": "\x00"},
            "a character",
        ),
        (
            {"contact_email": ANNA_WITH_PLUS, "list_key": "3z", "x": "\ud800"},
            "a character",
        ),
    ],
)
def test_invalid_records_are_rejected_with_a_reason(
    service: Service, state_folder: Path, fields: dict[str, t.Any], reason: str
) -> None:
    invalid = {"type": "RECORD", "stream": "subscribe", "record": fields}
    result = run_target(service, [invalid, state(1)])
    assert (result.counts(), result.status, result.states) == (
        (0, 0, 1, 0),
        1,
        [{"number": 1}],
    )
    assert service.calls == []
    # The default path is in the user's state folder.
    (line,) = read_reject_file(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]
    assert (line["code"], line["record"]) == ("", fields)


@pytest.mark.parametrize("code", ["2004", "2005", "2007"])
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe", "do_not_mail"])
def test_only_the_record_of_a_refused_address_is_rejected(
    service: Service, list_key: str, tmp_path: Path, action: str, code: str
) -> None:
    answer_with_error(service, code, "Email is wrong.", only=BERT.partition("@")[0])
    messages = [record(action, email, phone="1") for email in (BERT, ANNA_WITH_PLUS)]
    path = tmp_path / "rejects"
    result = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert (result.error, result.status, result.counts()[2]) == (None, 1, 1)
    (line,) = read_reject_file(path)
    assert (line["number"], line["code"]) == (1, code)


def test_spaces_around_a_list_key_are_removed(service: Service, list_key: str) -> None:
    messages = [
        record("subscribe", ANNA_WITH_PLUS, list_key=f"{list_key}  ", phone="1")
    ]
    assert run_target(service, messages).counts() == (1, 0, 0, 0)
    assert service.calls[0].params["listkey"] == list_key


def test_a_reject_file_that_cannot_be_written_ends_the_run(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "rejects.jsonl")
    result = run_target(service, [record("subscribe", "x"), state(1)], reject_file=path)
    assert isinstance(result.error, SettingError)
    assert "`reject_file`" in str(result.error)
    assert result.states == []


def test_a_full_disk_ends_the_run(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fill_up(file: int, line: bytes) -> int:
        # A disk that fills up writes a part of the line, and then fails.
        monkeypatch.setattr("os.write", Mock(side_effect=OSError))
        return write(file, line[:9])

    path = tmp_path / "rejects"
    monkeypatch.setattr("os.write", fill_up)
    messages = [record("subscribe", "x"), state(1)]
    result = run_target(service, messages, reject_file=str(path))
    assert isinstance(result.error, SettingError)
    assert result.states == []
    # The incomplete line does not spoil the next one.
    monkeypatch.setattr("os.write", write)
    run_target(service, messages, reject_file=str(path))
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 1
