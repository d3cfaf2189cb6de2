"""`doctor` and answers that fail, or have another form than expected."""

from __future__ import annotations

import json
import typing as t

import pytest

from tap_zohocampaigns.commands.checks import Check, Result
from tap_zohocampaigns.commands.doctor import examine
from tap_zohocampaigns.sandbox import LivingAccount, Reply, Service
from tests.support.incremental import MEMBERS, RECIPIENTS

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call

    Intercept: t.TypeAlias = Callable[[Call], Reply | None]

SUBSCRIBERS = "getlistsubscribers"
ROWS = {"getmailinglists": "list_of_details", "recentcampaigns": "recent_campaigns"}


def error(endpoint: str, code: str, message: str) -> Intercept:
    body = json.dumps({"status": "error", "code": code, "message": message}).encode()
    return lambda call: Reply(200, body) if call.endpoint == endpoint else None


def answer(endpoint: str, rows: object, **more: object) -> Intercept:
    envelope = {"status": "success", "code": "0", ROWS[endpoint]: rows, **more}
    body = json.dumps(envelope).encode()
    return lambda call: Reply(200, body) if call.endpoint == endpoint else None


def run_checks(
    account: LivingAccount, intercept: Intercept | None = None, **settings: t.Any
) -> list[Check]:
    with Service(account, intercept=intercept) as service:
        return [*examine(service.config | settings)]


def faults(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks if check.result is not Result.OK}


@pytest.mark.parametrize("endpoint", [SUBSCRIBERS, MEMBERS, RECIPIENTS])
@pytest.mark.parametrize(
    ("code", "message"), [("2603", "try after sometime"), ("9999", "odd"), ("Z101", "")]
)
def test_endpoint_of_contacts_that_fails_is_found(
    account: LivingAccount, endpoint: str, code: str, message: str
) -> None:
    found = faults(run_checks(account, error(endpoint, code, message)))
    assert [*found] == [f"answer of {endpoint}"]
    check = found[f"answer of {endpoint}"]
    assert check.result is Result.FAILED
    assert check.command == "tap-zohocampaigns doctor"


def test_missing_right_to_see_contacts_is_found(account: LivingAccount) -> None:
    found = faults(run_checks(account, error(RECIPIENTS, "6601", "no right")))
    assert [*found] == [f"rights for {RECIPIENTS}"]
    assert found[f"rights for {RECIPIENTS}"].command == "tap-zohocampaigns login"


@pytest.mark.parametrize(
    "row",
    [
        {"listkey": "3zabc", "noofcontacts": "n/a"},
        {"listkey": "3zabc", "noofcontacts": "1,234"},
        {"listkey": "3zabc", "noofcontacts": ["1"]},
        {"listkey": "3zabc", "noofcontacts": "null"},
        {"listkey": "3zabc", "segments": {"x y": "z"}},
        {"listkey": None, "noofcontacts": "3"},
        {"noofcontacts": "3"},
    ],
)
def test_lists_of_another_form_do_not_end_the_report(
    account: LivingAccount, row: dict[str, object]
) -> None:
    checks = run_checks(account, answer("getmailinglists", [row]))
    assert "time zone" in {check.name for check in checks}


@pytest.mark.parametrize("row", [{}, {"campaign_key": None}])
def test_campaigns_of_another_form_do_not_end_the_report(
    account: LivingAccount, row: dict[str, object]
) -> None:
    rows = [{"campaign_status": "Sent", **row}]
    checks = run_checks(account, answer("recentcampaigns", rows))
    assert "time zone" in {check.name for check in checks}


@pytest.mark.parametrize("total", [2, 201])
def test_a_count_that_leads_is_no_page_size(account: LivingAccount, total: int) -> None:
    rows = [{"listkey": f"3z{n}", "noofcontacts": "0"} for n in range(total - 1)]
    more = {"total_record_count": total}
    if total > 2:
        rows.pop()
    found = faults(run_checks(account, answer("getmailinglists", rows, **more)))
    assert not any("PAGE_SIZE" in check.command for check in found.values())


@pytest.mark.parametrize("setting", ["list_keys", "cvids", "campaign_keys"])
def test_key_that_the_account_lacks_is_found(
    account: LivingAccount, setting: str
) -> None:
    found = faults(run_checks(account, None, **{setting: ["404"]}))
    assert [*found] == [f"keys of {setting}"]
    check = found[f"keys of {setting}"]
    assert check.result is Result.FAILED
    assert f"`{setting}`" in check.text
    assert check.command == "tap-zohocampaigns config describe"


def test_time_zone_that_nothing_shows_is_found(account: LivingAccount) -> None:
    empty = {
        endpoint: answer(endpoint, [{"listkey": "3z1", "campaign_key": "3z2"}])
        for endpoint in ROWS
    }

    def intercept(call: Call) -> Reply | None:
        return empty[call.endpoint](call) if call.endpoint in empty else None

    check = faults(run_checks(account, intercept))["time zone"]
    assert check.result is Result.WARNING
    assert "taken for UTC" in check.text


def test_stream_map_that_cannot_be_used_is_found(account: LivingAccount) -> None:
    maps = {"campaigns": {"x": "nothing(("}}
    check = faults(run_checks(account, stream_maps=maps))["settings"]
    assert check.result is Result.FAILED
    assert "`stream_maps`" in check.text


def test_quota_that_a_sync_has_used_up_is_found_without_a_wait(
    account: LivingAccount, tmp_path: Path
) -> None:
    few = {
        "rate_limit_calls": 1,
        "rate_limit_ledger": str(tmp_path / "quota.sqlite3"),
    }
    found = faults(run_checks(account, None, **few))
    texts = [check.text for check in found.values()]
    assert any("quota of getmailinglists is used up until" in text for text in texts)
    # Another run finds it before it makes a call.
    with Service(account) as service:
        config = service.config | few | {"account_id": "one"}
        _ = [*examine(dict(config))]
        service.calls.clear()
        checks = [*examine(dict(config))]
        # Only the check of the network, which uses no quota, has called.
        assert {call.endpoint for call in service.calls} == {""}
    assert {check.name: check for check in checks}["credentials"].command == (
        "tap-zohocampaigns doctor"
    )
