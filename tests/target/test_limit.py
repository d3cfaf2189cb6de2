"""`--limit`: a few records are sent for a try."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest

from tests.support.target import (
    UNSUBSCRIBE,
    as_lines,
    endpoints,
    record,
    run_target,
    state,
)
from tests.target.conftest import ANNA, BERT
from tests.target.test_kill import TARGET

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import LivingAccount, Service


@pytest.mark.parametrize("most_pending", [2, 100])
def test_a_limit_sends_some_and_passes_on_no_state(
    service: Service, list_key: str, most_pending: int
) -> None:
    records = [record("unsubscribe", f"planted.{n}@example.com") for n in range(5)]
    messages = [message for n in range(5) for message in (records[n], state(n))]
    settings = {"list_key": list_key, "most_pending": most_pending}
    result = run_target(service, messages, limit=3, **settings)
    assert (result.error, result.status, result.states) == (None, 0, [])
    assert endpoints(service) == [UNSUBSCRIBE] * 3
    assert result.report.count("left") == 2
    assert result.report.figures()["outcomes"]["left"] == 2
    result = run_target(service, messages, **settings)
    assert (result.states[-1], len(service.calls)) == ({"number": 4}, 8)


def test_a_limit_counts_what_has_changed_and_is_the_last_of_its_key(
    service: Service, account: LivingAccount, list_key: str, tmp_path: Path
) -> None:
    settings = {"list_key": list_key, "sent_ledger": str(tmp_path / "sent")}
    anna = record("subscribe", ANNA, first_name="x")
    messages = [
        record("unsubscribe", ANNA),
        record("unsubscribe", BERT),
        record("subscribe", "planted@example.com", first_name="x"),
        anna,
    ]
    assert run_target(service, [anna], **settings).error is None
    for number in (1, 2):
        # What one run has sent, the next one need not send.
        result = run_target(service, messages, limit=1, max_writes=1, **settings)
        assert result.error is None
        assert len(service.calls) == 1 + number
        assert account.status(ANNA, list_key) == "active"
    result = run_target(service, messages, limit=1, **settings)
    assert (result.report.count("unchanged"), result.report.count("left")) == (3, 0)


def test_a_limit_shows_in_a_dry_run(service: Service, list_key: str) -> None:
    messages = [record("unsubscribe", email) for email in (ANNA, BERT)]
    result = run_target(service, messages, limit=1, dry_run=True, list_key=list_key)
    assert (result.counts(), result.report.count("left")) == ((1, 0, 0, 0), 1)


def test_the_options_of_the_command_line_are_used(
    service: Service, list_key: str, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    settings = {"dry_run": False, "sent_ledger": "file", "list_key": list_key}
    config.write_text(json.dumps(service.config | settings))
    messages = [record("unsubscribe", ANNA), record("unsubscribe", BERT), state(1)]
    run_target(service, messages, **settings)
    made = len(service.calls)
    done = subprocess.run(
        [sys.executable, "-c", TARGET, "--config", str(config), "--limit", "1"],
        input=as_lines(messages),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"TARGET_ZOHOCAMPAIGNS_FULL": "true"},
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "1 already in effect, 0 rejected, 0 skipped, 1 left, 1 calls" in done.stderr
    # Both would be unchanged without the one option, and sent without the other.
    assert len(service.calls) == made + 1
