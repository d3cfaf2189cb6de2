"""The tap over API v1: the rows of version 1.1, but for what version 1 has not."""

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
from tests.pipelines.test_kill import run as run_in_town
from tests.support.taps import NOW, Output, StillTap, run_tap
from tests.support.town import Town
from tests.support.warehouse import Warehouse
from tests.support.zoho import AUTH_TOKEN
from tests.sync.test_interrupted import LOCKED
from tests.test_tap import TAP, errors, run

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

FORMATS = ("json", "xml")
RECIPIENTS, COUNT = "getcampaignrecipientsdata", "listsubscriberscount"
SAME = ("mailing_lists", "segments", "segment_contacts", "campaigns")
PLANTED = {"api_version": "1", "auth_token": AUTH_TOKEN}


class OldService(Service):
    """A service that is read by version 1."""

    @property
    def config(self) -> dict[str, str]:
        return self.config_v1


@pytest.fixture
def old(account: LivingAccount) -> Iterator[Service]:
    with OldService(account, quota_calls=100_000) as service:
        yield service


class Runs(t.NamedTuple):
    """The same account by both versions, in the same format."""

    new: Output
    old: Output
    calls: list[Call]
    tokens: int


@pytest.fixture(scope="module", params=FORMATS)
def runs(request: pytest.FixtureRequest, account: LivingAccount) -> Runs:
    # Without counters each end is asked for, which is more than one window allows.
    settings = {"response_format": request.param, "rate_limit_calls": 10_000}
    with (
        Service(account, quota_calls=100_000) as new,
        OldService(account, quota_calls=100_000) as old,
    ):
        return Runs(
            run_tap(new, **settings),
            run_tap(old, **settings),
            old.calls,
            old.tokens_issued,
        )


# What is read.


@pytest.mark.parametrize("stream", SAME)
def test_the_records_are_those_of_version_1_1(runs: Runs, stream: str) -> None:
    assert runs.old.records[stream] == runs.new.records[stream]
    assert runs.old.records[stream]


def test_recipients_are_those_of_the_account_without_the_tests_of_campaigns(
    runs: Runs, account: LivingAccount
) -> None:
    found = runs.old.records["campaign_recipients"]
    whole = runs.new.records["campaign_recipients"]
    assert found == [row for row in whole if row["parent_campaign_key"] is None]
    assert len(found) < len(whole)
    assert [(r["campaign_key"], r["action"], r["contact_email"]) for r in found] == [
        (campaign.key, action, recipient.contact.email)
        for campaign in account.campaigns()
        if campaign.sent
        for action in counters.ACTIONS
        for recipient in account.recipients(campaign.key, action)
    ]


def test_snapshots_tell_of_every_action_and_of_no_counter(
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


def test_the_active_contacts_of_each_list_are_counted(
    runs: Runs, account: LivingAccount
) -> None:
    found = {
        (row["list_key"], row["status"]): row["contact_count"]
        for row in runs.old.records["list_subscriber_counts"]
    }
    assert found == {
        (each.key, "active"): account.subscribers(each.key, "active")
        for each in account.lists()
    }
    assert not [
        call
        for call in runs.calls
        if "status" in call.params and call.endpoint == COUNT
    ]


def test_every_call_is_one_of_version_1_and_has_no_secret_in_its_url(
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


def test_the_tests_of_campaigns_are_missed_with_one_warning(
    old: Service, caplog: pytest.LogCaptureFixture
) -> None:
    run_tap(old, "campaign_recipients", actions=["spamcontacts"])
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len([r for r in warnings if "`api_version`" in r.getMessage()]) == 1


# Again, interrupted, locked.


@pytest.mark.parametrize("form", FORMATS)
def test_a_second_run_reads_what_is_open_and_writes_what_has_changed(
    form: str, account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OldService(account, quota_calls=100_000) as service:
        first = run_tap(service, response_format=form)
    pause = timedelta(hours=5)
    monkeypatch.setattr(StillTap, "now", lambda _: NOW + pause)
    after = LivingAccount(clock=lambda: NOW + pause)
    with OldService(after, quota_calls=100_000) as service:
        second = run_tap(service, response_format=form, state=first.state)
        calls = service.calls
    open_keys = {
        campaign.key
        for campaign in after.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=30)
    }
    asked = {
        (call.params["campaignkey"], call.params["action"])
        for call in calls
        if call.endpoint == RECIPIENTS
    }
    assert asked == {(key, action) for key in open_keys for action in ACTIONS}
    assert 0 < len(open_keys) < 6
    warehouse = Warehouse()
    for output in (first, second):
        warehouse.load(output.messages)
    current = warehouse.current()
    for key in open_keys:
        for action in ACTIONS:
            assert {*current[f"campaign_recipients/{key}/{action}"]} == {
                one.contact.email for one in after.recipients(key, action)
            }
    for cvid in {row["cvid"] for row in first.records["segment_contacts"]}:
        assert {*current[f"segment_contacts/{cvid}"]} == {
            one.contact.email for one in after.members(cvid)
        }


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 4])
def test_killed_at_any_call_the_next_run_loses_nothing(at_once: int) -> None:
    town = Town()
    for members in (range(13), range(3, 8)):
        town.add_segment(members)
    for audience in (range(13), range(25)):
        key = town.send(audience)
        for number in [*audience][::2]:
            town.open(key, number)
    with OldService(town, quota_calls=10**9) as service:
        run_in_town(town, service, concurrency=at_once)
        for position in range(0, len(service.calls), 5):
            asked = 0

            def fail(_: Call, position: int = position) -> Reply | None:
                nonlocal asked
                asked += 1
                return CUT if asked > position else None

            before = run_in_town(town, service, intercept=fail, concurrency=at_once)
            assert asked > position
            warehouse = Warehouse()
            warehouse.load(before)
            state = last_state(before)
            warehouse.load(run_in_town(town, service, state, concurrency=at_once))
            assert_whole(town, warehouse, f"killed at call {position}")


