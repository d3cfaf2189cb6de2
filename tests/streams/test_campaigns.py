"""Details, reports and events of campaigns, and who is in each list."""

from __future__ import annotations

import io
import json
import logging
import typing as t
from collections import Counter
from contextlib import redirect_stdout
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tap_zohocampaigns.api.errors import FatalError, ZohoError
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_counts, parse_event_times
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.taps import NOW, Output, StillTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tap_zohocampaigns.streams.campaigns import CampaignLocations
    from tap_zohocampaigns.streams.details import (
        CampaignAbVariants,
        CampaignDetails,
        CampaignLists,
    )
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]

ZONE = ZoneInfo("America/New_York")
SHARING = (
    *("campaign_details", "campaign_ab_variants", "campaign_lists"),
    *("campaign_reports", "campaign_reach", "campaign_locations"),
    "campaign_recipients",
)
FORMS = ("json", "xml")


class Later(StillTap):
    """The tap, some days later."""

    days = 0

    def now(self) -> datetime:
        return NOW + timedelta(days=self.days)


def calls_of(service: Service) -> Counter[str]:
    found = Counter(call.endpoint for call in service.calls)
    service.calls.clear()
    return found


@pytest.fixture(scope="module", params=FORMS)
def everything(request: pytest.FixtureRequest, account: LivingAccount) -> Output:
    names = (*SHARING, "recipient_events", "list_subscribers", "snapshots")
    with Service(account, quota_calls=100_000) as service:
        return run_tap(service, *names, response_format=request.param)


def keys_of(rows: Rows, *names: str) -> set[tuple[t.Any, ...]]:
    found = [tuple(row[name] for name in names) for row in rows]
    assert len(found) == len({*found})
    return {*found}


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


@pytest.mark.parametrize(
    ("told", "times"),
    [
        (None, []),
        ("", []),
        ([], []),
        ({"time": "a"}, ["a"]),
        ([{"time": "a"}, {"time": "b"}], ["a", "b"]),
        ({"report": [{"time": "a"}, {"time": "b"}]}, ["a", "b"]),
        ({"report": {"time": "a"}}, ["a"]),
        (["a", "b"], ["a", "b"]),
        ([{"other": "x"}], []),
    ],
)
def test_times_of_events_are_read_in_every_form(told: t.Any, times: list[str]) -> None:
    assert parse_event_times(told) == times


def envelope(**body: t.Any) -> Envelope:
    return Envelope("0", "", "success", body, [])


def test_parts_of_an_answer_are_read_in_the_forms_that_are_known() -> None:
    tap = StillTap(config={"data_center": "sandbox"})
    places = t.cast("CampaignLocations", tap.streams["campaign_locations"])
    for body in (
        {"campaign-by-loaction": {"India": 2, "in": 1}},
        {"campaign-by-loaction": "{India=2, in=1}"},
        {"campaign-by-location": {"India": "2", "in": "1"}},
    ):
        rows = places.rows(envelope(**body))
        assert [(row["country"], int(row["reached"])) for row in rows] == [
            ("India", 2),
            ("in", 1),
        ]
    assert places.rows(envelope()) == []
    assert places.rows(envelope(**{"campaign-by-loaction": ""})) == []

    variants = t.cast("CampaignAbVariants", tap.streams["campaign_ab_variants"])
    split = {"a_open_count": "3", "b_child_campaignkey": "x", "winner": "a"}
    assert variants.rows(envelope(**{"AB-split-details": [split]})) == [
        {"variant": "a", "open_count": "3", "winner": "a"},
        {"variant": "b", "child_campaignkey": "x", "winner": "a"},
    ]

    lists = t.cast("CampaignLists", tap.streams["campaign_lists"])
    for segments in ({"1": "One"}, [{"cvid": "1", "segment_name": "One"}]):
        rows = lists.rows(
            envelope(
                associated_mailing_lists=[{"listkey": "3z", "listname": "L"}],
                segments_info=segments,
            )
        )
        assert [(row["source_id"], row.get("cvid")) for row in rows] == [
            ("3z", None),
            ("1", "1"),
        ]
    assert lists.rows(envelope(associated_mailing_lists=[], segments_info={})) == []


