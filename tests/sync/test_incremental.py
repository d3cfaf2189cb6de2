"""What a second run reads and writes."""

from __future__ import annotations

import tracemalloc
import typing as t
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from tap_zohocampaigns.api.wire import numbers
from tap_zohocampaigns.api.wire.times import rfc3339
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tap_zohocampaigns.sync.members import Members
from tap_zohocampaigns.sync.parts import Part
from tap_zohocampaigns.sync.prefetch import Batch
from tap_zohocampaigns.sync.spool import Spool
from tests.support.incremental import MEMBERS, RECIPIENTS
from tests.support.taps import NOW, StillTap, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call


def later(monkeypatch: pytest.MonkeyPatch, pause: timedelta) -> LivingAccount:
    """Let time pass, for the tap and for a new account that is the same one, later."""
    monkeypatch.setattr(StillTap, "now", lambda _: NOW + pause)
    return LivingAccount(clock=lambda: NOW + pause)


def test_late_opens_are_written_and_nothing_else_is(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Service(account) as service:
        first = run_tap(service, "campaign_recipients", "snapshots")
    pause = timedelta(hours=5)
    after = later(monkeypatch, pause)
    with Service(after) as service:
        second = run_tap(service, "campaign_recipients", "snapshots", state=first.state)
        calls = service.calls
    moved = {
        (campaign.key, action)
        for campaign in account.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=30)
        for action in {r["action"] for r in first.records["campaign_recipients"]}
        if len(account.recipients(campaign.key, action))
        != len(after.recipients(campaign.key, action))
    }
    assert moved
    asked = {
        (call.params["campaignkey"], call.params["action"])
        for call in calls
        if call.endpoint == RECIPIENTS
    }
    fresh = {c.key for c in after.campaigns()} - {c.key for c in account.campaigns()}
    assert {pair for pair in asked if pair[0] not in fresh} == moved
    assert {r["snapshot_id"].split("/", 1)[1] for r in second.records["snapshots"]} >= {
        "/".join(pair) for pair in moved
    }


@pytest.mark.parametrize("lookback_days", [0, 1000], ids=["closing", "open"])
def test_an_action_whose_counter_is_0_is_asked_for_in_the_closing_look(
    account: LivingAccount, lookback_days: int
) -> None:
    with Service(account) as service:
        names = ("campaign_recipients", "snapshots")
        output = run_tap(service, *names, lookback_days=lookback_days)
        asked = {
            f"campaign_recipients/{c.params['campaignkey']}/{c.params['action']}"
            for c in service.calls
            if c.endpoint == RECIPIENTS
        }
    empty = {
        r["snapshot_id"] for r in output.records["snapshots"] if not r["rows_read"]
    }
    assert empty
    assert empty & asked == (set() if lookback_days else empty)
    for record in output.records["snapshots"]:
        assert record["rows_read"] == record["rows_reported"]


def test_without_a_report_every_action_is_read(account: LivingAccount) -> None:
    def no_report(call: Call) -> Reply | None:
        if call.endpoint != "campaignreports":
            return None
        return Reply(200, b'{"status":"error","code":"6302","message":"No details."}')

    key = account.campaigns()[5].key
    with Service(account, intercept=no_report) as service:
        for _ in range(2):
            service.calls.clear()
            output = run_tap(service, "campaign_recipients", campaign_keys=[key])
            actions = {
                c.params["action"] for c in service.calls if c.endpoint == RECIPIENTS
            }
            assert len(actions) == 9
            assert output.records["campaign_recipients"]


def test_a_closed_campaign_costs_no_call(account: LivingAccount) -> None:
    with Service(account) as service:
        state = run_tap(service, "campaign_recipients").state
        opened = state["bookmarks"]["campaign_recipients"]["open"].keys()
        service.calls.clear()
        run_tap(service, "campaign_recipients", state=state)
        keys = {
            c.params["campaignkey"] for c in service.calls if "campaignkey" in c.params
        }
    assert keys == opened
    assert len(opened) < 6


def test_more_lookback_opens_campaigns_again(account: LivingAccount) -> None:
    with Service(account, quota_calls=10_000) as service:
        state = run_tap(service, "campaign_recipients", lookback_days=1).state
        service.calls.clear()
        run_tap(service, "campaign_recipients", state=state, lookback_days=20)
        keys = {
            c.params["campaignkey"] for c in service.calls if "campaignkey" in c.params
        }
    expected = {
        campaign.key
        for campaign in account.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=20)
    }
    assert keys >= expected


def test_other_settings_that_narrow_read_what_was_left_out(
    account: LivingAccount,
) -> None:
    old = [campaign for campaign in account.campaigns() if campaign.sent][-1]
    with Service(account, quota_calls=10_000) as service:
        state = run_tap(service, "campaign_recipients", actions=["spamcontacts"]).state
        records = run_tap(
            service, "campaign_recipients", state=state, campaign_keys=[old.key]
        ).records["campaign_recipients"]
    found = {r["contact_email"] for r in records if r["action"] == "sentcontacts"}
    expected = account.recipients(old.key, "sentcontacts")
    assert found == {each.contact.email for each in expected}