@pytest.mark.parametrize("form", FORMATS)
def test_an_endpoint_that_is_locked_is_waited_for(old: Service, form: str) -> None:
    locked = {RECIPIENTS, "getsegmentcontacts"}

    def lock(call: Call) -> Reply | None:
        if call.endpoint in locked:
            locked.remove(call.endpoint)
            return LOCKED
        return None

    settings: dict[str, t.Any] = {
        "response_format": form,
        "actions": ["openedcontacts"],
    }
    whole = run_tap(old, **settings)
    old.intercept = lock
    output = run_tap(old, **settings, rate_limit_lock_seconds=1)
    assert not locked
    for stream, records in whole.records.items():
        assert output.records[stream] == records


# The plan, the catalog, the settings, the command line.


def test_a_plan_tells_that_recipients_can_only_be_more(old: Service) -> None:
    config = old.config | {"rate_limit_ledger": "memory"}
    plan = make_plan(StillTap(config=config))
    assert plan["at_least"] == [RECIPIENTS, "campaign_recipients"]
    run_tap(old)
    calls = [call.endpoint for call in old.calls[plan["asked"] :]]
    for each in plan["endpoints"]:
        made = calls.count(each["endpoint"])
        if each["endpoint"] == RECIPIENTS:
            assert each["calls"] < made
        elif each["endpoint"] not in plan["at_most"]:
            assert each["calls"] == made
    text = as_text(plan)
    assert "≥ " in text
    assert "Zoho has no counter of these rows" in text


def test_a_plan_of_version_1_1_has_counters(service: Service) -> None:
    config = service.config | {"rate_limit_ledger": "memory"}
    plan = make_plan(StillTap(config=config))
    assert plan["at_least"] == []
    assert "≥" not in as_text(plan)


def offered() -> set[str]:
    """Return the streams that version 1 has."""
    has = VERSIONS["1"].has_call
    return {stream.name for stream in streams.STREAMS if has(stream.endpoint)}


def test_a_stream_that_the_version_has_not_is_not_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Reports(campaigns.Campaigns):
        endpoint = "campaignreports"

    listed = {stream.name for stream in streams.STREAMS}
    monkeypatch.setattr(
        streams,
        "STREAMS",
        [Reports if each is campaigns.Campaigns else each for each in streams.STREAMS],
    )
    sandbox = {"data_center": "sandbox"}
    assert TapZohoCampaigns(config=sandbox).streams.keys() == listed
    old = TapZohoCampaigns(config=sandbox | {"api_version": "1"})
    assert old.streams.keys() == offered() - {"campaigns"}


def test_the_catalog_names_all_streams_and_asks_nothing_of_zoho(
    tmp_path: Path, old: Service
) -> None:
    stdout, stderr = run(tmp_path, old.config, "--discover")
    found = {stream["tap_stream_id"] for stream in json.loads(stdout)["streams"]}
    assert found == offered()
    assert {*SAME, "account"} < found < {stream.name for stream in streams.STREAMS}
    assert old.calls == []
    assert old.config["auth_token"] not in stdout + stderr