def test_counts_are_read_in_every_form_that_is_plausible() -> None:
    korea = [("Korea, Republic of", 2), ("India", 1)]
    for told in (
        dict(korea),
        [dict(korea)],
        [{name: number} for name, number in korea],
        "{Korea, Republic of=2, India=1}",
        "{Korea, Republic of=2,India= 1 }",
    ):
        assert [(name, int(number)) for name, number in parse_counts(told)] == korea
    assert parse_counts("[{facebook=1, total=2}]") == [
        ("facebook", "1"),
        ("total", "2"),
    ]
    nothings: list[t.Any] = [None, "", " ", "null", "{}", "[]", {}, []]
    for nothing in nothings:
        assert parse_counts(nothing) == []
    for other in ("India", ["India"], 3, [{"in": 1}, {"in": 2}]):
        with pytest.raises(FatalError, match="form that this version does not know"):
            parse_counts(other)


def answer(service: Service, endpoint: str, **body: t.Any) -> None:
    """Let an endpoint answer with this."""
    content = json.dumps({"code": "0", "status": "success"} | body).encode()
    service.intercept = lambda call: (
        Reply(200, content) if call.endpoint == endpoint else None
    )


@pytest.fixture
def newest(account: LivingAccount) -> str:
    sent = [each for each in account.campaigns() if each.sent and not each.children]
    return max(sent, key=lambda each: each.sent or NOW).key


def test_a_country_called_nothing_is_a_key_all_the_same(
    sync: Sync, service: Service, newest: str
) -> None:
    places = {"campaign-by-loaction": {"null": 3, "undefined": 1, "": 2}}
    answer(service, "campaignreports", **{"campaign-reports": [], **places})
    found = sync("campaign_locations", campaign_keys=[newest]).records
    assert [(r["country"], r["reached"]) for r in found["campaign_locations"]] == [
        ("null", 3),
        ("undefined", 1),
        ("", 2),
    ]


def test_objects_may_be_the_texts_of_java_maps(
    sync: Sync, service: Service, newest: str
) -> None:
    report, details = "campaignreports", "getcampaigndetails"
    told: dict[str, t.Any]
    for stream, endpoint, told, name, expected in (
        (
            "campaign_reports",
            report,
            {"campaign-reports": "{opens_count=3}"},
            "open_count",
            3,
        ),
        (
            "campaign_details",
            details,
            {"campaign-details": "[{email_subject=b, zuid=1}]"},
            "subject",
            "b",
        ),
        (
            "campaign_lists",
            details,
            {"associated_mailing_lists": ["{listkey=3z, listname=L}"]},
            "source_id",
            "3z",
        ),
        (
            "campaign_lists",
            details,
            {"segments_info": [{"cvid": 1, "segmentname": "S"}]},
            "segment_name",
            "S",
        ),
    ):
        answer(service, endpoint, **{"campaign-details": [], **told})
        [row] = sync(stream, campaign_keys=[newest]).records[stream]
        assert row[name] == expected


@pytest.mark.parametrize(
    "told",
    [
        {"associated_mailing_lists": [{"listname": "L"}]},
        {"associated_mailing_lists": [{"listkey": "null", "listname": "L"}]},
        {"associated_mailing_lists": {"3z": {"listname": "L"}}},
        {"associated_mailing_lists": ["3z"]},
        {"segments_info": [{"segment_name": "One"}]},
    ],
)
def test_a_list_of_a_campaign_without_its_key_is_told_of(
    sync: Sync, service: Service, newest: str, told: dict[str, t.Any]
) -> None:
    answer(service, "getcampaigndetails", **{"campaign-details": [], **told})
    with pytest.raises(
        FatalError, match="form that this version does not know"
    ) as error:
        sync("campaign_lists", campaign_keys=[newest])
    assert "cvids" not in str(error.value)


def test_times_of_details_are_texts_in_xml_and_epochs_that_are_hours_off_in_json() -> (
    None
):
    tap = StillTap(config={"data_center": "sandbox", "timezone": "UTC"})
    details = t.cast("CampaignDetails", tap.streams["campaign_details"])
    for told, expected in (
        ({"created_time": "09 Apr 2025, 08:55 AM"}, "2025-04-09T08:55:00.000Z"),
        ({"created_time": "1744232100000"}, None),
        (
            {"created_time": "1744232100000", "created_time_gmt": "1744203300000"},
            "2025-04-09T12:55:00.000Z",
        ),
    ):
        answer = Envelope("0", "", "success", {}, [told])
        (row,) = details.converter.records(details.rows(answer))
        assert row.get("created_time") == expected
        assert not row.get("custom_fields")


