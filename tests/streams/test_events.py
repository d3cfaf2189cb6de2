"""Details and events in runs with filters and in interrupted runs."""

from __future__ import annotations

import json
import logging
import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.campaigns import (
    FORMATS,
    LaterTap,
    answer_endpoint,
    keys_of,
    run_failing_stream,
)
from tests.support.taps import NOW, FixedClockTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]


def test_all_details_are_read_after_a_filter_is_removed(
    account: LivingAccount,
) -> None:
    sent = [campaign for campaign in account.campaigns() if campaign.sent]
    newest = max(sent, key=lambda c: c.updated)
    with Service(account, quota_calls=100_000) as service:
        with_keys = run_tap(service, "campaign_details", campaign_keys=[newest.key])
        with_start_date = run_tap(service, "campaign_details", start_date="2026-01-01")
        for filtered in (with_keys, with_start_date):
            unfiltered = run_tap(service, "campaign_details", state=filtered.state)
            row_lists = [filtered.records["campaign_details"]]
            row_lists.append(unfiltered.records["campaign_details"])
            keys = {r["campaign_key"] for rows in row_lists for r in rows}
            assert keys == {campaign.key for campaign in sent}
            repeated = run_tap(service, "campaign_details", state=unfiltered.state)
            assert len(repeated.records["campaign_details"]) < 10


def test_events_have_only_the_configured_actions(account: LivingAccount) -> None:
    with Service(account, quota_calls=100_000) as service:
        output = run_tap(service, "recipient_events", actions=["clickedcontacts"])
    actions = {row["action"] for row in output.records["recipient_events"]}
    assert actions == {"clickedcontacts"}


def test_interrupted_events_resume(account: LivingAccount) -> None:
    sent = [campaign for campaign in account.campaigns() if campaign.sent]
    newest_key = max(sent, key=lambda campaign: campaign.sent or NOW).key
    settings: dict[str, t.Any] = {
        "campaign_keys": [newest_key],
        "page_size": 50,
        "concurrency": 1,
    }
    with Service(account, quota_calls=100_000) as service:
        complete = run_tap(service, "recipient_events", **settings)
        calls = [call for call in service.calls if call.params.get("type")]
        assert len({call.params["action"] for call in calls}) == 2
    names = ("action", "contact_email", "event_time")
    expected = keys_of(complete.records["recipient_events"], *names)
    for position in range(len(calls)):
        # A new service each time: a sandbox issues only ten tokens in ten minutes.
        with Service(account, quota_calls=100_000) as service:
            written, state = interrupt_run(service, settings, position)
            service.calls.clear()
            resumed = run_tap(service, "recipient_events", state=state, **settings)
            resumed_calls = [call for call in service.calls if call.params.get("type")]
        rows = [*written, *resumed.records["recipient_events"]]
        assert {tuple(row[name] for name in names) for row in rows} == expected
        # Pages that were written are not requested again.
        assert len(resumed_calls) <= len(calls) - position + 1
        open_campaigns = resumed.state["bookmarks"]["recipient_events"]["open"]
        assert not any("begun" in progress for progress in open_campaigns.values())


def test_prefetched_events_are_not_marked_as_written(
    service: Service, newest_key: str
) -> None:
    settings: dict[str, t.Any] = {
        "campaign_keys": [newest_key],
        "page_size": 50,
        "concurrency": 1,
    }
    _, state = interrupt_run(service, settings, 2)
    config = service.config | settings | {"rate_limit_ledger": "memory"}
    stream = FixedClockTap(config=config, state=state).streams["recipient_events"]
    stream.begin()
    state_before = deepcopy(stream.previous_state)
    assert state_before["open"][newest_key]["begun"]
    for part in stream.parts():
        assert [*stream.read_part(part)]
    assert stream.previous_state == state_before


def serve_timelines(service: Service, reports: dict[str, list[str]]) -> None:
    """Make the service return these open times, on one page."""
    contacts = [
        {
            "contactemailaddress": email,
            "reports": {"report": [{"time": text} for text in texts]},
        }
        for email, texts in reports.items()
    ]
    body = {"code": "0", "status": "success", "list_of_details": contacts}
    no_contacts = {"code": "6303", "status": "error", "message": "No contacts."}

    def intercept(call: Call) -> Reply | None:
        if "type" not in call.params:
            return None
        opened = call.params["action"] == "openedcontacts"
        first = call.params["fromindex"] == "1"
        return Reply(
            200, json.dumps(body if opened and first else no_contacts).encode()
        )

    service.intercept = intercept


