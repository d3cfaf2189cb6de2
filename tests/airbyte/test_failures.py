"""What goes wrong: the status of each stream, and who can do something about it."""

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
from tests.support.taps import run_tap
from tests.sync.test_interrupted import LOCKED
from tests.test_tap import errors
from tests.test_tap import run as run_singer

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import Call, LivingAccount

    Json: t.TypeAlias = dict[str, t.Any]
    Configure: t.TypeAlias = Callable[..., Json]

ADDRESS = "ann@example.com"
RECIPIENTS = "getcampaignrecipientsdata"
DOWN = Reply(503, b"")
FAST = {"rate_limit_ledger": "memory", "retry_max_seconds": 0}


def answer(code: str, message: str = "") -> Reply:
    body = {"status": "error", "code": code, "message": message}
    return Reply(200, json.dumps(body).encode())


def at(endpoint: str, reply: Reply) -> Callable[[Call], Reply | None]:
    return lambda call: reply if call.endpoint == endpoint else None


def everywhere(reply: Reply) -> Callable[[Call], Reply | None]:
    return lambda _: reply


class Failure(t.NamedTuple):
    """What is wrong, and who can do something about it."""

    settings: Json
    intercept: Callable[[Call], Reply | None] | None
    kind: str


FAILURES = [
    pytest.param(Failure(settings, intercept, f"{kind}_error"), id=name)
    for name, settings, intercept, kind in (
        ("secret", {"client_secret": "planted"}, None, "config"),
        # A client of one data centre is unknown in another, and so is a token.
        ("data centre", {"client_id": "1000.EU"}, None, "config"),
        ("token", {"refresh_token": "1000.eu"}, None, "config"),
        ("setting", {"page_size": 0}, None, "config"),
        ("locked", {}, everywhere(LOCKED), "transient"),
        ("outage", {}, everywhere(DOWN), "transient"),
        ("forbidden", {}, everywhere(answer("2704")), "config"),
        ("unknown", {}, everywhere(answer("9999")), "system"),
    )
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_check_that_fails_has_the_sentence_of_the_tap(
    tmp_path: Path, service: Service, failure: Failure
) -> None:
    wrong, intercept, kind = failure
    service.intercept = intercept
    # The first call of the tap is that of the check.
    only = {"rate_limit_on_lock": "stop", "concurrency": 1, "list_keys": ["3z"]}
    config = service.config | FAST | only | wrong
    written = source(tmp_path, "check", config)
    assert written.status == 0
    assert written.connection["status"] == "FAILED"
    (error,) = written.errors
    assert error["message"] == written.connection["message"]
    assert error["failure_type"] == kind
    assert "planted" not in written.text
    if intercept is None:
        _, stderr = run_singer(tmp_path, config, status=1)
        assert written.connection["message"] in errors(stderr)


def test_a_check_costs_one_call_and_does_not_wait_for_a_lock(
    tmp_path: Path, service: Service
) -> None:
    assert source(tmp_path, "check", service.config | FAST).connection == {
        "status": "SUCCEEDED"
    }
    assert len(service.calls) == 1
    service.intercept = everywhere(LOCKED)
    told = source(tmp_path, "check", service.config | FAST).connection
    assert told["status"] == "FAILED"
    assert "Zoho has locked getmailinglists until " in told["message"]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_that_fails_is_never_complete(
    tmp_path: Path, service: Service, configure: Configure, failure: Failure
) -> None:
    wrong, intercept, kind = failure
    service.intercept = intercept
    config = service.config | FAST | {"rate_limit_on_lock": "stop"} | wrong
    written = source(tmp_path, "read", config, configure())
    assert written.status == 1
    assert {error["failure_type"] for error in written.errors} == {kind}
    ends = {name: told[-1] for name, told in written.statuses.items()}
    # The account's own row tells what may be read, be it nothing.
    whole = {"account", "snapshots"} & written.records.keys()
    assert {name for name, end in ends.items() if end != "INCOMPLETE"} == whole
    assert len(ends) == (0 if "page_size" in wrong else len(STREAMS))
    assert written.records.keys() == whole
    counted = sum(state["sourceStats"]["recordCount"] for state in written.states)
    assert counted == sum(map(len, written.records.values()))


def test_a_wrong_setting_ends_the_run_and_is_told_once(
    tmp_path: Path, service: Service, configure: Configure
) -> None:
    config = service.config | FAST | {"client_secret": "planted"}
    written = source(tmp_path, "read", config, configure())
    (error,) = written.errors
    assert "`client_secret`" in error["message"]
    # What the tap says.
    _, stderr = run_singer(tmp_path, config, status=1)
    assert errors(stderr)[-1] == error["message"]


def test_when_one_stream_fails_the_others_are_read(
    tmp_path: Path, service: Service, configure: Configure
) -> None:
    service.intercept = at("getsegmentcontacts", answer("2704"))
    written = source(tmp_path, "read", service.config | FAST, configure())
    assert written.status == 1
    (error,) = written.errors
    assert error["failure_type"] == "config_error"
    assert error["stream_descriptor"] == {"name": "segment_contacts"}
    ends = {name: told[-1] for name, told in written.statuses.items()}
    # Rows of what failed are missing in the snapshots too.
    assert ends.pop("segment_contacts") == ends.pop("snapshots") == "INCOMPLETE"
    assert len(ends) == len(STREAMS) - 2
    assert {*ends.values()} == {"COMPLETE"}
    service.intercept = None
    expected = run_tap(service, *ends).records
    for name in ends.keys() - {"account"}:
        assert len(written.records[name]) == len(expected[name]), name


@pytest.mark.parametrize(
    ("endpoint", "stream"),
    [
        ("getsegmentdetails", "segments"),
        ("getsegmentcontacts", "segment_contacts"),
        (RECIPIENTS, "campaign_recipients"),
    ],
)
def test_the_records_of_a_stream_that_fails_halfway_are_counted(
    tmp_path: Path, service: Service, configure: Configure, endpoint: str, stream: str
) -> None:
    reached = 0

    def fail(call: Call) -> Reply | None:
        nonlocal reached
        reached += call.endpoint == endpoint
        return DOWN if call.endpoint == endpoint and reached > 3 else None

    service.intercept = fail
    config = service.config | FAST | {"page_size": 20, "concurrency": 1}
    written = source(tmp_path, "read", config, configure(stream, "snapshots"))
    assert written.statuses[stream][-1] == "INCOMPLETE"
    assert written.records[stream]
    counted: Counter[str] = Counter()
    for state in written.states:
        name = state["stream"]["stream_descriptor"]["name"]
        counted[name] += state["sourceStats"]["recordCount"]
    assert +counted == {name: len(rows) for name, rows in written.records.items()}


def test_an_endpoint_that_stays_locked_is_told_with_the_time_of_its_opening(
    service: Service, process: t.Any, configure: Configure, tmp_path: Path
) -> None:
    reached = 0

    def lock(call: Call) -> Reply | None:
        nonlocal reached
        reached += call.endpoint == RECIPIENTS
        return LOCKED if call.endpoint == RECIPIENTS and reached > 20 else None

    service.intercept = lock
    config = service.config | {"rate_limit_ledger": "memory", "concurrency": 2}
    catalog = configure("campaign_recipients", "campaigns", "snapshots")
    begun = time.time()
    running = process("read", config, catalog)
    lines = []
    for line in running.stdout:
        lines.append(line)
        if "RATE_LIMITED" in line:
            break
    running.send_signal(signal.SIGTERM)
    lines += running.stdout
    assert running.wait(60) == 143
    assert not running.stderr.read()
    written = Messages("".join(lines), running.returncode)
    limited = [
        reason
        for trace in written.traces("STREAM_STATUS")
        for reason in trace["stream_status"].get("reasons", ())
    ]
    reset = limited[0]["rate_limited"]["quota_reset"] / 1000
    assert begun + 1790 < reset < time.time() + 1810
    assert written.statuses == {
        "campaign_recipients": ["STARTED", "RUNNING", "RATE_LIMITED", "INCOMPLETE"],
        "snapshots": ["STARTED", "RUNNING", "INCOMPLETE"],
        "campaigns": ["INCOMPLETE"],
    }
    assert not written.errors
    # The state that was saved is good for the next run.
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


def test_a_stream_runs_again_when_its_endpoint_is_open_again(
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
    told = ["STARTED", "RATE_LIMITED", "RUNNING", "COMPLETE"]
    assert written.statuses == {"campaigns": told}


def test_a_run_whose_time_is_over_is_no_whole_one(
    tmp_path: Path, account: LivingAccount, configure: Configure
) -> None:
    with Service(account, quota_calls=25) as service:
        # The lock lasts longer than the run may, so it ends at once.
        config = service.config | FAST | {"max_duration_minutes": 1}
        written = source(tmp_path, "read", config, configure())
    assert written.status == 1
    (error,) = written.errors
    assert error["failure_type"] == "transient_error"
    assert "`max_duration_minutes`" in error["message"]
    ends = {name: told[-1] for name, told in written.statuses.items()}
    assert ends["campaign_recipients"] == ends["snapshots"] == "INCOMPLETE"
    assert len(ends) == len(STREAMS)
    assert written.states


@pytest.mark.parametrize("within", [False, True])
def test_a_mistyped_setting_is_told_wherever_it_stands(
    tmp_path: Path, service: Service, *, within: bool
) -> None:
    wrong = {"lookback_day": 1, "colour": 1}
    config = service.config | FAST | ({"credentials": wrong} if within else wrong)
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
        # What is a text is written as it is.
        {"state": '"text"'},
        {"state": [1]},
        {"state": {"streams": []}},
    ],
)
def test_a_file_of_another_form_is_named(
    tmp_path: Path, service: Service, configure: Configure, files: dict[str, t.Any]
) -> None:
    given = {"catalog": configure("campaigns")} | files
    written = source(tmp_path, "read", service.config | FAST, **given)
    (error,) = written.errors
    (name,) = files
    assert f"{name} has not the form" in error["message"]
    assert error["failure_type"] == "config_error"
    assert not service.calls


@pytest.mark.parametrize("command", ["spec", "read"])
def test_when_nobody_reads_what_it_writes_it_ends_with_a_sentence(
    service: Service, process: t.Any, configure: Configure, command: str
) -> None:
    files = () if command == "spec" else (service.config | FAST, configure())
    running = process(command, *files)
    running.stdout.close()
    assert running.wait(60) == 1
    assert running.stderr.read() == (
        "The destination stopped reading; its own last lines tell why.\n"
    )


def test_when_the_disk_is_full_it_ends_with_a_sentence() -> None:
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


def test_an_error_of_ours_is_told_by_its_places_alone(
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
    told = []
    for level in ("INFO", "DEBUG"):
        monkeypatch.setenv("LOGLEVEL", level)
        written = source(tmp_path, "read", config, configure("campaigns"))
        assert [error["failure_type"] for error in written.errors] == ["system_error"]
        assert ADDRESS not in written.text
        told.append("raise ValueError(ADDRESS)" in written.text)
    assert told == [False, True]


def test_an_error_of_ours_before_any_stream_is_told_in_full_too(
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
