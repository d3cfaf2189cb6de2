"""Answers in words and forms that no page of Zoho shows: what a run makes of them."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.commands.plan import make_plan
from tap_zohocampaigns.sandbox import Reply, Service
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call, LivingAccount
    from tests.support.taps import Output

FORMATS = ("json", "xml")
LATER = "Error in getting details. Please try after sometime."


@pytest.mark.parametrize("format_", FORMATS)
def test_rows_without_code_status_and_message_are_read(
    account: LivingAccount, format_: str
) -> None:
    streams = ("contact_fields", "mailing_lists", "campaigns")
    records = []
    for headless in ((), ("contact/allfields", "getmailinglists", "recentcampaigns")):
        with Service(account, headless=headless) as service:
            output = run_tap(
                service, *streams, response_format=format_, retry_max_seconds=0
            )
            records.append(output.records)
    assert records[0] == records[1]
    assert all(records[0][stream] for stream in streams)


@pytest.mark.parametrize("format_", FORMATS)
def test_discovery_and_plan_accept_fields_without_a_code(
    account: LivingAccount, format_: str
) -> None:
    with Service(account, headless=["contact/allfields"]) as service:
        settings = {"rate_limit_ledger": "memory", "response_format": format_}
        config = service.config | settings | {"retry_max_seconds": 0}
        catalog = TapZohoCampaigns(config=dict(config)).discovered()
        (entry,) = [
            stream
            for stream in catalog["streams"]
            if stream["tap_stream_id"] == "list_subscribers"
        ]
        assert any(
            "x-zoho-names" in field for field in entry["schema"]["properties"].values()
        )
        assert make_plan(TapZohoCampaigns(config=dict(config)))["calls"]


def once_later(code: str) -> t.Callable[[Call], Reply | None]:
    """Return an intercept that asks once at each endpoint to try later."""
    asked: set[str] = set()

    def reply(call: Call) -> Reply | None:
        if call.endpoint in asked:
            return None
        asked.add(call.endpoint)
        body = {"status": "error", "code": code, "message": LATER}
        return Reply(200, json.dumps(body).encode())

    return reply


@pytest.mark.parametrize(
    "code", ["2603", pytest.param("77777", marks=pytest.mark.slow)]
)
def test_all_rows_are_read_if_every_endpoint_asks_once_to_try_later(
    account: LivingAccount,
    output: Output,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    with Service(account, intercept=once_later(code)) as service:
        repeated = run_tap(service)
        called = {call.endpoint for call in service.calls}
    assert len(called) > 10
    assert called <= READS.keys()
    for stream, records in output.records.items():
        assert len(repeated.records[stream]) == len(records)
