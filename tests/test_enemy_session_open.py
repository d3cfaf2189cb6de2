"""Faults that are proved here and not put right yet."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.sandbox import Service

from .conftest import run_tap
from .target import open_list, record, refusal, run_target, small_account, state

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("others", ["added in bulk", "unsubscribed"])
def test_a_contact_that_is_postponed_for_good_is_alone_with_its_endpoint(
    others: str, tmp_path: Path
) -> None:
    account = small_account()
    with Service(account) as service:
        service.intercept = lambda call: (
            refusal("2001", "Retry after sometime.")
            if "planted" in str(call.params)
            else None
        )
        key = open_list(account)
        action = "subscribe" if others == "added in bulk" else "unsubscribe"
        told = [
            record("subscribe", "planted@example.com", list_key=key, first_name="x"),
            *(
                record(action, f"other{number}@example.com", list_key=key)
                for number in range(5)
            ),
        ]
        for _ in range(3):
            ran = run_target(
                service, [*told, state(1)], reject_file=str(tmp_path / "rejected")
            )
            if not ran.error:
                break
    assert ran.error is None
    assert ran.states == [{"number": 1}]


def test_a_state_whose_notes_were_damaged_is_refused_with_a_sentence(
    service: Service,
) -> None:
    state = run_tap(service, "list_subscribers").state
    parts = state["bookmarks"]["list_subscribers"]["parts"]
    for name in parts:
        parts[name] = 1
    # What it raises has to be an error that names the state; a TypeError is none.
    run_tap(service, "list_subscribers", state=state)
