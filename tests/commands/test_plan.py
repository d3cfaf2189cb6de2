"""A plan estimates the calls, rows and minutes of a sync."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
from collections import Counter
from pathlib import Path

import pytest

from tap_zohocampaigns.api.endpoints import CAMPAIGNS, CONTACTS, READS, TAGS, WORKFLOWS
from tap_zohocampaigns.commands import tables
from tap_zohocampaigns.commands.plan import as_text, make_plan
from tap_zohocampaigns.streams import STREAMS
from tests.support.taps import ROOT, FixedClockTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
# The endpoints that a plan may call; their responses are small.
SMALL_ENDPOINTS = {
    *("getmailinglists", "recentcampaigns", "campaignreports", "getcampaigndetails"),
    *("contact/allfields", "tag/getalltags", "topics", "topics/products", "workflow"),
}


def plan_of(
    service: Service,
    state: dict[str, t.Any] | None = None,
    streams: tuple[str, ...] = (),
    **settings: t.Any,
) -> dict[str, t.Any]:
    config = service.config | {"rate_limit_ledger": "memory"} | settings
    tap = FixedClockTap(config=config, state=state)
    for name, stream in tap.streams.items():
        stream.selected = not streams or name in streams
    service.calls.clear()
    return make_plan(tap)


def calls_of(service: Service) -> Counter[str]:
    return Counter(call.endpoint for call in service.calls)


@pytest.mark.parametrize(
    "format_", ["json", pytest.param("xml", marks=pytest.mark.slow)]
)
def test_plan_predicts_calls_and_rows_of_two_syncs(
    service: Service, format_: str
) -> None:
    plan = plan_of(service, response_format=format_)
    assert {*calls_of(service)} <= SMALL_ENDPOINTS
    assert plan["asked"] == len(service.calls)
    service.calls.clear()
    names = [stream.name for stream in STREAMS]
    output = run_tap(service, *names, response_format=format_)
    planned_calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    assert {*planned_calls} == {*calls_of(service)}
    actual = calls_of(service)
    assert actual.total() * 0.9 <= plan["calls"] <= actual.total() * 1.1
    assert planned_calls.pop("getsegmentcontacts") >= actual.pop("getsegmentcontacts")
    # The threads learn the page length at different times, so counts vary a little.
    for endpoint in ("getcampaignrecipientsdata", "getlistsubscribers"):
        expected = pytest.approx(actual.pop(endpoint), rel=0.1, abs=4)
        assert planned_calls.pop(endpoint) == expected
    assert planned_calls == actual
    rows = {name: len(records) for name, records in output.records.items()}
    planned_rows = {row["stream"]: row["rows"] for row in plan["streams"]}
    assert planned_rows.keys() == rows.keys() - {"snapshots"}
    for name in planned_rows.keys() - {"segment_contacts", "recipient_events"}:
        assert planned_rows[name] == rows[name], name
    assert 0 < planned_rows["recipient_events"] <= rows["recipient_events"]
    assert plan["at_least"] == ["recipient_events"]
    assert planned_rows["segment_contacts"] >= rows["segment_contacts"]
    assert "segment_contacts" in plan["at_most"]
    assert plan["rows"] == sum(planned_rows.values())

    # With one thread, plan and sync learn the page lengths in the same order.
    second_plan = plan_of(service, output.state, response_format=format_, concurrency=1)
    assert second_plan["at_most"] == []
    service.calls.clear()
    run_tap(service, *names, state=output.state, response_format=format_, concurrency=1)
    planned_calls = {row["endpoint"]: row["calls"] for row in second_plan["endpoints"]}
    assert planned_calls.keys() == calls_of(service).keys()
    for endpoint, count in calls_of(service).items():
        assert planned_calls[endpoint] == pytest.approx(count, rel=0.1, abs=1), endpoint
    assert {*second_plan["streams"][0]} == {"stream", "rows", "calls"}


def test_plan_of_some_streams_calls_only_their_endpoints(service: Service) -> None:
    plan = plan_of(service, streams=("mailing_lists", "list_subscriber_counts"))
    assert calls_of(service) == {"getmailinglists": 1}
    assert [row["stream"] for row in plan["streams"]] == [
        "list_subscriber_counts",
        "mailing_lists",
    ]
    assert plan["at_most"] == []


def test_plan_shows_the_minutes_that_the_quota_needs(service: Service) -> None:
    plan = plan_of(service, rate_limit_calls=100, rate_limit_seconds=60)
    minutes = {row["endpoint"]: row["minutes"] for row in plan["endpoints"]}
    calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    assert calls["getcampaignrecipientsdata"] > 200
    windows = -(-(calls["getcampaignrecipientsdata"] - 100) // 100)
    assert minutes["getcampaignrecipientsdata"] == plan["minutes"] == windows
    assert minutes["getmailinglists"] == 0
    sequential = plan_of(
        service, rate_limit_calls=40, rate_limit_seconds=60, concurrency=1
    )
    assert sequential["minutes"] > plan["minutes"]
    assert sequential["minutes"] == sum(
        row["minutes"] for row in sequential["endpoints"]
    )


def test_plan_shows_the_calls_of_each_action(service: Service) -> None:
    plan = plan_of(service, streams=("campaign_recipients",))
    costs = {row["action"]: row["calls"] for row in plan["actions"]}
    assert len(costs) == 9
    calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    assert sum(costs.values()) == calls["getcampaignrecipientsdata"]
    fewer = plan_of(
        service,
        streams=("campaign_recipients",),
        actions=[action for action in costs if action != "unopenedcontacts"],
    )
    saved = plan["calls"] - fewer["calls"]
    assert saved == costs["unopenedcontacts"] > 0


def test_table_has_borders_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[tables.Table | str] = [
        tables.Table(("name", "number"), [("one [b]", "1")]),
        "A [b] sentence.",
    ]
    tables.show(parts)
    assert (
        capsys.readouterr().out
        == "name     number\none [b]       1\n\nA [b] sentence.\n"
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    tables.show(parts)
    on_terminal = capsys.readouterr().out
    assert "│ one [b] │      1 │" in on_terminal
    assert "A [b] sentence." in on_terminal


def test_plan_as_text_is_a_table(service: Service) -> None:
    text = as_text(plan_of(service))
    lines = text.splitlines()
    assert lines[0].split() == ["endpoint", "calls", "minutes", "at", "the", "quota"]
    assert any(line.startswith("getsegmentcontacts") and "≤" in line for line in lines)
    assert any(line.startswith("campaign_recipients ") for line in lines)
    assert "This plan took" in text


def run_plan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TAP, "plan", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )


def test_command_prints_a_plan(
    account: LivingAccount, service: Service, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog.json"
    state = tmp_path / "state.json"
    config = tmp_path / "config.json"
    config.write_text(json.dumps(service.config))
    discovered = subprocess.run(
        [TAP, "--discover", "--config", config], capture_output=True, check=True
    )
    streams = json.loads(discovered.stdout)
    for stream in streams["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] == "mailing_lists"
    catalog.write_text(json.dumps(streams))
    state.write_text("{}")
    files = ["--config", config, "--catalog", catalog, "--state", state]
    options = [str(option) for option in files]
    text = run_plan(*options)
    assert text.returncode == 0, text.stderr
    assert "getmailinglists" in text.stdout
    plan = json.loads(run_plan(*options, "--format", "json").stdout)
    assert plan["calls"] == 1
    assert plan["rows"] == len(account.lists())


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "no.json"], "no.json"),
        (["--format", "yaml"], "yaml"),
        (["--config", "README.md"], "is not JSON"),
    ],
)
def test_failed_plan_prints_an_error_without_a_traceback(
    arguments: list[str], expected: str
) -> None:
    done = run_plan(*arguments)
    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("missing", [CONTACTS, CAMPAIGNS, WORKFLOWS, TAGS])
def test_missing_scope_leaves_out_only_its_streams(
    service: Service, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    service.scopes = [scope for scope in service.scopes if scope != missing]
    rows = {row["stream"]: row["rows"] for row in plan_of(service)["streams"]}
    for stream in STREAMS:
        if stream.endpoint:
            assert bool(rows[stream.name]) is (READS[stream.endpoint].scope != missing)
    assert caplog.text.count(f"lacks the scope {missing}") == 1
    assert "Streams left out of this run" in caplog.text


def test_plan_in_the_docs_is_that_of_the_sandbox(large_service: Service) -> None:
    page = (ROOT / "docs" / "quota.md").read_text()
    (block,) = re.findall(r"```text\n(endpoint .*?)\n```", page, re.DOTALL)
    selected = [stream.name for stream in STREAMS if stream.selected_by_default]
    plan = plan_of(large_service, None, tuple(selected))
    assert as_text(plan).split("\n\n")[0] == block