def test_details_of_all_come_when_nothing_narrows_them_any_more(
    account: LivingAccount,
) -> None:
    newest = max(
        (each for each in account.campaigns() if each.sent), key=lambda c: c.updated
    )
    with Service(account, quota_calls=100_000) as service:
        narrow = run_tap(service, "campaign_details", campaign_keys=[newest.key])
        later = run_tap(service, "campaign_details", start_date="2026-01-01")
        for before in (narrow, later):
            whole = run_tap(service, "campaign_details", state=before.state)
            both = [before.records["campaign_details"]]
            both.append(whole.records["campaign_details"])
            assert len({r["campaign_key"] for rows in both for r in rows}) == 28
            again = run_tap(service, "campaign_details", state=whole.state)
            assert len(again.records["campaign_details"]) < 10


def test_events_are_of_the_actions_that_are_wanted(account: LivingAccount) -> None:
    with Service(account, quota_calls=100_000) as service:
        output = run_tap(service, "recipient_events", actions=["clickedcontacts"])
    actions = {row["action"] for row in output.records["recipient_events"]}
    assert actions == {"clickedcontacts"}


def test_events_that_were_interrupted_go_on(account: LivingAccount) -> None:
    sent = [each for each in account.campaigns() if each.sent]
    newest = max(sent, key=lambda each: each.sent or NOW).key
    settings: dict[str, t.Any] = {
        "campaign_keys": [newest],
        "page_size": 50,
        "concurrency": 1,
    }
    with Service(account, quota_calls=100_000) as service:
        whole = run_tap(service, "recipient_events", **settings)
        calls = [call for call in service.calls if call.params.get("type")]
        assert len({call.params["action"] for call in calls}) == 2
    names = ("action", "contact_email", "event_time")
    expected = keys_of(whole.records["recipient_events"], *names)
    for position in range(len(calls)):
        # The sandbox makes ten tokens in ten minutes.
        with Service(account, quota_calls=100_000) as service:
            written, state = interrupted(service, settings, position)
            service.calls.clear()
            rest = run_tap(service, "recipient_events", state=state, **settings)
            again = [call for call in service.calls if call.params.get("type")]
        rows = [*written, *rest.records["recipient_events"]]
        assert {tuple(row[name] for name in names) for row in rows} == expected
        # A page that was written is not asked for again.
        assert len(again) <= len(calls) - position + 1
        opened = rest.state["bookmarks"]["recipient_events"]["open"]
        assert not any("begun" in line for line in opened.values())


def test_events_that_are_read_ahead_are_not_taken_for_written(
    service: Service, newest: str
) -> None:
    settings: dict[str, t.Any] = {
        "campaign_keys": [newest],
        "page_size": 50,
        "concurrency": 1,
    }
    _, state = interrupted(service, settings, 2)
    config = service.config | settings | {"rate_limit_ledger": "memory"}
    stream = StillTap(config=config, state=state).streams["recipient_events"]
    stream.begin()
    known = deepcopy(stream.previous_state)
    assert known["open"][newest]["begun"]
    for part in stream.parts():
        assert [*stream.read(part)]
    assert stream.previous_state == known


def timelines(service: Service, reports: dict[str, list[str]]) -> None:
    """Let the service tell these times of who opened, in one page."""
    contacts = [
        {
            "contactemailaddress": email,
            "reports": {"report": [{"time": text} for text in texts]},
        }
        for email, texts in reports.items()
    ]
    body = {"code": "0", "status": "success", "list_of_details": contacts}
    none = {"code": "6303", "status": "error", "message": "No contacts."}

    def intercept(call: Call) -> Reply | None:
        if "type" not in call.params:
            return None
        opened = call.params["action"] == "openedcontacts"
        first = call.params["fromindex"] == "1"
        return Reply(200, json.dumps(body if opened and first else none).encode())

    service.intercept = intercept


def test_an_event_whose_time_has_to_be_guessed_is_left_out_and_counted(
    sync: Sync, service: Service, newest: str, caplog: pytest.LogCaptureFixture
) -> None:
    timelines(
        service,
        {
            "a@example.com": ["Feb 2, 2026 9:08:33 PM", "02/03/2026 9:08 PM"],
            "b@example.com": ["2 fév 2026, 21:08", "null"],
            "c@example.com": ["2 February 2026, 21:08", "2026-02-02T21:08:00"],
        },
    )
    output = sync("recipient_events", "snapshots", campaign_keys=[newest])
    found = [
        (row["contact_email"], row["event_time"], row["event_count"])
        for row in output.records["recipient_events"]
    ]
    assert found == [
        ("a@example.com", "2026-02-03T02:08:33.000Z", 1),
        ("c@example.com", "2026-02-03T02:08:00.000Z", 2),
    ]
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    (text,) = [each.getMessage() for each in warnings]
    assert text.endswith("without guessing: 3.")
    assert "example.com" not in text
    assert "2026" not in text


