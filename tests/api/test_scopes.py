"""A scope that the token lacks costs only the streams that need it."""

from __future__ import annotations

import ast
import logging
import typing as t
from collections import Counter

import pytest

from tap_zohocampaigns.api.endpoints import CAMPAIGNS, CONTACTS, READS, WRITES
from tap_zohocampaigns.api.errors import FatalError, Forbidden
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.streams import STREAMS
from tests.support.taps import ROOT, FixedClockTap, run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, LivingAccount

CONTACT_STREAMS = {
    "mailing_lists",
    "segments",
    "segment_contacts",
    "list_subscriber_counts",
}
CAMPAIGN_STREAMS = {
    "campaigns",
    "campaign_details",
    "campaign_reports",
    "campaign_recipients",
}


def test_the_endpoints_that_the_tap_may_call() -> None:
    # Some of Zoho's GETs write: `deletemailinglist`, `tag/add`, `coupon/changestatus`.
    assert {*READS} == {
        "campaignreports",
        "contact/allfields",
        "getcampaigndetails",
        "getcampaignrecipientsdata",
        "getlistadvanceddetails",
        "getlistsubscribers",
        "getmailinglists",
        "getsegmentcontacts",
        "getsegmentdetails",
        "listsubscriberscount",
        "recentcampaigns",
        "tag/getalltags",
        "topics",
        "topics/products",
        "workflow",
    }


@pytest.mark.parametrize("endpoint", [*WRITES])
def test_the_client_of_the_tap_can_not_write(service: Service, endpoint: str) -> None:
    client = FixedClockTap(config=service.config).inventory.client
    with pytest.raises(KeyError):
        client.call(endpoint, {"listkey": "3z", "contactinfo": "{}"})
    assert not service.calls


def test_the_code_calls_no_other_endpoint() -> None:
    package = ROOT / "tap_zohocampaigns"
    named: set[object] = {stream.endpoint for stream in STREAMS}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "call":
                named |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
    assert named - {""} == {*READS}


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("missing", [CONTACTS, CAMPAIGNS])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_streams_whose_scope_is_missing_are_left_out(
    account: LivingAccount,
    caplog: pytest.LogCaptureFixture,
    concurrency: int,
    missing: str,
) -> None:
    caplog.set_level(logging.WARNING)
    left, read = CONTACT_STREAMS, CAMPAIGN_STREAMS
    if missing == CAMPAIGNS:
        left, read = read, left
    with Service(account, quota_calls=100_000) as service:
        service.scopes = [scope for scope in service.scopes if scope != missing]
        output = run_tap(service, *left, *read, concurrency=concurrency)
        again = run_tap(service, *left, *read, state=output.state)
    for name in read:
        assert output.records[name], name
    for name in left:
        assert not output.records[name], name
        assert output.state["bookmarks"].get(name, {}).keys() <= {
            "starting_replication_value",
            "replication_key_signpost",
            "run",
        }
    assert again.state.keys() == output.state.keys()
    assert any(missing in message for message in caplog.messages)
    (end,) = {m for m in caplog.messages if m.startswith("Streams left out of this")}
    for name in left:
        assert name in end


def test_a_stream_that_is_left_out_keeps_its_state_and_deletes_nothing(
    account: LivingAccount,
) -> None:
    with Service(account, quota_calls=100_000) as service:
        before = run_tap(service, "segment_contacts", "campaigns")
        service.scopes = [scope for scope in service.scopes if scope != CONTACTS]
        after = run_tap(service, "segment_contacts", "campaigns", state=before.state)
        kept = before.state["bookmarks"]["segment_contacts"]["parts"]
        assert after.state["bookmarks"]["segment_contacts"]["parts"] == kept
        assert not any(m["type"] == "ACTIVATE_VERSION" for m in after.messages)
        assert not after.records["snapshots"]


@pytest.mark.parametrize("stream", ["campaigns", "segments"])
def test_a_token_that_no_endpoint_accepts_fails(service: Service, stream: str) -> None:
    body = b'{"message":"Unauthorized request.","Code":"1007","status":"error"}'
    asked: Counter[str] = Counter()

    def intercept(call: Call) -> Reply:
        asked[call.endpoint] += 1
        return Reply(401, body)

    service.intercept = intercept
    with pytest.raises(FatalError) as failed:
        run_tap(service, stream, concurrency=1)
    assert not isinstance(failed.value, Forbidden)
    assert "`refresh_token`" in str(failed.value)
    assert asked.total() <= 4


def test_missing_scopes_cost_no_new_token(account: LivingAccount) -> None:
    with Service(account, quota_calls=100_000) as service:
        service.scopes = [CONTACTS, CAMPAIGNS]
        names = ("campaigns", "tags", "workflows", "account")
        output = run_tap(service, *names, concurrency=1)
        assert service.tokens_issued == 1
    assert output.records["campaigns"]
    assert not output.records["tags"]
    assert not output.records["workflows"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_token_that_expires_costs_no_stream(service: Service, *, whole: bool) -> None:
    body = b'{"message":"Unauthorized request.","Code":"1007","status":"error"}'
    ended = False

    def intercept(call: Call) -> Reply | None:
        nonlocal ended
        ends = call.endpoint == "workflow" and not ended
        ended |= ends
        refused = ends or (whole and ended and service.tokens_issued == 1)
        return Reply(401, body) if refused else None

    service.intercept = intercept
    output = run_tap(service, "campaigns", "workflows", concurrency=1)
    assert output.records["workflows"]
    # A refusal that was a mistake costs no new token.
    assert service.tokens_issued == (2 if whole else 1)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_account_stream_lists_all_granted_scopes(
    account: LivingAccount, concurrency: int
) -> None:
    names = ("account", "campaigns", "mailing_lists", "tags", "workflows")
    with Service(account, quota_calls=100_000) as service:
        output = run_tap(service, *names, concurrency=concurrency)
    (row,) = output.records["account"]
    assert row["scopes"] == sorted({row.scope for row in READS.values()})
