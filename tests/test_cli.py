"""Programs that fail print one error message: no traceback, no lines of the SDK."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.sandbox import Reply
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.source import SOURCE
from tests.support.tap_command import TAP, error_messages, run_tap_command
from tests.support.taps import Output, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, Service

SANDBOX = {"data_center": "sandbox", "actions": ["spamcontacts"]}
TARGET = str(Path(sys.executable).with_name("target-zohocampaigns"))
STOPPED_READING = "stopped reading"


def run_with_unread_stdout(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose stdout is a pipe that nobody reads."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        return subprocess.run(
            command,
            input=b"",
            stdout=write_end,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    finally:
        os.close(write_end)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "arguments",
    [(), ("--discover",), ("plan",), ("--about",), ("--test",), ("--version",)],
)
def test_tap_reports_that_its_stdout_is_not_read(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    result = run_with_unread_stdout(TAP, "--config", str(path), *arguments)
    stderr = result.stderr.decode()
    assert result.returncode == 1
    assert [STOPPED_READING in line for line in error_messages(stderr)] == [True]
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr
    assert "\n\n" not in stderr


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("program", [TARGET, SOURCE])
def test_target_and_source_report_that_their_stdout_is_not_read(program: str) -> None:
    argument = "--about" if program == TARGET else "spec"
    result = run_with_unread_stdout(program, argument)
    assert result.returncode == 1
    assert STOPPED_READING in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()
    assert "Exception ignored" not in result.stderr.decode()


def test_full_disk_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [TAP, "--config", str(path), "--discover"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 1
    (line,) = error_messages(result.stderr.decode())
    assert "no space left" in line


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("arguments", [(), ("--discover",), ("plan",)])
def test_closed_stdout_is_reported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    command = " ".join([TAP, "--config", str(path), *arguments])
    result = subprocess.run(
        ["sh", "-c", f"{command} >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert result.returncode == 1
    assert ["Stdout is closed" in line for line in error_messages(result.stderr)] == [
        True
    ]
    result = subprocess.run(
        ["sh", "-c", f"{SOURCE} spec >&-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Stdout is closed")


def test_discovery_with_wrong_settings_warns_that_custom_fields_are_missing(
    tmp_path: Path,
) -> None:
    stdout, stderr = run_tap_command(tmp_path, SANDBOX | {"page_sise": 1}, "--discover")
    assert json.loads(stdout)["streams"]
    assert "no columns of their own: There is no setting `page_sise`" in stderr


# No lines of the SDK beside the error message.


def unknown_code(call: Call) -> Reply | None:
    if call.endpoint == "recentcampaigns":
        body = {"status": "error", "code": "9999", "message": "It is odd."}
        return Reply(200, json.dumps(body).encode())
    return None


def test_error_message_is_the_only_and_last_error_line(
    tmp_path: Path, service: Service
) -> None:
    service.intercept = unknown_code
    _, stderr = run_tap_command(tmp_path, service.config, status=1)
    (line,) = error_messages(stderr)
    assert "9999" in line
    assert line == stderr.splitlines()[-1].split(" | ", 3)[-1]
    _, stderr = run_tap_command(tmp_path, service.config, "--test", status=1)
    assert len(error_messages(stderr)) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("argument", ["--test", "--test=schema"])
def test_successful_connection_test_logs_no_error(
    tmp_path: Path, argument: str
) -> None:
    _, stderr = run_tap_command(tmp_path, SANDBOX, argument)
    assert error_messages(stderr) == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("argument", ["--test", "plan", "--config"])
def test_all_wrong_settings_are_reported_in_one_line(
    tmp_path: Path, argument: str
) -> None:
    extra = ("ENV",) if argument == "--config" else ()
    config = SANDBOX | {"page_size": 0, "lookback_day": 1}
    _, stderr = run_tap_command(tmp_path, config, argument, *extra, status=1)
    (line,) = error_messages(stderr)
    assert line.startswith("There is no setting `lookback_day`: write `lookback_days`")
    assert line.endswith("Setting `page_size` must be at least 1.")


# Signals.


def run_patched(
    patch: str, *arguments: str, module: str = "tap"
) -> subprocess.CompletedProcess[str]:
    """Run the tap after the code `patch`, which may change `module`."""
    program = (
        "import os, signal, sys\n"
        f"import tap_zohocampaigns.{module} as module\n"
        f"{patch}\n"
        "from tap_zohocampaigns.cli import tap\n"
        "tap()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("function", "argument"),
    [("make_plan", "plan"), ("as_text", "--discover"), ("click.echo", "--discover")],
)
def test_signal_before_the_sync_prints_neither_state_nor_traceback(
    tmp_path: Path, number: signal.Signals, function: str, argument: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    patch = (
        f"real = module.{function}\n"
        "def kill(*a, **k):\n"
        "    result = real(*a, **k)\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return result\n"
        f"module.{function} = kill\n"
    )
    module = "commands.plan" if argument == "plan" else "tap"
    result = run_patched(patch, "--config", str(path), argument, module=module)
    assert result.returncode == 128 + number
    assert "Traceback" not in result.stderr
    assert "STATE" not in result.stdout
    assert f"Stopped, as {number.name} came" in result.stderr


def test_interrupt_while_the_program_starts_prints_no_traceback() -> None:
    program = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('singer_sdk'):\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from tap_zohocampaigns.{module} import {name}\n"
        "{name}()\n"
    )
    for module, name in (("cli", "tap"), ("cli", "target"), ("airbyte.cli", "main")):
        result = subprocess.run(
            [sys.executable, "-c", program.format(module=module, name=name), "read"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (-signal.SIGINT, "")


# Stream maps.


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "maps",
    [
        {"*": {"source": "'a'"}},
        {"list_*": {"source": "'a'"}, "campaigns": {"source": "'a'"}},
        {"list_subscribers": {"source": "'a'"}, "campaigns": {"source": "'a'"}},
        {"recipient_events": None, "campaigns": {"source": "'a'"}},
        {"copy": {"__source__": "list_subscribers", "x": "contact_email"}}
        | {"c*": {"source": "'a'"}},
        {"recipient_events": {"__alias__": "events"}, "campaigns": {"source": "'a'"}},
        {"list_subscribers": {"contact_email": "md5(contact_email)"}}
        | {"campaigns": {"source": "'a'"}},
        {"campaigns": {"source": "'a'"}, "__else__": None},
    ],
)
def test_stream_maps_work_for_deselected_streams(
    service: Service, caplog: pytest.LogCaptureFixture, maps: dict[str, t.Any]
) -> None:
    output = run_tap(service, stream_maps=maps, actions=["spamcontacts"])
    assert {row["source"] for row in output.records["campaigns"]} == {"a"}
    assert not output.records["list_subscribers"]
    assert "streams that are not there" not in caplog.text


def test_stream_maps_work_with_an_edited_catalog(
    tmp_path: Path, service: Service
) -> None:
    stdout, _ = run_tap_command(tmp_path, service.config, "--discover")
    catalog = json.loads(stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] == "campaigns"
            elif entry["breadcrumb"][-1] == "subject":
                entry["metadata"]["selected"] = False
            # Users may remove the fields of streams that they do not read.
            if stream["stream"] == "segments":
                stream["schema"]["properties"] = {}
    catalog["streams"] = [
        stream for stream in catalog["streams"] if stream["stream"] != "tags"
    ]
    catalog["streams"].append(
        {"tap_stream_id": "gone", "schema": {"properties": {}}, "metadata": []}
    )
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    config = service.config | {"stream_maps": {"*": {"source": "'a'"}}}
    stdout, stderr = run_tap_command(tmp_path, config, "--catalog", str(path))
    rows = Output(stdout).records["campaigns"]
    assert rows
    assert {row["source"] for row in rows} == {"a"}
    assert not any("subject" in row for row in rows)
    assert error_messages(stderr) == []


def test_streams_without_metadata_in_the_catalog_are_selected(service: Service) -> None:
    catalog = TapZohoCampaigns(config=dict(SANDBOX)).catalog_dict
    catalog["streams"] = [
        stream | {"metadata": []}
        for stream in catalog["streams"]
        if stream["tap_stream_id"] == "campaigns"
    ]
    maps = {"*": {"source": "'a'"}}
    output = run_tap(service, catalog=catalog, stream_maps=maps)
    assert {row["source"] for row in output.records["campaigns"]} == {"a"}
    assert output.records.keys() == {"campaigns"}


@pytest.mark.parametrize(
    ("maps", "unknown"),
    [
        ({"campaign": {"x": "'a'"}}, "campaign"),
        ({"contact*": {"x": "'a'"}, "lists_*": None}, "lists_*"),
        ({"copy": {"__source__": "campain", "x": "'a'"}}, "copy"),
        (
            {"campaign_recipient": None, "Campaigns": {}},
            "campaign_recipient, Campaigns",
        ),
    ],
)
def test_stream_maps_for_unknown_streams_cause_one_warning(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    maps: dict[str, t.Any],
    unknown: str,
) -> None:
    run_tap(service, "campaigns", stream_maps=maps)
    warnings = [
        record.getMessage()
        for record in caplog.records
        if "streams that are not there" in record.getMessage()
    ]
    assert len(warnings) == 1
    assert warnings[0].endswith(f": {unknown}")
