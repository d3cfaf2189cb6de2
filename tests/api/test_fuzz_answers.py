"""A short run of the fuzzer, and that it finds what it looks for."""

from __future__ import annotations

import typing as t
from collections import Counter

import pytest

from tap_zohocampaigns.api.wire import envelope as wire
from tests.proof.fuzz import PROOF, TooSlow

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.proof import Play

INPUTS = 2_000


@pytest.fixture
def play() -> Iterator[Play]:
    with PROOF.open() as play:
        yield play


def play_all(play: Play) -> Counter[str]:
    return Counter(play(seed).result for seed in range(INPUTS))


def test_mutated_answers_give_rows_or_a_zoho_error(play: Play) -> None:
    results = play_all(play)
    # Else nothing would have been converted.
    assert INPUTS / 10 < results["read"] < INPUTS


def test_the_fuzzer_finds_a_fault_and_shows_the_answer(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(value: object) -> object:
        return t.cast("t.Any", value)[0]

    monkeypatch.setattr(wire, "_texts", careless)
    with pytest.raises((IndexError, TypeError)) as raised:
        play_all(play)
    assert "HTTP" in raised.value.__notes__[0]


def test_the_fuzzer_finds_an_answer_that_takes_too_long(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(value: object) -> object:
        while value is not None:
            pass
        return None

    monkeypatch.setattr("tests.proof.fuzz.MOST_SECONDS", 0.01)
    monkeypatch.setattr(wire, "_texts", endless)
    with pytest.raises(TooSlow):
        play_all(play)


def test_the_fuzzer_finds_an_answer_that_takes_too_much_memory(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_texts", lambda _: bytes(10**9))
    with pytest.raises(MemoryError):
        play_all(play)
