"""Failures: the status of each stream and the failure type of each error."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import typing as t
from collections import Counter
from pathlib import Path

import pytest

from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.streams.campaigns import Campaigns
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.source import SOURCE, Messages, source
from tests.support.tap_command import error_messages, run_tap_command
from tests.support.taps import run_tap
from tests.sync.test_interrupted import LOCKED

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import Call, LivingAccount

    Json: t.TypeAlias = dict[str, t.Any]
    Configure: t.TypeAlias = Callable[..., Json]

ADDRESS = "ann@example.com"
RECIPIENTS = "getcampaignrecipientsdata"
DOWN = Reply(503, b"")
FAST = {"rate_limit_ledger": "memory", "retry_max_seconds": 0}


def error_reply(code: str, message: str = "") -> Reply:
    body = {"status": "error", "code": code, "message": message}
    return Reply(200, json.dumps(body).encode())


def at(endpoint: str, reply: Reply) -> Callable[[Call], Reply | None]:
    return lambda call: reply if call.endpoint == endpoint else None


def everywhere(reply: Reply) -> Callable[[Call], Reply | None]:
    return lambda _: reply


class Failure(t.NamedTuple):
    """A cause of failure and the failure type that it must have."""

    settings: Json
    intercept: Callable[[Call], Reply | None] | None
    kind: str


FAILURES = [
    pytest.param(Failure(settings, intercept, f"{kind}_error"), id=name)
    for name, settings, intercept, kind in (
        ("secret", {"client_secret": "planted"}, None, "config"),
        # Clients and tokens of one data center are unknown in another.
        ("data center", {"client_id": "1000.EU"}, None, "config"),
        ("token", {"refresh_token": "1000.eu"}, None, "config"),
        ("setting", {"page_size": 0}, None, "config"),
        ("locked", {}, everywhere(LOCKED), "transient"),
        ("outage", {}, everywhere(DOWN), "transient"),
        ("forbidden", {}, everywhere(error_reply("2704")), "config"),
        ("unknown", {}, everywhere(error_reply("9999")), "system"),
    )
]


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("failure", FAILURES)
def test_failed_check_reports_the_error_of_the_tap(
    tmp_path: Path, service: Service, failure: Failure
) -> None:
    settings, intercept, kind = failure
    service.intercept = intercept
    # The tap must make the same first call as the check.
    one_endpoint = {"rate_limit_on_lock": "stop", "concurrency": 1, "list_keys": ["3z"]}
    config = service.config | FAST | one_endpoint | settings
    written = source(tmp_path, "check", config)
    assert written.status == 0
    assert written.connection["status"] == "FAILED"
    (error,) = written.errors
    assert error["message"] == written.connection["message"]
    assert error["failure_type"] == kind
    assert "planted" not in written.text
    if intercept is None:
        _, stderr = run_tap_command(tmp_path, config, status=1)
        assert written.connection["message"] in error_messages(stderr)


def test_check_makes_one_call_and_does_not_wait_for_a_lock(
    tmp_path: Path, service: Service
) -> None:
    assert source(tmp_path, "check", service.config | FAST).connection == {
        "status": "SUCCEEDED"
    }
    assert len(service.calls) == 1
    service.intercept = everywhere(LOCKED)
    connection = source(tmp_path, "check", service.config | FAST).connection
    assert connection["status"] == "FAILED"
    assert "Zoho has locked getmailinglists until " in connection["message"]


@pytest.mark.parametrize("failure", FAILURES)
def test_failed_read_is_never_complete(
    tmp_path: Path, service: Service, configure: Configure, failure: Failure
) -> None:
    settings, intercept, kind = failure
    service.intercept = intercept
    config = service.config | FAST | {"rate_limit_on_lock": "stop"} | settings
    written = source(tmp_path, "read", config, configure())
    assert written.status == 1
    assert {error["failure_type"] for error in written.errors} == {kind}
    last_statuses = {name: statuses[-1] for name, statuses in written.statuses.items()}
    # `account` has a row even if the token may read nothing else.
    complete = {"account", "snapshots"} & written.records.keys()
    assert {
        name for name, status in last_statuses.items() if status != "INCOMPLETE"
    } == complete
    assert len(last_statuses) == (0 if "page_size" in settings else len(STREAMS))
    assert written.records.keys() == complete
    count_in_states = sum(
        state["sourceStats"]["recordCount"] for state in written.states
    )
    assert count_in_states == sum(map(len, written.records.values()))


def test_wrong_setting_fails_the_run_with_one_error(
    tmp_path: Path, service: Service, configure: Configure
) -> None:
    config = service.config | FAST | {"client_secret": "planted"}
    written = source(tmp_path, "read", config, configure())
    (error,) = written.errors
    assert "`client_secret`" in error["message"]
    # The tap reports the same message.
    _, stderr = run_tap_command(tmp_path, config, status=1)
    assert error_messages(stderr)[-1] == error["message"]


def test_failed_stream_does_not_stop_the_others(
    tmp_path: Path, service: Service, configure: Configure
) -> None:
    service.intercept = at("getsegmentcontacts", error_reply("2704"))
    written = source(tmp_path, "read", service.config | FAST, configure())
    assert written.status == 1
    (error,) = written.errors
    assert error["failure_type"] == "config_error"
    assert error["stream_descriptor"] == {"name": "segment_contacts"}
    last_statuses = {name: statuses[-1] for name, statuses in written.statuses.items()}
    # Snapshots lack the rows of the failed stream, so they are incomplete too.
    assert (
        last_statuses.pop("segment_contacts")
        == last_statuses.pop("snapshots")
        == "INCOMPLETE"
    )
    assert len(last_statuses) == len(STREAMS) - 2
    assert {*last_statuses.values()} == {"COMPLETE"}
    service.intercept = None
    expected = run_tap(service, *last_statuses).records
    for name in last_statuses.keys() - {"account"}:
        assert len(written.records[name]) == len(expected[name]), name


@pytest.mark.parametrize(
    ("endpoint", "stream"),
    [
        ("getsegmentdetails", "segments"),
        ("getsegmentcontacts", "segment_contacts"),
        (RECIPIENTS, "campaign_recipients"),
    ],
)
def test_states_count_the_records_of_a_stream_that_fails_halfway(
    tmp_path: Path, service: Service, configure: Configure, endpoint: str, stream: str
) -> None:
    calls = 0

    def fail(call: Call) -> Reply | None:
        nonlocal calls
        calls += call.endpoint == endpoint
        return DOWN if call.endpoint == endpoint and calls > 3 else None

    service.intercept = fail
    config = service.config | FAST | {"page_size": 20, "concurrency": 1}
    written = source(tmp_path, "read", config, configure(stream, "snapshots"))
    assert written.statuses[stream][-1] == "INCOMPLETE"
    assert written.records[stream]
    counts: Counter[str] = Counter()
    for state in written.states:
        name = state["stream"]["stream_descriptor"]["name"]
        counts[name] += state["sourceStats"]["recordCount"]
    assert +counts == {name: len(rows) for name, rows in written.records.items()}


def test_locked_endpoint_is_reported_with_the_end_of_its_lock(
    service: Service, process: t.Any, configure: Configure, tmp_path: Path
) -> None:
    calls = 0

    def lock(call: Call) -> Reply | None:
        nonlocal calls
        calls += call.endpoint == RECIPIENTS
        return LOCKED if call.endpoint == RECIPIENTS and calls > 20 else None

    service.intercept = lock
    config = service.config | {"rate_limit_ledger": "memory", "concurrency": 2}
    catalog = configure("campaign_recipients", "campaigns", "snapshots")
    start = time.time()
    read = process("read", config, catalog)
    lines = []
    for line in read.stdout:
        lines.append(line)
        if "RATE_LIMITED" in line:
            break
    read.send_signal(signal.SIGTERM)
    lines += read.stdout
    assert read.wait(60) == 143
    assert not read.stderr.read()
    written = Messages("".join(lines), read.returncode)
    reasons = [
        reason
        for trace in written.traces("STREAM_STATUS")
        for reason in trace["stream_status"].get("reasons", ())
    ]
    reset = reasons[0]["rate_limited"]["quota_reset"] / 1000
    assert start + 1790 < reset < time.time() + 1810
    assert written.statuses == {
        "campaign_recipients": ["STARTED", "RUNNING", "RATE_LIMITED", "INCOMPLETE"],
        "snapshots": ["STARTED", "RUNNING", "INCOMPLETE"],
        "campaigns": ["INCOMPLETE"],
    }
    assert not written.errors
    # The next run resumes from the saved state.
    service.intercept = None
    after = source(tmp_path, "read", config, catalog, written.last_states())
    assert after.status == 0
    both = written.records["campaign_recipients"] + after.records["campaign_recipients"]
    keys = ("campaign_key", "action", "contact_email")
    expected = run_tap(service, "campaign_recipients").records["campaign_recipients"]
    assert {tuple(row[k] for k in keys) for row in both} == {
        tuple(row[k] for k in keys) for row in expected
    }
    assert len(after.records["campaign_recipients"]) < len(expected)


@pytest.mark.slow
def test_stream_continues_after_the_lock_of_its_endpoint(
    tmp_path: Path, account: LivingAccount, configure: Configure
) -> None:
    locked = False

    def lock(call: Call) -> Reply | None:
        nonlocal locked
        if call.endpoint == "recentcampaigns" and not locked:
            locked = True
            return LOCKED
        return None

    with Service(account, quota_calls=10**6, intercept=lock) as service:
        config = service.config | FAST | {"rate_limit_lock_seconds": 6}
        written = source(tmp_path, "read", config, configure("campaigns"))
    assert written.status == 0
    statuses = ["STARTED", "RATE_LIMITED", "RUNNING", "COMPLETE"]
    assert written.statuses == {"campaigns": statuses}


def test_run_beyond_its_time_limit_is_incomplete(
    tmp_path: Path, account: LivingAccount, configure: Configure
) -> None:
    with Service(account, quota_calls=25) as service:
        # The lock outlasts the time limit, so the run ends at once.
        config = service.config | FAST | {"max_duration_minutes": 1}
        written = source(tmp_path, "read", config, configure())
    assert written.status == 1
    (error,) = written.errors
    assert error["failure_type"] == "transient_error"
    assert "`max_duration_minutes`" in error["message"]
    last_statuses = {name: statuses[-1] for name, statuses in written.statuses.items()}
    assert (
        last_statuses["campaign_recipients"]
        == last_statuses["snapshots"]
        == "INCOMPLETE"
    )
    assert len(last_statuses) == len(STREAMS)
    assert written.states


@pytest.mark.parametrize("in_credentials", [False, True])
def test_mistyped_setting_is_reported_at_each_level(
    tmp_path: Path, service: Service, *, in_credentials: bool
) -> None:
    settings = {"lookback_day": 1, "colour": 1}
    config = (
        service.config
        | FAST
        | ({"credentials": settings} if in_credentials else settings)
    )
    written = source(tmp_path, "check", config)
    assert written.connection["message"].startswith(
        "There is no setting `lookback_day`"
    )
    assert [error["failure_type"] for error in written.errors] == ["config_error"]
    assert written.text.count("no such settings: colour") == 1
    assert not service.calls


@pytest.mark.parametrize(
    "files",
    [
        {"catalog": []},
        {"catalog": {"streams": [1]}},
        # A string is written to the file unchanged.
        {"state": '"text"'},
        {"state": [1]},
        {"state": {"streams": []}},
    ],
)
def test_malformed_file_is_named(
    tmp_path: Path, service: Service, configure: Configure, files: dict[str, t.Any]
) -> None:
    arguments = {"catalog": configure("campaigns")} | files
    written = source(tmp_path, "read", service.config | FAST, **arguments)
    (error,) = written.errors
    (name,) = files
    assert f"{name} has not the form" in error["message"]
    assert error["failure_type"] == "config_error"
    assert not service.calls


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("command", ["spec", "read"])
def test_closed_stdout_ends_the_run_with_a_message(
    service: Service, process: t.Any, configure: Configure, command: str
) -> None:
    files = () if command == "spec" else (service.config | FAST, configure())
    running = process(command, *files)
    running.stdout.close()
    assert running.wait(60) == 1
    assert running.stderr.read() == (
        "The destination stopped reading; its own last lines say why.\n"
    )


def test_full_disk_ends_the_run_with_a_message() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SOURCE, "spec"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Stdout can't be written to: No space left on device.\n"


def test_internal_error_in_a_stream_shows_source_lines_only_at_debug(
    tmp_path: Path,
    service: Service,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Campaigns, part: object) -> t.NoReturn:
        del part
        raise ValueError(ADDRESS)

    monkeypatch.setattr(Campaigns, "records", fail)
    config = service.config | FAST
    printed_source_lines = []
    for level in ("INFO", "DEBUG"):
        monkeypatch.setenv("LOGLEVEL", level)
        written = source(tmp_path, "read", config, configure("campaigns"))
        assert [error["failure_type"] for error in written.errors] == ["system_error"]
        assert ADDRESS not in written.text
        printed_source_lines.append("raise ValueError(ADDRESS)" in written.text)
    assert printed_source_lines == [False, True]


def test_internal_error_before_any_stream_shows_source_lines_at_debug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: TapZohoCampaigns) -> t.NoReturn:
        raise ValueError(ADDRESS)

    monkeypatch.setattr(TapZohoCampaigns, "discovered", fail)
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    written = source(tmp_path, "discover", {"data_center": "sandbox"})
    assert [error["failure_type"] for error in written.errors] == ["system_error"]
    assert ADDRESS not in written.text
    assert "raise ValueError(ADDRESS)" in written.text