def test_events_of_which_none_has_a_readable_time_are_no_lack_of_times(
    sync: Sync, service: Service, newest: str, caplog: pytest.LogCaptureFixture
) -> None:
    timelines(service, {"a@example.com": ["02/03/2026 9:08 PM"]})
    output = sync("recipient_events", campaign_keys=[newest])
    assert not output.records["recipient_events"]
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    (text,) = [each.getMessage() for each in warnings]
    assert text.endswith("without guessing: 1.")


def interrupted(
    service: Service, settings: dict[str, t.Any], position: int
) -> tuple[Rows, t.Any]:
    """Fail behind so many pages of events; return what was written, and the state."""
    pages = 0

    def fail(call: Call) -> Reply | None:
        nonlocal pages
        pages += bool(call.params.get("type"))
        return Reply(200, b"{") if pages > position else None

    service.intercept = fail
    found = failed(service, "recipient_events", settings)
    service.intercept = None
    return found


def failed(
    service: Service, stream: str, settings: dict[str, t.Any]
) -> tuple[Rows, t.Any]:
    """Run until it fails; return what was written, and the last state."""
    config = service.config | settings
    config |= {"retry_max_seconds": 0, "rate_limit_ledger": "memory"}
    tap = StillTap(config=config)
    for each in tap.streams.values():
        each.selected = each.name == stream
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written), pytest.raises(ZohoError):
        tap.sync_all()
    written.seek(0)
    output = Output(written.read())
    states = [m["value"] for m in output.messages if m["type"] == "STATE"]
    return output.records[stream], states[-1] if states else None


def test_events_begun_before_their_window_ended_are_read_whole(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [each for each in account.campaigns() if each.sent]
    newest = max(sent, key=lambda each: each.sent or NOW).key
    settings: dict[str, t.Any] = {"campaign_keys": [newest], "page_size": 50}
    monkeypatch.setattr("tests.support.taps.StillTap", Later)
    with Service(account, quota_calls=100_000) as service:
        Later.days = 0
        whole = run_tap(service, "recipient_events", **settings)
        _, state = interrupted(service, settings | {"concurrency": 1}, 2)
        Later.days = 60
        late = run_tap(service, "recipient_events", state=state, **settings)
    found = late.records["recipient_events"]
    assert len(found) >= len(whole.records["recipient_events"])


def test_details_of_all_come_though_a_campaign_is_scheduled(
    sync: Sync, service: Service, account: LivingAccount
) -> None:
    first, second, *_ = [each for each in account.campaigns() if each.sent]

    def epoch(days: int) -> str:
        return str(int((NOW + timedelta(days=days)).timestamp() * 1000))

    def row(key: str, status: str, sent: int, updated: int) -> dict[str, str]:
        times = {"sent_time_gmt": epoch(sent), "updated_time_gmt": epoch(updated)}
        return {"campaign_key": key, "campaign_status": status} | times

    scheduled = row(first.key, "Scheduled", 7, -60)
    state = None
    found = []
    for updated in (-50, -40):
        rows = [scheduled, row(second.key, "Sent", -90, updated)]
        answer(service, "recentcampaigns", recent_campaigns=rows)
        output = sync("campaign_details", state=state)
        state = output.state
        found.append(
            [
                each["updated_time"]
                for each in output.records["campaign_details"]
                if each["campaign_key"] == second.key
            ]
        )
    assert found == [
        [rfc3339(NOW.replace(microsecond=0) + timedelta(days=days))]
        for days in (-50, -40)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_contacts_without_times_are_not_taken_for_no_events(
    account: LivingAccount, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    with Service(account, quota_calls=100_000) as service:
        before = run_tap(service, "recipient_events", response_format=form)

        def without(call: Call) -> Reply | None:
            # As if nobody had asked for them.
            call.params.pop("type", None)
            return None

        service.intercept = without
        after = run_tap(
            service, "recipient_events", response_format=form, state=before.state
        )
        anew = run_tap(service, "recipient_events", response_format=form)
    for output in (after, anew):
        assert not output.records["recipient_events"]
    kept = before.state["bookmarks"]["recipient_events"]["closed"]
    assert after.state["bookmarks"]["recipient_events"]["closed"] == kept
    assert not anew.state["bookmarks"].get("recipient_events", {}).get("closed")
    assert "`response_format`" in caplog.text
    assert "left out of this run: recipient_events" in caplog.text
