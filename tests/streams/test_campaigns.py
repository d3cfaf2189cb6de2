"""Campaigns, their details and reports."""

from __future__ import annotations

import typing as t
from collections import Counter
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.campaigns import FORMS, Later, answer, failed, keys_of
from tests.support.taps import NOW, Output, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]
ZONE = ZoneInfo("America/New_York")
SHARING = (
    *("campaign_details", "campaign_ab_variants", "campaign_lists"),
    *("campaign_reports", "campaign_reach", "campaign_locations"),
    "campaign_recipients",
)


def calls_of(service: Service) -> Counter[str]:
    found = Counter(call.endpoint for call in service.calls)
    service.calls.clear()
    return found


@pytest.fixture(scope="module", params=FORMS)
def everything(request: pytest.FixtureRequest, account: LivingAccount) -> Output:
    names = (*SHARING, "recipient_events", "list_subscribers", "snapshots")
    with Service(account, quota_calls=100_000) as service:
        return run_tap(service, *names, response_format=request.param)


def test_every_member_of_a_list_comes_in_each_status(
    everything: Output, account: LivingAccount
) -> None:
    rows = everything.records["list_subscribers"]
    expected = {
        (mailing_list.key, status, member.contact.email)
        for mailing_list in account.lists()
        for status in ("active", "unsub", "bounce")
        for member in account.contacts(mailing_list.key, status)
    }
    assert keys_of(rows, "list_key", "status", "contact_email") == expected
    parts = {
        (row["list_key"], row["status"]): row["rows_read"]
        for row in everything.records["snapshots"]
        if row["stream"] == "list_subscribers"
    }
    assert parts == {
        (each.key, status): len(account.contacts(each.key, status))
        for each in account.lists()
        for status in ("active", "unsub", "bounce")
    }


def test_every_open_and_click_comes_with_its_time(
    everything: Output, account: LivingAccount
) -> None:
    rows = everything.records["recipient_events"]
    keys_of(rows, "campaign_key", "action", "contact_email", "event_time")
    found = Counter[tuple[str, str, str, str]]()
    for row in rows:
        key = tuple(
            row[n] for n in ("campaign_key", "action", "contact_email", "event_time")
        )
        found[t.cast("tuple[str, str, str, str]", key)] += row["event_count"]
    expected = Counter[tuple[str, str, str, str]]()
    sent = {key for row in rows for key in [row["campaign_key"]]}
    for key in sent:
        for action in ("openedcontacts", "clickedcontacts"):
            for recipient in account.recipients(key, action):
                contact = recipient.contact
                for when in account.events(key, action, contact):
                    # In the hour that clocks repeat in autumn, the first is taken.
                    told = when.astimezone(ZONE).replace(second=0, fold=0)
                    minute = told.replace(microsecond=0).astimezone(UTC)
                    expected[key, action, contact.email, rfc3339(minute)] += 1
    assert found == expected
    assert len(sent) > 25


def test_reports_tell_what_the_account_counts(
    everything: Output, account: LivingAccount
) -> None:
    rows = everything.records["campaign_reports"]
    sent = [each for each in account.campaigns() if each.sent]
    children = [(child, each.key) for each in sent for child in each.children]
    expected = {(each.key, None) for each in sent} | {*children}
    assert keys_of(rows, "campaign_key", "parent_campaign_key") == expected
    for row in rows:
        assert row["reported_on"] == NOW.date().isoformat()
        opened = account.recipients(row["campaign_key"], "openedcontacts")
        assert row["open_count"] == len(opened)
        assert isinstance(row["open_percent"], float)
    opens = sum(row["open_count"] for row in rows)
    places = everything.records["campaign_locations"]
    assert sum(row["reached"] for row in places) == opens
    for row in everything.records["campaign_reach"]:
        assert isinstance(row["reached"], int)


def test_details_are_of_every_campaign_that_has_some(
    everything: Output, account: LivingAccount
) -> None:
    sent = {each.key: each for each in account.campaigns() if each.sent}
    rows = everything.records["campaign_details"]
    assert keys_of(rows, "campaign_key") == {(key,) for key in sent}
    for row in rows:
        campaign = sent[row["campaign_key"]]
        assert row["subject"] == campaign.subject
        assert row["updated_time"] >= row["created_time"]
    tested = {each.key for each in sent.values() if each.children}
    variants = everything.records["campaign_ab_variants"]
    assert keys_of(variants, "campaign_key", "variant") == {
        (key, letter) for key in tested for letter in "ab"
    }
    children = {child for each in sent.values() for child in each.children}
    assert {row["child_campaign_key"] for row in variants} == children
    lists = everything.records["campaign_lists"]
    known = {each.key for each in account.lists()}
    assert {row["list_key"] for row in lists if row.get("list_key")} <= known
    assert {row["cvid"] for row in lists if row.get("cvid")}


