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
    endpoints,
    record,
    refuse,
    rejected,
    run_target,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount, Service


def test_what_zoho_does_not_take_goes_to_a_file_and_the_run_goes_on(
    service: Service, tmp_path: Path, list_key: str
) -> None:
    path = tmp_path / "folder" / "rejects.jsonl"
    emails = ["planted.x@example.com", "admin@example.com", "planted.y@example.com"]
    messages = [record("subscribe", one, first_name="A") for one in emails]
    settings = {"list_key": list_key, "reject_file": str(path)}
    result = run_target(service, [*messages, state(1)], **settings)
    assert (result.counts(), result.status, result.error) == ((2, 0, 1, 0), 1, None)
    assert result.states == [{"number": 1}]
    (told,) = rejected(path)
    assert (told["number"], told["stream"], told["code"]) == (2, "subscribe", "2005")
    assert told["reason"] == "Group email addresses cannot be subscribed."
    assert told["record"] == messages[1]["record"]
    # Another run adds to it.
    run_target(service, messages, **settings)
    assert len(rejected(path)) == 2


def test_who_of_ten_is_refused_is_found_out(
    service: Service, tmp_path: Path, account: LivingAccount, list_key: str
) -> None:
    path = tmp_path / "rejects.jsonl"
    emails = [f"planted{number}@example.com" for number in range(9)]
    emails.insert(4, "admin@example.com")
    messages = [*(record("subscribe", one) for one in emails), state(1)]
    result = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert endpoints(service) == [BULK] * 11
    assert (result.counts(), result.states) == ((9, 0, 1, 0), [{"number": 1}])
    assert [one["number"] for one in rejected(path)] == [5]
    active = {one.contact.email for one in account.contacts(list_key, "active")}
    assert {*emails} - active == {"admin@example.com"}


@pytest.mark.parametrize(
    ("told", "reason"),
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
def test_records_that_can_not_be_sent_are_rejected_with_a_reason(
    service: Service, state_folder: Path, told: dict[str, t.Any], reason: str
) -> None:
    wrong = {"type": "RECORD", "stream": "subscribe", "record": told}
    result = run_target(service, [wrong, state(1)])
    assert (result.counts(), result.status, result.states) == (
        (0, 0, 1, 0),
        1,
        [{"number": 1}],
    )
    assert service.calls == []
    # The default is in the user's state folder.
    (line,) = rejected(state_folder / "tap-zohocampaigns" / "rejected.jsonl")
    assert reason in line["reason"]
    assert (line["code"], line["record"]) == ("", told)


@pytest.mark.parametrize("code", ["2004", "2005", "2007"])
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe", "do_not_mail"])
def test_an_address_that_zoho_does_not_take_is_rejected_alone(
    service: Service, list_key: str, tmp_path: Path, action: str, code: str
) -> None:
    refuse(service, code, "Email is wrong.", only=BERT.partition("@")[0])
    messages = [record(action, one, phone="1") for one in (BERT, ANNA_WITH_PLUS)]
    path = tmp_path / "rejects"
    result = run_target(service, messages, list_key=list_key, reject_file=str(path))
    assert (result.error, result.status, result.counts()[2]) == (None, 1, 1)
    (line,) = rejected(path)
    assert (line["number"], line["code"]) == (1, code)


def test_a_list_key_of_a_padded_column_is_the_same(
    service: Service, list_key: str
) -> None:
    messages = [
        record("subscribe", ANNA_WITH_PLUS, list_key=f"{list_key}  ", phone="1")
    ]
    assert run_target(service, messages).counts() == (1, 0, 0, 0)
    assert service.calls[0].params["listkey"] == list_key


def test_a_file_that_can_not_be_written_ends_the_run(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "rejects.jsonl")
    result = run_target(service, [record("subscribe", "x"), state(1)], reject_file=path)
    assert isinstance(result.error, SettingError)
    assert "`reject_file`" in str(result.error)
    assert result.states == []


def test_a_file_that_is_full_ends_the_run(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fill_up(file: int, line: bytes) -> int:
        # As a disk does: first a part of it, then nothing.
        monkeypatch.setattr("os.write", Mock(side_effect=OSError))
        return write(file, line[:9])

    path = tmp_path / "rejects"
    monkeypatch.setattr("os.write", fill_up)
    messages = [record("subscribe", "x"), state(1)]
    result = run_target(service, messages, reject_file=str(path))
    assert isinstance(result.error, SettingError)
    assert result.states == []
    # What was cut does not spoil what comes behind it.
    monkeypatch.setattr("os.write", write)
    run_target(service, messages, reject_file=str(path))
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 1
