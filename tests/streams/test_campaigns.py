"""Campaigns, their details and reports."""

from __future__ import annotations

import typing as t
from collections import Counter
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.campaigns import (
    LaterTap,
    answer_endpoint,
    keys_of,
    run_failing_stream,
)
from tests.support.taps import NOW, Output, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]
ZONE = ZoneInfo("America/New_York")
SHARED_CALL_STREAMS = (
    *("campaign_details", "campaign_ab_variants", "campaign_lists"),
    *("campaign_reports", "campaign_reach", "campaign_locations"),
    "campaign_recipients",
)


def pop_call_counts(service: Service) -> Counter[str]:
    counts = Counter(call.endpoint for call in service.calls)
    service.calls.clear()
    return counts


@pytest.fixture(
    scope="module", params=["json", pytest.param("xml", marks=pytest.mark.slow)]
)
def full_output(request: pytest.FixtureRequest, account: LivingAccount) -> Output:
    names = (*SHARED_CALL_STREAMS, "recipient_events", "list_subscribers", "snapshots")
    with Service(account, quota_calls=100_000) as service:
        return run_tap(service, *names, response_format=request.param)


def test_list_subscribers_has_every_member_in_each_status(
    full_output: Output, account: LivingAccount
) -> None:
    rows = full_output.records["list_subscribers"]
    expected = {
        (mailing_list.key, status, member.contact.email)
        for mailing_list in account.lists()
        for status in ("active", "unsub", "bounce")
        for member in account.contacts(mailing_list.key, status)
    }
    assert keys_of(rows, "list_key", "status", "contact_email") == expected
    rows_read = {
        (row["list_key"], row["status"]): row["rows_read"]
        for row in full_output.records["snapshots"]
        if row["stream"] == "list_subscribers"
    }
    assert rows_read == {
        (mailing_list.key, status): len(account.contacts(mailing_list.key, status))
        for mailing_list in account.lists()
        for status in ("active", "unsub", "bounce")
    }


def test_every_open_and_click_is_written_with_its_time(
    full_output: Output, account: LivingAccount
) -> None:
    rows = full_output.records["recipient_events"]
    keys_of(rows, "campaign_key", "action", "contact_email", "event_time")
    written = Counter[tuple[str, str, str, str]]()
    for row in rows:
        key = tuple(
            row[name]
            for name in ("campaign_key", "action", "contact_email", "event_time")
        )
        written[t.cast("tuple[str, str, str, str]", key)] += row["event_count"]
    expected = Counter[tuple[str, str, str, str]]()
    campaign_keys = {key for row in rows for key in [row["campaign_key"]]}
    for key in campaign_keys:
        for action in ("openedcontacts", "clickedcontacts"):
            for recipient in account.recipients(key, action):
                contact = recipient.contact
                for when in account.events(key, action, contact):
                    # If an hour repeats in autumn, the tap assumes the first one.
                    local_time = when.astimezone(ZONE).replace(second=0, fold=0)
                    minute = local_time.replace(microsecond=0).astimezone(UTC)
                    expected[key, action, contact.email, rfc3339(minute)] += 1
    assert written == expected
    assert len(campaign_keys) > 15


def test_reports_match_the_counts_of_the_account(
    full_output: Output, account: LivingAccount
) -> None:
    rows = full_output.records["campaign_reports"]
    sent_campaigns = [campaign for campaign in account.campaigns() if campaign.sent]
    children = [
        (child, campaign.key)
        for campaign in sent_campaigns
        for child in campaign.children
    ]
    expected = {(campaign.key, None) for campaign in sent_campaigns} | {*children}
    assert keys_of(rows, "campaign_key", "parent_campaign_key") == expected
    for row in rows:
        assert row["reported_on"] == NOW.date().isoformat()
        opened = account.recipients(row["campaign_key"], "openedcontacts")
        assert row["open_count"] == len(opened)
        assert isinstance(row["open_percent"], float)
    opens = sum(row["open_count"] for row in rows)
    locations = full_output.records["campaign_locations"]
    assert sum(row["reached"] for row in locations) == opens
    for row in full_output.records["campaign_reach"]:
        assert isinstance(row["reached"], int)


def test_every_sent_campaign_has_details(
    full_output: Output, account: LivingAccount
) -> None:
    sent = {campaign.key: campaign for campaign in account.campaigns() if campaign.sent}
    rows = full_output.records["campaign_details"]
    assert keys_of(rows, "campaign_key") == {(key,) for key in sent}
    for row in rows:
        campaign = sent[row["campaign_key"]]
        assert row["subject"] == campaign.subject
        assert row["updated_time"] >= row["created_time"]
    ab_tested_keys = {campaign.key for campaign in sent.values() if campaign.children}
    variants = full_output.records["campaign_ab_variants"]
    assert keys_of(variants, "campaign_key", "variant") == {
        (key, letter) for key in ab_tested_keys for letter in "ab"
    }
    children = {child for campaign in sent.values() for child in campaign.children}
    assert {row["child_campaign_key"] for row in variants} == children
    lists = full_output.records["campaign_lists"]
    list_keys = {mailing_list.key for mailing_list in account.lists()}
    assert {row["list_key"] for row in lists if row.get("list_key")} <= list_keys
    assert {row["cvid"] for row in lists if row.get("cvid")}