def test_events_with_ambiguous_times_are_skipped_and_counted(
    sync: Sync, service: Service, newest_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    serve_timelines(
        service,
        {
            "a@example.com": ["Feb 2, 2026 9:08:33 PM", "02/03/2026 9:08 PM"],
            "b@example.com": ["2 fév 2026, 21:08", "null"],
            "c@example.com": ["2 February 2026, 21:08", "2026-02-02T21:08:00"],
        },
    )
    output = sync("recipient_events", "snapshots", campaign_keys=[newest_key])
    events = [
        (row["contact_email"], row["event_time"], row["event_count"])
        for row in output.records["recipient_events"]
    ]
    assert events == [
        ("a@example.com", "2026-02-03T02:08:33.000Z", 1),
        ("c@example.com", "2026-02-03T02:08:00.000Z", 2),
    ]
    warnings = [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]
    (message,) = [record.getMessage() for record in warnings]
    assert message.endswith("without guessing: 3.")
    assert "example.com" not in message
    assert "2026" not in message


def test_events_whose_times_are_all_ambiguous_do_not_fail_the_stream(
    sync: Sync, service: Service, newest_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    serve_timelines(service, {"a@example.com": ["02/03/2026 9:08 PM"]})
    output = sync("recipient_events", campaign_keys=[newest_key])
    assert not output.records["recipient_events"]
    warnings = [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ]
    (message,) = [record.getMessage() for record in warnings]
    assert message.endswith("without guessing: 1.")


def interrupt_run(
    service: Service, settings: dict[str, t.Any], position: int
) -> tuple[Rows, t.Any]:
    """Fail after `position` pages of events; return the records and the last state."""
    pages = 0

    def fail(call: Call) -> Reply | None:
        nonlocal pages
        pages += bool(call.params.get("type"))
        return Reply(200, b"{") if pages > position else None

    service.intercept = fail
    result = run_failing_stream(service, "recipient_events", settings)
    service.intercept = None
    return result


def test_interrupted_events_are_read_in_full_after_the_window_ends(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [campaign for campaign in account.campaigns() if campaign.sent]
    newest_key = max(sent, key=lambda campaign: campaign.sent or NOW).key
    settings: dict[str, t.Any] = {"campaign_keys": [newest_key], "page_size": 50}
    monkeypatch.setattr("tests.support.taps.FixedClockTap", LaterTap)
    with Service(account, quota_calls=100_000) as service:
        LaterTap.days = 0
        complete = run_tap(service, "recipient_events", **settings)
        _, state = interrupt_run(service, settings | {"concurrency": 1}, 2)
        LaterTap.days = 60
        late = run_tap(service, "recipient_events", state=state, **settings)
    late_rows = late.records["recipient_events"]
    assert len(late_rows) >= len(complete.records["recipient_events"])


def test_a_scheduled_campaign_does_not_hide_updated_details(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    first, second, *_ = [campaign for campaign in account.campaigns() if campaign.sent]

    def epoch(days: int) -> str:
        return str(int((NOW + timedelta(days=days)).timestamp() * 1000))

    def row(key: str, status: str, sent: int, updated: int) -> dict[str, str]:
        times = {"sent_time_gmt": epoch(sent), "updated_time_gmt": epoch(updated)}
        return {"campaign_key": key, "campaign_status": status} | times

    scheduled = row(first.key, "Scheduled", 7, -60)
    state = None
    updated_times = []
    for updated in (-50, -40):
        rows = [scheduled, row(second.key, "Sent", -90, updated)]
        answer_endpoint(service, "recentcampaigns", recent_campaigns=rows)
        output = sync("campaign_details", state=state)
        state = output.state
        updated_times.append(
            [
                record["updated_time"]
                for record in output.records["campaign_details"]
                if record["campaign_key"] == second.key
            ]
        )
    assert updated_times == [
        [rfc3339(NOW.replace(microsecond=0) + timedelta(days=days))]
        for days in (-50, -40)
    ]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("form", FORMATS)
def test_contacts_without_event_times_leave_the_stream_out_of_the_run(
    account: LivingAccount, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    with Service(account, quota_calls=100_000) as service:
        first = run_tap(service, "recipient_events", response_format=form)

        def ignore_type(call: Call) -> Reply | None:
            # Simulate a service that ignores `type`, so it sends no times.
            call.params.pop("type", None)
            return None

        service.intercept = ignore_type
        second = run_tap(
            service, "recipient_events", response_format=form, state=first.state
        )
        fresh = run_tap(service, "recipient_events", response_format=form)
    for output in (second, fresh):
        assert not output.records["recipient_events"]
    closed = first.state["bookmarks"]["recipient_events"]["closed"]
    assert second.state["bookmarks"]["recipient_events"]["closed"] == closed
    assert not fresh.state["bookmarks"].get("recipient_events", {}).get("closed")
    assert "`response_format`" in caplog.text
    assert "left out of this run: recipient_events" in caplog.text