def test_answers_that_several_streams_need_are_asked_for_once(
    account: LivingAccount,
) -> None:
    with Service(account, quota_calls=100_000) as service:
        run_tap(service, "campaign_recipients")
        alone = calls_of(service)
        first = run_tap(service, *SHARING)
        all_ = calls_of(service)
        assert all_["campaignreports"] == alone["campaignreports"]
        assert all_["getcampaigndetails"] == len(account.campaigns())
        again = run_tap(service, *SHARING, state=first.state)
        second = calls_of(service)
        opened = {
            each.key
            for each in account.campaigns()
            if each.sent and each.sent > NOW - timedelta(days=30)
        }
        assert second["campaignreports"] == len(opened)
        assert second["getcampaigndetails"] <= len(opened) + 2
        assert keys_of(again.records["campaign_reports"], "campaign_key") == {
            (key,) for key in opened
        }


def test_each_day_adds_a_report_until_the_window_has_ended(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(each.sent for each in account.campaigns() if each.sent)
    state = None
    days: list[set[str]] = []
    monkeypatch.setattr("tests.support.taps.StillTap", Later)
    with Service(account, quota_calls=100_000) as service:
        for day in (0, 1, 31, 62, 90):
            Later.days = day
            output = run_tap(service, "campaign_reports", state=state)
            state = output.state
            days.append({r["reported_on"] for r in output.records["campaign_reports"]})
            last = calls_of(service)
    assert days[0] == {NOW.date().isoformat()}
    assert days[1] == {(NOW + timedelta(days=1)).date().isoformat()}
    assert newest < NOW
    # Once more when its window has ended, and then never again.
    assert days[2] == {(NOW + timedelta(days=31)).date().isoformat()}
    assert days[3:] == [set(), set()]
    assert last["campaignreports"] == 0


@pytest.mark.parametrize("stream", ["campaign_reports", "recipient_events"])
def test_a_campaign_that_went_on_is_looked_at_once_more_when_it_has_ended(
    sync: Sync, service: Service, account: LivingAccount, stream: str
) -> None:
    campaigns = [each for each in account.campaigns() if each.sent]
    oldest = min(campaigns, key=lambda each: each.sent or NOW)
    sent = int((oldest.sent or NOW).timestamp() * 1000)
    state = None
    found = []
    for status in ("In Progress", "Paused", "Sent", "Sent"):
        row = {"campaign_key": oldest.key, "sent_time_gmt": sent}
        row |= {"campaign_status": status, "campaigntype": "normal"}
        answer(service, "recentcampaigns", recent_campaigns=[row])
        output = sync(stream, state=state)
        state = output.state
        found.append(bool(output.records[stream]))
    assert found == [True, True, True, False]


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_sending_of_a_campaign_that_is_gone_costs_no_other(
    sync: Sync,
    service: Service,
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
    victim: int,
) -> None:
    streams = ("campaign_recipients", "recipient_events")
    tested = next(each for each in account.campaigns() if each.children)
    sends = [tested.key, *tested.children]
    gone = Reply(200, b'{"status":"error","code":"6002","message":"Not yet sent."}')
    service.intercept = lambda call: (
        gone
        if call.params.get("campaignkey") == sends[victim] and "action" in call.params
        else None
    )
    output = sync(*streams, campaign_keys=[tested.key])
    for stream in streams:
        found = {row["campaign_key"] for row in output.records[stream]}
        assert found == {*sends} - {sends[victim]}
        # It may be back in the next run.
        assert output.state["bookmarks"][stream]["open"]
    told = [each.name for each in caplog.records if "gone" in each.message]
    assert len(told) == len({*told}) == len(streams)
    output = sync(*streams, campaign_keys=[tested.key], state=output.state)
    for stream in streams:
        assert not output.state["bookmarks"][stream]["open"]


def test_details_that_were_interrupted_go_on(account: LivingAccount) -> None:
    settings: dict[str, t.Any] = {"concurrency": 1, "retry_max_seconds": 0}
    with Service(account, quota_calls=100_000) as service:
        whole = run_tap(service, "campaign_details").records["campaign_details"]
        for position in (5, 12):
            asked: list[str] = []

            def fail(
                call: Call, position: int = position, asked: list[str] = asked
            ) -> Reply | None:
                if call.endpoint != "getcampaigndetails":
                    return None
                asked.append(call.params["campaignkey"])
                return Reply(200, b"{") if len(asked) > position else None

            service.intercept = fail
            written, state = failed(service, "campaign_details", settings)
            service.intercept = None
            calls_of(service)
            rest = run_tap(service, "campaign_details", state=state)
            again = calls_of(service)
            rows = [*written, *rest.records["campaign_details"]]
            keys = {row["campaign_key"] for row in rows}
            assert keys == {row["campaign_key"] for row in whole}
            # Only what is open is looked at again.
            assert again["getcampaigndetails"] < len(account.campaigns()) - position + 6
