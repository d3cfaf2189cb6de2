"""A plan tells what a sync costs before it is run."""

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
from tests.support.taps import ROOT, StillTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import LivingAccount, Service

TAP = str(Path(sys.executable).with_name("tap-zohocampaigns"))
# What a plan may ask for: all of it is small.
SMALL = {
    *("getmailinglists", "recentcampaigns", "campaignreports", "getcampaigndetails"),
    *("contact/allfields", "tag/getalltags", "topics", "topics/products", "workflow"),
}


def planned(
    service: Service,
    state: dict[str, t.Any] | None = None,
    streams: tuple[str, ...] = (),
    **settings: t.Any,
) -> dict[str, t.Any]:
    config = service.config | {"rate_limit_ledger": "memory"} | settings
    tap = StillTap(config=config, state=state)
    for name, stream in tap.streams.items():
        stream.selected = not streams or name in streams
    service.calls.clear()
    return make_plan(tap)


def real(service: Service) -> Counter[str]:
    return Counter(call.endpoint for call in service.calls)


@pytest.mark.parametrize("form", ["json", pytest.param("xml", marks=pytest.mark.slow)])
def test_a_plan_tells_calls_and_rows_of_a_first_sync_and_of_the_next(
    service: Service, form: str
) -> None:
    plan = planned(service, response_format=form)
    assert {*real(service)} <= SMALL
    assert plan["asked"] == len(service.calls)
    service.calls.clear()
    names = [stream.name for stream in STREAMS]
    output = run_tap(service, *names, response_format=form)
    calls = {each["endpoint"]: each["calls"] for each in plan["endpoints"]}
    assert {*calls} == {*real(service)}
    number = real(service)
    assert number.total() * 0.9 <= plan["calls"] <= number.total() * 1.1
    assert calls.pop("getsegmentcontacts") >= number.pop("getsegmentcontacts")
    # How long pages are is known sooner or later, as the four threads happen to run.
    for endpoint in ("getcampaignrecipientsdata", "getlistsubscribers"):
        about = pytest.approx(number.pop(endpoint), rel=0.1, abs=4)
        assert calls.pop(endpoint) == about
    assert calls == number
    rows = {name: len(records) for name, records in output.records.items()}
    told = {each["stream"]: each["rows"] for each in plan["streams"]}
    assert told.keys() == rows.keys() - {"snapshots"}
    for name in told.keys() - {"segment_contacts", "recipient_events"}:
        assert told[name] == rows[name], name
    assert 0 < told["recipient_events"] <= rows["recipient_events"]
    assert plan["at_least"] == ["recipient_events"]
    assert told["segment_contacts"] >= rows["segment_contacts"]
    assert "segment_contacts" in plan["at_most"]
    assert plan["rows"] == sum(told.values())

    # One by one, each of them finds out the same of the lengths of pages.
    again = planned(service, output.state, response_format=form, concurrency=1)
    assert again["at_most"] == []
    service.calls.clear()
    run_tap(service, *names, state=output.state, response_format=form, concurrency=1)
    calls = {each["endpoint"]: each["calls"] for each in again["endpoints"]}
    assert calls.keys() == real(service).keys()
    for endpoint, made in real(service).items():
        assert calls[endpoint] == pytest.approx(made, rel=0.1, abs=1), endpoint
    assert {*again["streams"][0]} == {"stream", "rows", "calls"}


def test_a_plan_of_some_streams_asks_for_no_others(service: Service) -> None:
    plan = planned(service, streams=("mailing_lists", "list_subscriber_counts"))
    assert real(service) == {"getmailinglists": 1}
    assert [each["stream"] for each in plan["streams"]] == [
        "list_subscriber_counts",
        "mailing_lists",
    ]
    assert plan["at_most"] == []


def test_a_plan_tells_minutes_at_the_quota(service: Service) -> None:
    plan = planned(service, rate_limit_calls=100, rate_limit_seconds=60)
    minutes = {each["endpoint"]: each["minutes"] for each in plan["endpoints"]}
    calls = {each["endpoint"]: each["calls"] for each in plan["endpoints"]}
    assert calls["getcampaignrecipientsdata"] > 200
    windows = -(-(calls["getcampaignrecipientsdata"] - 100) // 100)
    assert minutes["getcampaignrecipientsdata"] == plan["minutes"] == windows
    assert minutes["getmailinglists"] == 0
    one_by_one = planned(
        service, rate_limit_calls=40, rate_limit_seconds=60, concurrency=1
    )
    assert one_by_one["minutes"] > plan["minutes"]
    assert one_by_one["minutes"] == sum(
        each["minutes"] for each in one_by_one["endpoints"]
    )


def test_a_plan_shows_what_each_action_costs(service: Service) -> None:
    plan = planned(service, streams=("campaign_recipients",))
    costs = {row["action"]: row["calls"] for row in plan["actions"]}
    assert len(costs) == 9
    calls = {row["endpoint"]: row["calls"] for row in plan["endpoints"]}
    assert sum(costs.values()) == calls["getcampaignrecipientsdata"]
    fewer = planned(
        service,
        streams=("campaign_recipients",),
        actions=[action for action in costs if action != "unopenedcontacts"],
    )
    saved = plan["calls"] - fewer["calls"]
    assert saved == costs["unopenedcontacts"] > 0


def test_a_table_is_drawn_on_a_terminal_and_plain_in_a_pipe(
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
    drawn = capsys.readouterr().out
    assert "│ one [b] │      1 │" in drawn
    assert "A [b] sentence." in drawn


def test_a_plan_as_text_is_a_table(service: Service) -> None:
    text = as_text(planned(service))
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


def test_the_command_prints_a_plan(
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
    given = [str(each) for each in files]
    text = run_plan(*given)
    assert text.returncode == 0, text.stderr
    assert "getmailinglists" in text.stdout
    plan = json.loads(run_plan(*given, "--format", "json").stdout)
    assert plan["calls"] == 1
    assert plan["rows"] == len(account.lists())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--config", "no.json"], "no.json"),
        (["--format", "yaml"], "yaml"),
        (["--config", "README.md"], "is not JSON"),
    ],
)
def test_a_plan_that_can_not_be_made_is_one_sentence(
    arguments: list[str], told: str
) -> None:
    done = run_plan(*arguments)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("lacking", [CONTACTS, CAMPAIGNS, WORKFLOWS, TAGS])
def test_a_lacking_scope_costs_its_streams_only(
    service: Service, caplog: pytest.LogCaptureFixture, lacking: str
) -> None:
    service.scopes = [scope for scope in service.scopes if scope != lacking]
    rows = {each["stream"]: each["rows"] for each in planned(service)["streams"]}
    for stream in STREAMS:
        if stream.endpoint:
            assert bool(rows[stream.name]) is (READS[stream.endpoint].scope != lacking)
    assert caplog.text.count(f"lacks the scope {lacking}") == 1
    assert "Streams left out of this run" in caplog.text


def test_the_plan_in_the_docs_is_that_of_the_sandbox(service: Service) -> None:
    page = (ROOT / "docs" / "quota.md").read_text()
    (block,) = re.findall(r"```text\n(endpoint .*?)\n```", page, re.DOTALL)
    selected = [stream.name for stream in STREAMS if stream.selected_by_default]
    plan = planned(service, None, tuple(selected))
    assert as_text(plan).split("\n\n")[0] == block
