"""What a refused token or a lock costs a run."""

from __future__ import annotations

import re
import typing as t

import pytest

from tap_zohocampaigns.api.errors import Forbidden, Outage, StoppedAtLock
from tests.support.zoho import Answer, Clock, Zoho, as_json, success, token

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.support.zoho import Request

LISTS, CAMPAIGNS, FIELDS = "getmailinglists", "recentcampaigns", "contact/allfields"
UNAUTHORIZED = as_json({"code": "1007", "message": "Unauthorized request."}, 401)


def lacks_contacts(asked: Request) -> Answer:
    return success() if asked.endpoint == CAMPAIGNS else UNAUTHORIZED


def test_runs_whose_first_call_lacks_its_scope_share_a_token(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lacks_contacts) as zoho:
        for _ in range(13):
            with pytest.raises(Forbidden, match=r"contact\.READ"):
                zoho.client(clock, **ledger).call(FIELDS, {})
        # The first run requests a second one, as for any refused token.
        assert zoho.tokens == 2
    assert clock.waits == []


def test_a_revoked_token_is_replaced_if_the_probe_would_have_to_wait(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = {"rate_limit_ledger": str(tmp_path / "ledger")}
    with Zoho(lambda _: success()) as zoho:
        first = zoho.client(clock, **ledger)
        first.call(CAMPAIGNS, {})
        first.ledger.lock(LISTS)
        zoho.api = lambda asked: (
            UNAUTHORIZED if asked.headers["Authorization"].endswith("-1") else success()
        )
        assert zoho.client(clock, **ledger).call(CAMPAIGNS, {})
        assert zoho.tokens == 2
    assert clock.waits == []


def test_a_slow_token_service_gets_at_most_ten_requests_in_ten_minutes(
    clock: Clock,
) -> None:
    asked: list[float] = []

    def slow(_: Request) -> Answer:
        asked.append(clock())
        # The call lasts too long, but the token is issued.
        clock.advance(2)
        return Answer(token("access").body, pieces=[b" "], missing=0)

    with Zoho(lambda _: success(), slow) as zoho:
        client = zoho.client(clock, request_timeout=1, retry_max_seconds=2_000)
        with pytest.raises(Outage):
            client.call(LISTS, {})
    for number in range(len(asked) - 10):
        assert asked[number + 10] - asked[number] >= 600


@pytest.mark.parametrize("locked", ["endpoint", "tokens"])
def test_a_run_that_stops_at_a_lock_names_the_end_of_the_lock(
    locked: str, clock: Clock
) -> None:
    too_often = as_json({"error": "Access Denied"}, 400)
    with Zoho(lambda _: as_json({"code": "Z101", "status": "error"})) as zoho:
        if locked == "tokens":
            zoho.token = lambda _: too_often
        client = zoho.client(clock, rate_limit_on_lock="stop")
        with pytest.raises(StoppedAtLock) as stopped:
            client.call(LISTS, {})
    assert re.search(r"until \d\d:\d\d:\d\d$", str(stopped.value))
    assert clock.waits == []