def test_streams_share_calls_instead_of_repeating_them(
    account: LivingAccount,
) -> None:
    with Service(account, quota_calls=100_000) as service:
        run_tap(service, "campaign_recipients")
        calls_of_one_stream = pop_call_counts(service)
        first = run_tap(service, *SHARED_CALL_STREAMS)
        calls_of_all_streams = pop_call_counts(service)
        assert (
            calls_of_all_streams["campaignreports"]
            == calls_of_one_stream["campaignreports"]
        )
        assert calls_of_all_streams["getcampaigndetails"] == len(account.campaigns())
        second = run_tap(service, *SHARED_CALL_STREAMS, state=first.state)
        calls_of_second_run = pop_call_counts(service)
        open_keys = {
            campaign.key
            for campaign in account.campaigns()
            if campaign.sent and campaign.sent > NOW - timedelta(days=30)
        }
        assert calls_of_second_run["campaignreports"] == len(open_keys)
        assert calls_of_second_run["getcampaigndetails"] <= len(open_keys) + 2
        assert keys_of(second.records["campaign_reports"], "campaign_key") == {
            (key,) for key in open_keys
        }


def test_each_day_adds_a_report_until_the_lookback_window_ends(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest_sent = max(
        campaign.sent for campaign in account.campaigns() if campaign.sent
    )
    state = None
    reported_days: list[set[str]] = []
    monkeypatch.setattr("tests.support.taps.FixedClockTap", LaterTap)
    with Service(account, quota_calls=100_000) as service:
        for day in (0, 1, 31, 62, 90):
            LaterTap.days = day
            output = run_tap(service, "campaign_reports", state=state)
            state = output.state
            reported_days.append(
                {r["reported_on"] for r in output.records["campaign_reports"]}
            )
            last_calls = pop_call_counts(service)
    assert reported_days[0] == {NOW.date().isoformat()}
    assert reported_days[1] == {(NOW + timedelta(days=1)).date().isoformat()}
    assert newest_sent < NOW
    # One last report is written after the window has ended.
    assert reported_days[2] == {(NOW + timedelta(days=31)).date().isoformat()}
    assert reported_days[3:] == [set(), set()]
    assert last_calls["campaignreports"] == 0


@pytest.mark.parametrize("stream", ["campaign_reports", "recipient_events"])
def test_an_unfinished_campaign_is_read_in_every_run_and_once_after_its_end(
    sync: Sync, service: Service, account: LivingAccount, stream: str
) -> None:
    campaigns = [campaign for campaign in account.campaigns() if campaign.sent]
    oldest = min(campaigns, key=lambda campaign: campaign.sent or NOW)
    sent_epoch = int((oldest.sent or NOW).timestamp() * 1000)
    state = None
    was_written = []
    for status in ("In Progress", "Paused", "Sent", "Sent"):
        row = {"campaign_key": oldest.key, "sent_time_gmt": sent_epoch}
        row |= {"campaign_status": status, "campaigntype": "normal"}
        answer_endpoint(service, "recentcampaigns", recent_campaigns=[row])
        output = sync(stream, state=state)
        state = output.state
        was_written.append(bool(output.records[stream]))
    assert was_written == [True, True, True, False]


@pytest.mark.parametrize("missing_index", [0, 1, 2])
def test_a_missing_send_does_not_stop_the_other_sends(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
    missing_index: int,
) -> None:
    streams = ("campaign_recipients", "recipient_events")
    ab_campaign = next(
        campaign for campaign in account.campaigns() if campaign.children
    )
    sends = [ab_campaign.key, *ab_campaign.children]
    not_found = Reply(
        200, b'{"status":"error","code":"6002","message":"Not yet sent."}'
    )
    service.intercept = lambda call: (
        not_found
        if call.params.get("campaignkey") == sends[missing_index]
        and "action" in call.params
        else None
    )
    output = sync(*streams, campaign_keys=[ab_campaign.key])
    for stream in streams:
        campaign_keys = {row["campaign_key"] for row in output.records[stream]}
        assert campaign_keys == {*sends} - {sends[missing_index]}
        # The campaign stays open, as the send may return in the next run.
        assert output.state["bookmarks"][stream]["open"]
    logger_names = [
        record.name for record in caplog.records if "gone" in record.message
    ]
    assert len(logger_names) == len({*logger_names}) == len(streams)
    output = sync(*streams, campaign_keys=[ab_campaign.key], state=output.state)
    for stream in streams:
        assert not output.state["bookmarks"][stream]["open"]


def test_interrupted_campaign_details_resume(account: LivingAccount) -> None:
    settings: dict[str, t.Any] = {"concurrency": 1, "retry_max_seconds": 0}
    with Service(account, quota_calls=100_000) as service:
        all_rows = run_tap(service, "campaign_details").records["campaign_details"]
        for position in (5, 12):
            requested_keys: list[str] = []

            def fail(
                call: Call,
                position: int = position,
                requested_keys: list[str] = requested_keys,
            ) -> Reply | None:
                if call.endpoint != "getcampaigndetails":
                    return None
                requested_keys.append(call.params["campaignkey"])
                return Reply(200, b"{") if len(requested_keys) > position else None

            service.intercept = fail
            written, state = run_failing_stream(service, "campaign_details", settings)
            service.intercept = None
            pop_call_counts(service)
            resumed = run_tap(service, "campaign_details", state=state)
            resumed_calls = pop_call_counts(service)
            rows = [*written, *resumed.records["campaign_details"]]
            keys = {row["campaign_key"] for row in rows}
            assert keys == {row["campaign_key"] for row in all_rows}
            # Only open campaigns are read again.
            assert (
                resumed_calls["getcampaigndetails"]
                < len(account.campaigns()) - position + 6
            )
