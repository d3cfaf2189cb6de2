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
from tap_zohocampaigns.sync.spool import Spool
from tap_zohocampaigns.sync.units import Batch
from tests.support.incremental import MEMBERS, RECIPIENTS
from tests.support.taps import NOW, FixedClockTap, account_at, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.sandbox import Call


def move_clock(monkeypatch: pytest.MonkeyPatch, elapsed: timedelta) -> LivingAccount:
    """Move the clock of the tap, and return the same account at that later time."""
    monkeypatch.setattr(FixedClockTap, "now", lambda _: NOW + elapsed)
    return account_at(NOW + elapsed)


def test_only_actions_with_moved_counters_are_read_again(
    account: LivingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Service(account) as service:
        first = run_tap(service, "campaign_recipients", "snapshots")
    elapsed = timedelta(hours=5)
    later_account = move_clock(monkeypatch, elapsed)
    with Service(later_account) as service:
        second = run_tap(service, "campaign_recipients", "snapshots", state=first.state)
        calls = service.calls

    def counters(account: LivingAccount, key: str, action: str) -> list[int]:
        # Some clicks are of contacts whose open Zoho has not counted.
        clicks = ["clickedcontacts"] if action == "openedcontacts" else []
        return [len(account.recipients(key, one)) for one in (action, *clicks)]

    moved = {
        (campaign.key, action)
        for campaign in account.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=30)
        for action in {row["action"] for row in first.records["campaign_recipients"]}
        if counters(account, campaign.key, action)
        != counters(later_account, campaign.key, action)
    }
    assert moved
    requested = {
        (call.params["campaignkey"], call.params["action"])
        for call in calls
        if call.endpoint == RECIPIENTS
    }
    new_keys = {campaign.key for campaign in later_account.campaigns()} - {
        campaign.key for campaign in account.campaigns()
    }
    assert {pair for pair in requested if pair[0] not in new_keys} == moved
    assert {
        row["snapshot_id"].split("/", 1)[1] for row in second.records["snapshots"]
    } >= {"/".join(pair) for pair in moved}


@pytest.mark.parametrize("lookback_days", [0, 1000], ids=["closing", "open"])
def test_an_action_whose_counter_is_0_is_read_only_in_the_closing_look(
    account: LivingAccount, lookback_days: int
) -> None:
    with Service(account) as service:
        names = ("campaign_recipients", "snapshots")
        output = run_tap(service, *names, lookback_days=lookback_days)
        requested = {
            f"campaign_recipients/{call.params['campaignkey']}/{call.params['action']}"
            for call in service.calls
            if call.endpoint == RECIPIENTS
        }
    empty = {
        row["snapshot_id"]
        for row in output.records["snapshots"]
        if not row["rows_read"]
    }
    assert empty
    assert empty & requested == (set() if lookback_days else empty)
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
                call.params["action"]
                for call in service.calls
                if call.endpoint == RECIPIENTS
            }
            assert len(actions) == 9
            assert output.records["campaign_recipients"]


def test_a_closed_campaign_costs_no_call(account: LivingAccount) -> None:
    with Service(account) as service:
        state = run_tap(service, "campaign_recipients").state
        open_keys = state["bookmarks"]["campaign_recipients"]["open"].keys()
        service.calls.clear()
        run_tap(service, "campaign_recipients", state=state)
        keys = {
            call.params["campaignkey"]
            for call in service.calls
            if "campaignkey" in call.params
        }
    assert keys == open_keys
    assert len(open_keys) < 6


def test_a_longer_lookback_reopens_campaigns(account: LivingAccount) -> None:
    with Service(account, quota_calls=10_000) as service:
        state = run_tap(service, "campaign_recipients", lookback_days=1).state
        service.calls.clear()
        run_tap(service, "campaign_recipients", state=state, lookback_days=20)
        keys = {
            call.params["campaignkey"]
            for call in service.calls
            if "campaignkey" in call.params
        }
    expected = {
        campaign.key
        for campaign in account.campaigns()
        if campaign.sent and campaign.sent > NOW - timedelta(days=20)
    }
    assert keys >= expected


def test_changed_filters_read_what_was_filtered_out_before(
    account: LivingAccount,
) -> None:
    oldest = [campaign for campaign in account.campaigns() if campaign.sent][-1]
    with Service(account, quota_calls=10_000) as service:
        state = run_tap(service, "campaign_recipients", actions=["spamcontacts"]).state
        records = run_tap(
            service, "campaign_recipients", state=state, campaign_keys=[oldest.key]
        ).records["campaign_recipients"]
    emails = {
        row["contact_email"] for row in records if row["action"] == "sentcontacts"
    }
    expected = account.recipients(oldest.key, "sentcontacts")
    assert emails == {recipient.contact.email for recipient in expected}


