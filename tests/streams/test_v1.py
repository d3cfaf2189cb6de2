"""API version 1 gives the same records as 1.1, except what version 1 lacks."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import typing as t
from datetime import timedelta

import pytest

from tap_zohocampaigns import streams
from tap_zohocampaigns.api.versions import VERSIONS
from tap_zohocampaigns.api.wire import counters
from tap_zohocampaigns.commands.plan import as_text, make_plan
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sandbox.world.account import ACTIONS
from tap_zohocampaigns.settings.tap import complete, problems
from tap_zohocampaigns.streams import campaigns
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.pipelines.test_kill import CUT, assert_whole, last_state
from tests.pipelines.test_kill import run as run_scripted_account
from tests.support.scripted_account import ScriptedAccount
from tests.support.tap_command import TAP, error_messages, run_tap_command
from tests.support.taps import NOW, FixedClockTap, Output, account_at, run_tap
from tests.support.warehouse import Warehouse
from tests.support.zoho import AUTH_TOKEN
from tests.sync.test_interrupted import LOCKED

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

FORMATS = ("json", pytest.param("xml", marks=pytest.mark.slow))
RECIPIENTS, COUNT = "getcampaignrecipientsdata", "listsubscriberscount"
SAME_STREAMS = ("mailing_lists", "segments", "segment_contacts", "campaigns")
V1_SETTINGS = {"api_version": "1", "auth_token": AUTH_TOKEN}


class V1Service(Service):
    """A service whose settings are those of version 1."""

    @property
    def config(self) -> dict[str, str]:
        return self.config_v1


@pytest.fixture
def v1_service(account: LivingAccount) -> Iterator[Service]:
    with V1Service(account, quota_calls=100_000) as service:
        yield service


class Runs(t.NamedTuple):
    """Runs of the same account with both API versions, in the same format."""

    new: Output
    old: Output
    calls: list[Call]
    tokens: int


@pytest.fixture(scope="module", params=FORMATS)
def runs(request: pytest.FixtureRequest, account: LivingAccount) -> Runs:
    # Version 1 has no counters, so each end costs a call: too many for one window.
    settings = {"response_format": request.param, "rate_limit_calls": 10_000}
    with (
        Service(account, quota_calls=100_000) as new,
        V1Service(account, quota_calls=100_000) as old,
    ):
        return Runs(
            run_tap(new, **settings),
            run_tap(old, **settings),
            old.calls,
            old.tokens_issued,
        )


# Records.


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("stream", SAME_STREAMS)
def test_records_are_the_same_as_in_version_1_1(runs: Runs, stream: str) -> None:
    assert runs.old.records[stream] == runs.new.records[stream]
    assert runs.old.records[stream]


def test_recipients_exclude_test_sends(runs: Runs, account: LivingAccount) -> None:
    old_rows = runs.old.records["campaign_recipients"]
    new_rows = runs.new.records["campaign_recipients"]
    assert old_rows == [row for row in new_rows if row["parent_campaign_key"] is None]
    assert len(old_rows) < len(new_rows)
    assert [
        (row["campaign_key"], row["action"], row["contact_email"]) for row in old_rows
    ] == [
        (campaign.key, action, recipient.contact.email)
        for campaign in account.campaigns()
        if campaign.sent
        for action in counters.ACTIONS
        for recipient in account.recipients(campaign.key, action)
    ]


def test_snapshots_have_every_action_but_no_reported_rows(
    runs: Runs, account: LivingAccount
) -> None:
    keys = {campaign.key for campaign in account.campaigns()}
    expected = [
        row | {"rows_reported": None}
        for row in runs.new.records["snapshots"]
        if row["stream"] in {"segment_contacts", "campaign_recipients"}
        and row["campaign_key"] in {None, *keys}
    ]
    assert runs.old.records["snapshots"] == expected
    assert sum(not row["rows_read"] for row in expected)


def test_only_active_contacts_of_each_list_are_counted(
    runs: Runs, account: LivingAccount
) -> None:
    counts = {
        (row["list_key"], row["status"]): row["contact_count"]
        for row in runs.old.records["list_subscriber_counts"]
    }
    assert counts == {
        (mailing_list.key, "active"): account.subscribers(mailing_list.key, "active")
        for mailing_list in account.lists()
    }
    assert not [
        call
        for call in runs.calls
        if "status" in call.params and call.endpoint == COUNT
    ]


def test_calls_use_version_1_and_have_no_secret_in_the_url(
    runs: Runs,
) -> None:
    assert {call.version for call in runs.calls} == {"1"}
    assert {call.endpoint for call in runs.calls} == {
        "getmailinglists",
        "listsubscriberscount",
        "getsegmentdetails",
        "getsegmentcontacts",
        "recentcampaigns",
        RECIPIENTS,
    }
    assert not [call for call in runs.calls if call.secret_in_url]
    assert runs.tokens == 0


def test_missing_test_sends_give_one_warning(
    v1_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    run_tap(v1_service, "campaign_recipients", actions=["spamcontacts"])
    warnings = [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]
    assert (
        len([record for record in warnings if "`api_version`" in record.getMessage()])
        == 1
    )


# Second runs, killed runs and locked endpoints.


@pytest.mark.parametrize("format_", FORMATS)
def test_a_second_run_reads_only_open_campaigns_and_loses_no_change(
    format_: str, account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with V1Service(account, quota_calls=100_000) as service:
        first = run_tap(service, response_format=format_)
    elapsed = timedelta(hours=5)
    monkeypatch.setattr(FixedClockTap, "now", lambda _: NOW + elapsed)
    later_account = account_at(NOW + elapsed)
    with V1Service(later_account, quota_calls=100_000) as service:
        second = run_tap(service, response_format=format_, state=first.state)
        calls = service.calls
    open_keys = {
        campaign.key
        for campaign in later_account.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=30)
    }
    requested = {
        (call.params["campaignkey"], call.params["action"])
        for call in calls
        if call.endpoint == RECIPIENTS
    }
    assert requested == {(key, action) for key in open_keys for action in ACTIONS}
    assert 0 < len(open_keys) < 6
    warehouse = Warehouse()
    for output in (first, second):
        warehouse.load(output.messages)
    current = warehouse.current()
    for key in open_keys:
        for action in ACTIONS:
            assert {*current[f"campaign_recipients/{key}/{action}"]} == {
                recipient.contact.email
                for recipient in later_account.recipients(key, action)
            }
    for cvid in {row["cvid"] for row in first.records["segment_contacts"]}:
        assert {*current[f"segment_contacts/{cvid}"]} == {
            member.contact.email for member in later_account.members(cvid)
        }


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_run_after_one_killed_at_any_call_loses_nothing(concurrency: int) -> None:
    scripted_account = ScriptedAccount()
    for members in (range(13), range(3, 8)):
        scripted_account.add_segment(members)
    for audience in (range(13), range(25)):
        key = scripted_account.send(audience)
        for number in [*audience][::2]:
            scripted_account.open(key, number)
    with V1Service(scripted_account, quota_calls=10**9) as service:
        run_scripted_account(scripted_account, service, concurrency=concurrency)
        for position in range(0, len(service.calls), 5):
            call_count = 0

            def fail(_: Call, position: int = position) -> Reply | None:
                nonlocal call_count
                call_count += 1
                return CUT if call_count > position else None

            killed = run_scripted_account(
                scripted_account, service, intercept=fail, concurrency=concurrency
            )
            assert call_count > position
            warehouse = Warehouse()
            warehouse.load(killed)
            state = last_state(killed)
            warehouse.load(
                run_scripted_account(
                    scripted_account, service, state, concurrency=concurrency
                )
            )
            assert_whole(scripted_account, warehouse, f"killed at call {position}")


@pytest.mark.parametrize("format_", FORMATS)
def test_the_tap_waits_for_a_locked_endpoint(v1_service: Service, format_: str) -> None:
    locked = {RECIPIENTS, "getsegmentcontacts"}

    def lock(call: Call) -> Reply | None:
        if call.endpoint in locked:
            locked.remove(call.endpoint)
            return LOCKED
        return None

    settings: dict[str, t.Any] = {
        "response_format": format_,
        "actions": ["openedcontacts"],
    }
    expected = run_tap(v1_service, **settings)
    v1_service.intercept = lock
    output = run_tap(v1_service, **settings, rate_limit_lock_seconds=1)
    assert not locked
    for stream, records in expected.records.items():
        assert output.records[stream] == records


# Plan, catalog, settings and command line.


def test_a_plan_gives_recipient_calls_as_a_minimum(v1_service: Service) -> None:
    config = v1_service.config | {"rate_limit_ledger": "memory"}
    plan = make_plan(FixedClockTap(config=config))
    assert plan["at_least"] == [RECIPIENTS, "campaign_recipients"]
    run_tap(v1_service)
    calls = [call.endpoint for call in v1_service.calls[plan["asked"] :]]
    for row in plan["endpoints"]:
        actual_calls = calls.count(row["endpoint"])
        if row["endpoint"] == RECIPIENTS:
            assert row["calls"] < actual_calls
        elif row["endpoint"] not in plan["at_most"]:
            assert row["calls"] == actual_calls
    text = as_text(plan)
    assert "≥ " in text
    assert "Zoho has no counter of these rows" in text


def test_a_plan_of_version_1_1_has_no_minimum(service: Service) -> None:
    config = service.config | {"rate_limit_ledger": "memory"}
    plan = make_plan(FixedClockTap(config=config))
    assert plan["at_least"] == []
    assert "≥" not in as_text(plan)


def v1_stream_names() -> set[str]:
    """Return the names of the streams that version 1 has."""
    has_call = VERSIONS["1"].has_call
    return {stream.name for stream in streams.STREAMS if has_call(stream.endpoint)}


def test_streams_whose_endpoint_the_version_lacks_are_not_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Reports(campaigns.Campaigns):
        endpoint = "campaignreports"

    all_names = {stream.name for stream in streams.STREAMS}
    monkeypatch.setattr(
        streams,
        "STREAMS",
        [
            Reports if stream is campaigns.Campaigns else stream
            for stream in streams.STREAMS
        ],
    )
    sandbox = {"data_center": "sandbox"}
    assert TapZohoCampaigns(config=sandbox).streams.keys() == all_names
    v1_tap = TapZohoCampaigns(config=sandbox | {"api_version": "1"})
    assert v1_tap.streams.keys() == v1_stream_names() - {"campaigns"}


def test_discovery_lists_all_streams_without_any_call(
    tmp_path: Path, v1_service: Service
) -> None:
    stdout, stderr = run_tap_command(tmp_path, v1_service.config, "--discover")
    names = {stream["tap_stream_id"] for stream in json.loads(stdout)["streams"]}
    assert names == v1_stream_names()
    assert (
        {*SAME_STREAMS, "account"} < names < {stream.name for stream in streams.STREAMS}
    )
    assert v1_service.calls == []
    assert v1_service.config["auth_token"] not in stdout + stderr


def test_about_marks_the_auth_token_as_secret(tmp_path: Path) -> None:
    stdout, stderr = run_tap_command(tmp_path, V1_SETTINGS, "--about", "--format=json")
    settings = json.loads(stdout)["settings"]["properties"]
    assert settings["auth_token"]["secret"] is True
    assert settings["api_version"]["default"] == "1.1"
    assert AUTH_TOKEN not in stdout + stderr


@pytest.mark.parametrize("version", [1, "1", 1.0], ids=repr)
def test_version_1_reads_the_sandbox_without_a_token(version: object) -> None:
    config = {"data_center": "sandbox", "api_version": version}
    tap = TapZohoCampaigns(config=config)
    assert tap.settings["api_version"] == "1"
    lists = tap.inventory.lists
    assert len(lists) == 5


@pytest.mark.parametrize("version", [1.1, "1.1", None], ids=repr)
def test_version_1_1_is_the_default_and_may_be_a_number(
    version: object,
) -> None:
    assert complete({"api_version": version})["api_version"] == "1.1"
    assert complete({})["api_version"] == "1.1"


OAUTH = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
TOKEN_MISSING = (
    "Setting `auth_token` is missing, which `api_version` 1 needs; without an account, "
    "set `data_center` to `sandbox`."
)
TOKEN_WITHOUT_V1 = (
    "Setting `auth_token` is for `api_version` 1: set that, or leave it out."
)
INVALID_VERSION = "Setting `api_version` must be one of: 1.1, 1."


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        (V1_SETTINGS, []),
        (V1_SETTINGS | {"api_version": 1}, []),
        (V1_SETTINGS | OAUTH, []),
        (OAUTH, []),
        ({"api_version": "1"}, [TOKEN_MISSING]),
        ({"api_version": "1", "auth_token": ""}, [TOKEN_MISSING]),
        (OAUTH | {"api_version": 1}, [TOKEN_MISSING]),
        ({"auth_token": AUTH_TOKEN}, [TOKEN_WITHOUT_V1]),
        (OAUTH | {"auth_token": AUTH_TOKEN}, [TOKEN_WITHOUT_V1]),
        (V1_SETTINGS | {"api_version": 1.1}, [TOKEN_WITHOUT_V1]),
        (V1_SETTINGS | {"api_version": 2}, [INVALID_VERSION]),
        (V1_SETTINGS | {"api_version": "v1"}, [INVALID_VERSION]),
        (V1_SETTINGS | {"api_version": float("nan")}, [INVALID_VERSION]),
        (
            V1_SETTINGS | {"api_version": True},
            ["Setting `api_version` must be of the type string."],
        ),
        (
            V1_SETTINGS | {"auth_token": 424242424242},
            ["Setting `auth_token` must be of the type string."],
        ),
    ],
)
def test_conflicting_settings_are_reported(
    settings: dict[str, t.Any], messages: list[str]
) -> None:
    assert sorted(problems(complete(settings))) == sorted(messages)


def test_a_rejected_token_is_reported_and_never_printed(
    tmp_path: Path, v1_service: Service
) -> None:
    config = v1_service.config | V1_SETTINGS
    _, stderr = run_tap_command(tmp_path, config, status=1)
    assert error_messages(stderr)[-1].endswith("check `auth_token` and `data_center`.")
    assert "Traceback" not in stderr
    stdout, stderr = run_tap_command(tmp_path, config, level="DEBUG", status=1)
    assert AUTH_TOKEN not in stdout + stderr


@pytest.mark.parametrize("format_", FORMATS)
def test_the_token_is_never_printed_or_stored(
    tmp_path: Path, v1_service: Service, state_folder: Path, format_: str
) -> None:
    config = v1_service.config | {
        "response_format": format_,
        "actions": ["spamcontacts"],
    }
    stdout, stderr = run_tap_command(tmp_path, config, level="DEBUG")
    output = Output(stdout)
    assert output.records["campaign_recipients"]
    assert output.state
    secret = v1_service.config["auth_token"]
    assert secret not in stderr + stdout
    files = [path for path in state_folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert secret.encode() not in path.read_bytes()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("version", ["1", "1.1"])
def test_the_version_can_be_set_in_the_environment(
    tmp_path: Path, v1_service: Service, version: str
) -> None:
    settings = v1_service.config | {"api_version": version}
    environment = {
        f"TAP_ZOHOCAMPAIGNS_{name.upper()}": value for name, value in settings.items()
    }
    process = subprocess.run(
        [TAP, "--config", "ENV", "--test=schema"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ) | environment,
        cwd=tmp_path,
        timeout=120,
    )
    assert process.returncode == (0 if version == "1" else 1)
    assert error_messages(process.stderr) == (
        [] if version == "1" else [TOKEN_WITHOUT_V1]
    )
