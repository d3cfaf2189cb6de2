"""No address is logged or shown in an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.api.errors import FatalError
from tests.support.target import (
    FORMATS,
    answer_with_error,
    as_lines,
    read_reject_file,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service

# Its apostrophe and ampersand are escaped differently in each format.
ODD = "planted.o'neil&sons@example.com"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("2004", "Not taken"),
        ("7777", "Not taken"),
        ("2202", "Not taken"),
        ("7777", "Retry after sometime"),
    ],
)
@pytest.mark.parametrize(
    "echoed",
    [
        ODD,
        ODD.upper(),
        "planted.o'neil",
        "planted.o&#39;neil&amp;sons@example.com",
        "planted.o&apos;neil&amp;amp;sons@example.com",
        "planted.o%27neil%26sons%40example.com",
        "planted.o%2527neil%2526sons%2540example.com",
        "planted.o\\u0027neil\\u0026sons\\u0040example.com",
        "Planted, Anna",
        "planted anna",
        "+49+planted",
        "%2B49%20planted",
    ],
)
def test_fields_of_a_contact_in_a_message_of_zoho_are_masked(  # noqa: PLR0913
    service: Service,
    state_folder: Path,
    form: str,
    *,
    code: str,
    words: str,
    echoed: str,
) -> None:
    answer_with_error(service, code, f"{words}: {echoed} is wrong.")
    fields = {
        "first_name": "Planted",
        "last_name": "planted anna",
        "phone": "+49 planted",
    }
    custom = {"custom_fields": {"Both": "Planted, Anna"}}
    messages = [record("subscribe", ODD, **fields, **custom)]
    result = run_target(service, messages, list_key="3z", response_format=form)
    assert "planted" not in str(result.error).casefold()
    assert "neil" not in str(result.error)
    assert bool(result.error) == (code == "2202" or words == "Retry after sometime")
    if not result.error:
        (line,) = read_reject_file(
            state_folder / "tap-zohocampaigns" / "rejected.jsonl"
        )
        assert "planted" not in line["reason"].casefold()
        assert "neil" not in line["reason"]
        assert line["reason"].startswith(f"{words}: ")
        assert "***" in line["reason"]


TARGET = (
    "from tap_zohocampaigns.target.target import TargetZohoCampaigns;"
    "TargetZohoCampaigns.cli()"
)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("redirection", "message"),
    [(">&-", "Stdout is closed"), ("<&-", "Stdin is closed")],
)
def test_a_closed_stdin_or_stdout_is_an_error_before_any_call(
    service: Service, list_key: str, tmp_path: Path, redirection: str, message: str
) -> None:
    config, source = tmp_path / "config", tmp_path / "input"
    settings = service.config | {"dry_run": False, "list_key": list_key}
    config.write_text(json.dumps(settings))
    source.write_text(as_lines([record("subscribe", ANNA), state(1)]))
    stdin = "" if redirection.startswith("<") else f"< {source}"
    command = (
        f'"{sys.executable}" -c "{TARGET}" --config {config} {stdin} {redirection}'
    )
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"LOGLEVEL": "DEBUG"},
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "nternal error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert service.calls == []


def test_an_invalid_line_is_a_fatal_error(service: Service) -> None:
    result = run_target(service, '{"type": "RECORD", "stream": 3, "record": {}}\n')
    assert isinstance(result.error, FatalError)
