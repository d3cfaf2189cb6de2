"""How the programs end: one sentence, no traceback, no lines of the SDK beside it."""

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
from tests.support.taps import Output, run_tap
from tests.test_tap import TAP, errors, run

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, Service

SANDBOX = {"data_center": "sandbox", "actions": ["spamcontacts"]}
TARGET = str(Path(sys.executable).with_name("target-zohocampaigns"))
STOPPED_READING = "stopped reading"


def ended(*command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command whose stdout nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            command,
            input=given,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--discover",), ("plan",), ("--about",), ("--test",), ("--version",)],
)
def test_when_nobody_reads_what_the_tap_writes_it_says_so(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    done = ended(TAP, "--config", str(path), *arguments)
    stderr = done.stderr.decode()
    assert done.returncode == 1
    assert [STOPPED_READING in line for line in errors(stderr)] == [True]
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr
    assert "\n\n" not in stderr


@pytest.mark.parametrize("program", [TARGET, SOURCE])
def test_so_do_target_and_source(program: str) -> None:
    argument = "--about" if program == TARGET else "spec"
    done = ended(program, argument)
    assert done.returncode == 1
    assert STOPPED_READING in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert "Exception ignored" not in done.stderr.decode()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [TAP, "--config", str(path), "--discover"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    (line,) = errors(done.stderr.decode())
    assert "no space left" in line


@pytest.mark.parametrize("arguments", [(), ("--discover",), ("plan",)])
def test_a_closed_stdout_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    words = " ".join([TAP, "--config", str(path), *arguments])
    done = subprocess.run(
        ["sh", "-c", f"{words} >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert ["Stdout is closed" in line for line in errors(done.stderr)] == [True]
    done = subprocess.run(
        ["sh", "-c", f"{SOURCE} spec >&-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Stdout is closed")


def test_discovery_with_wrong_settings_tells_what_is_missing(tmp_path: Path) -> None:
    stdout, stderr = run(tmp_path, SANDBOX | {"page_sise": 1}, "--discover")
    assert json.loads(stdout)["streams"]
    assert "no columns of their own: There is no setting `page_sise`" in stderr


# The SDK's own lines.


def unknown_code(call: Call) -> Reply | None:
    if call.endpoint == "recentcampaigns":
        body = {"status": "error", "code": "9999", "message": "It is odd."}
        return Reply(200, json.dumps(body).encode())
    return None


def test_the_sentence_stands_alone(tmp_path: Path, service: Service) -> None:
    service.intercept = unknown_code
    _, stderr = run(tmp_path, service.config, status=1)
    (line,) = errors(stderr)
    assert "9999" in line
    assert line == stderr.splitlines()[-1].split(" | ", 3)[-1]
    _, stderr = run(tmp_path, service.config, "--test", status=1)
    assert len(errors(stderr)) == 1


@pytest.mark.parametrize("argument", ["--test", "--test=schema"])
def test_a_test_that_succeeds_has_no_errors(tmp_path: Path, argument: str) -> None:
    _, stderr = run(tmp_path, SANDBOX, argument)
    assert errors(stderr) == []


@pytest.mark.parametrize("argument", ["--test", "plan", "--config"])
def test_wrong_settings_are_one_line(tmp_path: Path, argument: str) -> None:
    more = ("ENV",) if argument == "--config" else ()
    wrong = SANDBOX | {"page_size": 0, "lookback_day": 1}
    _, stderr = run(tmp_path, wrong, argument, *more, status=1)
    (line,) = errors(stderr)
    assert line.startswith("There is no setting `lookback_day`: write `lookback_days`")
    assert line.endswith("Setting `page_size` must be at least 1.")


# Signals.


def patched(
    patch: str, *arguments: str, module: str = "tap"
) -> subprocess.CompletedProcess[str]:
    """Run the tap with a part of it replaced."""
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("where", "argument"),
    [("make_plan", "plan"), ("json.dumps", "--discover"), ("click.echo", "--discover")],
)
def test_a_signal_leaves_neither_state_nor_traceback(
    tmp_path: Path, number: signal.Signals, where: str, argument: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SANDBOX))
    patch = (
        f"real = module.{where}\n"
        "def kill(*a, **k):\n"
        "    done = real(*a, **k)\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return done\n"
        f"module.{where} = kill\n"
    )
    module = "commands.plan" if argument == "plan" else "tap"
    done = patched(patch, "--config", str(path), argument, module=module)
    assert done.returncode == 128 + number
    assert "Traceback" not in done.stderr
    assert "STATE" not in done.stdout
    assert f"Stopped, as {number.name} came" in done.stderr


def test_an_interruption_while_the_program_starts_leaves_no_traceback() -> None:
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
        done = subprocess.run(
            [sys.executable, "-c", program.format(module=module, name=name), "read"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


# Stream maps.


DEFAULT_STREAMS = {"campaigns", "mailing_lists"}


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
def test_maps_work_for_streams_that_are_not_read(
    service: Service, caplog: pytest.LogCaptureFixture, maps: dict[str, t.Any]
) -> None:
    output = run_tap(service, stream_maps=maps, actions=["spamcontacts"])
    assert {row["source"] for row in output.records["campaigns"]} == {"a"}
    assert not output.records["list_subscribers"]
    assert "streams that are not there" not in caplog.text


def test_maps_work_for_streams_that_the_catalog_deselects(
    tmp_path: Path, service: Service
) -> None:
    stdout, _ = run(tmp_path, service.config, "--discover")
    catalog = json.loads(stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] == "campaigns"
            elif entry["breadcrumb"][-1] == "subject":
                entry["metadata"]["selected"] = False
            # Whoever edits a catalog need not keep what is not read.
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
    stdout, stderr = run(tmp_path, config, "--catalog", str(path))
    rows = Output(stdout).records["campaigns"]
    assert rows
    assert {row["source"] for row in rows} == {"a"}
    assert not any("subject" in row for row in rows)
    assert errors(stderr) == []


def test_a_catalog_without_metadata_selects_its_streams(service: Service) -> None:
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
    ("maps", "named"),
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
def test_a_map_that_is_for_no_stream_is_told_once(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    maps: dict[str, t.Any],
    named: str,
) -> None:
    run_tap(service, "campaigns", stream_maps=maps)
    warned = [
        record.getMessage()
        for record in caplog.records
        if "streams that are not there" in record.getMessage()
    ]
    assert len(warned) == 1
    assert warned[0].endswith(f": {named}")
