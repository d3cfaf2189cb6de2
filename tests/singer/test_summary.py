"""`--summary FILE`: one line of JSON about a run, however it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import stat
import subprocess
import typing as t
from importlib.metadata import version

import pytest

from tap_zohocampaigns.api.endpoints import CONTACTS
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.singer.summary_file import MOST_TEXTS, SummaryFile
from tests.support.tap_command import TAP, error_messages, run_tap_command
from tests.support.taps import Output
from tests.support.target import as_lines, list_without_form, record, small_account
from tests.target.conftest import ANNA, BERT
from tests.test_cli import TARGET
from tests.test_tap import ADDRESS

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

SANDBOX = {"data_center": "sandbox"}
RECIPIENTS = "getcampaignrecipientsdata"
KEYS = {
    "status",
    "reason",
    "exit_status",
    "plugin",
    "version",
    "started_at",
    "seconds",
    "account_id",
    "rows",
    "calls",
    "streams",
    "left_out",
    "endpoints",
    "warnings",
    "warning_texts",
}
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def account() -> LivingAccount:
    return small_account()


@pytest.fixture
def service(account: LivingAccount) -> Iterator[Service]:
    with Service(account) as service:
        yield service


class Summarized(t.NamedTuple):
    """A finished run with its summary."""

    line: dict[str, t.Any]
    stdout: str
    stderr: str


def summarize(
    folder: Path, config: dict[str, t.Any], *arguments: str, status: int = 0
) -> Summarized:
    """Run the tap with `--summary`; check the form of the file."""
    path = folder / "summary.json"
    options = ("--summary", str(path), *arguments)
    stdout, stderr = run_tap_command(folder, config, *options, status=status)
    return Summarized(read(path, status), stdout, stderr)


def read(path: Path, status: int) -> dict[str, t.Any]:
    """Return the line of a summary; check its form."""
    text = path.read_text()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert not ADDRESS.search(text)
    line: dict[str, t.Any] = json.loads(text)
    assert line.keys() - {"outcomes"} == KEYS
    assert line["exit_status"] == status
    assert line["version"] == version("tap-zohocampaigns")
    assert UTC_TIME.fullmatch(line["started_at"])
    assert line["seconds"] >= 0
    assert not [*path.parent.glob(".*")]
    return line


def test_the_summary_of_a_run_that_ended_has_its_figures(
    tmp_path: Path, service: Service
) -> None:
    ran = summarize(tmp_path, service.config)
    line, records = ran.line, Output(ran.stdout).records
    total = sum(map(len, records.values()))
    assert (line["status"], line["rows"]) == ("ended", total)
    assert line["reason"] == f"Read {total} rows in {len(service.calls)} calls."
    assert line["plugin"] == "tap-zohocampaigns"
    assert re.fullmatch(r"[0-9a-f]{16}", line["account_id"])
    streams = line["streams"]
    rows = {name: one["rows"] for name, one in streams.items() if one["rows"]}
    assert rows == {name: len(each) for name, each in records.items()}
    # Off by default.
    assert "list_subscribers" not in streams
    assert sum(one["calls"] for one in streams.values()) == line["calls"]
    assert line["calls"] == len(service.calls)
    endpoints = line["endpoints"]
    assert endpoints.keys() == {call.endpoint for call in service.calls}
    assert all(
        one["calls"] + one["quota_left"] == 490 and one["free_at"] is None
        for one in endpoints.values()
    )
    assert (line["left_out"], line["warnings"], line["warning_texts"]) == ({}, 0, [])
    secrets = (service.config[n] for n in ("client_secret", "refresh_token"))
    assert not any(secret in json.dumps(line) for secret in secrets)


@pytest.mark.slow
def test_what_is_left_out_has_its_reason_and_is_a_warning(
    tmp_path: Path, service: Service
) -> None:
    service.scopes = [scope for scope in service.scopes if scope != CONTACTS]
    line = summarize(tmp_path, service.config).line
    assert line["status"] == "ended"
    assert CONTACTS in line["left_out"]["mailing_lists"]
    assert line["warnings"] == len(line["warning_texts"]) > 0
    assert any(text.startswith("Left out: ") for text in line["warning_texts"])


def test_a_run_that_fails_says_why_and_how_far_it_came(
    tmp_path: Path, service: Service
) -> None:
    def unknown_code(call: Call) -> Reply | None:
        body = b'{"status":"error","code":"9999","message":"It is odd."}'
        return Reply(200, body) if call.endpoint == RECIPIENTS else None

    service.intercept = unknown_code
    ran = summarize(tmp_path, service.config | {"concurrency": 1}, status=1)
    assert ran.line["status"] == "failed"
    assert [ran.line["reason"]] == error_messages(ran.stderr)
    assert ran.line["streams"]["campaigns"]["rows"] == 0
    assert ran.line["streams"]["campaign_details"]["rows"] > 0
    assert ran.line["endpoints"][RECIPIENTS]["calls"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("config", [{"data_center": "planted"}, "{", "[]"])
def test_a_run_that_fails_before_its_first_call_has_a_summary(
    tmp_path: Path, config: t.Any
) -> None:
    ran = summarize(tmp_path, config, status=1)
    assert [ran.line["reason"]] == error_messages(ran.stderr)
    assert (ran.line["status"], ran.line["rows"], ran.line["calls"]) == ("failed", 0, 0)
    assert ran.line["account_id"] is None


def test_a_lock_that_ends_a_run_tells_when_to_try_again(
    tmp_path: Path, service: Service
) -> None:
    def locked(call: Call) -> Reply | None:
        body = b'{"status":"error","code":"Z101","message":""}'
        return Reply(200, body) if call.endpoint == RECIPIENTS else None

    service.intercept = locked
    line = summarize(tmp_path, service.config | {"rate_limit_on_lock": "stop"}).line
    assert line["status"] == "stopped"
    assert "Stopped, as Zoho has locked getcampaignrecipientsdata" in line["reason"]
    quota = line["endpoints"][RECIPIENTS]
    assert quota["quota_left"] == 0
    assert UTC_TIME.fullmatch(quota["free_at"])


def test_a_run_that_is_stopped_by_a_signal_has_a_summary(
    tmp_path: Path, service: Service
) -> None:
    config, path = tmp_path / "config.json", tmp_path / "summary.json"
    config.write_text(json.dumps(service.config))
    # The old line stays until there is a new one.
    path.write_text("old")
    seen: list[str] = []

    def stop(call: Call) -> None:
        if call.endpoint == RECIPIENTS and not seen:
            seen.append(path.read_text())
            process.send_signal(signal.SIGTERM)

    service.intercept = stop
    process = subprocess.Popen(
        [TAP, "--config", config, "--summary", path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.wait(60) == 128 + signal.SIGTERM
    line = read(path, 128 + signal.SIGTERM)
    assert line["status"] == "stopped"
    assert line["reason"].startswith("Stopped, as SIGTERM came; the next run goes on")
    assert line["calls"] > 0
    assert seen == ["old"]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "name", ["missing/summary.json", "config.json/summary.json", "folder"]
)
def test_a_file_that_cannot_be_written_ends_the_run_before_its_first_call(
    tmp_path: Path, service: Service, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / name)
    _, stderr = run_tap_command(tmp_path, service.config, "--summary", path, status=1)
    (line,) = error_messages(stderr)
    assert line.startswith("The file of `--summary` can't be written (")
    assert line.endswith(f"): {path}")
    assert not service.calls


@pytest.mark.slow
def test_a_file_that_becomes_unwritable_does_not_fail_the_run(
    tmp_path: Path, service: Service
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def remove(_: Call) -> None:
        if folder.exists():
            folder.rmdir()

    service.intercept = remove
    path = str(folder / "summary.json")
    stdout, stderr = run_tap_command(tmp_path, service.config, "--summary", path)
    assert Output(stdout).state
    assert "WARNING" in stderr.splitlines()[-1]
    assert "The file of `--summary` can't be written (" in stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("--discover",), ("--test=schema",), ("plan",), ("--about",)]
)
def test_only_runs_have_a_summary(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "summary.json"
    run_tap_command(tmp_path, SANDBOX, "--summary", str(path), *arguments)
    assert not path.exists()


@pytest.mark.slow
def test_a_variable_names_the_file_too(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "summary.json"
    settings = service.config | {"rate_limit_ledger": "memory", "summary": path}
    environment = {
        f"TAP_ZOHOCAMPAIGNS_{name.upper()}": str(value)
        for name, value in settings.items()
    }
    done = subprocess.run(
        [TAP, "--config=ENV"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0
    assert read(path, 0)["warnings"] == 0
    assert "no such settings" not in done.stderr


@pytest.mark.slow
def test_a_device_gets_the_line(tmp_path: Path, service: Service) -> None:
    _, stderr = run_tap_command(tmp_path, service.config, "--summary", "/dev/stderr")
    assert json.loads(stderr.splitlines()[-1])["status"] == "ended"


@pytest.mark.slow
def test_a_link_stays_a_link_and_others_may_read_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "summary.json", tmp_path / "link.json"
    link.symlink_to(path)
    SummaryFile(str(link), "tap").write("ended", "", 0)
    assert link.is_symlink()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.slow
def test_a_file_in_a_folder_of_others_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")
    number = path.stat().st_ino
    monkeypatch.setattr(os, "access", lambda *_: False)
    SummaryFile(str(path), "tap").write("ended", "", 0)
    assert path.stat().st_ino == number
    assert json.loads(path.read_text())["status"] == "ended"


def test_half_a_character_of_the_input_is_written(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    file = SummaryFile(str(path), "target")
    # As the target reads bytes that are not UTF-8. The log is left out: pytest can't
    # hand such a text from one process to another.
    warning = {"levelno": logging.WARNING, "msg": "Unknown field: caf\udce9"}
    file.handle(logging.makeLogRecord(warning))
    file.write("ended", "", 0)
    assert json.loads(path.read_text())["warning_texts"] == ["Unknown field: caf\udce9"]


@pytest.mark.slow
def test_many_warnings_are_counted_and_not_all_written_out(tmp_path: Path) -> None:
    file = SummaryFile(str(tmp_path / "summary.json"), "tap")
    for number in range(2 * MOST_TEXTS):
        for _ in range(2):
            logging.getLogger("tap").warning("Number\n%s", number)
    file.write("ended", "", 0)
    line = json.loads((tmp_path / "summary.json").read_text())
    assert line["warnings"] == 4 * MOST_TEXTS
    assert line["warning_texts"] == [f"Number {n}" for n in range(MOST_TEXTS)]


@pytest.mark.slow
def test_a_full_disk_at_the_end_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SummaryFile("/dev/full", "tap").write("ended", "", 0)
    assert caplog.messages == [
        "The file of `--summary` can't be written (No space left on device): /dev/full"
    ]
    with pytest.raises(SettingError, match="`--summary`"):
        SummaryFile(str(tmp_path), "tap")


# The target.


def load(
    folder: Path,
    config: dict[str, t.Any],
    text: str,
    *arguments: str,
    status: int = 0,
) -> tuple[dict[str, t.Any], str]:
    """Run the target with `--summary`; return its line, and its stderr."""
    given, path = folder / "config.json", folder / "summary.json"
    given.write_text(json.dumps(config))
    done = subprocess.run(
        [TARGET, "--config", given, "--summary", path, *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return read(path, status), done.stderr


def changes(account: LivingAccount) -> str:
    """Return two subscribers, and one with an invalid address."""
    where = {"list_key": list_without_form(account), "first_name": "x"}
    addresses = (ANNA, BERT, "no address")
    return as_lines(record("subscribe", address, **where) for address in addresses)


def test_the_summary_of_the_target_has_outcomes(
    tmp_path: Path, service: Service, account: LivingAccount
) -> None:
    config = service.config | {
        "dry_run": False,
        "reject_file": str(tmp_path / "rejected.jsonl"),
    }
    line, _ = load(tmp_path, config, changes(account), status=1)
    # A record was rejected.
    assert (line["status"], line["plugin"]) == ("failed", "target-zohocampaigns")
    assert line["reason"].startswith("3 records read, 2 sent, ")
    assert line["streams"] == {"subscribe": {"rows": 3}}
    names = ("already_in_effect", "skipped", "unchanged", "rejected_before", "left")
    outcomes = dict.fromkeys(names, 0) | {"sent": 2, "rejected": 1}
    assert line["outcomes"] == outcomes
    assert (line["rows"], line["calls"]) == (3, len(service.calls))
    assert line["endpoints"]["listsubscribe"]["quota_left"] == 488
    assert re.fullmatch(r"[0-9a-f]{16}", line["account_id"])


@pytest.mark.slow
def test_a_dry_run_of_the_target_knows_no_quota(
    tmp_path: Path, service: Service, account: LivingAccount
) -> None:
    text = as_lines([record("unsubscribe", BERT, list_key=list_without_form(account))])
    line, _ = load(tmp_path, service.config, text)
    assert (line["status"], line["calls"]) == ("ended", 1)
    quota = {"calls": 1, "quota_left": None, "free_at": None}
    assert line["endpoints"] == {"listunsubscribe": quota}


@pytest.mark.slow
def test_a_target_that_stops_at_a_lock_says_so(
    tmp_path: Path, service: Service, account: LivingAccount
) -> None:
    body = b'{"status":"error","code":"Z101","message":""}'
    service.intercept = lambda _: Reply(200, body)
    config = service.config | {"dry_run": False, "rate_limit_on_lock": "stop"}
    text = as_lines([record("unsubscribe", BERT, list_key=list_without_form(account))])
    line, stderr = load(tmp_path, config, text, status=1)
    assert line["status"] == "stopped"
    assert [line["reason"]] == error_messages(stderr)
    assert line["endpoints"]["listunsubscribe"]["quota_left"] == 0


@pytest.mark.slow
def test_an_input_that_is_missing_is_the_reason(
    tmp_path: Path, service: Service
) -> None:
    missing = ("--input", str(tmp_path / "missing"))
    line, stderr = load(tmp_path, service.config, "", *missing, status=2)
    assert line["status"] == "failed"
    assert line["reason"] in stderr
    assert "--input" in line["reason"]