def test_the_description_of_the_tap_says_what_is_secret(tmp_path: Path) -> None:
    stdout, stderr = run(tmp_path, PLANTED, "--about", "--format=json")
    about = json.loads(stdout)["settings"]["properties"]
    assert about["auth_token"]["secret"] is True
    assert about["api_version"]["default"] == "1.1"
    assert AUTH_TOKEN not in stdout + stderr


@pytest.mark.parametrize("version", [1, "1", 1.0], ids=repr)
def test_the_sandbox_is_read_by_version_1_without_a_token(version: object) -> None:
    config = {"data_center": "sandbox", "api_version": version}
    tap = TapZohoCampaigns(config=config)
    assert tap.settings["api_version"] == "1"
    lists = tap.inventory.lists
    assert len(lists) == 5


@pytest.mark.parametrize("version", [1.1, "1.1", None], ids=repr)
def test_version_1_1_is_what_is_meant_by_a_number_and_by_nothing(
    version: object,
) -> None:
    assert complete({"api_version": version})["api_version"] == "1.1"
    assert complete({})["api_version"] == "1.1"


OAUTH = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
MISSING = (
    "Setting `auth_token` is missing, which `api_version` 1 needs; without an account, "
    "set `data_center` to `sandbox`."
)
ALONE = "Setting `auth_token` is for `api_version` 1: set that, or leave it out."
ONE_OF = "Setting `api_version` must be one of: 1.1, 1."


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        (PLANTED, []),
        (PLANTED | {"api_version": 1}, []),
        (PLANTED | OAUTH, []),
        (OAUTH, []),
        ({"api_version": "1"}, [MISSING]),
        ({"api_version": "1", "auth_token": ""}, [MISSING]),
        (OAUTH | {"api_version": 1}, [MISSING]),
        ({"auth_token": AUTH_TOKEN}, [ALONE]),
        (OAUTH | {"auth_token": AUTH_TOKEN}, [ALONE]),
        (PLANTED | {"api_version": 1.1}, [ALONE]),
        (PLANTED | {"api_version": 2}, [ONE_OF]),
        (PLANTED | {"api_version": "v1"}, [ONE_OF]),
        (PLANTED | {"api_version": float("nan")}, [ONE_OF]),
        (
            PLANTED | {"api_version": True},
            ["Setting `api_version` must be of the type string."],
        ),
        (
            PLANTED | {"auth_token": 424242424242},
            ["Setting `auth_token` must be of the type string."],
        ),
    ],
)
def test_settings_that_do_not_go_together_are_named(
    settings: dict[str, t.Any], sentences: list[str]
) -> None:
    assert sorted(problems(complete(settings))) == sorted(sentences)


def test_a_refused_token_is_told_in_one_sentence_and_never_shown(
    tmp_path: Path, old: Service
) -> None:
    config = old.config | PLANTED
    _, stderr = run(tmp_path, config, status=1)
    assert errors(stderr)[-1].endswith("check `auth_token` and `data_center`.")
    assert "Traceback" not in stderr
    stdout, stderr = run(tmp_path, config, level="DEBUG", status=1)
    assert AUTH_TOKEN not in stdout + stderr


@pytest.mark.parametrize("form", FORMATS)
def test_no_secret_is_shown_or_kept_at_any_level(
    tmp_path: Path, old: Service, state_folder: Path, form: str
) -> None:
    config = old.config | {"response_format": form, "actions": ["spamcontacts"]}
    stdout, stderr = run(tmp_path, config, level="DEBUG")
    output = Output(stdout)
    assert output.records["campaign_recipients"]
    assert output.state
    secret = old.config["auth_token"]
    assert secret not in stderr + stdout
    kept = [path for path in state_folder.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("version", ["1", "1.1"])
def test_the_version_comes_from_the_environment_too(
    tmp_path: Path, old: Service, version: str
) -> None:
    settings = old.config | {"api_version": version}
    environment = {
        f"TAP_ZOHOCAMPAIGNS_{name.upper()}": value for name, value in settings.items()
    }
    done = subprocess.run(
        [TAP, "--config", "ENV", "--test=schema"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ) | environment,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == (0 if version == "1" else 1)
    assert errors(done.stderr) == ([] if version == "1" else [ALONE])
