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
    as_lines,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA_WITH_PLUS, BERT

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount, Service


def test_the_setting_streams_maps_streams_to_actions(
    service: Service, account: LivingAccount, list_key: str
) -> None:
    result = run_target(
        service,
        [record("public-joined", ANNA_WITH_PLUS), record("public-left", BERT)],
        list_key=list_key,
        streams={"public-joined": "subscribe", "public-left": "unsubscribe"},
    )
    assert result.counts() == (1, 1, 0, 0)
    assert account.status(ANNA_WITH_PLUS, list_key) == "active"


def test_stream_maps_rename_filter_and_compute(
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
    messages = [record("crm", ANNA_WITH_PLUS), record("crm", BERT)]
    result = run_target(service, messages, list_key=list_key, stream_maps=maps)
    assert result.counts() == (1, 0, 0, 0)
    (contact,) = [
        subscriber.contact
        for subscriber in account.contacts(list_key, "active")
        if subscriber.contact.email == ANNA_WITH_PLUS
    ]
    assert contact.first_name == "from example.com"


def test_null_settings_of_maps_are_ignored(service: Service, list_key: str) -> None:
    null_settings = dict.fromkeys(("stream_maps", "stream_map_config", "faker_config"))
    messages = [record("subscribe", ANNA_WITH_PLUS)]
    result = run_target(service, messages, list_key=list_key, **null_settings)
    assert result.counts() == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("maps", "missing"),
    [({"subscribers": {}, "un*": None}, "subscribers"), ({"subscribe": {}}, "")],
)
def test_a_map_of_a_stream_missing_from_the_input_is_logged(
    service: Service,
    list_key: str,
    logged: pytest.LogCaptureFixture,
    maps: dict[str, t.Any],
    missing: str,
) -> None:
    messages = [record("subscribe", ANNA_WITH_PLUS), record("unsubscribe", BERT)]
    run_target(service, messages, list_key=list_key, stream_maps=maps)
    log_lines = [entry.getMessage() for entry in logged.records]
    warnings = [line for line in log_lines if "streams that are not there" in line]
    assert len(warnings) == bool(missing)
    assert all(line.endswith(f": {missing}") for line in warnings)


@pytest.mark.parametrize("expression", ["(", "nobody", "self +"])
def test_an_invalid_map_raises_an_error_without_data(
    service: Service, expression: str
) -> None:
    maps = {"subscribe": {"First Name": expression}}
    with pytest.raises(MappingError) as raised:
        run_target(service, [record("subscribe", ANNA_WITH_PLUS)], stream_maps=maps)
    message = user_message(raised.value)
    assert "`stream_maps`" in message
    assert "planted" not in message


def test_a_stream_without_an_action_ends_the_run(service: Service) -> None:
    result = run_target(service, [record("campaigns", ANNA_WITH_PLUS)])
    assert isinstance(result.error, SettingError)
    assert "`campaigns`" in str(result.error)
    assert "`streams`" in str(result.error)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"type":"RECORD","stream":"subscribe","record":{{"contact_email":"{ANNA_WITH_PLUS}"',
        f'{{"record":{{"contact_email":"{ANNA_WITH_PLUS}"}}}}',
        f'{{"type":"RECORD","record":{{"contact_email":"{ANNA_WITH_PLUS}"}}}}',
        f'{{"type":"BATCH","stream":"subscribe","encoding":"{ANNA_WITH_PLUS}"}}',
        # Other targets ignore these without an error.
        '{"type":"RECORD","stream":"subscribe","record":null}',
        f'{{"type":"RECORD","stream":"subscribe","record":["{ANNA_WITH_PLUS}"]}}',
        f'{{"type":"RECORD","stream":["{ANNA_WITH_PLUS}"],"record":{{}}}}',
        f'{{"type":"SCHEMA","stream":"subscribe","schema":"{ANNA_WITH_PLUS}"}}',
        '{"type":"SCHEMA","stream":"subscribe","schema":{"properties":null}}',
        f'{{"type":"{ANNA_WITH_PLUS}"}}',
        f'{{"type":["{ANNA_WITH_PLUS}"]}}',
        f'["{ANNA_WITH_PLUS}"]',
        "null",
        '{"type":' + "[" * 100_000,
        '{"type":' + "9" * 5000 + "}",
    ],
)
def test_an_invalid_line_ends_the_run_without_showing_its_data(
    service: Service, line: str
) -> None:
    text = as_lines([record("subscribe", BERT), state(1)]) + line + "\n"
    result = run_target(service, text, list_key="3z")
    assert isinstance(result.error, FatalError)
    assert "planted" not in str(result.error)
    assert (service.calls, result.states) == ([], [])


def test_activate_version_is_ignored(service: Service, list_key: str) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "subscribe", "version": 1}
    messages = [record("subscribe", ANNA_WITH_PLUS), version, state(1)]
    result = run_target(service, messages, list_key=list_key)
    assert (result.counts(), result.states) == ((1, 0, 0, 0), [{"number": 1}])


def test_states_are_written_unchanged(service: Service) -> None:
    value = '{"a": 1.10, "b": [12345678901234567890123], "c": "é"}'
    result = run_target(service, f'{{"type":"STATE","value":{value}}}\n')
    assert result.states == [json.loads(value)]


def test_stdin_is_read_as_utf_8(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO("é\n".encode() + b"\xff"), encoding="ascii")
    monkeypatch.setattr("sys.stdin", stdin)
    assert MessageReader().default_input.read() == "é\n\udcff"


def test_an_input_file_is_read_as_utf_8(
    service: Service, account: LivingAccount, list_key: str, tmp_path: Path
) -> None:
    text = as_lines(
        [
            record("subscribe", ANNA_WITH_PLUS, first_name="Zoë"),
            record("subscribe", BERT),
        ]
    )
    path = tmp_path / "input"
    path.write_bytes(
        text.replace("\\u00eb", "ë")
        .replace(BERT, "\udcff")
        .encode(errors="surrogateescape")
    )
    config = service.config | {"rate_limit_ledger": "memory", "dry_run": False}
    with path.open(encoding="ascii") as file, pytest.raises(SystemExit) as exited:
        TargetZohoCampaigns.invoke(
            config=ConfigInput(config=config | {"list_key": list_key}, parse_env=False),
            file_input=file,
        )
    # An address with a byte that is not UTF-8 is rejected.
    assert exited.value.code == 1
    members = {
        member.contact.email: member for member in account.contacts(list_key, "active")
    }
    assert members[ANNA_WITH_PLUS].contact.first_name == "Zoë"
