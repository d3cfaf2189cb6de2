"""The command that runs proofs, and that each run is repeated by its seed."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

import pytest

from tests.model import mutations
from tests.proof import command
from tests.proof.proof import Outcome, Proof, check

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.proof import Play


def play(seed: int) -> Outcome:
    check(seed != 7, "seven is no number")
    return Outcome("odd" if seed % 2 else "even", "counted", str(seed))


@contextmanager
def opened(play: Play) -> Iterator[Play]:
    yield play


@pytest.fixture(autouse=True)
def _numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Proof("numbers", "Each number counts.", 4, lambda: opened(play))
    monkeypatch.setattr(command, "PROOFS", {**command.PROOFS, "numbers": numbers})


def test_without_names_the_proofs_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([]) == 0
    out = capsys.readouterr().out
    assert "numbers: Each number counts.\n" in out
    assert all(f"{name}: " in out for name in command.PROOFS)


def test_a_sample_is_run_and_a_table_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["numbers"]) == 0
    out = capsys.readouterr().out
    assert "numbers: 4 runs from seed 0, 0 failed;" in out
    assert "|  | counted |\n| --- | --- |\n| even | 2 |\n| odd | 2 |\n" in out


def test_a_failed_run_prints_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["numbers", "--runs", "5", "--seed", "4"]) == 1
    out = capsys.readouterr().out
    assert "seven is no number" in out
    assert "Repeat with: python -m tests.proof numbers --runs 1 --seed 7\n" in out
    assert "numbers: 5 runs from seed 4, 1 failed;" in out
    assert command.main(["numbers", "--runs", "1", "--seed", "7"]) == 1


def test_a_run_that_can_not_be_repeated_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = iter(range(9))
    unsteady = Proof(
        "unsteady", "-", 1, lambda: opened(lambda _: Outcome("", "", str(next(runs))))
    )
    monkeypatch.setattr(command, "PROOFS", {"unsteady": unsteady})
    assert command.main(["unsteady", "--twice"]) == 1
    assert "The same seed gives another run." in capsys.readouterr().out
    assert command.main(["unsteady"]) == 0


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])


@pytest.mark.slow
@pytest.mark.parametrize("name", command.PROOFS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    assert command.main([name, "--runs", "2", "--seed", "11", "--twice"]) == 0


@pytest.mark.slow
def test_the_simulation_finds_a_known_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutations.use_the_clock_as_run_time(monkeypatch)
    assert command.main(["simulation", "--runs", "5"]) == 1
    assert "the snapshot time of" in capsys.readouterr().out
