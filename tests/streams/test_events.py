"""Details and events of narrowed and interrupted runs."""

from __future__ import annotations

import json
import logging
import typing as t
from copy import deepcopy
from datetime import timedelta

import pytest

from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.campaigns import FORMS, Later, answer, failed, keys_of
from tests.support.taps import NOW, StillTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call
    from tests.support.taps import Sync

    Rows: t.TypeAlias = list[dict[str, t.Any]]


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
        assert [*stream.read_part(part)]
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