def test_start_date_limits_the_first_run_and_can_be_moved_back(
    account: LivingAccount,
) -> None:
    def count_earlier(records: list[dict[str, t.Any]], name: str, start: str) -> int:
        return sum((record[name] or start) < start for record in records)

    start = rfc3339(NOW - timedelta(days=60))
    earlier_start = rfc3339(NOW - timedelta(days=400))
    names = ("campaign_recipients", "segment_contacts")
    with Service(account, quota_calls=10_000) as service:
        first = run_tap(service, *names, start_date=start)
        second = run_tap(service, *names, state=first.state, start_date=earlier_start)
        complete = run_tap(service, *names, start_date=earlier_start)
    for output, limit in ((first, start), (second, earlier_start)):
        assert not count_earlier(
            output.records["segment_contacts"], "added_time", limit
        )
    campaigns = {
        campaign.key: campaign for campaign in account.campaigns() if campaign.sent
    }
    for record in first.records["campaign_recipients"]:
        key = record["parent_campaign_key"] or record["campaign_key"]
        assert rfc3339(t.cast("datetime", campaigns[key].sent)) >= start
    for name, keys in (
        ("campaign_recipients", ("campaign_key", "action", "contact_email")),
        ("segment_contacts", ("cvid", "contact_email")),
    ):
        both = first.records[name] + second.records[name]
        assert {tuple(row[key] for key in keys) for row in both} == {
            tuple(row[key] for key in keys) for row in complete.records[name]
        }


def test_a_segment_is_written_in_full_when_older_members_change() -> None:
    old = [
        {"contact_email": f"{number}@example.com", "added_time": f"2024-0{number}"}
        for number in (1, 2)
    ]
    members = Members("added_time", None)
    members.include(old)
    saved_line = members.line("now", "")

    def written_again(records: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        compared = Members("added_time", saved_line)
        compared.include(records)
        return compared.to_write(records)

    joined = {"contact_email": "3@example.com", "added_time": "2024-03"}
    entered = {"contact_email": "4@example.com", "added_time": "2023-01"}
    assert written_again(old[::-1]) == [old[1]]
    assert written_again([*old, joined]) == [old[1], joined]
    assert written_again([*old, entered]) == [*old, entered]
    assert written_again(old[:1]) == old[:1]
    renamed = [old[0] | {"phone": "1"}, old[1]]
    assert written_again(renamed) == renamed


def test_the_digest_of_members_uses_every_digit_of_a_number() -> None:
    digests = set()
    for text in ("0.1234567890123456789", "0.1234567890123456788", "0.12345678901"):
        (row,) = rows = numbers.decode(b'[{"custom_fields":{"x":%s}}]' % text.encode())
        members = Members("added_time", None)
        members.include(rows)
        digests.add(members.line("now", "")["digest"])
        with closing(Spool()) as spool:
            (loaded,) = spool.load(spool.write(rows))
        assert loaded == row
        assert str(loaded["custom_fields"]["x"]) == text
    assert len(digests) == 3


def test_members_who_enter_an_empty_segment_are_written() -> None:
    saved_line = Members("added_time", None).line("now", "")
    compared = Members("added_time", saved_line)
    entered = [{"contact_email": "1@example.com", "added_time": "2024-01"}]
    compared.include(entered)
    assert compared.to_write(entered) == entered


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_memory_does_not_grow_with_the_members_of_a_segment(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    tap = FixedClockTap(config=service.config)
    stream = t.cast("t.Any", tap.streams["segment_contacts"])
    monkeypatch.setattr(tap.message_writer, "write_message", lambda _: None)
    saved_line = {"added": "2024", "digest": "another", "at": "", "start": ""}

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

        stream.stream_state["parts"] = {"1": saved_line} if known else {}
        stream.previous_state = {"selection": stream.selection}
        stream.stream_state["pass"] = 1
        tracemalloc.start()
        written_batches = stream.write_part(Part(owner="1"), batches())
        row_count = sum(map(len, written_batches))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert row_count == pages * 500
        return peak_bytes

    peak(2)
    assert peak(60) < 1.5 * peak(6)


@pytest.mark.parametrize("leavers", [1, 4, 12])
def test_rows_that_move_while_pages_are_read_are_not_missed(
    large_account: LivingAccount, leavers: int
) -> None:
    class Shrinking(LivingAccount):
        """An account that loses its first members once a later page is requested."""

        deleted = 0

        def members(self, cvid: str) -> t.Any:
            return super().members(cvid)[self.deleted :]

    shrinking = Shrinking(clock=lambda: NOW)
    cvid = max(
        (
            segment.cvid
            for mailing_list in large_account.lists()
            for segment in large_account.segments(mailing_list.key)
        ),
        key=lambda cvid: len(large_account.members(cvid)),
    )

    def leave(call: Call) -> None:
        if call.endpoint == MEMBERS and int(call.params["fromindex"]) > 60:
            shrinking.deleted = leavers

    with Service(shrinking, intercept=leave) as service:
        records = run_tap(
            service, "segment_contacts", cvids=[cvid], page_size=40
        ).records["segment_contacts"]
    stayed = {member.contact.email for member in large_account.members(cvid)[leavers:]}
    assert {record["contact_email"] for record in records} >= stayed