def test_start_date_bounds_the_first_run_and_can_be_moved_back(
    account: LivingAccount,
) -> None:
    def early(records: list[dict[str, t.Any]], name: str, start: str) -> int:
        return sum((record[name] or start) < start for record in records)

    start = rfc3339(NOW - timedelta(days=60))
    before = rfc3339(NOW - timedelta(days=400))
    names = ("campaign_recipients", "segment_contacts")
    with Service(account, quota_calls=10_000) as service:
        first = run_tap(service, *names, start_date=start)
        second = run_tap(service, *names, state=first.state, start_date=before)
        whole = run_tap(service, *names, start_date=before)
    for output, bound in ((first, start), (second, before)):
        assert not early(output.records["segment_contacts"], "added_time", bound)
    campaigns = {c.key: c for c in account.campaigns() if c.sent}
    for record in first.records["campaign_recipients"]:
        key = record["parent_campaign_key"] or record["campaign_key"]
        assert rfc3339(t.cast("datetime", campaigns[key].sent)) >= start
    for name, keys in (
        ("campaign_recipients", ("campaign_key", "action", "contact_email")),
        ("segment_contacts", ("cvid", "contact_email")),
    ):
        both = first.records[name] + second.records[name]
        assert {tuple(r[k] for k in keys) for r in both} == {
            tuple(r[k] for k in keys) for r in whole.records[name]
        }


def test_a_segment_whose_older_members_change_is_written_whole() -> None:
    old = [
        {"contact_email": f"{n}@example.com", "added_time": f"2024-0{n}"}
        for n in (1, 2)
    ]
    members = Members("added_time", None)
    members.include(old)
    line = members.line("now", "")

    def again(records: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        compared = Members("added_time", line)
        compared.include(records)
        return compared.to_write(records)

    joined = {"contact_email": "3@example.com", "added_time": "2024-03"}
    entered = {"contact_email": "4@example.com", "added_time": "2023-01"}
    assert again(old[::-1]) == [old[1]]
    assert again([*old, joined]) == [old[1], joined]
    assert again([*old, entered]) == [*old, entered]
    assert again(old[:1]) == old[:1]
    renamed = [old[0] | {"phone": "1"}, old[1]]
    assert again(renamed) == renamed


def test_a_member_is_another_when_the_last_digit_of_a_number_is() -> None:
    digests = set()
    for text in ("0.1234567890123456789", "0.1234567890123456788", "0.12345678901"):
        (row,) = rows = numbers.decode(b'[{"custom_fields":{"x":%s}}]' % text.encode())
        members = Members("added_time", None)
        members.include(rows)
        digests.add(members.line("now", "")["digest"])
        with closing(Spool()) as spool:
            (again,) = spool.load(spool.write(rows))
        assert again == row
        assert str(again["custom_fields"]["x"]) == text
    assert len(digests) == 3


def test_whoever_enters_a_segment_that_was_empty_is_written() -> None:
    line = Members("added_time", None).line("now", "")
    compared = Members("added_time", line)
    entered = [{"contact_email": "1@example.com", "added_time": "2024-01"}]
    compared.include(entered)
    assert compared.to_write(entered) == entered


@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_memory_does_not_grow_with_the_members_of_a_segment(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    tap = StillTap(config=service.config)
    stream = t.cast("t.Any", tap.streams["segment_contacts"])
    monkeypatch.setattr(tap.message_writer, "write_message", lambda _: None)
    line = {"added": "2024", "digest": "another", "at": "", "start": ""}

    def peak(pages: int) -> int:
        def batches() -> Iterator[Batch]:
            for page in range(pages):
                rows = [
                    {
                        "contact_email": f"{page}-{row}",
                        "added_time": "2024",
                        "note": "x" * 99,
                    }
                    for row in range(500)
                ]
                yield Batch(rows)

        lines = {"1": line} if known else {}
        stream.previous_state = {"selection": stream.selection}
        stream.stream_state["pass"] = 1
        tracemalloc.start()
        taken = stream._write_part(Part(owner="1"), batches(), lines)  # noqa: SLF001
        written = sum(map(len, taken))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert written == pages * 500
        return most

    peak(2)
    assert peak(60) < 1.5 * peak(6)


@pytest.mark.parametrize("leavers", [1, 4, 12])
def test_rows_that_move_while_pages_are_read_are_not_missed(
    account: LivingAccount, leavers: int
) -> None:
    class Shrinking(LivingAccount):
        """Loses members of its first page once the second is asked for."""

        gone = 0

        def members(self, cvid: str) -> t.Any:
            return super().members(cvid)[self.gone :]

    shrinking = Shrinking(clock=lambda: NOW)
    cvid = max(
        (s.cvid for each in account.lists() for s in account.segments(each.key)),
        key=lambda cvid: len(account.members(cvid)),
    )

    def leave(call: Call) -> None:
        if call.endpoint == MEMBERS and int(call.params["fromindex"]) > 60:
            shrinking.gone = leavers

    with Service(shrinking, intercept=leave) as service:
        records = run_tap(
            service, "segment_contacts", cvids=[cvid], page_size=40
        ).records["segment_contacts"]
    stayed = {m.contact.email for m in account.members(cvid)[leavers:]}
    assert {record["contact_email"] for record in records} >= stayed
