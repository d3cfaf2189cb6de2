"""Streams, stream maps, lines and states of the input."""

from __future__ import annotations

import io
import json
import typing as t

import pytest
from singer_sdk.exceptions import (
    MappingError,
)

from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.singer.sdk import ConfigInput
from tap_zohocampaigns.singer.user_errors import user_message
from tap_zohocampaigns.target.reader import MessageReader
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.target import (
    ANNA,
    BERT,
    lines,
    record,
    run_target,
    state,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount, Service


def test_streams_are_named_by_the_settings(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    ran = run_target(
        service,
        [record("public-joined", ANNA), record("public-left", BERT)],
        list_key=list_key,
        streams={"public-joined": "subscribe", "public-left": "unsubscribe"},
    )
    assert ran.counts() == (1, 1, 0, 0)
    assert account.status(ANNA, list_key) == "active"


def test_streams_are_named_and_made_by_stream_maps(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    maps = {
        "crm": {
            "__alias__": "subscribe",
            "__filter__": "contact_email.startswith('planted.a')",
            "contact_email": "contact_email",
            "First Name": "'from ' + contact_email.split('@')[1]",
            "__else__": None,
        }
    }
    messages = [record("crm", ANNA), record("crm", BERT)]
    ran = run_target(service, messages, list_key=list_key, stream_maps=maps)
    assert ran.counts() == (1, 0, 0, 0)
    (member,) = [
        one.contact
        for one in account.contacts(list_key, "active")
        if one.contact.email == ANNA
    ]
    assert member.first_name == "from example.com"


def test_maps_that_are_null_are_as_if_unset(service: Service, list_key: str) -> None:
    unset = dict.fromkeys(("stream_maps", "stream_map_config", "faker_config"))
    messages = [record("subscribe", ANNA)]
    ran = run_target(service, messages, list_key=list_key, **unset)
    assert ran.counts() == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("maps", "named"),
    [({"subscribers": {}, "un*": None}, "subscribers"), ({"subscribe": {}}, "")],
)
def test_a_map_that_is_for_no_stream_of_the_input_is_told(
    service: Service,
    list_key: str,
    logged: pytest.LogCaptureFixture,
    maps: dict[str, t.Any],
    named: str,
) -> None:
    messages = [record("subscribe", ANNA), record("unsubscribe", BERT)]
    run_target(service, messages, list_key=list_key, stream_maps=maps)
    told = [one.getMessage() for one in logged.records]
    idle = [line for line in told if "streams that are not there" in line]
    assert [line.endswith(f": {named}") for line in idle] == ([True] if named else [])


@pytest.mark.parametrize("expression", ["(", "nobody", "self +"])
def test_a_map_that_does_not_work_is_told(service: Service, expression: str) -> None:
    maps = {"subscribe": {"First Name": expression}}
    with pytest.raises(MappingError) as raised:
        run_target(service, [record("subscribe", ANNA)], stream_maps=maps)
    told = user_message(raised.value)
    assert "`stream_maps`" in told
    assert "planted" not in told


def test_a_stream_that_nobody_has_named_ends_the_run(service: Service) -> None:
    ran = run_target(service, [record("campaigns", ANNA)])
    assert isinstance(ran.error, SettingError)
    assert "`campaigns`" in str(ran.error)
    assert "`streams`" in str(ran.error)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"type":"RECORD","stream":"subscribe","record":{{"contact_email":"{ANNA}"',
        f'{{"record":{{"contact_email":"{ANNA}"}}}}',
        f'{{"type":"RECORD","record":{{"contact_email":"{ANNA}"}}}}',
        f'{{"type":"BATCH","stream":"subscribe","encoding":"{ANNA}"}}',
        # Others would pass over it without a word.
        '{"type":"RECORD","stream":"subscribe","record":null}',
        f'{{"type":"RECORD","stream":"subscribe","record":["{ANNA}"]}}',
        f'{{"type":"RECORD","stream":["{ANNA}"],"record":{{}}}}',
        f'{{"type":"SCHEMA","stream":"subscribe","schema":"{ANNA}"}}',
        '{"type":"SCHEMA","stream":"subscribe","schema":{"properties":null}}',
        f'{{"type":"{ANNA}"}}',
        f'{{"type":["{ANNA}"]}}',
        f'["{ANNA}"]',
        "null",
        '{"type":' + "[" * 100_000,
        '{"type":' + "9" * 5000 + "}",
    ],
)
def test_a_line_that_is_wrong_is_told_without_what_is_in_it(
    service: Service, line: str
) -> None:
    text = lines([record("subscribe", BERT), state(1)]) + line + "\n"
    ran = run_target(service, text, list_key="3z")
    assert isinstance(ran.error, FatalError)
    assert "planted" not in str(ran.error)
    assert (service.calls, ran.states) == ([], [])


def test_versions_of_tables_change_nothing(service: Service, list_key: str) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "subscribe", "version": 1}
    messages = [record("subscribe", ANNA), version, state(1)]
    ran = run_target(service, messages, list_key=list_key)
    assert (ran.counts(), ran.states) == ((1, 0, 0, 0), [{"number": 1}])


def test_states_are_passed_on_as_they_came(service: Service) -> None:
    value = '{"a": 1.10, "b": [12345678901234567890123], "c": "é"}'
    ran = run_target(service, f'{{"type":"STATE","value":{value}}}\n')
    assert ran.states == [json.loads(value)]


def test_the_input_is_utf_8_wherever_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in = io.TextIOWrapper(io.BytesIO("é\n".encode() + b"\xff"), encoding="ascii")
    monkeypatch.setattr("sys.stdin", read_in)
    assert MessageReader().default_input.read() == "é\n\udcff"


def test_a_file_is_utf_8_wherever_it_comes_from(
    service: Service, account: LivingAccount, list_key: str, tmp_path: Path
) -> None:
    told = lines(
        [record("subscribe", ANNA, first_name="Zoë"), record("subscribe", BERT)]
    )
    path = tmp_path / "input"
    path.write_bytes(
        told.replace("\\u00eb", "ë")
        .replace(BERT, "\udcff")
        .encode(errors="surrogateescape")
    )
    config = service.config | {"rate_limit_ledger": "memory", "dry_run": False}
    with path.open(encoding="ascii") as file, pytest.raises(SystemExit) as ended:
        TargetZohoCampaigns.invoke(
            config=ConfigInput(config=config | {"list_key": list_key}, parse_env=False),
            file_input=file,
        )
    # What is no UTF-8 is no address.
    assert ended.value.code == 1
    people = {one.contact.email: one for one in account.contacts(list_key, "active")}
    assert people[ANNA].contact.first_name == "Zoë"
