"""One token for all processes, in memory, a file or Redis."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.tokens.entry import Token
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tests.support.token_stores import BUSY, TEXT, Open, is_stored_token, store_token
from tests.support.zoho import (
    CONFIG,
    Clock,
    wait_near,
)

if t.TYPE_CHECKING:
    from pathlib import Path


def test_all_processes_use_one_token(start: Open) -> None:
    token = store_token(start())
    assert token.seconds == 3540
    for _ in range(3):
        result = start().acquire(())
        assert isinstance(result, Token)
        assert (result.text, result.issue) == (TEXT, token.issue)
        assert result.seconds == pytest.approx(3540, abs=30)


def test_one_process_requests_a_token_while_others_wait(start: Open) -> None:
    one, other = start(), start()
    assert one.acquire(()) is None
    assert [other.acquire(()) for _ in range(3)] == [BUSY] * 3
    token = one.keep(TEXT, 3600)
    result = other.acquire(())
    assert isinstance(result, Token)
    assert result.issue == token.issue


def test_each_wait_for_another_process_is_measured_on_its_own(
    start: Open, clock: Clock
) -> None:
    one, other = start(), start()
    old = store_token(one)
    assert one.acquire({old.issue}) is None
    assert other.acquire({old.issue}) == BUSY
    new = one.keep(TEXT, 3600)
    assert is_stored_token(other.acquire({old.issue}))
    clock.advance(1000)
    refused = {old.issue, new.issue}
    assert one.acquire(refused) is None
    assert other.acquire(refused) == BUSY


def test_another_process_requests_a_token_if_the_first_gets_none(start: Open) -> None:
    one, other = start(), start()
    assert one.acquire(()) is None
    one.release(issued=False)
    assert other.acquire(()) is None


@pytest.mark.parametrize(
    "setting", ["refresh_token", "client_id", "client_secret", "accounts_url"]
)
def test_another_account_has_its_own_token(start: Open, setting: str) -> None:
    store_token(start())
    other = start(**{setting: "https://accounts.example.com"})
    assert other.acquire(()) is None
    assert is_stored_token(start().acquire(()))


def test_a_refused_token_is_replaced_once(start: Open) -> None:
    one, other = start(), start()
    old = store_token(one)
    assert is_stored_token(other.acquire(()))
    assert one.acquire({old.issue}) is None
    new = one.keep(TEXT, 3600)
    # The old one was refused to the other process too. It finds the new one.
    result = other.acquire({old.issue})
    assert isinstance(result, Token)
    assert result.issue == new.issue != old.issue


def test_all_processes_together_request_ten_tokens_in_ten_minutes(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    refused: list[str] = []
    for _ in range(10):
        store = FileTokens(ledger, "key", clock=clock, wall=clock)
        assert store.acquire(refused) is None
        refused.append(store.keep(TEXT, 3600).issue)
        clock.advance(10)
    other = FileTokens(ledger, "key", clock=clock, wall=clock)
    for process in (store, other):
        assert process.acquire(refused) == wait_near(500, locked=False)
    clock.advance(500)
    assert store.acquire(refused) is None


def test_requests_of_all_processes_are_counted(start: Open) -> None:
    refused: list[str] = []
    for _ in range(10):
        store = start()
        assert store.acquire(refused) is None
        refused.append(store.keep(TEXT, 3600).issue)
    wait = start().acquire(refused)
    assert wait == wait_near(600, within=60, locked=False)


def test_requests_that_gave_no_token_do_not_count(start: Open) -> None:
    for _ in range(20):
        store = start()
        assert store.acquire(()) is None
        store.release(issued=False)


def test_requests_without_an_answer_count(start: Open) -> None:
    for _ in range(10):
        store = start()
        assert store.acquire(()) is None
        store.release(issued=True)
    assert isinstance(start().acquire(()), Wait)


def test_after_a_throttle_no_process_requests_a_token_for_ten_minutes(
    start: Open,
) -> None:
    store = start()
    assert store.acquire(()) is None
    assert store.note_throttled() == (600, True)
    for process in (store, start()):
        assert process.acquire(()) == wait_near(600, within=60, locked=True)


def test_a_valid_token_is_used_during_a_throttle(clock: Clock, tmp_path: Path) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    token = store_token(store)
    assert store.acquire({token.issue}) is None
    store.note_throttled()
    assert is_stored_token(store.acquire(()))
    assert store.acquire({token.issue}) == (600, True)
    clock.advance(600)
    assert store.acquire({token.issue}) is None


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(3600, 3540), (240, 180), (60, 45), (10, 7.5), (1, 0.75), (1e9, 86340)],
)
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_token_is_used_until_a_minute_or_a_quarter_of_its_life_is_left(
    kind: str, lifetime: float, seconds: float, clock: Clock, tmp_path: Path
) -> None:
    where = "memory" if kind == "memory" else str(tmp_path / "ledger")
    config = CONFIG | {"rate_limit_ledger": where}
    store = open_tokens(config, clock=clock, wall=clock)
    assert store_token(store, lifetime).seconds == seconds
    clock.advance(seconds - 0.1)
    assert is_stored_token(store.acquire(()))
    clock.advance(0.1)
    assert store.acquire(()) is None


@pytest.mark.parametrize("step", [-86_400 * 400, -3600, 3000, 86_400 * 400])
def test_steps_of_the_clock_never_make_a_token_live_longer(
    step: float, clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    store_token(store)
    clock.advance(step)
    result = store.acquire(())
    if step > 3540:
        assert result is None
    else:
        assert isinstance(result, Token)
        assert result.seconds == min(3540, 3540 - step)


def test_requests_from_the_future_count_as_made_now(
    clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    clock.now = 1e9
    for _ in range(10):
        assert store.acquire(()) is None
        store.release(issued=True)
    clock.now = 5000.0
    assert store.acquire(()) == (600, False)
    clock.advance(600)
    assert store.acquire(()) is None


def test_a_throttle_from_the_future_lasts_ten_minutes(
    clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    assert store.acquire(()) is None
    store.note_throttled()
    clock.advance(-86_400)
    assert store.acquire(()) == (600, True)
    clock.advance(600)
    assert store.acquire(()) is None


def test_a_store_in_memory_is_not_shared(clock: Clock) -> None:
    stores = [open_tokens(CONFIG, clock=clock, wall=clock) for _ in range(2)]
    for store in stores:
        assert store.acquire(()) is None
        store.keep(TEXT, 3600)
