"""A short run of the fuzzer, and that it finds what it looks for."""

from __future__ import annotations

import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.api.wire import envelope as wire
from tests.support.fuzz import Fuzzer

INPUTS = 2_000


@pytest.fixture(scope="module")
def fuzzer() -> Fuzzer:
    return Fuzzer()


def test_mutated_answers_give_rows_or_a_zoho_error(fuzzer: Fuzzer) -> None:
    failed: list[str] = []
    read = fuzzer.run(7, range(INPUTS), lambda _, how: failed.append(how))
    assert failed == []
    # Else nothing would have been converted.
    assert INPUTS / 10 < read < INPUTS


def test_the_fuzzer_finds_a_fault_and_reproduces_it(
    fuzzer: Fuzzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(value: object) -> object:
        return t.cast("t.Any", value)[0]

    monkeypatch.setattr(wire, "_texts", careless)
    failed: list[int] = []
    fuzzer.run(7, range(INPUTS), lambda number, _: failed.append(number))
    assert failed
    again: list[int] = []
    number = failed[-1]
    Fuzzer().run(7, range(number, number + 1), lambda number, _: again.append(number))
    assert again == [number]


def test_the_fuzzer_command_shows_one_answer() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.fuzz",
            "--seed",
            "7",
            "--only",
            "3",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HTTP" in done.stdout
    assert done.stdout.endswith(" 0 failed\n")
